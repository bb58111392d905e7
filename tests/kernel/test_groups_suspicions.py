"""`groups` on what silences a member: each cause made alone, and nothing where nothing is wrong."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel.group_listing import joined, listing
from tests.kernel.path_scene import FRAMES, GROUP4, GROUP6, PathScene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Link

pytestmark = pytest.mark.netns


@pytest.fixture
def scene(link: Link) -> Iterator[PathScene]:
    with PathScene(link) as scene:
        yield scene


def suspected(scene: PathScene) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = listing(scene.host)["suspicions"]
    return found


def test_nothing_is_wrong(scene: PathScene) -> None:
    scene.program().join(GROUP4)
    scene.program(socket.AF_INET6).join(GROUP6)
    assert suspected(scene) == []


def test_a_source_without_a_way_back_was_dropped(scene: PathScene) -> None:
    scene.host.sysctl("net.ipv4.conf.eth1.rp_filter", 1)
    scene.program().join(GROUP4)
    assert suspected(scene) == []  # the setting alone silences nobody
    scene.send(source="192.0.2.7")
    (found,) = suspected(scene)
    assert found["interface"] == "eth1"
    assert found["counter"] == {"name": "TcpExtIPReversePathFilter", "value": FRAMES}


def test_a_socket_that_has_all_the_groups_it_may_have(scene: PathScene) -> None:
    scene.host.sysctl("net.ipv4.igmp_max_memberships", 3)
    program = scene.program()
    for number in range(1, 4):
        assert not [one for one in suspected(scene) if "igmp_max_memberships" in one["text"]]
        program.join(bytes((239, 1, 2, number)))
    with pytest.raises(OSError, match="No buffer space"):
        program.join(bytes((239, 1, 2, 4)))
    (found,) = suspected(scene)
    assert "is in 3 groups, and igmp_max_memberships is 3" in found["text"]


def test_datagrams_found_no_room(scene: PathScene) -> None:
    program = scene.program().join(GROUP4)
    program.held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
    with scene.host.entered():
        filler = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with filler:
        for _ in range(20):
            filler.sendto(bytes(1400), ("127.0.0.1", 20300))
    (found,) = suspected(scene)
    assert found["counter"]["value"] == 18  # two fit
    assert "found no room" in found["text"]


def test_a_group_on_loopback(scene: PathScene) -> None:
    scene.program(on="lo").join(GROUP4)
    (found,) = suspected(scene)
    assert (found["interface"], found["group"]) == ("lo", "239.1.2.3")


def test_an_interface_without_the_flag(scene: PathScene) -> None:
    scene.program().join(GROUP4)
    scene.host.ip("link set eth1 multicast off")
    (found,) = suspected(scene)
    assert "no MULTICAST flag" in found["text"]


def test_a_port_of_a_bridge(scene: PathScene) -> None:
    scene.program().join(GROUP4)
    scene.host.ip("link add br0 type bridge")
    scene.host.ip("link set eth1 master br0")
    assert any("eth1 belongs to br0" in one["text"] for one in suspected(scene))


@pytest.mark.parametrize(
    ("family", "hook", "rule", "words"),
    [
        ("igmp", "input", "ip protocol igmp drop", "drops IGMP queries"),
        ("igmp", "output", "ip daddr 224.0.0.22 drop", "drops IGMP reports"),
        ("mld", "input", "icmpv6 type mld-listener-query drop", "drops MLD queries"),
        ("mld", "output", "icmpv6 type mld2-listener-report drop", "drops MLD reports"),
        ("mld", "input", "meta l4proto ipv6-icmp drop", "drops MLD queries"),
    ],
)
def test_a_firewall_without_the_protocol(
    scene: PathScene, family: str, hook: str, rule: str, words: str
) -> None:
    is_igmp = family == "igmp"
    joined(scene.host, "239.1.2.3" if is_igmp else "ff15::4321:1234")
    ask = ("query", "-i", "eth1", "-4" if is_igmp else "-6", "--max-response", "300ms", "--json")
    assert '"hosts": []' not in scene.far.mldkit(*ask).stdout
    for command in (
        "add table inet t",
        f"add chain inet t p {{ type filter hook {hook} priority 0; }}",
        f"add rule inet t p {rule}",
    ):
        assert scene.host.run("nft", command).returncode == 0
    (found,) = suspected(scene)
    assert words in found["text"]
    assert '"hosts": []' in scene.far.mldkit(*ask).stdout


@pytest.mark.parametrize(
    "rule", ["udp dport 5353 drop", "ip6 nexthdr icmpv6 drop", "tcp dport 1 drop"]
)
def test_a_firewall_that_lets_the_protocol_through(scene: PathScene, rule: str) -> None:
    """MLD has a Hop-by-Hop header in front, so `nexthdr icmpv6` is not true of it."""
    joined(scene.host, "ff15::4321:1234")
    for command in (
        "add table inet t",
        "add chain inet t p { type filter hook input priority 0; }",
        f"add rule inet t p {rule}",
    ):
        assert scene.host.run("nft", command).returncode == 0
    assert suspected(scene) == []
    ask = ("query", "-i", "eth1", "-6", "--max-response", "300ms", "--json")
    assert '"hosts": []' not in scene.far.mldkit(*ask).stdout
