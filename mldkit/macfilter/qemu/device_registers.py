"""The registers of a device that a driver holds, read in the guest.

::

    e1000e, e1000   memory of BAR 0, mapped through sysfs (the kernel allows it with iomem=relaxed)
    8139cp          memory of BAR 1, the same way
    pcnet32         the driver's own dump (ETHTOOL_GREGS): the words of its CSRs
    ne2k-pci        I/O ports of BAR 0, register page 1

Registers: Intel 8254x and 82574 manuals (RCTL, RAL, RAH, MTA), RTL8139C+ (RCR, MAR), Am79C970A
(CSR8 to CSR11, CSR15), DP8390D (MAR, RCR).
"""

from __future__ import annotations

import mmap
import os
import struct
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldkit.guest.program import ask
from mldkit.link import clock, ethtool
from mldkit.macfilter.devices import find_device
from mldkit.macfilter.register_dump import decode
from mldkit.macfilter.registers import FilterRegisters, differences, map_of, predicted
from mldkit.model.addresses import mac_text
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.macfilter.receive_filter import ReceiveFilter
    from mldkit.macfilter.register_dump import DumpedFilter

_RCTL, _MTA, _RAR = 0x100, 0x5200, 0x5400
_UPE, _MPE = 1 << 3, 1 << 4
_ADDRESS_VALID = 1 << 31
_WORK_NS = 3 * SECOND
_WORD = struct.Struct("<I")


class DeviceRegisters:
    """Holds what a driver has written against the model, state after state."""

    def __init__(self, driver: str, interface: str) -> None:
        self._driver = driver
        self._interface = interface
        self._row = map_of(find_device(driver))

    def compare(self, wanted: ReceiveFilter) -> Iterator[tuple[str, bool]]:
        """Give one statement on all registers of the filter, and whether it holds."""
        found = read(self._driver, self._interface)
        # Between two states the flags are off and the list is the same: so it is written once more.
        before = predicted(replace(wanted, promiscuous=False, all_multicast=False))
        expected = predicted(wanted, before)
        row = self._row
        if found is None or expected is None or row is None:
            return
        wrong = list(differences(row, expected, found))
        words = row.table_octets // row.word_octets
        what = f"registers: {words} of {row.table}"
        what += f", {row.exact_slots} of {row.exact}" if row.exact else ""
        flags = ((row.promiscuous, found.promiscuous), (row.all_multicast, found.all_multicast))
        what += "".join(f", {flag}" for flag, value in flags if flag and value is not None)
        stale = ", the table is that of the state before" if expected.stale else ""
        more = f": {'; '.join(wrong[:4])}" if wrong else ""
        yield f"{what}: {len(wrong)} differ from the model{stale}{more}", not wrong
        dumped = _dumped(self._driver, self._interface)
        if dumped is not None:
            wrong = list(dumped.differences(found))
            yield f"ethtool -d: {dumped.words()}: {len(wrong)} differ from the registers", not wrong


class OutsideList:
    """Holds what QEMU says that its device was given against the model."""

    def compare(self, wanted: ReceiveFilter) -> Iterator[tuple[str, bool]]:
        """Give one statement on the device's own list, and whether it holds."""
        until_ns = clock.now_ns() + _WORK_NS
        while True:
            # The driver writes in a work item of its own (virtnet_rx_mode_work, from 6.9 on).
            wrong = list(_list_differences(wanted, ask({"question": "query-rx-filter"})))
            if not wrong or clock.now_ns() > until_ns:
                break
            clock.wait_ns(20 * MILLISECOND)
        count = len(wanted.multicast)
        more = f": {'; '.join(wrong[:4])}" if wrong else ""
        text = f"query-rx-filter: {count} groups given, the device's list: {len(wrong)} differ"
        yield f"{text} from the model{more}", not wrong


def _list_differences(wanted: ReceiveFilter, held: dict[str, Any]) -> Iterator[str]:
    """Give what differs between a model and what query-rx-filter returns."""
    limit = wanted.device.limit or 0
    is_full = len(wanted.multicast) + len(wanted.unicast) > limit
    expected = {
        "promiscuous": wanted.promiscuous,
        "multicast": "all" if wanted.all_multicast else "normal",
        "multicast-overflow": is_full,
        "main-mac": mac_text(wanted.own or b""),
    }
    for name, value in expected.items():
        if held.get(name) != value:
            yield f"{name} is {held.get(name)}, {value} was expected"
    # Where flags open the device, QEMU still keeps the list; a list too long is not kept.
    listed = set() if is_full else {mac_text(mac) for mac in wanted.multicast}
    for mac in sorted(listed ^ set(held.get("multicast-table", ()))):
        yield f"{mac} is {'missing' if mac in listed else 'there'}"


def read(driver: str, interface: str) -> FilterRegisters | None:
    """Return what the device of an interface holds; None where nothing of it can be read."""
    reader = _READERS.get(driver)
    return None if reader is None else reader(Path("/sys/class/net", interface, "device"))


def _mapped(device: Path, bar: int) -> mmap.mmap:
    number = os.open(device / f"resource{bar}", os.O_RDWR | os.O_SYNC)
    try:
        return mmap.mmap(number, os.fstat(number).st_size)
    finally:
        os.close(number)


def _intel(device: Path, slots: int) -> FilterRegisters:
    with closing(_mapped(device, 0)) as memory, memoryview(memory) as octets:
        # Whole words: a device answers no other accesses.
        words = octets.cast("I")
        try:
            control = words[_RCTL // 4]
            table = b"".join(_WORD.pack(words[_MTA // 4 + n]) for n in range(128))
            exact = []
            for slot in range(slots):
                low, high = words[_RAR // 4 + 2 * slot], words[_RAR // 4 + 2 * slot + 1]
                if high & _ADDRESS_VALID:
                    exact.append(_WORD.pack(low) + _WORD.pack(high)[:2])
        finally:
            words.release()
    return FilterRegisters(
        table=int.from_bytes(table, "little"),
        promiscuous=bool(control & _UPE),
        all_multicast=bool(control & _MPE),
        exact=tuple(exact),
    )


def _realtek(device: Path) -> FilterRegisters:
    with closing(_mapped(device, 1)) as memory, memoryview(memory) as octets:
        words = octets.cast("I")
        try:
            table = words[2] | words[3] << 32
            accepts = words[0x44 // 4]
        finally:
            words.release()
    return FilterRegisters(table, bool(accepts & 1), None)


def _pcnet(device: Path) -> FilterRegisters | None:
    dumped = _dumped("pcnet32", next((device / "net").iterdir()).name)
    return None if dumped is None else FilterRegisters(dumped.table or 0, dumped.promiscuous, None)


def _dumped(driver: str, interface: str) -> DumpedFilter | None:
    return decode(driver, ethtool.registers(interface))


def _ne2000(device: Path) -> FilterRegisters:
    number = os.open(device / "resource0", os.O_RDWR)
    try:
        before = _port(number, 0)
        _set_port(number, 0, before & 0x3B | 0x40)  # page 1, no transmission begun
        table = bytes(_port(number, 8 + n) for n in range(8))
        _set_port(number, 0, before & 0x3B)
    finally:
        os.close(number)
    # RCR is on page 2, which QEMU's device does not have.
    return FilterRegisters(int.from_bytes(table, "little"), None, None)


def _port(number: int, place: int) -> int:
    return os.pread(number, 1, place)[0]


def _set_port(number: int, place: int, value: int) -> None:
    os.pwrite(number, bytes((value,)), place)


_READERS: dict[str, Callable[[Path], FilterRegisters | None]] = {
    "e1000e": lambda device: _intel(device, 15),
    "e1000": lambda device: _intel(device, 15),
    "8139cp": _realtek,
    "pcnet32": _pcnet,
    "ne2k-pci": _ne2000,
}
