"""Hosts that went on to another interface when theirs went down.

::

    eth1   queries, reports of 10.9.0.100, data |  nothing of any kind
    eth2   queries                              |  queries . . . . . report of 10.9.0.100, data
                                                |<--- unheard ------>|

A bond that fails over, a cable that is put into another port. A switch learns who moved by what the
host says; a host that says nothing until it is asked is without its streams until then. That is
harm, so a move is a warning where a stream was away for it, and a remark otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.facts import Mark, host_address, place_text
from mldkit.analysis.pauses import DOWN
from mldkit.analysis.streams import PAUSE_NS
from mldkit.link.times import LEAST_GAP_NS
from mldkit.model.addresses import text
from mldkit.model.units import SECOND
from mldkit.model.words import clock_text
from mldkit.wire.rules import INFO, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mldkit.analysis.facts import Host, LinkKey
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.pauses import CapturePause
    from mldkit.analysis.stays import Row
    from mldkit.analysis.traffic import Traffic
    from mldkit.model.addresses import Address


_MOST_COMPARED = 100
"""Stays of one host in one group, on all links."""


class _Moved(NamedTuple):
    """A stay that ended with its interface, and the one that went on elsewhere."""

    before: Row
    old: LinkKey
    after: Row
    new: LinkKey


def judge(
    pauses: Iterable[CapturePause],
    links: Mapping[LinkKey, LinkState],
    traffic: Mapping[LinkKey, Traffic],
    ledger: Ledger,
) -> None:
    """D-44; the stays of all links are over."""
    downs = [pause for pause in pauses if pause.kind == DOWN]
    if not downs:
        return
    stays: dict[tuple[Host, Address], list[tuple[Row, LinkKey]]] = {}
    ended: dict[tuple[str | None, int], list[tuple[Row, LinkKey]]] = {}
    for key, link in links.items():
        for row in link.memberships.ended:
            stays.setdefault((row.host, row.group), []).append((row, key))
            ended.setdefault((key.interface, row.to_ns), []).append((row, key))
    for down in downs:
        moved: dict[tuple[Host, LinkKey, LinkKey], list[_Moved]] = {}
        for before, old in ended.get((down.interface, down.from_ns), ()):
            others = stays[before.host, before.group][:_MOST_COMPARED]
            after = _elsewhere(before, old, others, down)
            if after is not None:
                one = _Moved(before, old, *after)
                moved.setdefault((before.host, old, one.new), []).append(one)
        for ones in moved.values():
            _tell(ones, down, traffic, ledger)


def _elsewhere(
    before: Row, old: LinkKey, stays: Iterable[tuple[Row, LinkKey]], down: CapturePause
) -> tuple[Row, LinkKey] | None:
    """Return where a member went on that was not there before, while its interface was down."""
    found: tuple[Row, LinkKey] | None = None
    for row, key in stays:
        if key.interface == old.interface or row is before:
            continue
        if row.from_ns <= down.from_ns < row.to_ns + LEAST_GAP_NS:
            # It was on both, or a pause of the capture ended both stays.
            return None
        is_first = found is None or row.from_ns < found[0].from_ns
        if down.from_ns < row.from_ns < down.until_ns and is_first:
            found = row, key
    return found


def _tell(
    moved: list[_Moved], down: CapturePause, traffic: Mapping[LinkKey, Traffic], ledger: Ledger
) -> None:
    first = min(moved, key=lambda one: one.after.from_ns)
    host = host_address(first.before.host)
    unheard_ns = first.after.from_ns - down.from_ns
    detail = (
        f"{text(host)} moved from {_name(first.old)} to {_name(first.new)}: it reported there"
        f" {unheard_ns / SECOND:.1f} s after {_name(first.old)} was heard for the last time, at"
        f" {clock_text(down.from_ns)}"
    )
    away = [(_away_ns(one, down, traffic), one.before.group) for one in moved]
    away_ns, group = max(away)
    severity = INFO
    if away_ns >= PAUSE_NS:
        severity = WARNING
        detail += f"; its stream to {text(group)} was away for {away_ns / SECOND:.1f} s"
    mark = Mark(down.capture, 0, first.after.from_ns)
    ledger.add(
        "D-44", first.new, mark, detail, host=host, severity=severity, weight=max(unheard_ns, 1)
    )


def _away_ns(one: _Moved, down: CapturePause, traffic: Mapping[LinkKey, Traffic]) -> int:
    """Return for how long a stream was away that flowed before and after a move."""
    if one.old not in traffic or one.new not in traffic:
        return 0
    streams = traffic[one.new].streams
    longest_ns = 0
    for stream in traffic[one.old].state.streams.to(one.before.group):
        if not stream.flows:
            continue
        again = streams.get((stream.group, stream.source))
        was_there = down.from_ns - stream.last_ns < PAUSE_NS
        if again is not None and was_there and again.first_ns > down.from_ns:
            longest_ns = max(longest_ns, again.first_ns - stream.last_ns)
    return longest_ns


def _name(link: LinkKey) -> str:
    interface = link.interface or "an interface without a name"
    return place_text(interface, link.vlan, link.circuit)
