"""What the dump of a driver (`ethtool -d`, ETHTOOL_GREGS) holds of its receive filter.

::

    e1000e, e1000   32-bit words of the machine:  | CTRL | STATUS | RCTL | ...
    igb             the same, RCTL is word 32
    8139cp          the device's memory as it is: MAR at octet 8, RCR at octet 0x44
    pcnet32         16-bit words of the machine:  | PROM, 8 words | CSR0 | CSR1 | ...

(e1000_get_regs of both drivers, igb_get_regs, cp_get_regs, pcnet32_get_regs). The table of groups
is not in the dumps of Intel's drivers. A dump is data of a driver: one that is too short tells
nothing.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mldkit.macfilter.registers import FilterRegisters, map_of, predicted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.macfilter.receive_filter import ReceiveFilter


@dataclass(frozen=True, slots=True)
class DumpedFlag:
    """One bit of a dump."""

    name: str
    at: int
    """Octet of the register in the dump."""
    octets: int
    """Length of the register."""
    bit: int


@dataclass(frozen=True, slots=True)
class DumpRow:
    """Where the dump of a driver has the registers of its filter.

    A row of data.
    """

    driver: str
    promiscuous: DumpedFlag
    all_multicast: DumpedFlag | None = None
    vlan_filter: DumpedFlag | None = None
    table: str = ""
    """Name of the hash table; empty: the dump has none."""
    table_at: int = 0
    table_octets: int = 0
    word_octets: int = 1
    is_native: bool = True
    """Numbers are in the byte order of the machine; else the low octets come first."""


def _intel(driver: str, control: int) -> DumpRow:
    """Return the row of a driver whose RCTL is at this octet."""
    return DumpRow(
        driver,
        promiscuous=DumpedFlag("RCTL.UPE", control, 4, 3),
        all_multicast=DumpedFlag("RCTL.MPE", control, 4, 4),
        vlan_filter=DumpedFlag("RCTL.VFE", control, 4, 18),
    )


DUMPS = (
    _intel("e1000e", 8),
    _intel("e1000", 8),
    _intel("igb", 128),
    DumpRow(
        "8139cp", DumpedFlag("RCR.AAP", 0x44, 4, 0), table="MAR", table_at=8, table_octets=8,
        is_native=False,
    ),
    DumpRow(
        "pcnet32", DumpedFlag("CSR15.PROM", 16 + 2 * 15, 2, 15), table="LADRF",
        table_at=16 + 2 * 8, table_octets=8, word_octets=2,
    ),
)  # fmt: skip
_BY_DRIVER = {row.driver: row for row in DUMPS}


@dataclass(frozen=True, slots=True)
class DumpedFilter:
    """What a dump says; None where it has no such thing."""

    row: DumpRow
    table: int | None
    """Bit n of it is bit n of the table."""
    promiscuous: bool
    all_multicast: bool | None
    vlan_filter: bool | None

    def words(self) -> str:
        """Return the registers in words: `RCTL.UPE 0, RCTL.MPE 0`."""
        said = [f"{flag.name} {int(value)}" for flag, value in self._flags()]
        if self.table is not None:
            count = self.table.bit_count()
            said.insert(0, f"{count} of {self.row.table_octets * 8} bits of {self.row.table} set")
        return ", ".join(said)

    def differences(self, expected: FilterRegisters) -> Iterator[str]:
        """Give what differs from a prediction or from another reading, in words."""
        pairs = (
            (self.row.promiscuous, self.promiscuous, expected.promiscuous),
            (self.row.all_multicast, self.all_multicast, expected.all_multicast),
        )
        for flag, found, wanted in pairs:
            if flag is not None and wanted is not None and found != wanted:
                yield f"{flag.name} is {int(bool(found))}, {int(wanted)} was expected"
        if self.table is not None and not expected.stale and self.table != expected.table:
            missing = (expected.table & ~self.table).bit_count()
            more = (self.table & ~expected.table).bit_count()
            yield f"{self.row.table} lacks {missing} of the bits of the list and has {more} others"

    def _flags(self) -> Iterator[tuple[DumpedFlag, bool]]:
        row = self.row
        for flag, value in (
            (row.promiscuous, self.promiscuous),
            (row.all_multicast, self.all_multicast),
            (row.vlan_filter, self.vlan_filter),
        ):
            if flag is not None and value is not None:
                yield flag, value


def is_dumped(driver: str) -> bool:
    """Return whether it is known where the dump of a driver has its filter."""
    return driver in _BY_DRIVER


def decode(driver: str, dump: bytes | None) -> DumpedFilter | None:
    """Return what the dump of a driver says; None where there is none or it is not known."""
    row = _BY_DRIVER.get(driver)
    if row is None or dump is None:
        return None
    flags = [f for f in (row.promiscuous, row.all_multicast, row.vlan_filter) if f is not None]
    ends = [row.table_at + row.table_octets, *(flag.at + flag.octets for flag in flags)]
    if len(dump) < max(ends):
        return None
    order: Literal["little", "big"] = sys.byteorder if row.is_native else "little"

    def is_set(flag: DumpedFlag | None) -> bool:
        if flag is None:
            return False
        return bool(int.from_bytes(dump[flag.at : flag.at + flag.octets], order) >> flag.bit & 1)

    table = 0
    for place in range(0, row.table_octets, row.word_octets):
        at = row.table_at + place
        table |= int.from_bytes(dump[at : at + row.word_octets], order) << 8 * place
    return DumpedFilter(
        row,
        table if row.table else None,
        is_set(row.promiscuous),
        is_set(row.all_multicast) if row.all_multicast else None,
        is_set(row.vlan_filter) if row.vlan_filter else None,
    )


def expected_of(wanted: ReceiveFilter) -> FilterRegisters:
    """Return what the registers should hold for a filter, as far as a dump has them.

    The rows of Intel whose table is not known have their flags all the same.
    """
    if map_of(wanted.device) is not None and (whole := predicted(wanted)) is not None:
        return whole
    slots = wanted.device.unicast_slots
    return FilterRegisters(
        table=0,
        promiscuous=wanted.promiscuous or (slots is not None and len(wanted.unicast) > slots),
        all_multicast=wanted.promiscuous or wanted.all_multicast,
        stale=True,
    )
