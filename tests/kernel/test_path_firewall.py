"""The stages of the firewall, with rules that are foreseen and one that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.macfilter.receive_filter import Passage
from mldkit.model.addresses import parse
from mldkit.path.stage import Stage
from tests.kernel.path_scene import FRAMES, GROUP4, PathScene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Link, Namespace

pytestmark = pytest.mark.netns

OTHER4 = parse("239.1.2.4")


@pytest.fixture
def scene(link: Link) -> Iterator[PathScene]:
    with PathScene(link) as scene:
        yield scene


RULES = {
    # name: table, chain, rule, stage, verdict of that stage
    "prerouting": (
        "inet t", "p { type filter hook prerouting priority -300; }",
        "ip daddr 239.1.2.3 counter drop", Stage.NETFILTER, Passage.DROPPED,
    ),
    "ingress": (
        "netdev t", 'p { type filter hook ingress device "eth1" priority 0; }',
        "ip daddr 239.0.0.0/8 drop", Stage.NETFILTER, Passage.DROPPED,
    ),
    "ingress of both families": (
        "inet t", 'p { type filter hook ingress device "eth1" priority 0; }',
        "ip daddr 239.0.0.0/8 drop", Stage.NETFILTER, Passage.DROPPED,
    ),
    "ingress of another device": (
        "netdev t", 'p { type filter hook ingress device "lo" priority 0; }',
        "ip daddr 239.0.0.0/8 drop", Stage.NETFILTER, Passage.PASSES,
    ),
    "input": (
        "ip t", "p { type filter hook input priority 0; }",
        "ip saddr 10.9.0.1 ip daddr 239.1.2.1-239.1.2.9 counter drop",
        Stage.NETFILTER_INPUT, Passage.DROPPED,
    ),
    "port": (
        "ip t", "p { type filter hook input priority 0; }",
        "udp dport { 20300, 20999 } reject", Stage.NETFILTER_INPUT, Passage.DROPPED,
    ),
    "another port": (
        "ip t", "p { type filter hook input priority 0; }",
        "udp dport 20999 drop", Stage.NETFILTER_INPUT, Passage.PASSES,
    ),
    "another protocol": (
        "inet t", "p { type filter hook input priority 0; }",
        "ip protocol igmp drop", Stage.NETFILTER_INPUT, Passage.PASSES,
    ),
    "the other family": (
        "inet t", "p { type filter hook input priority 0; }",
        "meta nfproto ipv6 drop", Stage.NETFILTER_INPUT, Passage.PASSES,
    ),
    "group frames": (
        "inet t", "p { type filter hook input priority 0; }",
        "meta pkttype multicast drop", Stage.NETFILTER_INPUT, Passage.DROPPED,
    ),
    "interface": (
        "inet t", "p { type filter hook prerouting priority 0; }",
        'iifname "eth*" ip daddr 239.1.2.3 drop', Stage.NETFILTER, Passage.DROPPED,
    ),
    "another source": (
        "inet t", "p { type filter hook input priority 0; }",
        "ip saddr != 10.9.0.1 drop", Stage.NETFILTER_INPUT, Passage.PASSES,
    ),
}  # fmt: skip


def _nft(namespace: Namespace, *commands: str) -> None:
    for command in commands:
        done = namespace.run("nft", command)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", RULES)
def test_a_rule_of_the_firewall(scene: PathScene, case: str) -> None:
    table, chain, rule, stage, verdict = RULES[case]
    name = chain.split()[0]
    _nft(scene.host, f"add table {table}", f"add chain {table} {chain}")
    _nft(scene.host, f"add rule {table} {name} {rule}")
    scene.program().join(GROUP4)
    seen = scene.send(before_control=lambda: _nft(scene.host, f"delete table {table}"))
    assert seen.result(stage).verdict is verdict, seen.result(stage)
    if verdict is Passage.DROPPED:
        seen.assert_dropped(stage)
    else:
        seen.assert_passes()


def test_a_policy_and_what_is_accepted_in_front_of_it(scene: PathScene) -> None:
    scene.program().join(GROUP4)
    _nft(
        scene.host,
        "add table inet t",
        "add set inet t wanted { type ipv4_addr; flags interval; }",
        "add element inet t wanted { 239.1.2.0/30 }",
        "add chain inet t more",
        "add rule inet t more ip daddr @wanted accept",
        "add chain inet t p { type filter hook input priority 0; policy drop; }",
        "add rule inet t p udp dport 20301 accept",
        "add rule inet t p jump more",
    )
    scene.program().join(OTHER4)
    scene.send().assert_passes()
    seen = scene.send(OTHER4)
    seen.assert_dropped(Stage.NETFILTER_INPUT)
    assert "policy of inet t p: drop" in seen.result(Stage.NETFILTER_INPUT).reason


def test_a_rule_that_cannot_be_foreseen_is_named(scene: PathScene) -> None:
    scene.program().join(GROUP4)
    _nft(
        scene.host,
        "add table inet t",
        "add chain inet t p { type filter hook input priority 0; }",
        "add rule inet t p ip daddr 239.1.2.3 limit rate over 2/minute burst 2 packets drop",
    )
    seen = scene.send()
    stage = seen.result(Stage.NETFILTER_INPUT)
    assert stage.verdict is Passage.UNKNOWN
    assert "ip daddr 239.1.2.3" in stage.reason
    assert 0 < max(seen.arrived.values()) < FRAMES
