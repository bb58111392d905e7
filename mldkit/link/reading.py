"""What the readers of all capture formats share: the facts they keep and a window on the file.

::

    file   |.......|==========================|...............|
                   0        position       filled              offset of 0 is `origin`

The window slides over the file and holds whole packets; it grows only while octets really
arrive, so a length field alone never allocates anything. Gzip is seen through.
"""

from __future__ import annotations

import select
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from mldkit.link.times import Times

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from mldkit.link.scan import Sieve
    from mldkit.model.datagram import Frame

WINDOW_OCTETS = 1 << 20
USUAL_SNAPLEN = 1 << 18
LARGEST_PACKET = 1 << 24
"""No snapshot length makes a packet larger than this believable."""
_COMPRESSED_CHUNK = 1 << 16
_DAMAGED = "gzip data are damaged"
GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WRAPPER = 31
"""What zlib calls gzip with the largest history."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Where a capture stops making sense."""

    offset: int
    """Octets from the start of the file, uncompressed, to the packet or block that is broken."""
    reason: str


@dataclass(slots=True)
class CaptureTally:
    """Facts about a capture that grow while it is read."""

    packets: int = 0
    damage: Damage | None = None
    link_types: dict[int, int] = field(default_factory=dict)
    """Packets of each link type."""
    times: list[Times] = field(default_factory=list)
    """When the packets of each interface came, in the order of the file."""
    following: set[Times] = field(default_factory=set)
    """Those of them of which packets behind a gap are still being looked at."""
    descriptions: dict[str, str] = field(default_factory=dict)
    """What the file says of interfaces, by their names."""
    first_ns: int | None = None
    """Time of the first packet that has one."""
    last_ns: int | None = None
    """Time of the last packet that has one."""

    def count(self, link_type: int, packets: int = 1) -> None:
        """Count packets of a link type."""
        self.packets += packets
        self.link_types[link_type] = self.link_types.get(link_type, 0) + packets

    @property
    def is_following(self) -> bool:
        """Whether packets behind a gap are still being looked at."""
        return bool(self.following)

    def see_time(self, time_ns: int | None) -> None:
        """Remember the time of a packet."""
        if time_ns is not None:
            self.last_ns = time_ns
            if self.first_ns is None:
                self.first_ns = time_ns


class PacketReader(Protocol):
    """One file format."""

    def step(self, sieve: Sieve | None = None) -> Frame | None:
        """Return the next packet; None at the end and where the file is damaged.

        `sieve` says what it is, for who wants to know of gaps.
        """

    def sweep(self, sieve: Sieve) -> Iterator[Frame]:
        """Pass over the packets in the window and give those that pass the sieve.

        Stops in front of a packet, which `step` reads next.
        """


class OctetSource(Protocol):
    """Octets in order."""

    problem: str | None
    """Why the octets ended early."""

    def read_into(self, view: memoryview) -> int:
        """Fill a part of `view`; return the number of octets, 0 at the end."""


class PlainSource:
    """A file, pipe or FIFO as it is."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.problem: str | None = None

    def read_into(self, view: memoryview) -> int:
        """Fill a part of `view`; return the number of octets, 0 at the end."""
        try:
            while (got := self._raw.readinto(view)) is None:
                # Somebody else made the pipe non-blocking.
                select.select([self._raw], [], [])
        except OSError as error:
            self.problem = f"cannot be read on: {error.strerror}"
            return 0
        return got


class GzipSource:
    """The contents of a gzip file, which may have several members (RFC 1952 §2.2)."""

    def __init__(self, inner: OctetSource, start: bytes) -> None:
        self._inner = inner
        self._pending = start
        self._chunk = memoryview(bytearray(_COMPRESSED_CHUNK))
        self._step = _COMPRESSED_CHUNK
        self._inflate = zlib.decompressobj(_GZIP_WRAPPER)
        self._is_fresh = False
        self.problem: str | None = None

    def read_into(self, view: memoryview) -> int:
        """Fill a part of `view`; return the number of octets, 0 at the end."""
        while self.problem is None and (self._pending or self._more()):
            octets = self._inflate_some(len(view))
            if octets:
                view[: len(octets)] = octets
                return len(octets)
        held = self._held(len(view))
        view[: len(held)] = held
        return len(held)

    def _held(self, room: int) -> bytes:
        """Return what zlib has in hand where a file ends early: there was no room for it before."""
        while room:
            before = self._inflate.copy()
            try:
                return self._inflate.decompress(b"", room)
            except zlib.error:
                self._inflate, room = before, room // 2
                self.problem = _DAMAGED
        return b""

    def _inflate_some(self, room: int) -> bytes:
        piece = self._pending[: self._step]
        before = self._inflate.copy()
        try:
            octets = self._inflate.decompress(piece, room)
        except zlib.error:
            # What came out before the error is lost with it: approach the place in halves.
            self._inflate = before
            if len(piece) > 1:
                self._step = len(piece) // 2
            elif room > 1:
                return self._inflate_some(room // 2)
            else:
                self.problem = _DAMAGED
            return b""
        self._is_fresh = False
        behind = self._pending[len(piece) :]
        if self._inflate.eof:
            self._next_member(self._inflate.unused_data + behind)
        else:
            self._pending = self._inflate.unconsumed_tail + behind
        return octets

    def _more(self) -> bool:
        got = self._inner.read_into(self._chunk)
        self._pending = bytes(self._chunk[:got])
        if got == 0 and not self._is_fresh:
            self.problem = self._inner.problem or "gzip data end early"
        return got > 0

    def _next_member(self, rest: bytes) -> None:
        """Start on what follows a member: another one, or padding that belongs to no file."""
        self._inflate = zlib.decompressobj(_GZIP_WRAPPER)
        self._is_fresh = True
        self._pending = rest = rest.lstrip(b"\0")
        if len(rest) < len(GZIP_MAGIC) and self._more():
            self._pending = (rest + self._pending).lstrip(b"\0")
        if not self._pending.startswith(GZIP_MAGIC):
            self._pending = b""
            self._inner = _Ended()


class _Ended:
    """Nothing."""

    problem: str | None = None

    def read_into(self, view: memoryview) -> int:  # noqa: ARG002 (the signature of OctetSource)
        return 0


class Window:
    """The part of the file that is in memory."""

    def __init__(self, source: OctetSource, octets: int = WINDOW_OCTETS) -> None:
        self._source = source
        self._buffer = bytearray(octets)
        self.view = memoryview(self._buffer)
        self.position = 0
        self.filled = 0
        self._origin = 0

    @property
    def offset(self) -> int:
        """Octets of the file before the position."""
        return self._origin + self.position

    @property
    def octets(self) -> bytearray | memoryview:
        """The octets in the window and nothing behind them."""
        if self.filled == len(self._buffer):
            return self._buffer
        return self.view[: self.filled]

    @property
    def left(self) -> int:
        """Octets in the window from the position on."""
        return self.filled - self.position

    def require(self, count: int) -> bool:
        """Have `count` octets from the position on; return False when the file ends before."""
        while self.left < count:
            if not self._fill(count):
                return False
        return True

    def skip(self, count: int) -> bool:
        """Move on by `count` octets, kept or not; return False when the file ends before."""
        while self.left < count:
            count -= self.left
            self.position = self.filled
            if not self._fill(1):
                return False
        self.position += count
        return True

    def damage(self, reason: str, *, at: int | None = None) -> Damage:
        """Return the damage at the position: octets that are there make no sense."""
        return Damage(self.offset if at is None else at, reason)

    def cut(self, reason: str, *, at: int | None = None) -> Damage:
        """Return the damage where octets are missing: the file's own trouble if it has one."""
        return self.damage(self._source.problem or reason, at=at)

    def end(self) -> Damage | None:
        """Return the damage when the octets end here though the file says nothing of it."""
        if self.left == 0 and self._source.problem is None:
            return None
        return self.cut("the file ends inside a packet")

    def _fill(self, count: int) -> bool:
        """Read on; `count` octets will be wanted."""
        rest = self.left
        if self.position:
            self.view[:rest] = self.view[self.position : self.filled]
            self._origin += self.position
        elif rest == len(self._buffer):
            larger = bytearray(min(2 * rest, count))
            larger[:rest] = self._buffer
            self._buffer, self.view = larger, memoryview(larger)
        self.position, self.filled = 0, rest
        got = self._source.read_into(self.view[rest:])
        self.filled += got
        return got > 0
