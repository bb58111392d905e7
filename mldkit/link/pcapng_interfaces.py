"""The interfaces that a pcapng file describes: units of their times, and their names.

An interface may be described again in a later section, or beside itself: captures that were cut in
pieces are put together like that, and captures of the same time too.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from mldkit.link.pcapng_options import text_of
from mldkit.link.reading import LARGEST_PACKET, USUAL_SNAPLEN
from mldkit.link.times import Times
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_NAME, _DESCRIPTION, _RESOLUTION, _OFFSET = 2, 3, 9, 14


class DescribedInterface(NamedTuple):
    """An interface description block."""

    name: str | None
    link_type: int
    snaplen: int
    limit: int
    """Packets that claim more octets are damage."""
    resolution: int
    """if_tsresol: units are 10^-n s, or 2^-n s with the top bit set."""
    offset_ns: int
    times: Times

    def time_ns(self, ticks: int) -> int:
        """Return nanoseconds since the epoch."""
        exponent = self.resolution & 0x7F
        if self.resolution & 0x80:
            return (ticks * SECOND >> exponent) + self.offset_ns
        if exponent <= 9:
            return int(ticks * 10 ** (9 - exponent)) + self.offset_ns
        return int(ticks // 10 ** (exponent - 9)) + self.offset_ns


def described(
    kind: int, snaplen: int, options: Mapping[int, bytes], order: str, following: set[Times]
) -> tuple[DescribedInterface, str]:
    """Return the interface that a block describes, and what the file says of it in words."""
    name = text_of(options.get(_NAME, b"")) or None
    seconds = options.get(_OFFSET, b"")
    offset = struct.unpack(f"{order}q", seconds)[0] if len(seconds) == 8 else 0
    limit = max(USUAL_SNAPLEN, min(snaplen, LARGEST_PACKET))
    resolution = (options.get(_RESOLUTION) or b"\x06")[0]
    times = Times(name, following)
    interface = DescribedInterface(name, kind, snaplen, limit, resolution, offset * SECOND, times)
    return interface, text_of(options.get(_DESCRIPTION, b""))


class Names:
    """The names of interfaces that have packets, told apart where two were captured at one time."""

    def __init__(self) -> None:
        self._taken: set[str | None] = set()
        self._latest: dict[str | None, Times] = {}
        """The last interface of each name that had its first packet."""
        self._numbers: dict[str | None, int] = {}
        """The last number that a name was given."""

    def describe(self, name: str | None) -> None:
        """Take in a name that the file gives."""
        self._taken.add(name)

    def begin(
        self, times: Times, begun_ns: int, last_ns: Callable[[Times], int | None]
    ) -> str | None:
        """Return the name of an interface whose first packet is here, beside others of that name.

        It is one of its own, `eth0 (2)`, if the packet is older than the last one that has its
        name: then the two were captured at the same time. Otherwise the same capture goes on.
        `last_ns` tells the time of the last packet in front of it of another interface.
        """
        name = times.name
        before = self._latest.get(name)
        before_ns = None if before is None else last_ns(before)
        if before_ns is None or begun_ns >= before_ns - SECOND:
            self._latest[name] = times
            return name
        number = self._numbers.get(name, 1) + 1
        while (own := f"{name or 'interface'} ({number})") in self._taken:
            number += 1
        self._numbers[name] = number
        self._taken.add(own)
        return own
