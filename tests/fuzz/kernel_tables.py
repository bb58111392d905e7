"""Target `tables`: files of /proc/net as some kernel, or whoever mounts another /proc, writes them.

A table is read, or it is `LinkError`. Addresses that are read have four, six or sixteen octets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.link import kernel_tables as tables
from tests.fuzz.target import Target, hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PARSERS: tuple[Callable[[str], tuple[object, ...]], ...] = (
    lambda table: tables.parse_igmp(table, "little")[1],
    lambda table: tables.parse_igmp(table, "big")[1],
    tables.parse_igmp6,
    tables.parse_mcfilter,
    tables.parse_dev_mcast,
    tables.parse_anycast6,
)


def one_input(data: bytes) -> int:
    """Hold the invariant against a table, whose first octet says which; return its entries."""
    if not data:
        return 0
    try:
        entries = _PARSERS[data[0] % len(_PARSERS)](data[1:].decode(errors="replace"))
    except LinkError as error:
        hold("\n" not in error.message and len(error.message) < 500, "an error is one short line")
        return 0
    for entry in entries:
        for name in ("group", "source", "address"):
            octets = getattr(entry, name, bytes(4))
            hold(len(octets) in (4, 16), f"{name} is an address")
    return len(entries)


_IGMP = b"""Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter
1\tlo        :     1      V3
\t\t\t\t010000E0     1 0:00000000\t\t0
11\teth1      :     2      V2
\t\t\t\t030201EF     1 1:000000C8\t\t1
"""
_IGMP6 = b"""11   eth1            ff150000000000000000000000000001     1 00000004 0
11   eth1            ff020000000000000000000000000001     1 0000000D 4294967295
"""
_MCFILTER = b"""Idx Device        MCA        SRC    INC    EXC
 11   eth1 0xef010203 0x0a000009      0      1
"""
_MCFILTER6 = b"""Idx Device    Multicast Address      Source Address    INC    EXC
 11   eth1 ff150000000000000000000000000001 20010db8000000000000000000000001      1      0
"""
_DEV_MCAST = b"""11   eth1            2     0     333300000001
12   sit0            1     0
"""
_ANYCAST6 = b"11   eth1            20010db8000000000000000000000000     1\n"


def seeds() -> Iterator[bytes]:
    """Give a table of each kind."""
    texts = (_IGMP, _IGMP, _IGMP6, _MCFILTER, _DEV_MCAST, _ANYCAST6)
    for number, text in enumerate(texts):
        yield bytes((number,)) + text
    yield b"\3" + _MCFILTER6


TARGET = Target(
    "tables",
    one_input,
    seeds,
    (b"\n", b" : ", b"V3", b"V", b"0x", b"-1", b"0:", b"\t", b"\x1c", b"\xc2\x85", b"9" * 4400,
     b"ff15", b"_", b"+1", b"\xd9\xa3"),
    "entries",
    8192,
)  # fmt: skip
