"""Scenarios of MLD alone: one querier, one host, one link."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from captures.recording import stories
from captures.recording.asking import Asked
from captures.recording.stage import Scenario, Stage
from captures.recording.stories import MLD_CAST
from mldkit.model.family import MLD

GENERAL, GROUP, OTHER, SPECIFIC = (
    MLD_CAST.general,
    MLD_CAST.group,
    MLD_CAST.other,
    MLD_CAST.specific,
)
A = MLD_CAST.sources[0]
OWN = "ff02::1:ff00:2"
"""The solicited-node group of the host's link-local address."""
SMALL_MTU = 1280
# What 1,280 octets hold behind IPv6, hop-by-hop and report header: records of 20 + 16 each.
SOURCES_IN_FULL = 75
GROUPS_IN_FULL = 61
SOURCES_OF_ONE_SOCKET = 40


def version_1_querier(stage: Stage) -> None:
    """Send MLDv1 queries: reports to the group, Done to all routers; then version 2 again."""
    stage.use_pair(MLD)
    host = stage.host()
    host.join(GROUP)
    host.join(SPECIFIC, A)
    stage.sysctl("net.ipv6.conf.eth0.mldv1_unsolicited_report_interval", 1000)
    stage.begin()
    current = MLD_CAST.state(f"IS_IN({SPECIFIC},{{{A}}})", f"IS_EX({GROUP})")
    stage.query(GENERAL, Asked(interval_s=3))
    stage.expect(current)
    stage.query(GENERAL, Asked(version=1))
    stage.expect(*[f"report 1 {group}" for group in (OWN, GROUP, SPECIFIC)], any_order=True)
    host.join(OTHER)
    stage.expect(*[f"report 1 {OTHER}"] * 2)
    stage.query(OTHER, Asked(version=1))
    stage.expect(f"report 1 {OTHER}")
    host.leave(OTHER)
    stage.expect(f"leave {OTHER}")
    # Older version querier present: 2 x 3 s and the response time of 1 s.
    stage.quiet(7.5)
    stage.query(GENERAL)
    stage.expect(current)


def split_report(stage: Stage) -> None:
    """Ask at the smallest MTU of IPv6: a list of IS_IN goes on in a second packet."""
    stage.use_pair(MLD, mtu=SMALL_MTU)
    host = stage.host()
    sources = [f"2001:db8::1:{number:x}" for number in range(1, 2 * SOURCES_OF_ONE_SOCKET + 1)]
    groups = [f"ff15::4321:{number:x}" for number in range(1, GROUPS_IN_FULL + 1)]
    for group in groups:
        host.join(group)
    host.join(SPECIFIC, *sources[:SOURCES_OF_ONE_SOCKET])
    host.join(SPECIFIC, *sources[SOURCES_OF_ONE_SOCKET:], program="b")
    stage.begin()
    parts = sources[:SOURCES_IN_FULL], sources[SOURCES_IN_FULL:]
    first, rest = (f"IS_IN({SPECIFIC},{{{','.join(part)}}})" for part in parts)
    stage.query(SPECIFIC)
    stage.expect(first, rest)
    stage.query(GENERAL)
    # The rest of the list leaves room for groups in its packet.
    room = GROUPS_IN_FULL - 1 - len(parts[1]) * 16 // 20
    newest_first = [f"IS_EX({group})" for group in (*reversed(groups), OWN)]
    stage.expect(first, " ".join((rest, *newest_first[:room])), " ".join(newest_first[room:]))


def link_up(stage: Stage) -> None:
    """Switch the link on: reports from :: while the address is tentative, then from fe80::."""
    stage.use_dark_pair()
    host = stage.host()
    host.join(GROUP)
    host.join(SPECIFIC, A)
    stage.begin_at_once()
    # The kernel tells of new sources even on a link that is down, and is done with it in time.
    stage.quiet(1.2)
    stage.ip("link set eth0 up", "link up")
    tentative = f"TO_EX({OWN}) TO_EX({GROUP})"
    stage.expect(tentative, tentative, source="::")
    valid = f"TO_EX({OWN}) ALLOW({SPECIFIC},{{{A}}}) TO_EX({GROUP})"
    stage.expect(valid, valid, source="fe80::ff:fe00:2")
    stage.quiet(1.2)


def becomes_router(stage: Stage) -> None:
    """Add an address, switch forwarding on and off: groups that the kernel joins by itself."""
    stage.use_pair(MLD)
    stage.begin()
    stage.ip("address add 2001:db8::5/64 dev eth0", "address add 2001:db8::5/64")
    stage.expect(*[f"TO_EX(ff02::1:ff00:5) TO_EX({OWN})"] * 2)
    stage.sysctl("net.ipv6.conf.eth0.forwarding", 1)
    routers = ("ff02::1:ff00:0", "ff05::2", "ff02::2")
    stage.expect(*[" ".join(f"TO_EX({group})" for group in routers)] * 2)
    stage.sysctl("net.ipv6.conf.eth0.forwarding", 0)
    stage.expect(*[" ".join(f"TO_IN({group})" for group in routers)] * 2)
    stage.quiet(1.2)


def ignored_queries(stage: Stage) -> None:
    """Ask so that it could come from another link: no answer."""
    stage.use_pair(MLD)
    stage.host().join(GROUP)
    stage.begin()
    right = Asked(max_response_ms=300)
    for wrong in (
        replace(right, hop_limit=2),
        replace(right, router_alert=None),
        replace(right, router_alert=1),
        replace(right, source="2001:db8::1"),
    ):
        stage.query(GENERAL, wrong)
        stage.quiet(0.5)
    stage.query(GENERAL, right)
    stage.expect(MLD_CAST.state(f"IS_EX({GROUP})"))


SCENARIOS = (
    Scenario(
        "02-mldv2-join-leave",
        "MLDv2: joins and leaves",
        "The same as 01 with MLDv2: TO_EX and TO_IN of an any-source group, ALLOW and BLOCK of a "
        "source-specific one.",
        ("RFC 9777 §6.1", "RFC 9777 §5.2.13", "RFC 4604 §2"),
        partial(stories.join_leave, MLD_CAST),
    ),
    Scenario(
        "04-mldv2-source-changes",
        "MLDv2: changes of the source list and of the filter mode",
        "The same as 03 with MLDv2.",
        ("RFC 9777 §6.1", "RFC 3678 §5"),
        partial(stories.source_changes, MLD_CAST),
    ),
    Scenario(
        "06-mldv2-general-query",
        "MLDv2: General Queries and their answers",
        "The same as 05 with MLDv2. The last record is the solicited-node group, which every "
        "IPv6 address brings along.",
        ("RFC 9777 §6.2", "RFC 9777 §5.1.8"),
        partial(stories.general_query, MLD_CAST),
    ),
    Scenario(
        "08-mldv2-specific-queries",
        "MLDv2: queries for a group and for sources",
        "The same as 07 with MLDv2.",
        ("RFC 9777 §6.2",),
        partial(stories.specific_queries, MLD_CAST),
    ),
    Scenario(
        "11-mldv1-querier",
        "MLDv1: an older querier, and the way back",
        "Within a query interval of 3 s an MLDv1 query takes the host to version 1: a report for "
        "each group, sources unsaid, and Done. Then MLDv2 is back.",
        ("RFC 9777 §8.2.1", "RFC 2710 §4"),
        version_1_querier,
    ),
    Scenario(
        "13-mldv2-split-report",
        "MLDv2: reports larger than the MTU of 1280",
        "80 sources in INCLUDE mode: the record goes on in a second packet, which 61 more groups "
        "then fill, and a third.",
        ("RFC 9777 §5.2.16",),
        split_report,
    ),
    Scenario(
        "14-mldv2-link-up",
        "MLDv2: a link comes up",
        "Reports come from :: while the link-local address is tentative (frames without a message "
        "are its duplicate address detection). Once it is valid, all state is told again from it, "
        "now also the source-specific group.",
        ("RFC 9777 §5.2.14", "RFC 3590", "RFC 4862 §5.4"),
        link_up,
    ),
    Scenario(
        "18-mldv2-router",
        "MLDv2: a host gets an address and becomes a router",
        "With a new address this kernel tells all its groups again, together with the new "
        "solicited-node group. Forwarding brings the all-routers groups and that of the "
        "subnet-router anycast address; switched off, they are left.",
        ("RFC 4291 §2.8", "RFC 4291 §2.6.1", "RFC 9777 §6.1"),
        becomes_router,
    ),
    Scenario(
        "22-mldv2-ignored-queries",
        "MLDv2: queries that the kernel ignores",
        "Hop limit 2, no Router Alert, Router Alert of value 1, a source that is not link-local: "
        "no answer. The fifth query is as it should be and gets one.",
        ("RFC 9777 §6.2", "RFC 9777 §5.1.14"),
        ignored_queries,
    ),
)
