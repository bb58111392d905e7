"""Bounded reassembly of fragmented membership messages.

Nobody has a reason to fragment IGMP or MLD, so this exists to tell the truth about captures,
not for speed: at most 64 datagrams at a time, 64 KiB each, 30 s of capture time. Which octets
are there is a number with one bit for each unit of 8 octets, the unit of fragment offsets::

    octets   0        8        16       24     28
             |--------|--------|        |------|        last fragment: total is 28
    bit      0        1        2        3               covered = 0b1011, one unit is missing

Pieces that overlap make the whole datagram worthless (RFC 5722 §4); octets that come again
unchanged do no harm. Whatever is wrong, the pieces are let go and the reason is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from mldkit.model.datagram import Frame, Remark
    from mldkit.wire.envelope import Fragment

MAX_DATAGRAMS = 64
MAX_OCTETS = 65535
MAX_AGE_NS = 30 * SECOND
_UNIT = 8
_KEPT_REMARKS = ("V-25", "V-26")
"""What the header of the whole datagram, made anew, would hide."""


@dataclass(slots=True)
class Assembly:
    """The pieces of one datagram that were seen so far."""

    first: tuple[Frame, Fragment]
    """What came first, whatever its offset."""
    head: tuple[Frame, Fragment] | None = None
    """The frame with offset 0: its headers are those of the datagram."""
    count: int = 0
    """Pieces that were taken in."""
    octets: int = 0
    """Octets of the payload that are there, or were until a problem came up."""
    total: int | None = None
    problem: str | None = None
    remarks: dict[str, Remark] = field(default_factory=dict)
    """The first remark of each kind that must outlive the header it was made on."""
    _buffer: bytearray = field(default_factory=bytearray)
    _covered: int = 0

    def add(self, frame: Frame, fragment: Fragment) -> None:
        """Take one piece in and remember what is wrong with it."""
        if fragment.offset == 0 and self.head is None:
            self.head = (frame, fragment)
        for remark in fragment.remarks:
            if remark.id in _KEPT_REMARKS:
                self.remarks.setdefault(remark.id, remark)
        if self.problem is not None:
            return
        octets = frame.data[fragment.payload_start : fragment.payload_end]
        self.problem = self._fault(fragment, octets)
        if self.problem is not None:
            self._buffer = bytearray()

    def _fault(self, fragment: Fragment, octets: bytes) -> str | None:
        """Store `octets`; return what makes the datagram worthless."""
        offset = fragment.offset
        stop = offset + len(octets)
        if fragment.is_cut:
            return "the capture kept only a part of a fragment"
        if not octets:
            return "a fragment is empty"
        if stop > MAX_OCTETS:
            return f"fragments reach octet {stop}, past {MAX_OCTETS}"
        if fragment.more and stop % _UNIT:
            return "a fragment before the last is no multiple of 8 octets"
        if not fragment.more:
            if self.total not in (None, stop):
                return "two fragments claim to be the last"
            self.total = stop
        units = (1 << -(-len(octets) // _UNIT)) - 1 << offset // _UNIT
        if self._covered & units:
            is_repeated = self._covered & units == units and self._buffer[offset:stop] == octets
            return None if is_repeated else "fragments overlap"
        self._store(offset, octets)
        self._covered |= units
        if self.total is None:
            return None
        if self._covered.bit_length() > -(-self.total // _UNIT):
            return "a fragment lies behind the last"
        return self._excess()

    def _store(self, offset: int, octets: bytes) -> None:
        if len(self._buffer) < offset:
            self._buffer.extend(bytes(offset - len(self._buffer)))
        self._buffer[offset : offset + len(octets)] = octets
        self.octets += len(octets)
        self.count += 1

    def _excess(self) -> str | None:
        """Return what is wrong when headers and payload together are too long for a packet."""
        if self.head is None or self.total is None:
            return None
        whole = self.total + self.head[1].counted
        return f"the whole has {whole} octets, past {MAX_OCTETS}" if whole > MAX_OCTETS else None

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing and nothing is wrong."""
        return self.octets == self.total and self.head is not None and self.problem is None

    def payload(self) -> bytes:
        """Return the whole payload of a complete datagram."""
        return bytes(self._buffer)

    def reason(self) -> str:
        """Return why the datagram could not be put together."""
        if self.problem is not None:
            return self.problem
        total = self.total or "an unknown number of"
        return f"fragments are missing: {self.octets} of {total} octets"


class Reassembler:
    """The datagrams that are being put together, oldest first."""

    def __init__(self) -> None:
        self._assemblies: dict[tuple[object, ...], Assembly] = {}
        self.abandoned: list[Assembly] = []
        """Incomplete datagrams that were given up; whoever reads them empties the list."""

    def add(self, frame: Frame, fragment: Fragment) -> Assembly | None:
        """Take a fragment in; return its datagram once it is complete."""
        self._expire(frame.time_ns)
        key = (frame.interface, *fragment.identity)
        assembly = self._assemblies.get(key)
        if assembly is None:
            if len(self._assemblies) == MAX_DATAGRAMS:
                oldest = next(iter(self._assemblies))
                self.abandoned.append(self._assemblies.pop(oldest))
            assembly = self._assemblies[key] = Assembly((frame, fragment))
        assembly.add(frame, fragment)
        if not assembly.is_complete:
            return None
        del self._assemblies[key]
        return assembly

    def finish(self) -> None:
        """Give up everything that is still incomplete."""
        self.abandoned.extend(self._assemblies.values())
        self._assemblies.clear()

    def _expire(self, now_ns: int | None) -> None:
        if now_ns is None:
            return
        while self._assemblies:
            key, assembly = next(iter(self._assemblies.items()))
            seen_ns = assembly.first[0].time_ns
            if seen_ns is None or now_ns - seen_ns <= MAX_AGE_NS:
                return
            self.abandoned.append(self._assemblies.pop(key))
