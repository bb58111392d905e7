"""Dumps of drivers, laid out as the drivers' own functions fill them."""

from __future__ import annotations

import struct

import pytest

from mldkit.macfilter.devices import find_device
from mldkit.macfilter.receive_filter import ReceiveFilter
from mldkit.macfilter.register_dump import DUMPS, decode, expected_of
from mldkit.model.addresses import group_mac, parse, parse_mac

OWN = parse_mac("02:00:00:00:00:02")
GROUP = group_mac(parse("239.1.2.3"))
UPE, MPE, VFE = 1 << 3, 1 << 4, 1 << 18


def wanted(driver: str, *, promiscuous: bool = False, all_multicast: bool = False) -> ReceiveFilter:
    return ReceiveFilter(
        find_device(driver), (GROUP,), own=OWN, promiscuous=promiscuous,
        all_multicast=all_multicast,
    )  # fmt: skip


def words(place: int, value: int, count: int) -> bytes:
    return struct.pack(f"={count}I", *(value if n == place else 0xFFFFFFFF for n in range(count)))


def octets(driver: str, table: int, *, promiscuous: bool) -> bytes:
    """Return the dump of a driver that has a table in it."""
    if driver == "8139cp":
        dump = bytearray(256)
        dump[8:16] = table.to_bytes(8, "little")
        dump[0x44] = promiscuous
        return bytes(dump)
    csr = [0] * 90
    csr[8:12] = ((table >> 16 * n) & 0xFFFF for n in range(4))
    csr[15] = 0x8000 * promiscuous
    return bytes(16) + struct.pack("=90H", *csr)


@pytest.mark.parametrize(("driver", "place", "count"),
                         [("e1000e", 2, 32), ("e1000", 2, 32), ("igb", 32, 740)])  # fmt: skip
@pytest.mark.parametrize("control", [0, UPE | MPE, MPE, VFE, 0xFFFFFFFF])
def test_the_flags_of_intel_cards_are_bits_of_rctl(
    driver: str, place: int, count: int, control: int
) -> None:
    found = decode(driver, words(place, control, count))
    assert found is not None
    flags = (found.promiscuous, found.all_multicast, found.vlan_filter)
    assert flags == tuple(bool(control & bit) for bit in (UPE, MPE, VFE))
    assert found.table is None


@pytest.mark.parametrize("driver", ["8139cp", "pcnet32"])
def test_a_table_that_is_not_that_of_the_list_is_told(driver: str) -> None:
    model = wanted(driver)
    rule = model.device.rule
    assert rule is not None
    right = 1 << rule.index(GROUP)
    for table, said in (
        (right, []),
        (right | 3 << 40 if right != 1 << 40 else 7, ["lacks 0", "has 2"]),
        (0, ["lacks 1", "has 0"]),
    ):
        found = decode(driver, octets(driver, table, promiscuous=False))
        assert found is not None
        told = list(found.differences(expected_of(model)))
        assert len(told) == bool(said)
        assert all(word in told[0] for word in said)


def test_a_flag_that_the_interface_does_not_have_is_told() -> None:
    for driver, place, count in (("e1000e", 2, 32), ("igb", 32, 740)):
        found = decode(driver, words(place, MPE, count))
        assert found is not None
        assert list(found.differences(expected_of(wanted(driver)))) == [
            "RCTL.MPE is 1, 0 was expected"
        ]
        assert list(found.differences(expected_of(wanted(driver, all_multicast=True)))) == []
        assert list(found.differences(expected_of(wanted(driver, promiscuous=True)))) == [
            "RCTL.UPE is 0, 1 was expected"
        ]


@pytest.mark.parametrize("row", DUMPS, ids=lambda row: row.driver)
def test_a_dump_that_is_cut_tells_nothing(row: object) -> None:
    driver = row.driver  # type: ignore[attr-defined]
    longest = next(n for n in range(1024) if decode(driver, bytes(n)) is not None)
    assert all(decode(driver, bytes(n)) is None for n in range(longest))
    assert decode(driver, None) is None
    assert decode("xyzzy", bytes(1024)) is None
