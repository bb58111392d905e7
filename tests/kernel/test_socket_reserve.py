"""Sockets that are opened once, bound again and again: interfaces of this kernel go and come back.

What is lent to a second interface has no frame, count, error or membership of the first one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.link import clock
from mldkit.link.device import PacketSocket, Statistics
from mldkit.link.socket_reserve import SocketReserve
from mldkit.model.units import SECOND
from mldkit.testing.story import Story

if TYPE_CHECKING:
    from tests.conftest import Link

pytestmark = pytest.mark.netns


def report(group: str) -> bytes:
    story = Story()
    story.report(0, "10.9.0.77", f"TO_EX({group})")
    return story.frames[0].data


FIRST, SECOND_ONE = report("239.1.1.1"), report("239.2.2.2")


def all_multicast(link: Link, interface: str) -> bool:
    return "allmulti 1" in link.near.ip(f"-d link show dev {interface}")


@pytest.mark.parametrize("goes", ["is removed", "gets another name"])
def test_another_interface_of_the_name_is_heard_and_nothing_of_the_first(
    link: Link, goes: str
) -> None:
    name = link.interface
    for side in (link.near, link.far):
        for scope in ("all", "default"):  # the kernel itself has nothing to say then
            side.sysctl(f"net.ipv6.conf.{scope}.disable_ipv6", 1)
    with link.far.entered():
        far = PacketSocket(name)
    with link.near.entered(), SocketReserve(1 << 20) as reserve:
        with PacketSocket(name, reserve=reserve) as device:
            assert all_multicast(link, name)
            far.send(FIRST)
            heard = device.receive(clock.now_ns() + SECOND)
            assert heard is not None
            assert heard.data == FIRST
            far.send(FIRST)  # which nobody takes
        if goes == "is removed":
            link.near.ip(f"link delete {name}")
        else:
            link.near.ip(f"link set {name} name old")
            link.far.ip(f"link set {name} name old")
        link.near.ip(f"link add {name} type veth peer name {name} netns {link.far.name}")
        for side in (link.near, link.far):
            side.ip(f"link set {name} up")

        with PacketSocket(name, reserve=reserve) as device:
            if goes != "is removed":
                far.send(FIRST)
                assert not all_multicast(link, "old")
            with link.far.entered(), PacketSocket(name) as again:
                again.send(SECOND_ONE)
            found = device.receive(clock.now_ns() + SECOND)
            assert found is not None
            assert found.data == SECOND_ONE
            assert device.take() is None
            assert device.statistics() == Statistics(received=1, dropped=0)
            assert all_multicast(link, name)
    far.close()


def test_what_is_not_lent_any_more_is_given_back_to_the_kernel(link: Link) -> None:
    with link.near.entered():
        with SocketReserve(1 << 20) as reserve, PacketSocket(link.interface, reserve=reserve):
            assert len(link.near.read("/proc/net/packet").splitlines()) == 3
        assert len(link.near.read("/proc/net/packet").splitlines()) == 1
        assert not all_multicast(link, link.interface)
