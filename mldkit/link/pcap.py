"""The pcap format: one header, then records.

::

    file     magic | version | zone | accuracy | snapshot length | link type
    record   seconds | fraction | captured | original | [interface, protocol, type] | octets

Four magics say byte order and whether the fraction is micro- or nanoseconds; a fifth, of a
modified libpcap, has records with eight octets more.
"""

from __future__ import annotations

import struct
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

from mldkit.core import core
from mldkit.link.reading import LARGEST_PACKET, USUAL_SNAPLEN
from mldkit.link.times import Times
from mldkit.model.datagram import Frame, LinkType
from mldkit.model.protocol_numbers import RAW_IP_NUMBERS
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mldkit.link.layouts import Layout
    from mldkit.link.reading import CaptureTally, Window
    from mldkit.link.scan import Sieve

HEADER_OCTETS = 24
_RECORD_OCTETS = 16
_OUTGOING = 4


class _Variant(NamedTuple):
    order: str
    fraction_ns: int
    record_octets: int = _RECORD_OCTETS


_VARIANTS = {
    bytes.fromhex("d4c3b2a1"): _Variant("<", 1000),
    bytes.fromhex("a1b2c3d4"): _Variant(">", 1000),
    bytes.fromhex("4d3cb2a1"): _Variant("<", 1),
    bytes.fromhex("a1b23c4d"): _Variant(">", 1),
    bytes.fromhex("34cdb2a1"): _Variant("<", 1000, 24),
    bytes.fromhex("a1b2cd34"): _Variant(">", 1000, 24),
}
MAGICS = frozenset(_VARIANTS)


def link_type(field: int) -> int:
    """Return the link type of a header field, whose upper half tells of frame check sums."""
    number = field & 0xFFFF
    return LinkType.RAW if number in RAW_IP_NUMBERS else number


class PcapReader:
    """Reads packets from a window that stands at the file header."""

    def __init__(self, window: Window, tally: CaptureTally) -> None:
        """Read the header, whose octets are in the window."""
        self._window = window
        self._tally = tally
        self._variant = variant = _VARIANTS[bytes(window.view[:4])]
        snaplen, field = struct.unpack_from(f"{variant.order}II", window.view, 16)
        self._link_type = link_type(field)
        self._limit = max(USUAL_SNAPLEN, min(snaplen, LARGEST_PACKET))
        self._record = struct.Struct(f"{variant.order}IIII")
        window.position = HEADER_OCTETS
        self._times = Times(None, tally.following)
        tally.times.append(self._times)

    def step(self, sieve: Sieve | None = None) -> Frame | None:
        """Return the next packet; None at the end and where the file is damaged."""
        window, tally = self._window, self._tally
        header = self._variant.record_octets
        if not window.require(header):
            tally.damage = window.end()
            return None
        captured = self._record.unpack_from(window.view, window.position)[2]
        if captured > self._limit:
            tally.damage = window.damage(f"a packet claims {captured} octets")
            return None
        if not window.require(header + captured):
            tally.damage = window.end()
            return None
        tally.count(self._link_type)
        start = window.position
        window.position += header + captured
        data = bytes(window.view[start + header : window.position])
        frame = self._frame(start, tally.packets, data)
        tally.see_time(frame.time_ns)
        if sieve is not None:
            self._times.see(
                tally.packets, frame.time_ns, lambda _: sieve.kind(data, self._link_type)
            )
        return frame

    def sweep(self, sieve: Sieve) -> Iterator[Frame]:
        """Pass over whole packets in the window; give those that pass the sieve."""
        link_type = self._link_type
        layout = sieve.layouts.get(link_type)
        if layout is None:
            return
        offsets, interesting = self._pass_over(layout, sieve)
        passed = len(offsets) - 1
        if passed <= 0:
            return
        tally, first = self._tally, self._tally.packets + 1
        header = self._variant.record_octets
        view = self._window.view

        def time_at(index: int) -> int:
            return self._time_ns(offsets[index])

        def kind_at(index: int) -> int:
            data = bytes(view[offsets[index] + header : offsets[index + 1]])
            return sieve.kind(data, link_type)

        tally.count(link_type, passed)
        tally.see_time(time_at(0))
        tally.see_time(time_at(passed - 1))
        self._times.look(range(passed), first, time_at, kind_at)
        self._window.position = offsets[passed]
        for index in interesting:
            at = offsets[index]
            data = bytes(view[at + header : offsets[index + 1]])
            if sieve.passes(data, link_type):
                yield self._frame(at, first + index, data)

    def _pass_over(self, layout: Layout, sieve: Sieve) -> tuple[Sequence[int], Iterable[int]]:
        """Return the offsets of packets in the window and of what follows, and which may matter."""
        if core is not None and self._link_type in core.SWEPT:
            return core.sweep_pcap(
                self._window.octets, self._window.position, self._variant.record_octets,
                self._limit, self._variant.order == ">", self._link_type, sieve.data,
            )  # fmt: skip
        offsets, heads = self._gather(layout)
        del offsets[len(heads) + 1 :]
        return offsets, layout.interesting(heads)

    def _gather(self, layout: Layout) -> tuple[list[int], list[bytes]]:
        """Return the offsets and heads of packets in the window, the last of them left out.

        That all but the last are whole needs no test, as the next one's head could be read.
        """
        window = self._window
        header = self._variant.record_octets
        gap = header - 12 + layout.offset
        read = struct.Struct(f"{self._variant.order}8xI{gap}x{layout.width}s").unpack_from
        shortest, limit, unknown = layout.shortest, self._limit, layout.unknown
        position = window.position
        offsets = [position]
        heads: list[bytes] = []
        try:
            # The list grows under the map that reads it: no call is cheaper in this loop.
            for captured, head in map(read, repeat(window.octets), offsets):
                if captured < shortest:
                    head = unknown  # noqa: PLW2901 (one branch less than the other way round)
                if captured > limit:
                    break
                heads.append(head)
                position += captured + header
                offsets.append(position)
        except struct.error:
            # The next head lies beyond the window.
            pass
        return offsets, heads[:-1]

    def _frame(self, at: int, number: int, data: bytes) -> Frame:
        seconds, fraction, captured, original = self._record.unpack_from(self._window.view, at)
        start = at + self._variant.record_octets
        return Frame(
            data,
            seconds * SECOND + fraction * self._variant.fraction_ns,
            number,
            self._link_type,
            original if original > captured else None,
            None,
            start - at > _RECORD_OCTETS and self._window.view[start - 2] == _OUTGOING,
        )

    def _time_ns(self, at: int) -> int:
        seconds, fraction, _, _ = self._record.unpack_from(self._window.view, at)
        return int(seconds * SECOND + fraction * self._variant.fraction_ns)
