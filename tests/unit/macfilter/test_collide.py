"""Groups that share a MAC or a bit, against the arithmetic of the RFCs and the hash rules."""

from __future__ import annotations

import itertools

import pytest

from mldkit.macfilter import collide
from mldkit.macfilter.hashes import ALL_RULES, INTEL_4096, HashRule
from mldkit.model.addresses import group_mac, is_multicast, parse, parse_mac, text

GROUPS = ("239.1.2.3", "232.1.1.1", "ff15::4321:1234", "ff02::1:ff00:2")


def test_32_groups_of_ipv4_share_a_mac() -> None:
    # RFC 1112 section 6.4: 28 bits of a group, 23 of them in the MAC.
    everyone = [bytes((first, second, 2, 3)) for first in range(224, 240) for second in range(256)]
    mac = parse_mac("01:00:5e:01:02:03")
    expected = {group for group in everyone if group_mac(group) == mac}
    assert len(expected) == 32
    assert set(collide.groups_of(mac)) == expected
    assert {"239.1.2.3", "225.1.2.3", "239.129.2.3"} <= {text(group) for group in expected}
    assert collide.number_of_groups(mac) == 32


def test_2_to_the_88_groups_of_ipv6_share_a_mac_and_the_likely_ones_are_named() -> None:
    mac = group_mac(parse("ff02::123"))
    named = collide.groups_of(mac)
    assert {"ff02::123", "ff05::123", "ff0e::123"} <= {text(group) for group in named}
    assert {group_mac(group) for group in named} == {mac}
    assert collide.number_of_groups(mac) == 2**88


def test_a_solicited_node_mac_names_its_group_first() -> None:
    (first, *_) = collide.groups_of(parse_mac("33:33:ff:a1:b2:c3"))
    assert text(first) == "ff02::1:ffa1:b2c3"


@pytest.mark.parametrize("mac", ["01:00:5e:80:00:01", "01:80:c2:00:00:01", "02:00:00:00:00:01"])
def test_a_mac_of_no_group_has_none(mac: str) -> None:
    assert collide.groups_of(parse_mac(mac)) == ()
    assert collide.number_of_groups(parse_mac(mac)) == 0


@pytest.mark.parametrize("group", [parse(group) for group in GROUPS], ids=text)
@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.formula)
def test_colliding_groups_share_the_bit_and_not_the_mac(rule: HashRule, group: bytes) -> None:
    mac = group_mac(group)
    found = collide.colliding(rule, mac, group, 100)

    assert len({group_mac(other) for other in found}) == 100
    for other in found:
        assert is_multicast(other)
        assert len(other) == len(group)
        assert group_mac(other) != mac
        assert rule.index(group_mac(other)) == rule.index(mac)


def test_all_groups_of_a_bit_are_found() -> None:
    # 2^23 MACs of IPv4 over 4,096 bits; the rule looks at the last octet and half of the one
    # before, so the others can be counted without the code under test.
    group = parse("239.1.2.3")
    found = set(collide.same_bit(INTEL_4096, 0x030, group))
    slowly = {bytes((239, second, third, 3)) for second in range(128) for third in range(16)}
    assert found == slowly


def test_a_group_on_a_given_bit_is_found_for_a_mac_of_no_group() -> None:
    mac = parse_mac("01:80:c2:00:00:01")
    for rule in ALL_RULES:
        for other in collide.colliding(rule, mac, None, 3):
            assert rule.index(group_mac(other)) == rule.index(mac)


@pytest.mark.parametrize("group", [parse(group) for group in GROUPS], ids=text)
def test_without_a_table_collisions_are_groups_of_the_same_mac(group: bytes) -> None:
    found = collide.colliding(None, group_mac(group), group, 31)
    assert len(set(found)) == 31
    assert group not in found
    assert {group_mac(other) for other in found} == {group_mac(group)}
    assert all(map(is_multicast, itertools.chain(found)))
