"""Each stage of the way of a frame, broken alone: what is predicted, and what becomes of frames."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from mldkit.macfilter.receive_filter import BROADCAST, Passage
from mldkit.model.addresses import parse, parse_mac
from mldkit.path.stage import Stage
from tests.kernel.path_scene import FRAMES, GROUP4, GROUP6, HOST_MAC, PathScene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Link

pytestmark = pytest.mark.netns

OTHER4, OTHER6 = parse("239.1.2.4"), parse("ff15::4321:1235")
FAMILIES = ((socket.AF_INET, GROUP4, OTHER4), (socket.AF_INET6, GROUP6, OTHER6))
ELSEWHERE = "192.0.2.7"
"""A source that nobody has a route to."""
RP_FILTER = "net.ipv4.conf.eth1.rp_filter"
REVERSE_PATH_COUNTER = "TcpExtIPReversePathFilter"


@pytest.fixture
def scene(link: Link) -> Iterator[PathScene]:
    with PathScene(link) as scene:
        yield scene


def test_nothing_is_broken(scene: PathScene) -> None:
    for family, group, _ in FAMILIES:
        scene.program(family).join(group)
        seen = scene.send(group)
        seen.assert_passes()
        assert "member, any source" in seen.result(Stage.SOCKET).reason


def test_nobody_has_joined(scene: PathScene) -> None:
    for family, group, other in FAMILIES:
        scene.program(family).join(group)
        seen = scene.send(other)
        seen.assert_dropped(Stage.GROUP)
        name = "IpInReceives" if family == socket.AF_INET else "Ip6InMcastPkts"
        assert seen.rose[name] >= FRAMES
        assert seen.result(Stage.GROUP).counter.name == name  # type: ignore[union-attr]


def test_joined_on_another_interface(scene: PathScene) -> None:
    for family, group, _ in FAMILIES:
        scene.program(family, on="lo").join(group)
        seen = scene.send(group)
        seen.assert_dropped(Stage.GROUP)
        assert "joined on lo" in seen.result(Stage.GROUP).reason


@pytest.mark.parametrize("mac", [HOST_MAC, BROADCAST, parse_mac("01:00:5e:7f:ff:01")])
def test_the_ip_layer_never_looks_at_the_mac(scene: PathScene, mac: bytes) -> None:
    scene.program().join(GROUP4)
    scene.send(mac=mac).assert_passes()


def test_a_frame_to_another_host(scene: PathScene) -> None:
    for family, group, _ in FAMILIES:
        scene.program(family).join(group)
        seen = scene.send(group, mac=parse_mac("02:00:00:00:00:77"))
        seen.assert_dropped(Stage.GROUP)
        assert "another host's address" in seen.result(Stage.GROUP).reason


def test_scopes_that_never_come_from_a_link(scene: PathScene) -> None:
    group = parse("ff01::4321:1234")
    scene.program(socket.AF_INET6).join(group)
    scene.send(group).assert_dropped(Stage.GROUP, counter="Ip6InHdrErrors")


@pytest.mark.parametrize(("mode", "drops"), [(0, False), (1, True), (2, True)])
def test_a_source_without_a_way_back(scene: PathScene, mode: int, *, drops: bool) -> None:
    scene.program().join(GROUP4)
    scene.host.sysctl(RP_FILTER, mode)
    seen = scene.send(source=ELSEWHERE)
    if drops:
        seen.assert_dropped(Stage.REVERSE_PATH, counter=REVERSE_PATH_COUNTER)
    else:
        seen.assert_passes()
        assert not seen.rose[REVERSE_PATH_COUNTER]


def add_side(scene: PathScene) -> None:
    """Give the host another interface, on which others are reached."""
    scene.host.ip("link add side type veth peer name edis")
    scene.host.ip("link set side up")
    scene.host.ip("link set edis up")
    scene.host.ip("address add 10.8.0.1/24 dev side")


@pytest.mark.parametrize(("mode", "drops"), [(1, True), (2, False)])
def test_a_source_behind_another_interface(scene: PathScene, mode: int, *, drops: bool) -> None:
    add_side(scene)
    scene.host.ip(f"route add {ELSEWHERE}/32 via 10.8.0.2")
    scene.program().join(GROUP4)
    scene.host.sysctl(RP_FILTER, mode)
    seen = scene.send(source=ELSEWHERE)
    if drops:
        seen.assert_dropped(Stage.REVERSE_PATH, counter=REVERSE_PATH_COUNTER)
        assert "reached by side" in seen.result(Stage.REVERSE_PATH).reason
    else:
        seen.assert_passes()


def test_one_of_several_ways_back_is_enough(scene: PathScene) -> None:
    add_side(scene)
    scene.host.ip(f"route add {ELSEWHERE}/32 nexthop via 10.8.0.2 nexthop via 10.9.0.1")
    scene.program().join(GROUP4)
    scene.host.sysctl(RP_FILTER, 1)
    scene.send(source=ELSEWHERE).assert_passes()


def test_the_setting_of_all_interfaces_counts_too(scene: PathScene) -> None:
    scene.program().join(GROUP4)
    scene.host.sysctl("net.ipv4.conf.all.rp_filter", 1)
    seen = scene.send(source=ELSEWHERE)
    seen.assert_dropped(Stage.REVERSE_PATH, counter=REVERSE_PATH_COUNTER)


def test_an_interface_without_an_address_believes_nobody(scene: PathScene) -> None:
    add_side(scene)
    scene.host.ip(f"route add {ELSEWHERE}/32 via 10.8.0.2")
    scene.program().join(GROUP4)
    scene.host.sysctl(RP_FILTER, 2)
    scene.host.ip("address del 10.9.0.2/24 dev eth1")
    restored = lambda: scene.host.ip("address add 10.9.0.2/24 dev eth1")  # noqa: E731
    seen = scene.send(source=ELSEWHERE, before_control=restored)
    seen.assert_dropped(Stage.REVERSE_PATH, counter=REVERSE_PATH_COUNTER)


def test_the_group_is_looked_at_before_the_way_back(scene: PathScene) -> None:
    scene.host.sysctl(RP_FILTER, 1)
    scene.program().join(GROUP4)
    seen = scene.send(OTHER4, ELSEWHERE)
    seen.assert_dropped(Stage.GROUP)
    assert not seen.rose[REVERSE_PATH_COUNTER]


@pytest.mark.parametrize("source", ["10.9.0.2", "127.0.0.1", "0.0.0.0", "239.9.9.9"])
def test_sources_that_no_host_believes(scene: PathScene, source: str) -> None:
    scene.program().join(GROUP4)
    scene.send(source=source).assert_dropped(Stage.REVERSE_PATH)


def test_a_filter_of_all_programs(scene: PathScene) -> None:
    for family, group, wanted in ((socket.AF_INET, GROUP4, "10.9.0.77"), (10, GROUP6, "fe80::77")):
        scene.program(socket.AddressFamily(family)).join(group, wanted)
        seen = scene.send(group)
        seen.assert_dropped(Stage.SOURCE_FILTER)
        scene.send(group, wanted).assert_passes()


def test_the_filter_of_the_interface_comes_before_the_way_back(scene: PathScene) -> None:
    scene.host.sysctl(RP_FILTER, 1)
    scene.program().join(GROUP4, "10.9.0.77")
    seen = scene.send(source=ELSEWHERE)
    seen.assert_dropped(Stage.SOURCE_FILTER)
    assert not seen.rose[REVERSE_PATH_COUNTER]


def test_a_filter_of_one_program_among_two(scene: PathScene) -> None:
    for family, group, source in ((2, GROUP4, "10.9.0.1"), (10, GROUP6, "fe80::ff:fe00:1")):
        blocking = scene.program(socket.AddressFamily(family)).join(group).block(group, source)
        other = scene.program(socket.AddressFamily(family), port=20999).join(group)
        seen = scene.send(group, source)
        name = "UdpIgnoredMulti" if family == socket.AF_INET else "Udp6IgnoredMulti"
        seen.assert_dropped(Stage.SOURCE_FILTER, counter=name)
        assert seen.arrived[blocking.held.fileno()] == seen.arrived[other.held.fileno()] == 0


@pytest.mark.parametrize("takes_all", [False, True])
def test_the_membership_of_another_socket(scene: PathScene, *, takes_all: bool) -> None:
    for family, group, _ in FAMILIES:
        member = scene.program(family, port=0).join(group)
        program = scene.program(family, takes_all=takes_all)
        seen = scene.send(group)
        if takes_all:
            seen.assert_passes()
            assert seen.arrived[program.held.fileno()] == FRAMES
        else:
            name = "UdpIgnoredMulti" if family == socket.AF_INET else "Udp6IgnoredMulti"
            seen.assert_dropped(Stage.SOCKET, counter=name)
            assert "IP_MULTICAST_ALL is off" in seen.result(Stage.SOCKET).reason
            assert "join the group itself" in seen.result(Stage.SOCKET).cure
        member.held.close()
        program.held.close()
        scene.programs.clear()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_full_buffer(scene: PathScene, family: socket.AddressFamily) -> None:
    group = GROUP4 if family == socket.AF_INET else GROUP6
    program = scene.program(family).join(group)
    program.held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
    with scene.host.entered():
        filler = socket.socket(family, socket.SOCK_DGRAM)
    own = "127.0.0.1" if family == socket.AF_INET else "::1"
    with filler:
        for _ in range(20):
            filler.sendto(bytes(1400), (own, 20300))
    seen = scene.send(group)
    name = "UdpRcvbufErrors" if family == socket.AF_INET else "Udp6RcvbufErrors"
    seen.assert_dropped(Stage.SOCKET)
    assert seen.rose[name] == FRAMES
    assert "buffer is full" in seen.result(Stage.SOCKET).reason
    scene.send(group).assert_passes()


def test_every_program_is_predicted_by_itself(scene: PathScene) -> None:
    scene.host.ip("link add side type veth peer name edis")
    scene.host.ip("link set side up")
    scene.program().join(GROUP4)
    scene.program(bound_to="239.1.2.3", takes_all=True)
    scene.program(bound_to="10.9.0.2", takes_all=True).join(GROUP4)
    scene.program(device="side", takes_all=True).join(GROUP4)
    scene.program(device="eth1", takes_all=True)
    scene.program(takes_all=True).join(GROUP4, "10.9.0.77")
    scene.program(takes_all=False)
    scene.program(takes_all=True, on="side").join(GROUP4)
    connected = scene.program(takes_all=True).join(GROUP4)
    connected.held.connect(("10.9.0.77", 20300))
    scene.program(socket.AF_INET6, takes_all=True)
    seen = scene.send()
    predicted = {one.socket.descriptor: one.outcome is Passage.PASSES for one in seen.walk.sockets}
    arrived = {number: count == FRAMES for number, count in seen.arrived.items()}
    for number, came in arrived.items():
        assert predicted.get(number, False) is came, (number, seen.walk.sockets)
    assert sum(arrived.values()) == 4


def test_a_cure_that_can_be_typed(scene: PathScene) -> None:
    """A dot in the name of an interface is a slash to sysctl(8)."""
    for command in ("link set eth1 down", "link set eth1 name e.1", "link set e.1 up"):
        scene.host.ip(command)
    add_side(scene)
    scene.host.ip(f"route add {ELSEWHERE}/32 via 10.8.0.2")
    scene.named = "e.1"
    scene.host.wait_for_ipv6("e.1")
    assert scene.host.run("sysctl", "-qw", "net.ipv4.conf.e/1.rp_filter=1").returncode == 0
    scene.program().join(GROUP4)
    seen = scene.send(source=ELSEWHERE)
    seen.assert_dropped(Stage.REVERSE_PATH, counter=REVERSE_PATH_COUNTER)
    cure = seen.result(Stage.REVERSE_PATH).cure.partition(",")[0]
    assert scene.host.run(*cure.split()).returncode == 0
    scene.send(source=ELSEWHERE).assert_passes()
