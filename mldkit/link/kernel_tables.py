"""The multicast tables of /proc/net: their text, and what each number means.

Every table has its own notation for the same things (net/ipv4/igmp.c, net/ipv6/mcast.c,
net/ipv6/anycast.c, net/core/net-procfs.c, Linux 6.18)::

    igmp       11  eth1  :  2  V3          one line a device: groups, mode as a host
                   030201EF  1 0:00000000  0
                   group, users, timer running : ticks in hexadecimal, last reporter
    igmp6      11  eth1  ff15..01  1 00000004 0
                   group, users, flags in hexadecimal, timer ticks in decimal
    mcfilter   11  eth1  0xef010203 0x0a000009  0  1      group, source, INCLUDE, EXCLUDE users
    mcfilter6  11  eth1  ff15..01 20010db8..01  1  0
    dev_mcast  11  eth1  2  0  333300000001               references, by an administrator, MAC
    anycast6   11  eth1  20010db8..00  1                  address, users

`igmp` prints a group as a number of this machine, so its octets come in the order of the
machine; `mcfilter` prints the number in network order and cuts the device name to six
characters. The index is whole everywhere, so names are never taken from here.

A line that lacks columns at its end (older kernels) gives None for them; a line that cannot be
this table at all raises `LinkError`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from mldkit.errors import LinkError
from mldkit.model.notation import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.addresses import Address

T = TypeVar("T")

# net/ipv6: MAF_ flags of include/net/if_inet6.h.
_MAF_TIMER_RUNNING = 0x01
_MAF_WORDS = {
    _MAF_TIMER_RUNNING: "timer running",
    0x02: "last reporter",
    0x04: "loaded",
    0x08: "never reported",
    0x10: "queried with sources",
}
_LARGEST_TICKS = 1 << 31


@dataclass(frozen=True, slots=True)
class ListedGroup:
    """One group of one interface, as `igmp` or `igmp6` lists it."""

    index: int
    group: Address
    users: int
    flags: tuple[str, ...] | None
    """In words; None where the table has no such column."""
    timer_ticks: int | None
    """What is left of a running timer, in units of 1/USER_HZ s; None: it does not run."""


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """One interface that IPv4 is on, as `igmp` lists it."""

    index: int
    version: int | None
    """What this kernel speaks as a host there: 3, or less while an older querier is about."""


@dataclass(frozen=True, slots=True)
class ListedSource:
    """One source of a group, as `mcfilter` or `mcfilter6` lists it."""

    index: int
    group: Address
    source: Address
    includes: int
    """Users that want it."""
    excludes: int
    """Users that want all but it and others."""


@dataclass(frozen=True, slots=True)
class ListedMac:
    """One entry of the multicast list of a device, as `dev_mcast` lists it."""

    index: int
    mac: bytes
    references: int
    by_administrator: int
    """1 if somebody added it by hand (`ip maddr add`); that is one of the references."""


@dataclass(frozen=True, slots=True)
class ListedAnycast:
    """One anycast address, as `anycast6` lists it."""

    index: int
    address: Address
    users: int


def parse_igmp(
    table: str, order: str = sys.byteorder
) -> tuple[tuple[ListedDevice, ...], tuple[ListedGroup, ...]]:
    """Return the devices and groups of `igmp`, in the order of the table."""
    devices: list[ListedDevice] = []
    groups: list[ListedGroup] = []
    for line in table.splitlines()[1:]:
        if line[:1].isspace():
            index = devices[-1].index if devices else -1
            groups.append(_read(_igmp_group, line, index, order))
        else:
            devices.append(_read(_igmp_device, line))
    return tuple(devices), tuple(groups)


def parse_igmp6(table: str) -> tuple[ListedGroup, ...]:
    """Return the groups of `igmp6`, in the order of the table."""
    return tuple(_read(_igmp6_group, line) for line in table.splitlines())


def parse_mcfilter(table: str) -> tuple[ListedSource, ...]:
    """Return the sources of `mcfilter` or `mcfilter6`, which only differ in how they write."""
    return tuple(_read(_source, line) for line in table.splitlines()[1:])


def parse_dev_mcast(table: str) -> tuple[ListedMac, ...]:
    """Return the entries of `dev_mcast`."""
    return tuple(_read(_mac, line) for line in table.splitlines())


def parse_anycast6(table: str) -> tuple[ListedAnycast, ...]:
    """Return the anycast addresses of `anycast6`."""
    return tuple(_read(_anycast, line) for line in table.splitlines())


def _read(parse: Callable[..., T], line: str, *more: object) -> T:
    try:
        return parse(line.split(), *more)
    except (ValueError, IndexError, OverflowError) as error:
        shown = shortened(line)
        raise LinkError(f"a kernel table has a line that is not understood: {shown!r}") from error


def _igmp_device(words: list[str]) -> ListedDevice:
    mode = words[-1]
    version = int(mode[1:]) if mode.startswith("V") else None
    return ListedDevice(int(words[0]), version)


def _igmp_group(words: list[str], index: int, order: str) -> ListedGroup:
    if index < 0:
        raise ValueError("a group without a device")
    number = int(words[0], 16)
    group = number.to_bytes(4, "little" if order == "little" else "big")
    flags: tuple[str, ...] | None = None
    ticks = None
    if len(words) > 2:
        running, _, left = words[2].partition(":")
        found = []
        if int(running):
            found.append(_MAF_WORDS[_MAF_TIMER_RUNNING])
            ticks = int(left, 16)
        if len(words) > 3:
            found += ["last reporter"] if int(words[3]) else []
            flags = tuple(found)
    return ListedGroup(index, group, int(words[1]), flags, ticks)


def _igmp6_group(words: list[str]) -> ListedGroup:
    flags = ticks = None
    if len(words) > 4:
        number = int(words[4], 16)
        flags = tuple(word for bit, word in _MAF_WORDS.items() if number & bit)
        if number & _MAF_TIMER_RUNNING and len(words) > 5:
            # A timer that is due already is printed as a huge or negative rest.
            left = int(words[5])
            ticks = left if 0 <= left < _LARGEST_TICKS else 0
    return ListedGroup(int(words[0]), _ipv6(words[2]), int(words[3]), flags, ticks)


def _source(words: list[str]) -> ListedSource:
    group, source = (
        int(word, 16).to_bytes(4, "big") if word.startswith("0x") else _ipv6(word)
        for word in words[2:4]
    )
    return ListedSource(int(words[0]), group, source, int(words[4]), int(words[5]))


def _mac(words: list[str]) -> ListedMac:
    # The name may hold anything but blanks, and links without addresses print none.
    mac = bytes.fromhex(words[4]) if len(words) > 4 else b""
    return ListedMac(int(words[0]), mac, int(words[2]), int(words[3]))


def _anycast(words: list[str]) -> ListedAnycast:
    return ListedAnycast(int(words[0]), _ipv6(words[2]), int(words[3]))


def _ipv6(word: str) -> Address:
    address = bytes.fromhex(word)
    if len(address) != 16:
        raise ValueError(f"{word!r} is no IPv6 address")
    return address
