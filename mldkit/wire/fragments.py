"""Bounded reassembly of fragmented membership messages.

Nobody has a reason to fragment IGMP or MLD, so this exists to tell the truth about captures,
not for speed: at most 64 datagrams at a time, 64 KiB each, 30 s of capture time. Pieces that
overlap make the whole datagram worthless (RFC 5722 §4); the same piece twice does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from mldkit.model.datagram import Frame
    from mldkit.wire.envelope import Fragment

MAX_DATAGRAMS = 64
MAX_OCTETS = 65535
MAX_AGE_NS = 30 * SECOND


@dataclass(slots=True)
class Assembly:
    """The pieces of one datagram that were seen so far."""

    first_seen: Frame
    pieces: dict[int, bytes] = field(default_factory=dict)
    total: int | None = None
    head: tuple[Frame, Fragment] | None = None
    """The frame with offset 0: its headers are those of the datagram."""
    last: Fragment | None = None
    problem: str | None = None

    def add(self, frame: Frame, fragment: Fragment) -> None:
        """Take one piece in and remember what is wrong with it."""
        octets = frame.data[fragment.payload_start : fragment.payload_end]
        stop = fragment.offset + len(octets)
        if stop > MAX_OCTETS:
            self.problem = self.problem or f"fragments reach octet {stop}, past {MAX_OCTETS}"
            return
        if fragment.more and len(octets) % 8:
            self.problem = self.problem or "a fragment before the last is no multiple of 8 octets"
        if not fragment.more:
            if self.total not in (None, stop):
                self.problem = self.problem or "two fragments claim to be the last"
            self.total = stop
        self._store(fragment.offset, octets)
        self.last = fragment
        if fragment.offset == 0 and self.head is None:
            self.head = (frame, fragment)

    def _store(self, offset: int, octets: bytes) -> None:
        if self.pieces.get(offset) == octets:
            return
        stop = offset + len(octets)
        if any(at < stop and offset < at + len(piece) for at, piece in self.pieces.items()):
            self.problem = self.problem or "fragments overlap"
            return
        self.pieces[offset] = octets

    def payload(self) -> bytes | None:
        """Return the whole payload, or None while something is missing."""
        if self.total is None or self.head is None or self.problem is not None:
            return None
        if sum(map(len, self.pieces.values())) != self.total:
            return None
        return b"".join(self.pieces[offset] for offset in sorted(self.pieces))

    def reason(self) -> str:
        """Return why the datagram could not be put together."""
        if self.problem is not None:
            return self.problem
        have = sum(map(len, self.pieces.values()))
        return f"fragments are missing: {have} of {self.total or 'an unknown number of'} octets"


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
            assembly = self._assemblies[key] = Assembly(frame)
        assembly.add(frame, fragment)
        if assembly.payload() is None:
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
            seen_ns = assembly.first_seen.time_ns
            if seen_ns is None or now_ns - seen_ns <= MAX_AGE_NS:
                return
            self.abandoned.append(self._assemblies.pop(key))
