"""The kernel's lists for one interface as rows, and what changed between two readings."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mldkit.errors import LinkError
from mldkit.link.kernel_devices import KernelDevice, devices
from mldkit.link.kernel_tables import ListedGroup, parse_dev_mcast, parse_igmp, parse_igmp6
from mldkit.model.addresses import mac_text, text

NAMES = ("igmp", "igmp6", "dev_mcast", "dev")
FLAGS = "flags"
# include/uapi/linux/if.h
_PROMISC, _ALLMULTI = 0x100, 0x200
_KEPT = 0xFFFF & ~(_PROMISC | _ALLMULTI | 0x40)  # RUNNING is no flag of the device itself
_PLACE = Path("/proc/thread-self/net")


class Change(NamedTuple):
    """One row of a table that is another one now."""

    table: str
    entry: str
    """The group or MAC; empty for the flags."""
    before: str | None
    after: str | None
    key: bytes
    """The address of the entry."""


Rows = dict[tuple[str, bytes], str]


def read_texts(interface: str) -> dict[str, str]:
    """Return the tables as text; one that this kernel lacks is empty."""
    texts = {}
    for name in NAMES:
        try:
            texts[name] = (_PLACE / name).read_text()
        except OSError:
            texts[name] = ""
    # By netlink, since /sys shows the namespace in which it was mounted.
    device = next((each for each in devices().values() if each.name == interface), None)
    texts[FLAGS] = "" if device is None else f"0x{_flags(device):x}"
    texts["index"] = "" if device is None else str(device.index)
    return texts


def _flags(device: KernelDevice) -> int:
    """Return dev->flags as its driver sees them: packet sockets count, too."""
    flags = device.flags & _KEPT
    flags |= _PROMISC if device.promiscuity else 0
    return flags | (_ALLMULTI if device.allmulti else 0)


def device_names(texts: dict[str, str]) -> list[str]:
    """Return the devices of the namespace in the order in which the kernel lists them."""
    return [line.partition(":")[0].strip() for line in texts.get("dev", "").splitlines()[2:]]


def rows_of(texts: dict[str, str]) -> Rows:
    """Return the rows of one interface by table and address."""
    rows: Rows = {}
    if not texts.get("index", "").isdecimal():
        return rows
    index = int(texts["index"])
    try:
        groups = (
            ("igmp6", parse_igmp6(texts["igmp6"])),
            ("igmp", parse_igmp(texts["igmp"])[1]),
        )
        macs = parse_dev_mcast(texts["dev_mcast"])
    except LinkError:
        return rows
    for table, listed in groups:
        rows |= {(table, row.group): _group_text(row) for row in listed if row.index == index}
    for mac in macs:
        if mac.index == index:
            by_hand = f", {mac.by_administrator} by hand" if mac.by_administrator else ""
            rows["dev_mcast", mac.mac] = f"references {mac.references}{by_hand}"
    rows[FLAGS, b""] = texts[FLAGS]
    return rows


def _group_text(row: ListedGroup) -> str:
    # The flag of a timer comes and goes by itself.
    flags = [flag for flag in row.flags or () if flag == "loaded"]
    return f"users {row.users}" + "".join(f", {flag}" for flag in flags)


def changes(before: Rows, after: Rows) -> tuple[Change, ...]:
    """Return the rows that differ."""
    found = []
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        if was != now:
            table, address = key
            found.append(Change(table, _entry(table, address), was, now, address))
    return tuple(found)


def _entry(table: str, address: bytes) -> str:
    if table == FLAGS:
        return ""
    return mac_text(address) if table == "dev_mcast" else text(address)
