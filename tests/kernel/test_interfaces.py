"""What mldkit says about interfaces is what `ip` says about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mldkit.link import clock
from mldkit.link.interfaces import addresses, find, interfaces, lowest_link_local, primary_ipv4
from mldkit.model.addresses import mac_text, parse, text
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from tests.conftest import Link

pytestmark = pytest.mark.netns


def test_interfaces_are_those_that_ip_lists(link: Link) -> None:
    link.near.ip("link add br0 mtu 1300 type bridge")
    with link.near.entered():
        ours = {entry.name: entry for entry in interfaces()}

    theirs = {entry["ifname"]: entry for entry in json.loads(link.near.ip("-j -d link show"))}
    assert ours.keys() == theirs.keys() == {"lo", "eth1", "br0"}
    for name, entry in theirs.items():
        assert mac_text(ours[name].mac) == entry["address"]
        assert ours[name].mtu == entry["mtu"]
        assert ours[name].index == entry["ifindex"]
        assert ours[name].is_up == ("UP" in entry["flags"])
        assert ours[name].is_multicast == ("MULTICAST" in entry["flags"])
        assert ours[name].is_ethernet
        assert ours[name].kind == entry.get("linkinfo", {}).get("info_kind", "")


def test_running_means_that_there_is_a_carrier(link: Link) -> None:
    link.far.ip("link set eth1 down")
    with link.near.entered():
        until_ns = clock.now_ns() + 5 * SECOND  # the kernel tells it up to a second later
        while find("eth1").is_running and clock.now_ns() < until_ns:
            clock.wait_ns(20 * MILLISECOND)

        assert find("eth1").is_up
        assert not find("eth1").is_running
    assert "NO-CARRIER" in link.near.ip("link show eth1")


def test_addresses_are_those_that_ip_lists(link: Link) -> None:
    for address in ("10.9.0.77/24", "192.0.2.1/30", "2001:db8::5/64"):
        link.near.ip(f"address add {address} dev eth1")
    link.near.ip("address add 198.51.100.1 peer 198.51.100.2 dev eth1")
    with link.near.entered():
        ours = addresses("eth1")
        primary = primary_ipv4("eth1")

    theirs = json.loads(link.near.ip("-j address show eth1"))[0]["addr_info"]
    listed = [(text(entry.address), entry.prefix_length) for entry in ours]
    assert sorted(listed) == sorted((entry["local"], entry["prefixlen"]) for entry in theirs)
    secondary = [text(entry.address) for entry in ours if entry.is_secondary]
    assert secondary == [entry["local"] for entry in theirs if entry.get("secondary")]
    assert secondary == ["10.9.0.77"]
    assert primary == parse("10.9.0.1")


def test_the_lowest_link_local_address_is_waited_for_until_it_is_no_longer_tentative(
    link: Link,
) -> None:
    link.near.sysctl("net.ipv6.conf.eth1.accept_dad", 1)
    link.near.ip("link set eth1 down")
    link.near.ip("link set eth1 up")
    with link.near.entered():
        assert lowest_link_local("eth1", wait_ns=0) is None

        found = lowest_link_local("eth1")

        assert found is not None
        assert "tentative" not in link.near.ip(f"address show dev eth1 to {text(found)}")


def test_the_lowest_of_several_link_local_addresses_is_taken(link: Link) -> None:
    link.near.ip("address add fe80::3/64 dev eth1")
    link.near.ip("address add fe80::2/64 dev eth1")
    with link.near.entered():
        assert lowest_link_local("eth1") == parse("fe80::2")


def test_an_address_that_another_host_has_is_not_used(link: Link) -> None:
    link.far.ip("address add fe80::1/64 dev eth1")
    link.near.sysctl("net.ipv6.conf.eth1.accept_dad", 1)
    link.near.sysctl("net.ipv6.conf.eth1.addr_gen_mode", 1)
    link.near.ip("link set eth1 down")
    link.near.ip("link set eth1 up")
    link.near.ip("address add fe80::1/64 dev eth1")
    with link.near.entered():
        assert lowest_link_local("eth1") is None
        assert [entry.is_dad_failed for entry in addresses("eth1") if entry.scope == 253] == [True]


def test_where_no_address_can_come_nothing_is_waited_for(link: Link) -> None:
    link.near.sysctl("net.ipv6.conf.eth1.disable_ipv6", 1)
    start_ns = clock.now_ns()
    with link.near.entered():
        assert primary_ipv4("lo") is not None
        assert lowest_link_local("eth1") is None
    assert clock.now_ns() - start_ns < 2 * SECOND
