"""The result in plain words: at most ten lines that answer what people ask first.

Is there a querier and who, who fights it, who listens, what expired, what is wrong.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from mldkit.analysis.diagnosis import RANK
from mldkit.analysis.facts import host_address
from mldkit.analysis.lifetimes import NEW_MEMBERSHIP_S, OLD_MEMBERSHIP_S
from mldkit.analysis.stays import EXPIRY, LEAVE
from mldkit.model.addresses import is_unspecified, text
from mldkit.model.units import SECOND
from mldkit.model.words import clock_text, counted, hosts_text, interval_text, named
from mldkit.render.cuts import about_cuts, is_unreadable
from mldkit.render.explain import cure_line
from mldkit.render.for_people import without_dates
from mldkit.render.incidents import harm_text, incidents
from mldkit.render.pauses import about_pauses
from mldkit.render.unread import unread_text
from mldkit.render.vantage import vantage_lines
from mldkit.render.words import place
from mldkit.wire.rules import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.analysis.result import AnalysisResult, LinkFacts, QuerierFacts
    from mldkit.analysis.stays import Stay
    from mldkit.model.addresses import Address

MOST_LINES = 10
_MOST_LINKS = 3
_LEAST_FINDINGS = 3


def summary(result: AnalysisResult, packets: int) -> list[str]:
    """Return the answers; `packets` is the number of packets of link types that are read."""
    return [without_dates(line, result) for line in _answers(result, packets)]


def _answers(result: AnalysisResult, packets: int) -> list[str]:
    messages = result.messages
    if not messages:
        return _no_messages(packets, result)
    links = _gravest_first(result)
    if not links:
        return [f"None of the {counted(messages, 'message')} is on a link that was chosen."]
    shown = links[:_MOST_LINKS]
    about = [_about_link(link, result) for link in shown]
    seen_from = vantage_lines(shown)
    pauses = about_pauses(result)
    serious = len({(one.id, one.link) for one in result.findings if one.severity != INFO})
    taken = sum(map(len, about)) + (len(links) > len(shown)) + min(serious, _LEAST_FINDINGS) + 1
    taken += len(pauses) + len(seen_from) + bool(serious)
    # What happened in between, as far as there is room for it: of each link the gravest first.
    happened = [
        [] if is_unreadable(link, result.findings) else incidents(link, result.findings)
        for link in shown
    ]
    for rank in range(max(map(len, happened))):
        for number, lines in enumerate(happened):
            if rank < len(lines) and taken < MOST_LINES:
                about[number].append(lines[rank])
                taken += 1
    answers = [line for lines in about for line in lines] + seen_from
    if len(links) > len(shown):
        more = len(links) - len(shown)
        verb = "is" if more == 1 else "are"
        answers.append(f"{counted(more, 'more link')} {verb} in the tables below.")
    answers += pauses
    answers += _about_findings(result.findings, max(MOST_LINES - len(answers) - 1, 1))
    return answers[:MOST_LINES]


def _about_link(link: LinkFacts, result: AnalysisResult) -> list[str]:
    """Return who queries and who listens, as far as the messages are not cut."""
    cut = about_cuts(link, result.findings)
    if cut is not None and is_unreadable(link, result.findings):
        return [cut]
    lines = [*_about_querier(link), *_about_members(link, result)]
    return lines if cut is None else [*lines, cut]


def about_queriers(result: AnalysisResult) -> list[str]:
    """Return who queries each of the links that matter most."""
    links = _gravest_first(result)
    lines = [line for link in links[:_MOST_LINKS] for line in _about_querier(link)]
    return [without_dates(line, result) for line in lines]


def _no_messages(packets: int, result: AnalysisResult) -> list[str]:
    """Return what there is to say where no message was read; data alone may be in error."""
    if not packets:
        return ["Nothing to analyse: the capture has no packets."]
    is_wrong = any(entry.severity != INFO for entry in result.findings)
    lines = _about_findings(result.findings, _LEAST_FINDINGS) if is_wrong else []
    head = "No messages" if is_wrong else "Nothing to analyse"
    all_of = counted(packets, "packet")
    lines += [
        f"{head}: {all_of}, none of them IGMP or MLD."
        if result.is_read
        else f"{head}: no IGMP or MLD in what could be read of {all_of}.",
        "A capture filter of just icmp6 leaves all MLD out, because a hop-by-hop header stands"
        " before it; take: igmp or icmp6 or (ip6[6]==0 and ip6[40]==58), also behind vlan.",
    ]
    return lines + [f"{unread_text(what, count)}." for what, count in result.unread]


def _gravest_first(result: AnalysisResult) -> list[LinkFacts]:
    """Return the links with messages: those in error first, then those with members."""
    wrong = {entry.link for entry in result.findings if entry.severity == ERROR}
    return sorted(
        (link for link in result.links if link.messages),
        key=lambda link: (link.key not in wrong, not link.everybody, -link.messages),
    )


def _about_querier(link: LinkFacts) -> list[str]:
    queriers = link.queriers
    silence = queriers.silence.at_end
    if silence is not None:
        return [_no_querier(link, silence)]
    if queriers.known:
        return [f"{place(link.key)}: {_querier_text(link)}."]
    length_s = (link.ended_ns - queriers.silence.begun_ns) / SECOND
    if queriers.silence.dropped:
        return [f"{place(link.key)}: {_none_to_answer(link, length_s)}."]
    return [
        f"{place(link.key)}: no General Query in {length_s:.0f} s of capture, which is too"
        f" short to tell whether a querier is missing{_dropped_queries(link)}."
    ]


def _no_querier(link: LinkFacts, silence: tuple[int, int]) -> str:
    since_ns, until_ns = silence
    length_s = (until_ns - since_ns) / SECOND
    last = max(link.queriers.known, key=lambda one: one.last_ns, default=None)
    line = f"{place(link.key)}: no querier in {length_s:.0f} s"
    if last is not None:
        line += f", since {text(last.address)} fell silent at {clock_text(since_ns)}"
        line += _dropped_queries(link)
    elif link.queriers.silence.dropped:
        line = f"{place(link.key)}: {_none_to_answer(link, length_s)}"
    else:
        line += _dropped_queries(link)
    if link.queriers.elsewhere:
        line += f"; {link.queriers.elsewhere}"
    line += f". A snooping switch forgets members {_lifetimes_text(link)}"
    harm = harm_text(link, silence, "one")
    return f"{line}; {harm}." if harm else f"{line}."


def _lifetimes_text(link: LinkFacts) -> str:
    """Return in words how long after their last report members are forgotten."""
    variables = link.queriers.variables
    old_ns, new_ns = variables.membership_ns("rfc3376"), variables.membership_ns("rfc9776")
    if old_ns == OLD_MEMBERSHIP_S * SECOND and new_ns == NEW_MEMBERSHIP_S * SECOND:
        return (
            f"{OLD_MEMBERSHIP_S} s (RFC 3376, the Linux bridge) or {NEW_MEMBERSHIP_S} s (RFC 9776)"
            " after their last report"
        )
    # The Linux bridge goes by a setting of its own, whatever queriers announce.
    return (
        f"{old_ns / SECOND:g} s (RFC 3376) or {new_ns / SECOND:g} s (RFC 9776) after their last"
        f" report by what the querier announced, the Linux bridge {OLD_MEMBERSHIP_S} s after it"
    )


def _dropped_queries(link: LinkFacts) -> str:
    if not link.queriers.dropped:
        return ""
    return f"; hosts must drop the queries of {_droppers_text(link)}"


def _none_to_answer(link: LinkFacts, length_s: float) -> str:
    """Return in words that somebody asks in vain."""
    return (
        f"no query in {length_s:.0f} s that hosts may answer, they must drop those of"
        f" {_droppers_text(link)}"
    )


def _droppers_text(link: LinkFacts) -> str:
    """Return who sends queries that hosts must drop, and the rules that say so."""
    dropped = link.queriers.dropped
    rules = ", ".join(sorted({rule for _, rule in dropped}))
    return f"{named([who for who, _ in dropped])} ({rules})"


def _querier_text(link: LinkFacts) -> str:
    queriers = link.queriers
    acting = queriers.acting
    if acting is None:
        names = ", ".join(text(querier.address) for querier in queriers.known)
        return f"queriers were {names}, none of them acts at the end"
    version = f"{link.key.family.name.upper()}v{acting.version}"
    who = text(acting.address)
    if is_unspecified(acting.address):
        who += " (a snooping switch, no elected querier)"
    line = f"querier is {who}, {version}"
    # An older version announces nothing: what it told before in the current one is over.
    if acting.announced_ns is not None and acting.version == link.key.family.current_version:
        line += f", announces {_announced_text(acting)}"
    if acting.observed_ns is not None:
        line += f", asks every {interval_text(acting.observed_ns)}"
    changes = _changes(link)
    line += _changes_text(changes)
    # Who was heard no more once another one had taken over is named with that.
    told, taken_over_ns = changes[-1] if changes else (b"", 0)
    others = [
        one.address
        for one in queriers.known
        if one.address != acting.address and (one.address != told or one.last_ns > taken_over_ns)
    ]
    return line + (f"; also heard: {named(others)}" if others else "")


def _announced_text(querier: QuerierFacts) -> str:
    """Return the query interval on the wire in words; routers take 0 for the default."""
    if querier.announced_ns:
        return f"{querier.announced_ns / SECOND:g} s"
    return f"no interval (QQIC 0, taken for {querier.variables.interval_ns / SECOND:g} s)"


def _changes(link: LinkFacts) -> list[tuple[Address, int]]:
    """Return the changes of the acting querier: who acted before, and when another one began."""
    periods = sorted(
        (period, querier.address) for querier in link.queriers.known for period in querier.acting
    )
    return [
        (before, begun_ns)
        for (_, before), ((begun_ns, _), after) in pairwise(periods)
        if before != after
    ]


def _changes_text(changes: list[tuple[Address, int]]) -> str:
    if not changes:
        return ""
    before, begun_ns = changes[-1]
    if len(changes) == 1:
        return f"; took over from {text(before)} at {clock_text(begun_ns)}"
    return (
        f"; the querier changed {len(changes):,} times, the last time from {text(before)} at"
        f" {clock_text(begun_ns)}"
    )


def _about_members(link: LinkFacts, result: AnalysisResult) -> list[str]:
    rows = link.stays
    if not rows:
        return []
    groups = {row.group for row in rows}
    who = hosts_text((row.host, row.mac) for row in rows)
    if who == "1 host":
        who = f"host {text(host_address(rows[0].host))}"
    line = f"{who} in {counted(len(groups), 'group')}"
    current = link.key.family.current_version
    older = {row.host for row in rows if row.version != current}
    suppressed = _suppressed(rows, current)
    expired = sum(row.ended_by == EXPIRY for row in rows) - suppressed
    extra = [
        f"{count:,} {word}"
        for word, count in (
            ("left", sum(row.ended_by == LEAVE for row in rows)),
            ("expired", expired),
            ("silent while others reported", suppressed),
        )
        if count
    ]
    if older:
        extra.append(f"{counted(len(older), 'host')} in an older version")
    delays = link.delays
    if result.tells_all and delays.count and delays.longest_ns is not None:
        slowest = f"the slowest after {delays.longest_ns / SECOND:.2f} s"
        answers = f"{counted(delays.count, 'answer')}, {slowest}"
        extra.append(answers + _late_text(link, result))
    name = place(link.key)
    return [f"{name}: {line}" + (f"; {', '.join(extra)}." if extra else ".")]


def _suppressed(rows: Sequence[Stay], current: int) -> int:
    """Return how many stays in an older version ended without a word while others reported.

    In the older versions a report of one member silences the others (RFC 2236 §3, RFC 2710 §4),
    and no router forgets the group.
    """
    ended: dict[Address, list[int]] = {}
    for row in rows:
        if row.ended_by == EXPIRY and row.version != current:
            ended.setdefault(row.group, []).append(row.to_ns)
    begins: dict[Address, list[int]] = {group: [] for group in ended}
    until: dict[Address, list[int]] = {group: [] for group in ended}
    for row in sorted(rows, key=lambda row: row.from_ns):
        if row.group in ended:
            latest = until[row.group]
            begins[row.group].append(row.from_ns)
            latest.append(max(row.to_ns, latest[-1] if latest else 0))
    return sum(
        until[group][bisect_right(begins[group], to_ns) - 1] > to_ns
        for group, ends in ended.items()
        for to_ns in ends
    )


def _late_text(link: LinkFacts, result: AnalysisResult) -> str:
    if not link.delays.late:
        return ""
    late = [
        entry
        for entry in result.findings
        if entry.id == "D-08" and entry.link == link.key and entry.weight
    ]
    if late and all(entry.severity == INFO for entry in late):
        # They answered somebody who is not heard here.
        return ""
    hosts = [entry.host for entry in late]
    return f", {link.delays.late:,} late" + (f", from {named(hosts)}" if hosts else "")


def _about_findings(findings: Sequence[Diagnosis], room: int) -> list[str]:
    counts = {
        severity: sum(entry.severity == severity for entry in findings)
        for severity in sorted(RANK, key=lambda name: RANK[name])
    }
    alike: dict[tuple[object, ...], list[Diagnosis]] = {}
    for entry in findings:
        if entry.severity != INFO:
            alike.setdefault((entry.id, entry.severity, entry.link), []).append(entry)
    if not alike:
        return ["No errors and no warnings."]
    lines = []
    # What concerns the whole link comes before what one host does.
    ordered = sorted(
        alike.values(), key=lambda group: (RANK[group[0].severity], group[0].host != b"")
    )
    # Two findings are more than one and what to do about it.
    cure = cure_line(ordered[0][0]) if room > min(len(ordered), 2) else None
    for first, *others in ordered[: room - (cure is not None)]:
        where = f"{place(first.link)}: " if first.link is not None else ""
        line = f"{first.severity} {first.id}: {where}{first.rule.title}: {first.detail_of_host}"
        lines.append(f"{line}, and {len(others):,} more like it." if others else f"{line}.")
    if cure is not None:
        lines.insert(1, cure)
    total = f"{counted(counts[ERROR], 'error')}, {counted(counts[WARNING], 'warning')}"
    lines.append(f"{total}, {counted(counts[INFO], 'remark')}.")
    return lines
