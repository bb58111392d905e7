"""Scenarios in which the link is the story: VLAN tags, no addresses, two hosts, a bridge."""

from __future__ import annotations

from captures.recording.asking import Asked
from captures.recording.network import SWITCH
from captures.recording.stage import Scenario, Stage
from captures.recording.stories import IGMP_CAST, MLD_CAST
from mldkit.model.family import IGMP, MLD

CASTS = (IGMP_CAST, MLD_CAST)
VLAN = 5


def tagged(stage: Stage) -> None:
    """Join and ask in both families on a trunk, where every frame carries an 802.1Q tag."""
    stage.use_trunk(IGMP, MLD, vlan=(VLAN,))
    host = stage.host()
    stage.begin()
    for cast in CASTS:
        host.join(cast.group)
        stage.expect(*[f"TO_EX({cast.group})"] * 2)
    for cast in CASTS:
        stage.query(cast.general)
        stage.expect(cast.state(f"IS_EX({cast.group})"))


def no_address(stage: Stage) -> None:
    """Join, ask and leave where the host has no address at all."""
    stage.use_pair(IGMP, MLD, addresses=False)
    host = stage.host()
    stage.begin()
    for cast in CASTS:
        unspecified = cast.general
        host.join(cast.group)
        stage.expect(*[f"TO_EX({cast.group})"] * 2, source=unspecified)
        stage.query(cast.general)
        stage.expect(f"IS_EX({cast.group})", source=unspecified)
        host.leave(cast.group)
        stage.expect(*[f"TO_IN({cast.group})"] * 2, source=unspecified)
    stage.quiet(1.2)


def bridge_querier(stage: Stage) -> None:
    """Let a Linux bridge ask both families, and ask again when the last member leaves."""
    stage.use_snooping_bridge()
    host = stage.host()
    for cast in CASTS:
        host.join(cast.group)
    stage.begin()
    # Every change of a device makes its IPv6 tell its groups again
    # (net/ipv6/addrconf.c:addrconf_notify).
    stage.ip("link set br0 type bridge mcast_querier 1", "bridge querier on", namespace=SWITCH)
    own = "ff02::1:ff00:1", "ff02::6a"
    again = " ".join(f"TO_EX({group})" for group in own)
    stage.expect(
        "MLDv2 General Query",
        "IGMPv3 General Query",
        again,
        again,
        " ".join(f"IS_EX({group})" for group in own),
        "IS_EX(224.0.0.106)",
        *[cast.state(f"IS_EX({cast.group})") for cast in CASTS],
        any_order=True,
    )
    for cast in CASTS:
        host.leave(cast.group)
        leave = f"TO_IN({cast.group})"
        asked = f"{cast.family!r}v{cast.family.current_version} Query({cast.group})"
        stage.expect(leave, asked, leave, asked, asked)
        stage.quiet(2.5)


def suppression(stage: Stage) -> None:
    """Ask two hosts with IGMPv2: one report a group is enough, the other host keeps silent."""
    group = IGMP_CAST.group
    stage.use_shared(IGMP)
    for name in ("host", "host2"):
        stage.host(name).join(group)
    stage.begin()
    stage.query(IGMP_CAST.general, Asked(version=2, max_response_ms=2000))
    stage.expect(f"report 2 {group}")
    stage.quiet(2.3)
    for name in ("host", "host2"):
        stage.host(name).leave(group)
    stage.expect(f"leave {group}")
    stage.quiet(0.5)


def two_hosts(stage: Stage) -> None:
    """Ask two hosts with MLDv2: each one answers, and every leave is told."""
    group = MLD_CAST.group
    stage.use_shared(MLD)
    for name in ("host", "host2"):
        stage.host(name).join(group)
    stage.begin()
    stage.query(MLD_CAST.general)
    answers = [f"IS_EX({group}) IS_EX(ff02::1:ff00:{number})" for number in (2, 3)]
    stage.expect(*answers, any_order=True)
    for number, name in enumerate(("host", "host2"), start=2):
        stage.host(name).leave(group)
        stage.expect(*[f"TO_IN({group})"] * 2, source=f"fe80::ff:fe00:{number}")
    stage.quiet(1.2)


SCENARIOS = (
    Scenario(
        "15-vlan",
        "IGMPv3 and MLDv2 behind a VLAN tag",
        "Joins, General Queries and answers of both families on a trunk: each frame carries the "
        "tag of VLAN 5, which a switch between querier and host puts in and takes out.",
        ("RFC 9776 §5.2", "RFC 9777 §6.2"),
        tagged,
    ),
    Scenario(
        "16-no-address",
        "IGMPv3 and MLDv2 of a host without addresses",
        "Reports come from 0.0.0.0 and from ::, joins, answers and leaves alike.",
        ("RFC 9776 §4.2.14", "RFC 9777 §5.2.14"),
        no_address,
    ),
    Scenario(
        "17-bridge-querier",
        "IGMPv3 and MLDv2: a Linux bridge is the querier",
        "The querier of a bridge is switched on and asks both families, IPv4 from 0.0.0.0. The "
        "bridge is a host too: it answers, and as its settings changed tells its groups again. "
        "When the last member leaves, the bridge asks for that group after each report and once "
        "more with the S flag, and nobody answers.",
        ("RFC 4541 §2.1.1", "RFC 9776 §6", "RFC 9777 §7"),
        bridge_querier,
    ),
    Scenario(
        "19-igmpv2-suppression",
        "IGMPv2: one of two hosts answers",
        "Two members of one group: the report of the one silences the other, and only the one "
        "that reported tells of its leave.",
        ("RFC 2236 §3",),
        suppression,
    ),
    Scenario(
        "20-mldv2-two-hosts",
        "MLDv2: both of two hosts answer",
        "Two members of one group: MLDv2 knows no suppression, both answer and both leaves are "
        "told.",
        ("RFC 9777 §6.2", "RFC 9777 §A.2"),
        two_hosts,
    ),
)
