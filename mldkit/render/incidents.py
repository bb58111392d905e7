"""What happened on a link besides what is always told, in plain words.

Silences of the querier and the streams that stopped in them, hosts that fell back to an older
version and because of whom, how soon leaves are asked about, and data that nobody can receive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.analysis.facts import NEVER_NS, host_address
from mldkit.analysis.streams import PAUSE_NS
from mldkit.model.addresses import is_reportable, text
from mldkit.model.family import IGMP
from mldkit.model.units import SECOND
from mldkit.model.words import clock_text, delay_text, named
from mldkit.render.words import place
from mldkit.wire.rules import INFO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.analysis.result import LinkFacts
    from mldkit.model.addresses import Address

OLD_MEMBERSHIP_S, NEW_MEMBERSHIP_S = 260, 270
"""How long a switch remembers a member by RFC 3376 (and the Linux bridge) and by RFC 9776."""
_SLACK_NS = 15 * SECOND
_ABOUT_DATA = ("D-12", "D-43", "D-46", "D-47", "D-48", "D-49")


def incidents(link: LinkFacts, findings: Iterable[Diagnosis]) -> list[str]:
    """Return what happened on a link besides what is always told, the gravest first."""
    where = place(link.key)
    found = (
        _silence_text(link),
        _older_hosts_text(link),
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
        line += f", the longest of {len(silences)} silences"
    stopped = stopped_stream(link, longest)
    return f"{line}; {stopped}" if stopped else line


@dataclass(slots=True)
class _Speaker:
    """What a host spoke."""

    lowest: int
    """The oldest version."""
    older_ns: int
    """When it first spoke an older version."""
    current_ns: int = NEVER_NS
    """When it first spoke the current version."""
    is_back: bool = True
    """Whether it spoke the current version last, in all groups."""


def _older_hosts_text(link: LinkFacts) -> str:
    """Return in words which hosts fell back to an older version, and because of whom."""
    speakers, groups = _speakers(link)
    if not speakers:
        return ""
    queriers = link.queriers.older
    first_ns = min((querier.first_ns for querier in queriers), default=NEVER_NS)
    by_itself = [
        host for host, speaker in speakers.items() if _is_by_itself(speaker, first_ns, link)
    ]
    lines = []
    fallen = {host: one for host, one in speakers.items() if host not in by_itself}
    if fallen:
        lines.append(_fallen_text(link, fallen))
    if by_itself:
        names = named([host_address(host) for host in by_itself])
        verb = "speaks" if len(by_itself) == 1 else "speak"
        versions = _versions_text(link, [speakers[host] for host in by_itself])
        why = "before any querier asked in it" if queriers else "though no querier asks in it"
        # RFC 9776 §8.13
        held_s = link.queriers.variables.older_host_ns / SECOND
        line = f"{names} {verb} {versions} {why}"
        if groups:
            line += f"; routers treat {named(sorted(groups))} by the older version for {held_s:g} s"
        lines.append(line)
    return "; ".join(lines)


def _speakers(link: LinkFacts) -> tuple[dict[bytes, _Speaker], set[Address]]:
    """Return the hosts that spoke an older version, and the groups in which they did."""
    current = link.key.family.current_version
    speakers: dict[bytes, _Speaker] = {}
    first_ns: dict[bytes, int] = {}
    groups: set[Address] = set()
    for row in link.stays:
        older = [change for change in row.changes if (change.version or 0) < current]
        newer = (change.time_ns for change in row.changes if change not in older)
        first_ns[row.host] = min(first_ns.get(row.host, NEVER_NS), min(newer, default=NEVER_NS))
        if older:
            lowest = min(change.version or 0 for change in older)
            one = speakers.setdefault(row.host, _Speaker(lowest, older[0].time_ns))
            one.lowest = min(one.lowest, lowest)
            one.older_ns = min(one.older_ns, older[0].time_ns)
            one.is_back &= row.version == current
            if is_reportable(row.group):
                groups.add(row.group)
    for host, speaker in speakers.items():
        speaker.current_ns = first_ns[host]
    return speakers, groups


def _is_by_itself(speaker: _Speaker, asked_ns: int, link: LinkFacts) -> bool:
    """Return whether a host spoke an older version without having been asked to.

    An older query before the start of the capture may have made it do so.
    """
    if asked_ns == NEVER_NS:
        return True
    held_ns = link.queriers.variables.older_host_ns
    was_current = speaker.current_ns < speaker.older_ns
    return speaker.older_ns < asked_ns and (
        was_current or speaker.older_ns - link.begun_ns > held_ns
    )


def _fallen_text(link: LinkFacts, fallen: dict[bytes, _Speaker]) -> str:
    queriers = link.queriers.older
    names = named([host_address(host) for host in fallen])
    line = f"{names} fell back to {_versions_text(link, fallen.values())}"
    first_ns = min(querier.first_ns for querier in queriers)
    line += f" because of {named([querier.address for querier in queriers])}"
    line += f", which asked so from {clock_text(first_ns)} on"
    returned = sum(speaker.is_back for speaker in fallen.values())
    if returned == len(fallen):
        name = link.key.family.name.upper()
        return f"{line}, and came back to {name}v{link.key.family.current_version}"
    return f"{line}; {returned} came back" if returned else line


def _versions_text(link: LinkFacts, speakers: Iterable[_Speaker]) -> str:
    name = link.key.family.name.upper()
    versions = sorted({speaker.lowest for speaker in speakers})
    return " and ".join(f"{name}v{version}" for version in versions)


def _requests_text(link: LinkFacts) -> str:
    """Return in words that nobody answers DHCPv6, which is no fault of memberships by itself."""
    count = link.unanswered_requests
    return f"{count:,} DHCPv6 requests to ff02::1:2 without an answer" if count else ""


def _leaves_text(link: LinkFacts) -> str:
    """Return in words how soon the querier asks who is left, and how long data go on."""
    asked = link.leaves.delays
    if not asked.count or asked.longest_ns is None:
        return ""
    slowest = delay_text(asked.longest_ns)
    if link.leaves.count == 1:
        line = f"the leave was asked about after {slowest}"
    else:
        which = "all" if asked.count == link.leaves.count else f"{asked.count} of"
        line = f"{which} {link.leaves.count} leaves were asked about, after {slowest} at most"
    after = data_after_leaves(link)
    if after:
        line += f"; data went on for {max(after.values()) / SECOND:.1f} s"
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
    more = f" (and {len(told) - 1} more like it)" if len(told) > 1 else ""
    return f"{told[0]}{more}" if told else ""


def stopped_stream(link: LinkFacts, silence: tuple[int, int], last: str = "report") -> str:
    """Return in words that a stream stopped in a silence, when a switch forgot its members.

    `last` is what the last report is called in the sentence.
    """
    reported: dict[bytes, list[int]] = {}
    for row in link.everybody:
        reported.setdefault(row.group, []).append(row.last_ns)
    for stream in link.streams:
        end = ((stream.last_ns, link.ended_ns),) if stream.is_running else ()
        for stopped_ns, again_ns in (*stream.pauses, *end):
            if again_ns - stopped_ns < PAUSE_NS or not silence[0] < stopped_ns < silence[1]:
                continue
            before = [at_ns for at_ns in reported.get(stream.group, ()) if at_ns <= stopped_ns]
            if before and _is_lifetime(link, stopped_ns - max(before)):
                line = (
                    f"your stream to {text(stream.group)} stopped"
                    f" {(stopped_ns - max(before)) / SECOND:.0f} s after the last {last},"
                    f" at {clock_text(stopped_ns)}"
                )
                goes_on = again_ns != link.ended_ns
                return f"{line}, and went on at {clock_text(again_ns)}" if goes_on else line
    return ""


def _is_lifetime(link: LinkFacts, after_ns: int) -> bool:
    """Return whether a switch may have forgotten a member after that time."""
    variables = link.queriers.variables
    lifetimes = [OLD_MEMBERSHIP_S * SECOND, NEW_MEMBERSHIP_S * SECOND]
    lifetimes += [variables.membership_ns(profile) for profile in ("rfc3376", "rfc9776")]
    return any(
        abs(after_ns - lifetime_ns) <= min(_SLACK_NS, lifetime_ns // 4) for lifetime_ns in lifetimes
    )
