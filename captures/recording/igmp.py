"""Scenarios of IGMP alone: one querier, one host, one link."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from captures.recording import stories
from captures.recording.asking import Asked
from captures.recording.stage import Scenario, Stage
from captures.recording.stories import IGMP_CAST
from mldkit.model.family import IGMP

GENERAL, GROUP, OTHER, SPECIFIC = (
    IGMP_CAST.general,
    IGMP_CAST.group,
    IGMP_CAST.other,
    IGMP_CAST.specific,
)
A = IGMP_CAST.sources[0]
SMALL_MTU = 300
# What 300 octets hold behind IP header, Router Alert and report header: records of 8 + 4 each.
SOURCES_IN_FULL = 65
GROUPS_IN_FULL = 33


def version_1_querier(stage: Stage) -> None:
    """Send an IGMPv1 query: one report a group, leaves are not told; then version 3 again."""
    stage.use_pair(IGMP)
    host = stage.host()
    host.join(GROUP)
    stage.sysctl("net.ipv4.conf.eth0.igmpv2_unsolicited_report_interval", 1000)
    stage.begin()
    stage.query(GENERAL, Asked(interval_s=5))
    stage.expect(f"IS_EX({GROUP})")
    stage.query(GENERAL, Asked(version=1))
    host.join(OTHER)
    # The answer has ten seconds, so it comes at any time between and after those of the join.
    stage.expect(f"report 1 {GROUP}", *[f"report 1 {OTHER}"] * 2, any_order=True, patience_s=12)
    host.leave(OTHER)
    # Older version querier present: 2 x 5 s and what this kernel makes of the response time, 4 s.
    stage.quiet(14.5)
    stage.query(GENERAL)
    stage.expect(f"IS_EX({GROUP})")


def version_2_querier(stage: Stage) -> None:
    """Send IGMPv2 queries: reports to the group, leaves to all routers; then version 3 again."""
    stage.use_pair(IGMP)
    host = stage.host()
    host.join(GROUP)
    host.join(SPECIFIC, A)
    stage.sysctl("net.ipv4.conf.eth0.igmpv2_unsolicited_report_interval", 1000)
    stage.begin()
    stage.query(GENERAL, Asked(interval_s=3))
    stage.expect(f"IS_IN({SPECIFIC},{{{A}}}) IS_EX({GROUP})")
    stage.query(GENERAL, Asked(version=2))
    stage.expect(f"report 2 {GROUP}", f"report 2 {SPECIFIC}", any_order=True)
    host.join(OTHER)
    stage.expect(*[f"report 2 {OTHER}"] * 2)
    stage.query(OTHER, Asked(version=2))
    stage.expect(f"report 2 {OTHER}")
    host.leave(OTHER)
    stage.expect(f"leave {OTHER}")
    stage.quiet(9)
    stage.query(GENERAL)
    stage.expect(f"IS_IN({SPECIFIC},{{{A}}}) IS_EX({GROUP})")


def split_report(stage: Stage) -> None:
    """Ask at an MTU of 300: a list of IS_IN goes on in a second packet, one of IS_EX ends."""
    stage.use_pair(IGMP, mtu=SMALL_MTU)
    stage.sysctl("net.ipv4.igmp_max_memberships", 100)
    stage.sysctl("net.ipv4.igmp_max_msf", 100)
    host = stage.host()
    sources = [f"10.9.1.{number}" for number in range(1, SOURCES_IN_FULL + 6)]
    groups = [f"239.1.2.{number}" for number in range(1, GROUPS_IN_FULL + 3)]
    for group in groups:
        host.join(group)
    host.join(OTHER)
    host.filter(OTHER, "exclude", *sources)
    host.join(SPECIFIC, *sources)
    stage.begin()
    first, rest = sources[:SOURCES_IN_FULL], sources[SOURCES_IN_FULL:]
    split = [f"IS_IN({SPECIFIC},{{{','.join(part)}}})" for part in (first, rest)]
    truncated = f"IS_EX({OTHER},{{{','.join(first)}}})"
    stage.query(SPECIFIC)
    stage.expect(*split)
    stage.query(OTHER)
    stage.expect(truncated)
    stage.query(GENERAL)
    newest_first = [f"IS_EX({group})" for group in reversed(groups)]
    stage.expect(
        *split,
        truncated,
        " ".join(newest_first[:GROUPS_IN_FULL]),
        " ".join(newest_first[GROUPS_IN_FULL:]),
    )


def unusual_queries(stage: Stage) -> None:
    """Ask with another TTL, without Router Alert and from 0.0.0.0: the kernel answers."""
    stage.use_pair(IGMP)
    stage.host().join(GROUP)
    stage.begin()
    ordinary = Asked(max_response_ms=500)
    for unusual in (
        replace(ordinary, hop_limit=64),
        replace(ordinary, router_alert=None),
        replace(ordinary, source=GENERAL),
    ):
        stage.query(GENERAL, unusual)
        stage.expect(f"IS_EX({GROUP})")


SCENARIOS = (
    Scenario(
        "01-igmpv3-join-leave",
        "IGMPv3: joins and leaves",
        "Two programs join one group: the first join is told as TO_EX, the last leave as TO_IN, "
        "what lies between not at all. A source-specific join is ALLOW, its end BLOCK. "
        "Each change is told twice, the second time within a second.",
        ("RFC 9776 §5.1", "RFC 9776 §4.2.13", "RFC 4604 §2"),
        partial(stories.join_leave, IGMP_CAST),
    ),
    Scenario(
        "03-igmpv3-source-changes",
        "IGMPv3: changes of the source list and of the filter mode",
        "Every kind of State-Change record: ALLOW and BLOCK in both modes, both in one report, "
        "TO_EX and TO_IN with sources.",
        ("RFC 9776 §5.1", "RFC 3678 §5"),
        partial(stories.source_changes, IGMP_CAST),
    ),
    Scenario(
        "05-igmpv3-general-query",
        "IGMPv3: General Queries and their answers",
        "One report with a record for each group, newest join first, after a random delay. "
        "The second query carries robustness 3, and from then on a change is told three times.",
        ("RFC 9776 §5.2", "RFC 9776 §4.1.6"),
        partial(stories.general_query, IGMP_CAST),
    ),
    Scenario(
        "07-igmpv3-specific-queries",
        "IGMPv3: queries for a group and for sources",
        "A member answers for the group asked for, and of the sources asked for names those it "
        "wants. It is silent about other groups, about sources it does not want, and in EXCLUDE "
        "mode when all sources asked for are excluded.",
        ("RFC 9776 §5.2",),
        partial(stories.specific_queries, IGMP_CAST),
    ),
    Scenario(
        "09-igmpv1-querier",
        "IGMPv1: an older querier, and the way back",
        "Within a query interval of 5 s an IGMPv1 query takes the host to version 1: reports "
        "without leave. When the older querier has been silent long enough, IGMPv3 is back.",
        ("RFC 9776 §7.2.1", "RFC 1112 appendix I"),
        version_1_querier,
    ),
    Scenario(
        "10-igmpv2-querier",
        "IGMPv2: an older querier, and the way back",
        "Within a query interval of 3 s an IGMPv2 query takes the host to version 2: a report for "
        "each group, sources unsaid, and Leave Group. Then IGMPv3 is back.",
        ("RFC 9776 §7.2.1", "RFC 2236 §3"),
        version_2_querier,
    ),
    Scenario(
        "12-igmpv3-split-report",
        "IGMPv3: reports larger than the MTU of 300",
        "70 sources in INCLUDE mode: the record goes on in a second packet. 70 sources in EXCLUDE "
        "mode: the record is cut after 65. 35 more groups: two packets.",
        ("RFC 9776 §4.2.17",),
        split_report,
    ),
    Scenario(
        "21-igmpv3-unusual-queries",
        "IGMPv3: unusual queries that the kernel answers",
        "A query with TTL 64, one without Router Alert and one from 0.0.0.0 are answered, where "
        "the like of MLD are dropped (22).",
        ("RFC 9776 §4", "RFC 9776 §9.1"),
        unusual_queries,
    ),
)
