"""Registers as drivers write them; what the guest reads back is in tests/kernel."""

from __future__ import annotations

import json

import pytest

from mldkit.cli.main import main
from mldkit.macfilter.devices import find_device
from mldkit.macfilter.receive_filter import ReceiveFilter
from mldkit.macfilter.registers import (
    MAPS,
    FilterRegisters,
    RegisterMap,
    differences,
    map_of,
    predicted,
)
from mldkit.model.addresses import parse_mac

OWN = parse_mac("02:00:00:00:00:02")
GROUPS = tuple(b"\x33\x33\x00\x00" + number.to_bytes(2, "big") for number in range(1, 41))


def registers(nic: str, count: int, **flags: object) -> FilterRegisters:
    wanted = ReceiveFilter(find_device(nic), GROUPS[:count], OWN, **flags)  # type: ignore[arg-type]
    found = predicted(wanted)
    assert found is not None
    return found


def test_the_bit_of_the_manual_is_the_bit_of_the_word() -> None:
    # drivers/net/ethernet/intel/e1000e/mac.c: hash_reg = hash >> 5 & 0x7f, hash_bit = hash & 0x1f;
    # 33:33:00:00:00:01 hashes to 0x010: bit 16 of MTA[0].
    assert registers("e1000e", 1).table == 1 << 0x010
    assert registers("e1000e", 2).table == 1 << 0x010 | 1 << 0x020


def test_e1000_fills_address_registers_first() -> None:
    held = registers("e1000", 16)
    assert held.exact == (OWN, *GROUPS[:14])
    assert held.table.bit_count() == 2
    with_unicast = registers("e1000", 16, unicast=(b"\x02\x4d\x00\x00\x00\x01",))
    assert with_unicast.exact[1] == b"\x02\x4d\x00\x00\x00\x01"
    assert with_unicast.table.bit_count() == 3


@pytest.mark.parametrize("nic", ["8139cp", "ne2k-pci", "pcnet32"])
def test_small_tables_are_filled_for_all_multicast(nic: str) -> None:
    assert registers(nic, 3).table.bit_count() <= 3
    assert registers(nic, 3, all_multicast=True).table == (1 << 64) - 1


def test_8139cp_fills_its_table_above_32_groups() -> None:
    assert registers("8139cp", 32).table != (1 << 64) - 1
    assert registers("8139cp", 33).table == (1 << 64) - 1


def test_a_table_that_is_not_written_stays_as_it_was() -> None:
    before = registers("e1000e", 3)
    wanted = ReceiveFilter(find_device("e1000e"), GROUPS[:5], OWN, all_multicast=True)
    held = predicted(wanted, before)
    assert held is not None
    assert held.stale
    assert held.table == before.table
    assert held.all_multicast
    assert not held.promiscuous
    written = predicted(ReceiveFilter(find_device("e1000"), GROUPS[:5], OWN, all_multicast=True))
    assert written is not None
    assert not written.stale


def test_one_unicast_address_too_many_opens_unicast_and_keeps_the_first_ones() -> None:
    unicast = tuple(b"\x02\x4d\x00\x00\x00" + bytes((number,)) for number in range(15))
    held = registers("e1000e", 1, unicast=unicast)
    assert held.promiscuous
    assert held.exact == (OWN, *unicast[:14])
    assert registers("e1000", 1, unicast=unicast).exact == (OWN, GROUPS[0])


@pytest.mark.parametrize("row", MAPS, ids=lambda row: row.driver)
def test_every_bit_that_differs_is_named_with_its_register(row: RegisterMap) -> None:
    held = registers(row.driver, 3)
    assert list(differences(row, held, held)) == []
    bits = row.table_octets * 8
    other = FilterRegisters(held.table ^ 1 << bits - 1, held.promiscuous, held.all_multicast,
                            held.exact)  # fmt: skip
    (said,) = differences(row, held, other)
    assert said.startswith(f"{row.table}[{bits // (row.word_octets * 8) - 1}] is 0x")


def test_a_device_without_a_row_has_none() -> None:
    assert map_of(find_device("igb")) is None
    assert predicted(ReceiveFilter(find_device("vmxnet3"), GROUPS[:1], OWN)) is None


def test_explain_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["macfilter", "explain", "239.99.2.3", "--nic", "e1000e", "--joined", "239.1.2.3"]
    assert main([*command, "--registers"]) == 0
    assert capsys.readouterr().out.endswith(
        "registers of e1000e; all others are 0\n"
        "  RCTL.UPE  0\n"
        "  RCTL.MPE  0\n"
        "  MTA[1]    0x00010000  bit 0x030: 239.1.2.3\n"
    )
    assert main([*command, "--registers", "--allmulti", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["registers"]["stale"] is True
    assert {"register": "RCTL.MPE", "value": "1", "because": ""} in document["registers"]["set"]


def test_registers_need_a_driver_that_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["macfilter", "explain", "239.1.1.1", "--registers"]) == 2
    assert "name it with --nic" in capsys.readouterr().err
    assert main(["macfilter", "explain", "239.1.1.1", "--registers", "--nic", "igb"]) == 2
    assert "--registers: those of igb are not known" in capsys.readouterr().err
