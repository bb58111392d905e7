"""The result in plain words: at most ten lines that answer what people ask first.

Is there a querier and who, who fights it, who listens, what expired, what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address
from mldkit.analysis.findings import RANK
from mldkit.analysis.memberships import EXPIRY, LEAVE
from mldkit.model.addresses import is_unspecified, text
from mldkit.model.family import IGMP
from mldkit.model.units import SECOND
from mldkit.wire.rules import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.findings import Grouped
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.summary import Result

MOST_LINES = 10
_OLD_MEMBERSHIP_S, _NEW_MEMBERSHIP_S = 260, 270
_SLACK_NS = 15 * SECOND
_DAY_S = 86_400


def summary(result: Result, packets: int) -> list[str]:
    """Return the answers; `packets` is the number of packets of all captures."""
    messages = sum(part.messages for part in result.parts.values())
    if not messages:
        return _nothing(packets)
    links = [link for link in result.links if link.messages]
    lines: list[str] = []
    for link in _by_weight(links)[:3]:
        lines += _about_querier(link, result)
        lines += _about_members(link, result)
    if len(links) > 3:
        lines.append(f"{len(links) - 3} more links are in the tables below.")
    room = MOST_LINES - len(lines) - 1
    lines += _about_findings(result.findings, max(room, 1))
    return lines[:MOST_LINES]


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
    where = place(link.key)
    length_ns = result.ended_ns - queriers.begun_ns
    since_ns = queriers.begun_ns
    if queriers.last_general_ns is not None:
        since_ns = queriers.last_general_ns
    silence_ns = result.ended_ns - since_ns
    if not queriers.known:
        if silence_ns <= queriers.silence_limit_ns:
            return [
                f"{where}: no General Query in {length_ns / SECOND:.0f} s of capture, which is too"
                " short to tell whether a querier is missing."
            ]
        return [_no_querier(link, result, silence_ns)]
    if silence_ns > queriers.silence_limit_ns:
        return [_no_querier(link, result, silence_ns)]
    return [f"{where}: {_querier_text(link)}."]


def _no_querier(link: LinkState, result: Result, silence_ns: int) -> str:
    line = (
        f"{place(link.key)}: no querier in {silence_ns / SECOND:.0f} s. A snooping switch forgets"
        f" members {_OLD_MEMBERSHIP_S} s (RFC 3376, the Linux bridge) or {_NEW_MEMBERSHIP_S} s"
        " (RFC 9776) after their last report"
    )
    stopped = _stopped_stream(link, result)
    return f"{line}; {stopped}." if stopped else f"{line}."


def _stopped_stream(link: LinkState, result: Result) -> str:
    """Return in words that a stream stopped when a switch forgot its members."""
    traffic = result.traffic.get(link.key)
    if traffic is None:
        return ""
    last_report: dict[bytes, int] = {}
    for key, row in result.rows:
        if key == link.key:
            last_report[row.group] = max(last_report.get(row.group, 0), row.last_ns)
    for stream in traffic.streams.values():
        reported_ns = last_report.get(stream.group)
        if reported_ns is None or result.ended_ns - stream.last_ns < 5 * SECOND:
            continue
        after_ns = stream.last_ns - reported_ns
        lifetimes = (_OLD_MEMBERSHIP_S * SECOND, _NEW_MEMBERSHIP_S * SECOND)
        if lifetimes[0] - _SLACK_NS <= after_ns <= lifetimes[1] + _SLACK_NS:
            return (
                f"the stream to {text(stream.group)} stopped {after_ns / SECOND:.0f} s after the"
                f" last one, at {clock_text(stream.last_ns)}"
            )
    return ""


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
    others = [text(address) for address in queriers.known if address != acting.address]
    if others:
        line += f"; also heard: {', '.join(others[:3])}"
        line += f" and {len(others) - 3} more" if len(others) > 3 else ""
    older = link.compatibility.older_queriers
    if older:
        lowest = min(version for version, _ in older.values())
        line += f"; hosts fell back to version {lowest} because of {text(next(iter(older)))}"
    return line


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
        extra.append(f"{answers}, {delays.late} late" if delays.late else answers)
    name = place(link.key)
    return [f"{name}: {line}" + (f"; {', '.join(extra)}." if extra else ".")]


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
