"""The pcapng format: blocks in sections, each section with a byte order and interfaces.

::

    block      type | length | body ... | length again
    section    0x0a0d0d0a | length | 0x1a2b3c4d | version | section length | options
    interface  1 | length | link type, 0 | snapshot length | options
    packet     6 | length | interface | time, upper and lower | captured | original | octets
                                                              | padding | options
    simple     3 | length | original | octets
    obsolete   2 | length | interface, drops | as packet

Blocks of other types are passed over.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from itertools import repeat
from typing import TYPE_CHECKING

from mldkit.core import core
from mldkit.link.pcap import link_type
from mldkit.link.pcapng_interfaces import Names, described
from mldkit.link.pcapng_options import read_options
from mldkit.link.reading import LARGEST_PACKET, USUAL_SNAPLEN
from mldkit.model.datagram import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mldkit.link.layouts import Layout
    from mldkit.link.pcapng_interfaces import DescribedInterface
    from mldkit.link.reading import CaptureTally, Damage, Window
    from mldkit.link.scan import Sieve
    from mldkit.link.times import Times

MAGIC = b"\x0a\x0d\x0d\x0a"
_SECTION, _INTERFACE, _OBSOLETE, _SIMPLE, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_SMALLEST = {_SECTION: 28, _INTERFACE: 20, _OBSOLETE: 32, _SIMPLE: 16, _PACKET: 32}
_LARGEST_BLOCK = LARGEST_PACKET + USUAL_SNAPLEN
_BODY = 8
_DATA = 28
_PACKET_FLAGS = 2
_OUTBOUND = 2
_MOST_INTERFACES = 1 << 16


def has_byte_order(start: bytes) -> bool:
    """Return whether the first octets of a file say the byte order of a section."""
    return start[8:12] in _BYTE_ORDERS


class _BrokenBlockError(Exception):
    """Carries the damage from where it is found to `step`; never leaves this module."""

    def __init__(self, damage: Damage) -> None:
        super().__init__(damage.reason)
        self.damage = damage


class PcapngReader:
    """Reads packets from a window that stands at the first section.

    It has more methods than a class should, because each block of the format has one, and all
    share the window and the interfaces of a section.
    """

    def __init__(self, window: Window, tally: CaptureTally, *, apart: bool = False) -> None:
        """Start with the window at the first block, of which 12 octets are there.

        `apart` gives interfaces names of their own where captures of the same time were put
        together, one after the other: what has one name otherwise would go back in time.
        """
        self._window = window
        self._tally = tally
        self._apart = apart
        self._names = Names()
        self._order = _BYTE_ORDERS[bytes(window.view[8:12])]
        self._interfaces: list[DescribedInterface] = []
        self._limits: dict[int, dict[int, int]] = {}
        """Limit of each interface by its index, by link type."""

    def step(self, sieve: Sieve | None = None) -> Frame | None:
        """Return the next packet; None at the end and where the file is damaged."""
        window = self._window
        try:
            while window.require(1):
                frame = self._block(sieve)
                if frame is not None:
                    return frame
        except _BrokenBlockError as broken:
            self._tally.damage = broken.damage
        else:
            self._tally.damage = window.end()
        return None

    def _block(self, sieve: Sieve | None) -> Frame | None:
        """Read one block and return the packet in it."""
        window = self._window
        if not window.require(12):
            raise self._cut()
        if window.view[window.position : window.position + 4] == MAGIC:
            mark = bytes(window.view[window.position + 8 : window.position + 12])
            if mark not in _BYTE_ORDERS:
                raise self._broken("a section has no byte order")
            self._order = _BYTE_ORDERS[mark]
        kind, length = self._numbers(window.position, 2)
        is_read = kind in _SMALLEST
        if length < _SMALLEST.get(kind, 12) or (is_read and length > _LARGEST_BLOCK):
            raise self._broken(f"a block claims {length} octets")
        if not is_read:
            self._pass_over(length)
            return None
        if not window.require(length):
            raise self._cut()
        if self._numbers(window.position + length - 4, 1)[0] != length:
            raise self._broken("the two lengths of a block differ")
        frame = None
        if kind == _SECTION:
            self._interfaces = []
            self._limits = {}
        elif kind == _INTERFACE:
            self._describe(window.position, length)
        else:
            frame = self._packet(kind, length, sieve)
        window.position += length
        return frame

    def _pass_over(self, length: int) -> None:
        window = self._window
        start = window.offset
        if not window.skip(length - 4) or not window.require(4):
            raise self._cut(at=start)
        if self._numbers(window.position, 1)[0] != length:
            raise self._broken("the two lengths of a block differ", at=start)
        window.position += 4

    def _describe(self, at: int, length: int) -> None:
        tally = self._tally
        number, _, snaplen = struct.unpack_from(f"{self._order}HHI", self._window.view, at + _BODY)
        options = self._options(at + 16, at + length - 4)
        interface, description = described(
            link_type(number), snaplen, options, self._order, tally.following
        )
        name, kind = interface.name, interface.link_type
        if name and description:
            tally.descriptions[name] = description
        self._limits.setdefault(kind, {})[len(self._interfaces)] = interface.limit
        self._names.describe(name)
        self._interfaces.append(interface)
        tally.times.append(interface.times)
        if len(tally.times) > _MOST_INTERFACES:
            raise self._broken(f"more than {_MOST_INTERFACES} interfaces are described")

    def _packet(self, kind: int, length: int, sieve: Sieve | None) -> Frame:
        """Return the packet of the block at the position."""
        window, tally = self._window, self._tally
        at = window.position
        index = 0 if kind == _SIMPLE else self._interface_index(at, kind)
        if index >= len(self._interfaces):
            raise self._broken(f"a packet is of interface {index}, which no block describes")
        if self._apart and kind != _SIMPLE and not self._interfaces[index].times.packets:
            upper, lower = self._numbers(at + 12, 2)
            begun_ns = self._interfaces[index].time_ns(upper << 32 | lower)
            self._tell_apart(index, begun_ns, lambda times: times.last_ns)
        interface = self._interfaces[index]
        room = length - _SMALLEST[kind]
        if kind == _SIMPLE:
            captured = min(self._numbers(at + _BODY, 1)[0], room, interface.snaplen or room)
        else:
            captured = self._numbers(at + 20, 1)[0]
        if captured > min(room, interface.limit):
            raise self._broken(f"a packet claims {captured} octets")
        tally.count(interface.link_type)
        start = at + (12 if kind == _SIMPLE else _DATA)
        data = bytes(window.view[start : start + captured])
        frame = self._frame(at, interface, tally.packets, kind, data)
        tally.see_time(frame.time_ns)
        if sieve is not None:
            interface.times.see(
                tally.packets, frame.time_ns, lambda _: sieve.kind(data, interface.link_type)
            )
        return frame

    def _interface_index(self, at: int, kind: int) -> int:
        code = "H" if kind == _OBSOLETE else "I"
        (index,) = struct.unpack_from(self._order + code, self._window.view, at + _BODY)
        return int(index)

    def _frame(
        self, at: int, interface: DescribedInterface, number: int, kind: int, data: bytes
    ) -> Frame:
        if kind == _SIMPLE:
            time_ns, outgoing = None, False
            (original,) = self._numbers(at + _BODY, 1)
        else:
            upper, lower, captured, original = self._numbers(at + 12, 4)
            time_ns = interface.time_ns(upper << 32 | lower)
            outgoing = self._is_outgoing(at, at + _DATA + captured)
        return Frame(
            data,
            time_ns,
            number,
            interface.link_type,
            original if original > len(data) else None,
            interface.name,
            outgoing,
        )

    def _is_outgoing(self, at: int, data_end: int) -> bool:
        """Return whether the options of the packet block at `at` say that it was sent."""
        _, length = self._numbers(at, 2)
        flags = self._options(data_end + (at - data_end) % 4, at + length - 4).get(_PACKET_FLAGS)
        if flags is None or len(flags) != 4:
            return False
        (value,) = struct.unpack(f"{self._order}I", flags)
        return int(value) & 3 == _OUTBOUND

    def sweep(self, sieve: Sieve) -> Iterator[Frame]:
        """Pass over packets in the window; give those that pass the sieve.

        Only packet blocks of interfaces with the link type of the first one are passed.
        """
        window, tally = self._window, self._tally
        link_type = self._next_link_type()
        layout = None if link_type is None else sieve.layouts.get(link_type)
        if link_type is None or layout is None:
            return
        offsets, interesting, owners = self._sweep_window(layout, link_type, sieve)
        passed = len(offsets) - 1
        if passed <= 0:
            return
        first = tally.packets + 1
        tally.count(link_type, passed)
        self._look(sieve, offsets, owners or range(passed), first)
        window.position = offsets[passed] + 4
        for index in interesting:
            data = self._octets(offsets[index])
            if sieve.passes(data, link_type):
                yield self._swept(offsets[index], first + index, data)

    def _sweep_window(
        self, layout: Layout, link_type: int, sieve: Sieve
    ) -> tuple[Sequence[int], Iterable[int], Sequence[int]]:
        """Return the offsets of packet blocks and of what follows, which may matter, and whose.

        Offsets are those of the length before a block.
        """
        if core is not None and link_type in core.SWEPT:
            limits = self._limits[link_type]
            return core.sweep_pcapng(
                self._window.octets, self._window.position,
                [limits.get(index, -1) for index in range(len(self._interfaces))],
                self._order == ">", link_type, sieve.data,
            )  # fmt: skip
        offsets, heads, owners = self._gather(layout, link_type)
        del offsets[len(heads) + 1 :]
        return offsets, layout.interesting(heads), owners

    def _look(
        self, sieve: Sieve, offsets: Sequence[int], owners: Sequence[int], first: int
    ) -> None:
        """Note when the packets at `offsets` came; `owners` are their interfaces, of several."""

        def time_at(index: int) -> int:
            return self._time_ns(offsets[index])

        def kind_at(index: int) -> int:
            at = offsets[index]
            interface = self._interfaces[self._interface_index(at + 4, _PACKET)]
            return sieve.kind(self._octets(at), interface.link_type)

        self._tally.see_time(time_at(0))
        self._tally.see_time(time_at(len(owners) - 1))
        if len(self._interfaces) == 1:
            self._interfaces[0].times.look(owners, first, time_at, kind_at)
            return
        places: dict[int, list[int]] = {}
        for owner in set(owners):
            places[owner] = []
        if len(places) == 1:
            places[owners[0]] = list(range(len(owners)))
            owners = ()
        for index, owner in enumerate(owners):
            places[owner].append(index)
        if self._apart:
            by_times = {id(self._interfaces[owner].times): those for owner, those in places.items()}
            for owner, theirs in sorted(places.items(), key=lambda one: one[1][0]):
                if self._interfaces[owner].times.packets:
                    continue

                def last_ns(times: Times, place: int = theirs[0]) -> int | None:
                    """Return the time of the last packet in front of a place."""
                    those = by_times.get(id(times), ())
                    number = bisect_left(those, place)
                    return time_at(those[number - 1]) if number else times.last_ns

                self._tell_apart(owner, time_at(theirs[0]), last_ns)
        for owner, theirs in places.items():
            self._interfaces[owner].times.look(theirs, first, time_at, kind_at)

    def _tell_apart(
        self, index: int, begun_ns: int, last_ns: Callable[[Times], int | None]
    ) -> None:
        """Give an interface the name that it has beside others of its name."""
        interface = self._interfaces[index]
        name = self._names.begin(interface.times, begun_ns, last_ns)
        interface.times.name = name
        self._interfaces[index] = interface._replace(name=name)

    def _next_link_type(self) -> int | None:
        """Return the link type when a packet block is next in the window."""
        window = self._window
        if window.left < 12 or self._numbers(window.position, 1)[0] != _PACKET:
            return None
        index = self._interface_index(window.position, _PACKET)
        return self._interfaces[index].link_type if index < len(self._interfaces) else None

    def _gather(self, layout: Layout, number: int) -> tuple[list[int], list[bytes], list[int]]:
        """Return offsets (of the length before each block) and heads of sound packet blocks.

        Where there are several interfaces the third list says whose the packets are.

        The second length of a block is read together with the block behind it, so the last
        block is left out; whatever is not a sound packet block ends the list.
        """
        window = self._window
        order = self._order
        read = struct.Struct(f"{order}IIII8xI{4 + layout.offset}x{layout.width}s").unpack_from
        shortest, unknown = layout.shortest, layout.unknown
        limits = self._limits[number]
        position = window.position - 4
        (length,) = self._numbers(position, 1)
        offsets = [position]
        heads: list[bytes] = []
        owners: list[int] = []
        is_shared = len(self._interfaces) > 1
        try:
            for closing, kind, opening, interface, captured, head in map(
                read, repeat(window.octets), offsets
            ):
                if (
                    closing != length
                    or kind != _PACKET
                    or interface not in limits
                    or captured + 32 > opening
                    or captured > limits[interface]
                ):
                    break
                length = opening
                heads.append(head if captured >= shortest else unknown)
                if is_shared:
                    owners.append(interface)
                position += length
                offsets.append(position)
        except struct.error:
            # The next head lies beyond the window.
            pass
        return offsets, heads[:-1], owners[:-1]

    def _octets(self, offset: int) -> bytes:
        """Return the octets of the packet of a block that `_gather` found sound."""
        at = offset + 4
        (captured,) = self._numbers(at + 20, 1)
        return bytes(self._window.view[at + _DATA : at + _DATA + captured])

    def _time_ns(self, offset: int) -> int:
        """Return the time of the packet of a block that `_gather` found sound."""
        _, _, index, upper, lower = self._numbers(offset + 4, 5)
        return self._interfaces[index].time_ns(upper << 32 | lower)

    def _swept(self, offset: int, number: int, data: bytes) -> Frame:
        """Return the packet of a block that `_gather` found sound."""
        at = offset + 4
        interface = self._interfaces[self._interface_index(at, _PACKET)]
        return self._frame(at, interface, number, _PACKET, data)

    def _options(self, at: int, end: int) -> dict[int, bytes]:
        return read_options(self._window.view, at, end, self._order)

    def _numbers(self, at: int, count: int) -> tuple[int, ...]:
        """Return 32-bit numbers of the window."""
        return struct.unpack_from(f"{self._order}{count}I", self._window.view, at)

    def _broken(self, reason: str, *, at: int | None = None) -> _BrokenBlockError:
        return _BrokenBlockError(self._window.damage(reason, at=at))

    def _cut(self, *, at: int | None = None) -> _BrokenBlockError:
        return _BrokenBlockError(self._window.cut("the file ends inside a block", at=at))
