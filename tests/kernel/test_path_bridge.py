"""The stage of a bridge: to which ports a frame goes, and whether this host gets it itself."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING

import pytest

from mldkit.link.device import PacketSocket
from mldkit.macfilter.probes import number_of
from mldkit.macfilter.receive_filter import Passage
from mldkit.model.addresses import parse
from mldkit.path.stage import Stage
from tests.kernel.path_scene import FRAMES, GROUP4, GROUP6, HOST_MAC, PathScene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Link, Namespace

pytestmark = pytest.mark.netns

OTHER4, OTHER6 = parse("239.1.2.4"), parse("ff15::4321:1235")
FAMILIES = ((socket.AF_INET, GROUP4, OTHER4), (socket.AF_INET6, GROUP6, OTHER6))


@pytest.fixture
def scene(link: Link) -> Iterator[PathScene]:
    with PathScene(link) as scene:
        yield scene


class Bridge:
    """The host bridges: the sender is behind `eth1`, another host behind `p2`."""

    def __init__(self, scene: PathScene, other: Namespace, settings: str = "") -> None:
        self.scene, self.other = scene, other
        host = scene.host
        host.ip(f"link add br0 type bridge {settings}")
        host.ip("link add p2 type veth peer name e2")
        host.ip(f"link set e2 netns {other.name}")
        host.sysctl("net.ipv6.conf.br0.accept_dad", 0)
        host.ip("address flush dev eth1")
        for port in ("eth1", "p2"):
            host.sysctl(f"net.ipv6.conf.{port}.disable_ipv6", 1)
            host.ip(f"link set {port} master br0")
            host.ip(f"link set {port} up")
        host.ip(f"link set br0 address {HOST_MAC.hex(':')}")
        host.ip("link set br0 up")
        host.ip("address add 10.9.0.2/24 dev br0")
        other.ip("link set e2 up")
        host.wait_for_ipv6("br0")
        other.wait_for_ipv6("e2")

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait for what the bridge has to learn."""
        until = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < until, self.scene.host.run("bridge", "-d", "mdb").stdout
            time.sleep(0.05)

    def learned(self, port: str, group: str) -> bool:
        """Return whether the bridge's own program shows a group at a port."""
        lines = self.scene.host.run("bridge", "mdb", "show").stdout.splitlines()
        return any(f"port {port} grp {group} " in line for line in lines)

    def forwarded(self, group: bytes) -> tuple[dict[str, Passage], int]:
        """Return what was predicted of each port, and how many frames left by `p2`."""
        with self.other.entered():
            observer = PacketSocket("e2", everything=True, promiscuous=True)
        with observer:
            seen = self.scene.send(group)
            ways = {name: way for name, way, _ in seen.result(Stage.BRIDGE).details}
            found = 0
            while (frame := observer.receive(time.monotonic_ns())) is not None:
                number = number_of(frame.data)
                found += number is not None and number > self.scene.serial - FRAMES
        return ways, found


QUICK = "mcast_query_response_interval 20 mcast_igmp_version 3 mcast_mld_version 2"


@pytest.fixture
def bridge(scene: PathScene, make_namespace: Callable[[], Namespace]) -> Bridge:
    return Bridge(scene, make_namespace(), f"mcast_snooping 1 {QUICK}")


def test_a_bridge_without_a_querier_floods(bridge: Bridge) -> None:
    scene = bridge.scene
    for family, group, _ in FAMILIES:
        scene.program(family, on="br0").join(group)
        seen = scene.send(group)
        seen.assert_passes()
        assert "knows no" in seen.result(Stage.BRIDGE).reason
        ways, found = bridge.forwarded(group)
        assert ways["p2"] is Passage.PASSES
        assert found == FRAMES


def test_a_port_that_floods_no_groups(bridge: Bridge) -> None:
    bridge.scene.host.ip("link set p2 type bridge_slave mcast_flood off")
    ways, found = bridge.forwarded(GROUP4)
    assert ways["p2"] is Passage.DROPPED
    assert found == 0


def test_snooping_with_a_querier(bridge: Bridge) -> None:
    scene = bridge.scene
    scene.host.ip("link set br0 type bridge mcast_querier 1")
    for family, group, other in FAMILIES:
        scene.program(family, on="br0").join(group)
        bridge.wait_until(lambda group=group: bridge.learned("br0", _text(group)))  # type: ignore[misc]
        bridge.wait_until(lambda other=other: bridge.forwarded(other)[1] == 0)  # type: ignore[misc]
        scene.send(group).assert_passes()
        ways, found = bridge.forwarded(group)
        assert ways == {"br0": Passage.PASSES, "p2": Passage.DROPPED}
        assert found == 0
        scene.send(other).assert_dropped(Stage.BRIDGE)


def test_snooping_whose_querier_fell_silent(bridge: Bridge) -> None:
    """A bridge that believes in a querier for longer than in members cuts them off."""
    scene = bridge.scene
    scene.host.ip(
        "link set br0 type bridge mcast_querier_interval 100000 mcast_membership_interval 100"
    )
    scene.program(on="br0").join(GROUP4)
    bridge.wait_until(lambda: bridge.learned("br0", _text(GROUP4)))
    asked = scene.far.mldkit("query", "-i", "eth1", "-4", "--max-response", "500ms")
    assert asked.returncode == 0, asked.stderr
    bridge.wait_until(lambda: not bridge.learned("br0", _text(GROUP4)))
    seen = scene.send()
    seen.assert_dropped(Stage.BRIDGE)
    assert "10.9.0.1" in seen.result(Stage.BRIDGE).reason
    assert "forgotten" in seen.result(Stage.BRIDGE).reason
    scene.host.ip("link set br0 type bridge mcast_snooping 0")
    scene.send().assert_passes()


def test_members_and_routers_behind_other_ports(bridge: Bridge) -> None:
    scene = bridge.scene
    scene.host.ip("link set br0 type bridge mcast_querier 1")
    bridge.other.spawn_mldkit("join", "-i", "e2", _text(GROUP4), _text(GROUP6))
    for _, group, other in FAMILIES:
        bridge.wait_until(lambda group=group: bridge.learned("p2", _text(group)))  # type: ignore[misc]
        bridge.wait_until(lambda other=other: bridge.forwarded(other)[1] == 0)  # type: ignore[misc]
        ways, found = bridge.forwarded(group)
        assert ways == {"br0": Passage.DROPPED, "p2": Passage.PASSES}
        assert found == FRAMES
    scene.host.ip("link set p2 type bridge_slave mcast_router 2")
    for _, _, other in FAMILIES:
        ways, found = bridge.forwarded(other)
        assert ways == {"br0": Passage.DROPPED, "p2": Passage.PASSES}
        assert found == FRAMES


def test_a_membership_on_the_port_of_a_bridge(bridge: Bridge) -> None:
    bridge.scene.program(on="eth1").join(GROUP4)
    seen = bridge.scene.send()
    seen.assert_dropped(Stage.GROUP)
    assert "eth1 is a port of it" in seen.result(Stage.GROUP).reason


def _text(group: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(group) == 4 else socket.AF_INET6, group)


def test_the_document_tells_what_the_bridge_knows(bridge: Bridge) -> None:
    scene = bridge.scene
    scene.program(on="br0").join(GROUP4)
    bridge.wait_until(lambda: bridge.learned("br0", _text(GROUP4)))
    scene.host.ip("link set p2 type bridge_slave mcast_router 2")
    asked = scene.far.mldkit("query", "-i", "eth1", "-4", "--max-response", "100ms")
    assert asked.returncode == 0, asked.stderr
    done = scene.host.mldkit("macfilter", "explain", "-i", "eth1", _text(GROUP4), "--json")
    found = json.loads(done.stdout)["bridge"]
    assert (found["interface"], found["snooping"], found["querier"]) == ("br0", True, False)
    assert {"port": "br0", "group": _text(GROUP4), "source": None, "vlan": None} in found["groups"]
    assert {"eth1", "p2"} <= set(found["router_ports"])
    (querier,) = (one for one in found["other_queriers"] if one["family"] == "ipv4")
    assert (querier["address"], querier["port"]) == ("10.9.0.1", "eth1")
    assert 200 < querier["left_s"] <= 255


def test_rules_of_the_bridge_itself(bridge: Bridge) -> None:
    scene = bridge.scene
    scene.program(on="br0").join(GROUP4)
    for command in (
        "add table bridge t",
        "add chain bridge t c { type filter hook prerouting priority 0; }",
        "add rule bridge t c iifname eth1 ip daddr 239.1.2.3 drop",
    ):
        assert scene.host.run("nft", command).returncode == 0
    scene.send().assert_dropped(Stage.NETFILTER)
    assert scene.host.run("nft", "flush ruleset").returncode == 0
    scene.send().assert_passes()
