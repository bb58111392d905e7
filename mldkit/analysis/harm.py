"""What a silence of the querier did: streams that stopped in it, members that were forgotten.

::

    report                                      data stop, or go on without a member
      |<--- membership lifetime, 260 or 270 s --->|
    Q . . . . . . . . . nobody asks . . . . . . . . . . .

A switch that snoops forgets a member when nobody asks for so long, and what it then prunes is what
people miss. So this is what makes an error of D-01: the grounds are in the data themselves.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.facts import Mark
from mldkit.analysis.lifetimes import NEW_MEMBERSHIP_S, OLD_MEMBERSHIP_S, may_have_forgotten
from mldkit.analysis.stays import EXPIRY
from mldkit.analysis.streams import PAUSE_NS
from mldkit.analysis.traffic import wants
from mldkit.model.units import SECOND
from mldkit.model.words import clock_text
from mldkit.wire.rules import ERROR

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.result import LinkFacts, StreamFacts
    from mldkit.analysis.stays import Stay
    from mldkit.model.addresses import Address

_BY_ITSELF_S = OLD_MEMBERSHIP_S, NEW_MEMBERSHIP_S
"""Lifetimes of a switch that nobody tells one."""
_MOST_COMPARED = 100
"""Streams and stays of one group that are held against each other."""


class Stop(NamedTuple):
    """A stream that stopped when a switch forgets its members."""

    group: Address
    stopped_ns: int
    again_ns: int | None
    """When it went on; None where it did not."""
    after_ns: int
    """Time since the last report of a member."""


def stop_in(link: LinkFacts, silences: Sequence[tuple[int, int]]) -> Stop | None:
    """Return a stream that stopped in a silence, as long after a report as a member is kept."""
    ordered = sorted(silences)
    if not ordered or not link.streams:
        return None
    reported: defaultdict[bytes, list[Stay]] = defaultdict(list)
    for stay in link.everybody:
        if len(reported[stay.group]) < _MOST_COMPARED:
            reported[stay.group].append(stay)
    for stream in link.streams:
        end = ((stream.last_ns, link.ended_ns),) if stream.is_running else ()
        for stopped_ns, again_ns in (*stream.pauses, *end):
            if again_ns - stopped_ns < PAUSE_NS or not _is_inside(stopped_ns, ordered):
                continue
            before = [
                stay.last_ns
                for stay in reported[stream.group]
                if stay.last_ns <= stopped_ns and not _is_own(stream, stay)
            ]
            if not before:
                continue
            after_ns = stopped_ns - max(before)
            if may_have_forgotten(link.queriers.variables, after_ns, _BY_ITSELF_S):
                went_on_ns = None if again_ns == link.ended_ns else again_ns
                return Stop(stream.group, stopped_ns, went_on_ns, after_ns)
    return None


def forgotten_in(link: LinkFacts, silences: Sequence[tuple[int, int]]) -> Stay | None:
    """Return the first member that was the last of its group, and expired while data flowed."""
    ordered = sorted(silences)
    flows: defaultdict[bytes, list[StreamFacts]] = defaultdict(list)
    for stream in link.streams:
        if stream.flows and len(flows[stream.group]) < _MOST_COMPARED:
            flows[stream.group].append(stream)
    if not ordered or not flows:
        return None
    stays: defaultdict[bytes, list[Stay]] = defaultdict(list)
    for stay in link.everybody:
        if stay.group in flows and len(stays[stay.group]) < _MOST_COMPARED:
            stays[stay.group].append(stay)
    found = [
        stay
        for group, members in stays.items()
        for stay in members
        if stay.ended_by == EXPIRY
        and _is_inside(stay.to_ns, ordered)
        and not any(other.from_ns <= stay.to_ns < other.to_ns for other in members)
        and any(_is_missed(stream, stay) for stream in flows[group])
    ]
    return min(found, key=lambda stay: stay.to_ns, default=None)


def judge(link: LinkFacts, ledger: Ledger) -> None:
    """Make an error of D-01 where somebody lost what he wanted, and say what."""
    grounds = next(_grounds(link), None)
    if grounds is None or ledger.lift("D-01", link.key, ERROR, grounds):
        return
    # Somebody asked, but so that hosts must drop it: nobody said yet that nobody asks.
    longest = max(link.queriers.silence.times, key=lambda silence: silence[1] - silence[0])
    length_ns = longest[1] - longest[0]
    detail = f"no General Query that hosts may answer for {length_ns / SECOND:.0f} s; {grounds}"
    mark = Mark(max(link.captures, default=0), 0, longest[1])
    ledger.add("D-01", link.key, mark, detail, weight=length_ns)


def _grounds(link: LinkFacts) -> Iterator[str]:
    """Give what was lost, without names: it is said of the link, whatever groups are asked for."""
    stop = stop_in(link, link.queriers.silence.times)
    if stop is not None:
        yield (
            f"a stream stopped {stop.after_ns / SECOND:.0f} s after the last report of a member,"
            f" at {clock_text(stop.stopped_ns)}"
        )
    stay = forgotten_in(link, link.queriers.silence.times)
    if stay is not None:
        yield (
            f"a member was forgotten {(stay.to_ns - stay.last_ns) / SECOND:.0f} s after its last"
            f" report, at {clock_text(stay.to_ns)}, while its data came"
        )


def _is_missed(stream: StreamFacts, stay: Stay) -> bool:
    """Return whether a stream flowed to a member when it was forgotten."""
    at_ns = stay.to_ns
    return (
        wants(stay, stream.source)
        and not _is_own(stream, stay)
        and stream.first_ns < at_ns <= stream.last_ns
        and not any(from_ns < at_ns < until_ns for from_ns, until_ns in stream.pauses)
    )


def _is_own(stream: StreamFacts, stay: Stay) -> bool:
    """Return whether a member sends itself; its IPv6 addresses share their interface identifier."""
    return stream.source[-8:] == stay.host[-8:]


def _is_inside(at_ns: int, silences: list[tuple[int, int]]) -> bool:
    place = bisect_left(silences, (at_ns, 0)) - 1
    return place >= 0 and silences[place][0] < at_ns <= silences[place][1]
