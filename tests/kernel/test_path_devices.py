"""The stages in front of the IP layer, each broken alone: filters, programs, rules, bridges."""

from __future__ import annotations

import os
import socket
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

import pytest

from mldkit.link import interfaces
from mldkit.link.device import PacketSocket
from mldkit.macfilter.collide import same_bit
from mldkit.macfilter.devices import find_device
from mldkit.macfilter.receive_filter import BROADCAST, Passage
from mldkit.macfilter.tap import Tap
from mldkit.model.addresses import group_mac, parse
from mldkit.path.stage import Stage
from tests.kernel.bpf_program import drop_at_ingress, drop_at_xdp, release_ingress
from tests.kernel.path_scene import FRAMES, GROUP4, GROUP6, HOST_MAC, PathScene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Link

pytestmark = pytest.mark.netns

OTHER4, OTHER6 = parse("239.1.2.4"), parse("ff15::4321:1235")
FAMILIES = ((socket.AF_INET, GROUP4, OTHER4), (socket.AF_INET6, GROUP6, OTHER6))


@pytest.fixture
def scene(link: Link) -> Iterator[PathScene]:
    with PathScene(link) as scene:
        yield scene


class Card:
    """A card made of two taps: what passes the filter of `nic0` comes in by `host0`."""

    def __init__(self, scene: PathScene) -> None:
        with scene.host.entered():
            self.nic, self.host = Tap("nic0"), Tap("host0")
        scene.held.callback(self.nic.close)
        scene.held.callback(self.host.close)
        scene.host.sysctl("net.ipv6.conf.nic0.disable_ipv6", 1)
        scene.host.sysctl("net.ipv6.conf.host0.accept_dad", 0)
        scene.host.ip(f"link set host0 address {HOST_MAC.hex(':')}")
        scene.host.ip("link set nic0 up")
        scene.host.ip("link set host0 up")
        scene.host.ip("address add 10.7.0.2/24 dev host0")
        scene.host.wait_for_ipv6("host0")
        scene.named, scene.device = "host0", find_device("tap")
        with scene.host.entered():
            scene.sender = scene.held.enter_context(PacketSocket("nic0", all_multicast=False))
        scene.carry = self.carry

    def program(self, listed: tuple[bytes, ...]) -> None:
        """Give the filter what a driver would give its card."""
        self.nic.set_filter((HOST_MAC, BROADCAST, *listed))

    def carry(self) -> None:
        """Hand over what passed, throw away what the host says."""
        while (frame := self.nic.read()) is not None:
            self.host.write(frame)
        while self.host.read() is not None:
            pass


def listed(scene: PathScene) -> tuple[bytes, ...]:
    """Return the multicast list of the interface, as `ip maddr` prints it."""
    lines = scene.host.ip(f"maddress show dev {scene.named}").splitlines()
    words = (line.split() for line in lines)
    return tuple(bytes.fromhex(w[1].replace(":", "")) for w in words if w[0] == "link")


def test_the_filter_of_a_card(scene: PathScene) -> None:
    card = Card(scene)
    joined = [parse(f"239.1.3.{number}") for number in range(1, 18)]
    program = scene.program(on="host0")
    for group in joined:
        program.join(group)
    card.program(listed(scene))
    device = find_device("tap")
    assert device.rule is not None
    for group in (joined[0], joined[-1]):
        scene.send(group, "10.7.0.9").assert_passes()
    outcomes = set()
    chance = Random(7)
    for _ in range(40):
        group = b"\xef" + chance.randbytes(3)
        seen = scene.send(group, "10.7.0.9")
        verdict = seen.result(Stage.CARD).verdict
        outcomes.add(verdict)
        assert seen.at_tap == (FRAMES if verdict is Passage.PASSES else 0)
        seen.assert_dropped(Stage.GROUP if verdict is Passage.PASSES else Stage.CARD)
    assert outcomes == {Passage.PASSES, Passage.DROPPED}
    bit = device.rule.index(group_mac(joined[-1]))
    for group in islice(same_bit(device.rule, bit, joined[-1]), 3):
        assert scene.send(group, "10.7.0.9").at_tap == FRAMES


def test_a_card_that_takes_all_multicast(scene: PathScene) -> None:
    card = Card(scene)
    scene.host.ip("link set host0 allmulticast on")
    scene.program(on="host0").join(GROUP4)
    card.nic.set_filter((HOST_MAC, BROADCAST), all_multicast=True)
    seen = scene.send(OTHER4, "10.7.0.9")
    seen.assert_dropped(Stage.GROUP)
    assert "all multicast" in seen.result(Stage.CARD).reason


def test_an_interface_that_is_down(scene: PathScene) -> None:
    Card(scene)
    scene.program(on="host0").join(GROUP4)
    scene.host.ip("link set host0 down")
    with scene.host.entered(), pytest.raises(OSError, match="down"):
        PacketSocket("host0")
    scene.host.ip("link set host0 up")


def test_a_macvlan_lets_in_what_is_listed(scene: PathScene) -> None:
    scene.host.ip("link add mv0 link eth1 type macvlan mode bridge")
    scene.host.ip("link set mv0 up")
    scene.host.ip("address add 10.9.0.3/24 dev mv0")
    scene.named = "mv0"
    program = scene.program(on="mv0").join(GROUP4)
    # What goes to a group a macvlan hands over in a work item (macvlan_process_broadcast).
    scene.send(before_control=lambda: program.wait_for(FRAMES)).assert_passes()
    seen = scene.send(OTHER4)
    assert seen.result(Stage.CARD).verdict is Passage.UNKNOWN
    assert "keyed" in seen.result(Stage.CARD).reason


def test_a_program_at_xdp(scene: PathScene) -> None:
    scene.program().join(GROUP4)
    with scene.host.entered():
        attached = drop_at_xdp(interfaces.find("eth1").index)
    seen = scene.send(before_control=lambda: os.close(attached))
    xdp = seen.result(Stage.XDP)
    assert xdp.verdict is Passage.UNKNOWN
    assert "dropper" in xdp.reason
    assert seen.walk.verdict is Passage.UNKNOWN
    assert seen.at_tap == 0
    assert set(seen.arrived.values()) == {0}
    scene.send().assert_passes()


def test_a_program_at_the_ingress(scene: PathScene) -> None:
    scene.program().join(GROUP4)
    with scene.host.entered():
        index = interfaces.find("eth1").index
        attached = drop_at_ingress(index)

    def release() -> None:
        with scene.host.entered():
            release_ingress(index, attached)

    seen = scene.send(before_control=release)
    ingress = seen.result(Stage.TC)
    assert ingress.verdict is Passage.UNKNOWN
    assert "dropper" in ingress.reason
    assert seen.at_tap == FRAMES
    assert set(seen.arrived.values()) == {0}
    scene.send().assert_passes()
