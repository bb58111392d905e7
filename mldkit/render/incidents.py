"""What happened on a link besides what is always told, in plain words.

Silences of the querier and the streams that stopped in them, hosts that fell back to an older
version and because of whom, how soon leaves are asked about, and data that nobody can receive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.harm import forgotten_in, stop_in
from mldkit.model.addresses import text
from mldkit.model.family import IGMP
from mldkit.model.units import SECOND
from mldkit.model.words import clock_text, delay_text, named
from mldkit.render.versions import older_hosts_text
from mldkit.render.words import place
from mldkit.wire.rules import INFO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.analysis.result import LinkFacts
    from mldkit.model.addresses import Address

_ABOUT_DATA = ("D-12", "D-43", "D-47", "D-48", "D-49")


def incidents(link: LinkFacts, findings: Iterable[Diagnosis]) -> list[str]:
    """Return what happened on a link besides what is always told, the gravest first."""
    where = place(link.key)
    found = (
        _silence_text(link),
        older_hosts_text(link),
        _leaves_text(link),
        _remarks_text(link, findings),
        _streams_text(link),
        _requests_text(link),
    )
    return [f"{where}: {line}." for line in found if line]


def _silence_text(link: LinkFacts) -> str:
    """Return in words when nobody queried, though somebody does at the end."""
    last = link.queriers.silence.at_end
    silences = [silence for silence in link.queriers.silence.times if silence != last]
    if not silences:
        return ""
    longest = max(silences, key=lambda silence: silence[1] - silence[0])
    line = f"nobody queried for {(longest[1] - longest[0]) / SECOND:.0f} s"
    line += f", from {clock_text(longest[0])} on"
    if len(silences) > 1:
        line += f", the longest of {len(silences):,} silences"
    harm = harm_text(link, longest)
    return f"{line}; {harm}" if harm else line


def _leaves_text(link: LinkFacts) -> str:
    """Return in words how soon the querier asks who is left, and how long data go on."""
    leaves = link.leaves
    lines = []
    if leaves.unheeded:
        group, source, rule = leaves.unheeded[0]
        lines.append(
            f"{text(source)} asked who is left in {text(group)}, but hosts must drop its queries"
            f" ({rule})"
        )
    # Beside the stays of some hosts or groups only, the number of all leaves would not fit.
    if link.tells_all and leaves.delays.longest_ns is not None:
        lines.append(_asked_text(link, delay_text(leaves.delays.longest_ns)))
    return "; ".join(lines)


def _requests_text(link: LinkFacts) -> str:
    """Return in words that nobody answers DHCPv6, which is no fault of memberships by itself."""
    count = link.unanswered_requests
    return f"{count:,} DHCPv6 requests to ff02::1:2 without an answer" if count else ""


def _asked_text(link: LinkFacts, slowest: str) -> str:
    leaves = link.leaves
    tally, what = leaves.groups, "leave"
    if not tally.asked:
        tally, what = leaves.sources, "stop of a source"
    if tally.heard == 1:
        line = f"the {what} was asked about after {slowest}"
    else:
        which = "all" if tally.asked == tally.heard else f"{tally.asked:,} of"
        many = "leaves" if tally is leaves.groups else "stops of sources"
        line = f"{which} {tally.heard:,} {many} were asked about, after {slowest} at most"
    after = data_after_leaves(link)
    if after:
        line += f"; data went on for {delay_text(max(after.values()))}"
        line += " at most" if len(after) > 1 else " after it"
    return line


def data_after_leaves(link: LinkFacts) -> dict[Address, int]:
    """Return how long a stream went on after the last member left, by group, in nanoseconds."""
    emptied = dict(link.leaves.emptied)
    found: dict[Address, int] = {}
    for stream in link.streams:
        left_ns = emptied.get(stream.group)
        if left_ns is not None and stream.first_ns < left_ns and stream.flows:
            after_ns = max(stream.last_ns - left_ns, 0)
            found[stream.group] = max(after_ns, found.get(stream.group, 0))
    return found


def _streams_text(link: LinkFacts) -> str:
    """Return in words which streams reach nobody, though all messages may be in order.

    That no router forwards a stream is told only where it would have to: no member is here.
    """
    groups = {row.group for row in link.everybody}
    alone: dict[Address, int] = {}
    for stream in link.streams:
        if stream.group not in groups and stream.flows:
            alone[stream.group] = max(stream.hop_limit, alone.get(stream.group, 0))
    if not alone:
        return ""
    line = f"data to {named(list(alone))} come, but nobody reported to be a member"
    short = [group for group, hop_limit in alone.items() if hop_limit <= 1]
    if short:
        name = "TTL" if link.key.family is IGMP else "hop limit"
        which = f"those to {named(short)} have" if len(short) < len(alone) else "they have"
        line += f"; {which} {name} 1, so no router forwards them to another link"
    return line


def _remarks_text(link: LinkFacts, findings: Iterable[Diagnosis]) -> str:
    """Return in words what remarks say of data: they have no line of their own below."""
    told = [
        entry.detail_of_host
        for entry in findings
        if entry.id in _ABOUT_DATA and entry.severity == INFO and entry.link == link.key
    ]
    more = f" (and {len(told) - 1:,} more like it)" if len(told) > 1 else ""
    return f"{told[0]}{more}" if told else ""


def harm_text(link: LinkFacts, silence: tuple[int, int], last: str = "report") -> str:
    """Return in words what a silence of the querier did: a stream that stopped, or may have.

    `last` is what the last report is called in the sentence.
    """
    stop = stop_in(link, (silence,))
    if stop is None:
        stay = forgotten_in(link, (silence,))
        if stay is None:
            return ""
        return (
            f"the last member of {text(stay.group)} was forgotten at {clock_text(stay.to_ns)},"
            " while its data came"
        )
    line = (
        f"your stream to {text(stop.group)} stopped {stop.after_ns / SECOND:.0f} s after the last"
        f" {last}, at {clock_text(stop.stopped_ns)}"
    )
    return line if stop.again_ns is None else f"{line}, and went on at {clock_text(stop.again_ns)}"
