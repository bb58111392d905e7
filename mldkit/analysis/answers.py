"""The result in plain words: at most ten lines that answer what people ask first.

Is there a querier and who, who fights it, who listens, what expired, what is wrong.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address
from mldkit.analysis.findings import RANK
from mldkit.analysis.memberships import EXPIRY, LEAVE
from mldkit.model.addresses import is_unspecified, text
from mldkit.model.family import IGMP
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.wire.rules import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.findings import Grouped
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.summary import Result
    from mldkit.model.addresses import Address

MOST_LINES = 10
_MOST_LINKS = 3
_LEAST_FINDINGS = 3
_MOST_NAMES = 3
_OLD_MEMBERSHIP_S, _NEW_MEMBERSHIP_S = 260, 270
_SLACK_NS = 15 * SECOND
_PAUSE_NS = 5 * SECOND
_DAY_S = 86_400


def summary(result: Result, packets: int) -> list[str]:
    """Return the answers; `packets` is the number of packets of all captures."""
    messages = sum(part.messages for part in result.parts.values())
    if not messages:
        return _nothing(packets)
    links = _by_weight([link for link in result.links if link.messages])
    shown = links[:_MOST_LINKS]
    about = [[*_about_querier(link, result), *_about_members(link, result)] for link in shown]
    serious = sum(entry.severity != INFO for entry in result.findings)
    taken = sum(map(len, about)) + (len(links) > len(shown)) + min(serious, _LEAST_FINDINGS) + 1
    # What happened in between, as far as there is room for it: of each link the gravest first.
    happened = [_incidents(link, result) for link in shown]
    for rank in range(max(map(len, happened))):
        for number, lines in enumerate(happened):
            if rank < len(lines) and taken < MOST_LINES:
                about[number].append(lines[rank])
                taken += 1
    answers = [line for lines in about for line in lines]
    if len(links) > len(shown):
        answers.append(f"{len(links) - len(shown)} more links are in the tables below.")
    answers += _about_findings(result.findings, max(MOST_LINES - len(answers) - 1, 1))
    return answers[:MOST_LINES]


def place(link: LinkKey) -> str:
    """Return a link in words: `IGMP on eth0, VLAN 20`."""
    name = link.family.name.upper()
    where = [link.interface] if link.interface else []
    if link.vlan:
        where.append("VLAN " + " in ".join(map(str, link.vlan)))
    return f"{name} on {', '.join(where)}" if where else name


def clock_text(time_ns: int) -> str:
    """Return the time of day, UTC."""
    seconds = time_ns // SECOND % _DAY_S
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d} UTC"


def _nothing(packets: int) -> list[str]:
    if not packets:
        return ["Nothing to analyse: the capture has no packets."]
    return [
        f"Nothing to analyse: {packets:,} packet{'s' * (packets != 1)}, none of them IGMP or MLD.",
        "A capture filter of just icmp6 leaves all MLD out, because a hop-by-hop header stands"
        " before it; take: igmp or icmp6 or (ip6[6]==0 and ip6[40]==58), also behind vlan.",
    ]


def _by_weight(links: list[LinkState]) -> list[LinkState]:
    return sorted(links, key=lambda link: -link.messages)


def _about_querier(link: LinkState, result: Result) -> list[str]:
    queriers = link.queriers
    silence = queriers.silences[-1] if queriers.silences else None
    if silence is not None and silence[1] == result.ended_ns:
        return [_no_querier(link, result, silence)]
    if queriers.known:
        return [f"{place(link.key)}: {_querier_text(link)}."]
    length_s = (result.ended_ns - queriers.begun_ns) / SECOND
    return [
        f"{place(link.key)}: no General Query in {length_s:.0f} s of capture, which is too"
        " short to tell whether a querier is missing."
    ]


def _no_querier(link: LinkState, result: Result, silence: tuple[int, int]) -> str:
    since_ns, until_ns = silence
    line = f"{place(link.key)}: no querier in {(until_ns - since_ns) / SECOND:.0f} s"
    last = max(link.queriers.known.values(), key=lambda one: one.last_ns, default=None)
    if last is not None:
        line += f", since {text(last.address)} fell silent at {clock_text(since_ns)}"
    line += (
        f". A snooping switch forgets members {_OLD_MEMBERSHIP_S} s (RFC 3376, the Linux bridge)"
        f" or {_NEW_MEMBERSHIP_S} s (RFC 9776) after their last report"
    )
    stopped = _stopped_stream(link, result, silence)
    return f"{line}; {stopped}." if stopped else f"{line}."


def _stopped_stream(link: LinkState, result: Result, silence: tuple[int, int]) -> str:
    """Return in words that a stream stopped in a silence, when a switch forgot its members."""
    traffic = result.traffic.get(link.key)
    if traffic is None:
        return ""
    for stream in traffic.streams.values():
        for stopped_ns, again_ns in (stream.pause, (stream.last_ns, result.ended_ns)):
            if again_ns - stopped_ns < _PAUSE_NS or not silence[0] < stopped_ns < silence[1]:
                continue
            reported_ns = max(
                (
                    row.last_ns
                    for key, row in result.rows
                    if key == link.key and row.group == stream.group and row.last_ns <= stopped_ns
                ),
                default=None,
            )
            if reported_ns is not None and _is_lifetime(link, stopped_ns - reported_ns):
                after_s = (stopped_ns - reported_ns) / SECOND
                line = (
                    f"your stream to {text(stream.group)} stopped {after_s:.0f} s after the last"
                    f" one, at {clock_text(stopped_ns)}"
                )
                goes_on = again_ns != result.ended_ns
                return f"{line}, and went on at {clock_text(again_ns)}" if goes_on else line
    return ""


def _is_lifetime(link: LinkState, after_ns: int) -> bool:
    """Return whether a switch may have forgotten a member after that time."""
    variables = link.queriers.variables
    lifetimes = [_OLD_MEMBERSHIP_S * SECOND, _NEW_MEMBERSHIP_S * SECOND]
    lifetimes += [variables.membership_ns(profile) for profile in ("rfc3376", "rfc9776")]
    return any(abs(after_ns - lifetime_ns) <= _SLACK_NS for lifetime_ns in lifetimes)


def _querier_text(link: LinkState) -> str:
    queriers = link.queriers
    acting = queriers.acting
    if acting is None:
        names = ", ".join(text(address) for address in queriers.known)
        return f"queriers were {names}, none of them acts at the end"
    version = f"{link.key.family.name.upper()}v{acting.version}"
    who = text(acting.address)
    if is_unspecified(acting.address):
        who += " (a snooping switch, no elected querier)"
    line = f"querier is {who}, {version}"
    if acting.announced_ns is not None:
        line += f", announces {acting.announced_ns / SECOND:g} s"
    if acting.observed_ns is not None:
        line += f", asks every {acting.observed_ns / SECOND:.3g} s"
    others = [address for address in queriers.known if address != acting.address]
    if others:
        line += f"; also heard: {_names(others)}"
    changes = _changes_of_querier(link)
    return line + (f"; the querier changed {changes} times" if changes > 1 else "")


def _changes_of_querier(link: LinkState) -> int:
    periods = sorted(
        (period, querier.address)
        for querier in link.queriers.known.values()
        for period in querier.acting
    )
    addresses = [address for _, address in periods]
    return sum(one != other for one, other in pairwise(addresses))


def _incidents(link: LinkState, result: Result) -> list[str]:
    """Return what happened on a link besides what is always told, the gravest first."""
    where = place(link.key)
    found = [_silence_text(link, result), _older_hosts_text(link, result), _leaves_text(link)]
    return [f"{where}: {line}." for line in found if line]


def _silence_text(link: LinkState, result: Result) -> str:
    """Return in words when nobody queried, though somebody does at the end."""
    silences = [silence for silence in link.queriers.silences if silence[1] != result.ended_ns]
    if not silences:
        return ""
    longest = max(silences, key=lambda silence: silence[1] - silence[0])
    line = f"nobody queried for {(longest[1] - longest[0]) / SECOND:.0f} s"
    line += f", from {clock_text(longest[0])} on"
    if len(silences) > 1:
        line += f", the longest of {len(silences)} silences"
    stopped = _stopped_stream(link, result, longest)
    return f"{line}; {stopped}" if stopped else line


def _older_hosts_text(link: LinkState, result: Result) -> str:
    """Return in words which hosts fell back to an older version, and because of whom."""
    current = link.key.family.current_version
    hosts: dict[bytes, int] = {}
    back: dict[bytes, bool] = {}
    for key, row in result.rows:
        if key != link.key:
            continue
        older = [change.version for change in row.changes if (change.version or 0) < current]
        if older:
            lowest = min(version or 0 for version in older)
            hosts[row.host] = min(lowest, hosts.get(row.host, lowest))
            back[row.host] = back.get(row.host, True) and row.version == current
    if not hosts:
        return ""
    name = link.key.family.name.upper()
    versions = " and ".join(f"{name}v{version}" for version in sorted(set(hosts.values())))
    names = _names([host_address(host) for host in hosts])
    queriers = link.compatibility.older_queriers
    if not queriers:
        speak = "speaks" if len(hosts) == 1 else "speak"
        return f"{names} {speak} {versions} though no querier asks in it"
    line = f"{names} fell back to {versions} because of {_names(list(queriers))}"
    first_ns = min(mark.time_ns for _, mark in queriers.values())
    line += f", which asked so from {clock_text(first_ns)} on"
    returned = sum(back.values())
    if returned == len(hosts):
        return f"{line}, and came back to {name}v{current}"
    return f"{line}; {returned} came back" if returned else line


def _leaves_text(link: LinkState) -> str:
    """Return in words how soon the querier asks who is left."""
    asked = link.leaves.delays
    if not asked.count or asked.longest_ns is None:
        return ""
    slowest = f"{asked.longest_ns / MILLISECOND:.0f} ms"
    if link.leaves.count == 1:
        return f"the leave was asked about after {slowest}"
    which = "all" if asked.count == link.leaves.count else f"{asked.count} of"
    return f"{which} {link.leaves.count} leaves were asked about, after {slowest} at most"


def _names(addresses: list[Address]) -> str:
    names = ", ".join(text(address) for address in addresses[:_MOST_NAMES])
    more = len(addresses) - _MOST_NAMES
    return f"{names} and {more} more" if more > 0 else names


def _about_members(link: LinkState, result: Result) -> list[str]:
    rows = [row for key, row in result.rows if key == link.key]
    if not rows:
        return []
    hosts = {row.host for row in rows}
    groups = {row.group for row in rows}
    line = f"{_count(len(hosts), 'host')} in {_count(len(groups), 'group')}"
    if len(hosts) == 1:
        line = f"host {text(host_address(rows[0].host))} in {_count(len(groups), 'group')}"
    current = link.key.family.current_version
    older = {row.host for row in rows if row.version != current}
    extra = [
        f"{count} {word}"
        for word, count in (
            ("left", sum(row.ended_by == LEAVE for row in rows)),
            ("expired", sum(row.ended_by == EXPIRY for row in rows)),
        )
        if count
    ]
    if older:
        extra.append(f"{_count(len(older), 'host')} in an older version")
    delays = link.delays
    if delays.count and delays.longest_ns is not None:
        slowest = f"the slowest after {delays.longest_ns / SECOND:.2f} s"
        answers = f"{_count(delays.count, 'answer')}, {slowest}"
        extra.append(answers + _late_text(link, result))
    name = place(link.key)
    return [f"{name}: {line}" + (f"; {', '.join(extra)}." if extra else ".")]


def _late_text(link: LinkState, result: Result) -> str:
    if not link.delays.late:
        return ""
    hosts = [
        entry.host
        for entry in result.findings
        if entry.id == "D-08" and entry.link == link.key and entry.weight
    ]
    return f", {link.delays.late} late" + (f", from {_names(hosts)}" if hosts else "")


def _about_findings(findings: list[Grouped], room: int) -> list[str]:
    serious = [entry for entry in findings if entry.severity != INFO]
    counts = {
        severity: sum(entry.severity == severity for entry in findings)
        for severity in sorted(RANK, key=lambda name: RANK[name])
    }
    if not serious:
        return ["No errors and no warnings."]
    lines = []
    for entry in serious[:room]:
        where = f"{place(entry.link)}: " if entry.link is not None else ""
        lines.append(f"{entry.severity} {entry.id}: {where}{entry.rule.title}: {entry.detail}.")
    total = f"{_count(counts[ERROR], 'error')}, {_count(counts[WARNING], 'warning')}"
    lines.append(f"{total}, {_count(counts[INFO], 'remark')}.")
    return lines


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def family_name(link: LinkKey) -> str:
    """Return `ipv4` or `ipv6`."""
    return "ipv4" if link.family is IGMP else "ipv6"
