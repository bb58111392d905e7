"""Addresses as text, scopes, hardware addresses: figures of the RFCs that define them."""

from __future__ import annotations

import pytest

from mldkit.model import addresses
from mldkit.model.addresses import is_flooded, parse, text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:0db8::0001", "2001:db8::1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("::", "::"),
        ("FF02::FB", "ff02::fb"),
        ("239.1.2.3", "239.1.2.3"),
    ],
)
def test_text_follows_rfc_5952(given: str, shown: str) -> None:
    assert text(parse(given)) == shown


def test_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        parse("fe80::1%eth0")


@pytest.mark.parametrize(
    ("group", "mac"),
    [
        ("224.0.0.22", "01:00:5e:00:00:16"),
        ("239.129.2.3", "01:00:5e:01:02:03"),
        ("ff02::16", "33:33:00:00:00:16"),
        ("ff02::1:ff28:9c5a", "33:33:ff:28:9c:5a"),
    ],
    ids=str,
)
def test_w16_groups_map_to_hardware_addresses(group: str, mac: str) -> None:
    assert addresses.mac_text(addresses.group_mac(parse(group))) == mac


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("224.0.0.1", False),
        ("224.0.0.2", True),
        ("ff02::1", False),
        ("ff00::5", False),
        ("ff01::5", False),
        ("ff11::5", False),
        ("ff02::2", True),
        ("ff05::1", True),
    ],
)
def test_w19_all_hosts_and_small_scopes_are_never_reported(group: str, *, expected: bool) -> None:
    assert addresses.is_reportable(parse(group)) is expected


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("232.0.0.1", True),
        ("233.0.0.1", False),
        ("ff3e::8000:1", True),
        ("ff35::1", True),
        ("ff3e:20::1", False),
        ("ff1e::1", False),
    ],
)
def test_source_specific_ranges_are_those_of_rfc_4607(group: str, *, expected: bool) -> None:
    assert addresses.is_source_specific(parse(group)) is expected


def test_solicited_node_group_is_that_of_rfc_4291() -> None:
    address = parse("4037::01:800:200e:8c6c")

    assert text(addresses.solicited_node(address)) == "ff02::1:ff0e:8c6c"


def test_link_local_is_the_whole_fe80_10() -> None:
    assert addresses.is_link_local(parse("fe80::1"))
    assert addresses.is_link_local(parse("febf::1"))
    assert not addresses.is_link_local(parse("fec0::1"))
    assert not addresses.is_link_local(parse("169.254.1.1"))


def test_consecutive_groups_stop_at_the_end_of_the_family() -> None:
    found = addresses.consecutive(parse("239.1.1.255"), 2)

    assert [text(group) for group in found] == ["239.1.1.255", "239.1.2.0"]
    with pytest.raises(ValueError, match="past the end"):
        addresses.consecutive(parse("255.255.255.255"), 2)


@pytest.mark.parametrize(
    "value",
    [
        *("", "1:2:3:4:5", "1:2:3:4:5:6:7", "gg:00:00:00:00:00"),
        # What int() takes as well: signs, blanks, digits of other scripts.
        *("02:00:00:00:00:+1", "02:00:00:00:00: 1", "02:00:00:00:00:\u0661", "02:00:00:00:00:1_"),
    ],
)
def test_a_mac_has_six_octets_in_hexadecimal(value: str) -> None:
    with pytest.raises(ValueError, match="octets"):
        addresses.parse_mac(value)


@pytest.mark.parametrize(("group", "expected"), [
    ("224.0.0.1", True), ("224.0.0.255", True), ("224.0.1.0", False), ("239.0.0.1", False),
    ("ff01::5", True), ("ff02::1", True), ("ff02::fb", False), ("ff02::1:ff00:1", False),
    ("ff12::1", False), ("ff05::1", False), ("ff3e::1", False),
])  # fmt: skip
def test_groups_that_switches_flood(group: str, expected: bool) -> None:
    # RFC 4541 §2.1.2 and §3
    assert is_flooded(parse(group)) is expected
