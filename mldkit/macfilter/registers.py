"""The registers that a driver writes for its receive filter, predicted to the bit.

::

    ReceiveFilter --predicted--> hash table, exact addresses, two flags
                                     |  compared with what the device holds, bit by bit
                                     v
                                 differences in words

A table may be stale: some drivers leave it as it was while a flag makes the device look past it.
So a prediction may need the one of the state before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.macfilter.devices import Device
from mldkit.model.addresses import mac_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.macfilter.receive_filter import ReceiveFilter


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """Where a driver keeps its filter.

    A row of data.
    """

    driver: str
    table: str
    """Name of the hash table in the device's manual."""
    table_octets: int
    word_octets: int
    """Octets of one register of the table."""
    exact: str = ""
    """Name of the registers of exact addresses; empty: there are none."""
    exact_slots: int = 0
    own_first: bool = True
    """The first exact register holds the interface's own address."""
    promiscuous: str = ""
    """The flag that lets all in (for Intel: all unicast)."""
    all_multicast: str = ""
    """The flag that lets all multicast in; empty: the table is filled with ones instead."""
    promiscuous_with_all: bool = False
    """Promiscuous mode sets the flag of all multicast, too."""
    fills_for_all: bool = False
    """Where all multicast is let in every bit of the table is set."""
    fills_for_promiscuous: bool = False
    stale_when_open: tuple[str, ...] = ()
    """Modes in which the driver leaves its table as it was; in promiscuous mode also the exact
    addresses, and with `unicast`, when there are too many, those that were there before."""


MAPS = (
    RegisterMap(
        "e1000e", "MTA", 512, 4, exact="RAR", exact_slots=15, promiscuous="RCTL.UPE",
        all_multicast="RCTL.MPE", promiscuous_with_all=True,
        stale_when_open=("promiscuous", "all multicast", "unicast"),
    ),
    RegisterMap(
        "e1000", "MTA", 512, 4, exact="RA", exact_slots=15, promiscuous="RCTL.UPE",
        all_multicast="RCTL.MPE", promiscuous_with_all=True,
    ),
    RegisterMap(
        "8139cp", "MAR", 8, 4, promiscuous="RCR.AAP", fills_for_all=True,
        fills_for_promiscuous=True,
    ),
    RegisterMap(
        "pcnet32", "LADRF", 8, 2, promiscuous="CSR15.PROM", fills_for_all=True,
        stale_when_open=("promiscuous",),
    ),
    RegisterMap(
        "ne2k-pci", "MAR", 8, 1, promiscuous="RCR.PRO", fills_for_all=True,
        fills_for_promiscuous=True,
    ),
)  # fmt: skip
_BY_DRIVER = {row.driver: row for row in MAPS}


@dataclass(frozen=True, slots=True)
class FilterRegisters:
    """What the registers of a filter hold, predicted or read."""

    table: int
    """The hash table as one number: bit n of it is bit n of the table."""
    promiscuous: bool | None
    """None where it cannot be read back."""
    all_multicast: bool | None
    """None where the device has no such flag."""
    exact: tuple[bytes, ...] = ()
    """Addresses in use, in the order of their registers."""
    stale: bool = False
    """Table and addresses may be those of an earlier state, and nothing looks at them."""


def map_of(device: Device) -> RegisterMap | None:
    """Return where the driver of a device keeps its filter; None where that is not known."""
    return _BY_DRIVER.get(device.id.partition("@")[0])


def predicted(
    wanted: ReceiveFilter, before: FilterRegisters | None = None
) -> FilterRegisters | None:
    """Return what the driver writes for a filter, `before` being what it had written last.

    None where the registers of the device are not known.
    """
    row = map_of(wanted.device)
    rule = wanted.device.rule
    if row is None or rule is None:
        return None
    mode = _mode(wanted)
    listed = tuple(dict.fromkeys(wanted.multicast))
    limit = wanted.device.limit
    is_full = mode == "all multicast" or (limit is not None and len(listed) > limit)
    too_many_unicast = (
        wanted.device.unicast_slots is not None
        and len(wanted.unicast) > wanted.device.unicast_slots
    )
    is_stale = mode in row.stale_when_open
    table, exact = _written(wanted, row, listed)
    if is_stale and before is not None:
        table = before.table
        exact = before.exact if mode == "promiscuous" else exact
    if (row.fills_for_all and is_full) or (row.fills_for_promiscuous and mode == "promiscuous"):
        table = (1 << row.table_octets * 8) - 1
    all_multicast = None
    if row.all_multicast:
        all_multicast = mode == "all multicast" or (
            row.promiscuous_with_all and mode == "promiscuous"
        )
    return FilterRegisters(
        table=table,
        promiscuous=mode == "promiscuous" or (bool(row.exact) and too_many_unicast),
        all_multicast=all_multicast,
        exact=exact,
        stale=is_stale,
    )


def _mode(wanted: ReceiveFilter) -> str:
    if wanted.promiscuous:
        return "promiscuous"
    return "all multicast" if wanted.all_multicast else ""


def _written(
    wanted: ReceiveFilter, row: RegisterMap, listed: tuple[bytes, ...]
) -> tuple[int, tuple[bytes, ...]]:
    """Return table and exact addresses where the driver writes both anew."""
    device, rule = wanted.device, wanted.device.rule
    exact: list[bytes] = [wanted.own] if row.exact and row.own_first and wanted.own else []
    slots = device.unicast_slots
    fits = slots is None or len(wanted.unicast) <= slots
    if row.exact and not wanted.promiscuous and (fits or "unicast" in row.stale_when_open):
        # They come one by one (dev_uc_add), so the first ones were written before the one too
        # many (e1000e_write_uc_addr_list), from the last register down, which changes no set.
        exact += wanted.unicast[:slots]
    room = max((device.exact or 0) - (len(exact) - 1 if exact else 0), 0) if row.exact else 0
    exact += listed[:room]
    table = 0
    for mac in listed[room:]:
        table |= 1 << (rule.index(mac) if rule else 0)
    return table, tuple(exact)


def differences(row: RegisterMap, wanted: FilterRegisters, found: FilterRegisters) -> Iterator[str]:
    """Give what differs between a prediction and a reading, register by register."""
    bits = row.word_octets * 8
    different = wanted.table ^ found.table
    for place in range(row.table_octets // row.word_octets):
        if different >> place * bits & (1 << bits) - 1:
            yield (
                f"{row.table}[{place}] is {_word(row, found.table, place)}, "
                f"{_word(row, wanted.table, place)} was expected"
            )
    for name, expected, got in (
        (row.promiscuous, wanted.promiscuous, found.promiscuous),
        (row.all_multicast, wanted.all_multicast, found.all_multicast),
    ):
        if name and got is not None and expected != got:
            yield f"{name} is {int(bool(got))}, {int(bool(expected))} was expected"
    for mac in sorted(set(wanted.exact) ^ set(found.exact)):
        where = "is missing in" if mac in wanted.exact else "was not expected in"
        yield f"{mac_text(mac)} {where} {row.exact}"


def register_rows(
    row: RegisterMap, held: FilterRegisters, listed: Iterable[tuple[int, str]] = ()
) -> Iterator[tuple[str, str, str]]:
    """Give the registers that are not zero: name, value, what it says.

    `listed` are the bits of addresses with what people call them.
    """
    bits = row.word_octets * 8
    names: dict[int, list[str]] = {}
    for bit, name in listed:
        names.setdefault(bit // bits, []).append(name)
    for flag, is_set in ((row.promiscuous, held.promiscuous), (row.all_multicast,
                                                               held.all_multicast)):  # fmt: skip
        if flag:
            yield flag, str(int(bool(is_set))), ""
    for place, mac in enumerate(held.exact):
        yield f"{row.exact}[{place}]", mac_text(mac), "own address" if place == 0 else ""
    for place in range(row.table_octets // row.word_octets):
        if held.table >> place * bits & (1 << bits) - 1:
            said = ", ".join(dict.fromkeys(names.get(place, ())))
            yield f"{row.table}[{place}]", _word(row, held.table, place), said


def _word(row: RegisterMap, table: int, place: int) -> str:
    bits = row.word_octets * 8
    return f"0x{table >> place * bits & (1 << bits) - 1:0{row.word_octets * 2}x}"
