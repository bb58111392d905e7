"""Capture files as a stream of frames: pcap, pcapng, gzip of both, standard input.

A capture is read once, from front to back, in memory that does not grow with the file. Where
a file is cut or damaged, everything before the break is given, the stream ends, and `damage`
says where and why; only what is no capture at all is an exception.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from typing import TYPE_CHECKING

from mldkit.errors import CaptureError
from mldkit.link import pcap
from mldkit.link.reading import (
    GZIP_MAGIC,
    WINDOW_OCTETS,
    CaptureTally,
    GzipSource,
    PlainSource,
    Window,
)
from mldkit.link.scan import Sieve, is_known

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from mldkit.link.reading import Damage, OctetSource, PacketReader
    from mldkit.link.times import Times
    from mldkit.model.datagram import Frame

STANDARD_INPUT = "-"
_OTHER_FORMATS = {
    b"\x28\xb5\x2f\xfd": "zstd data",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ": "xz data",
    b"\x04\x22\x4d\x18": "lz4 data",
    b"snoop\0": "a snoop capture",
}
_HINT = "captures are pcap and pcapng files, plain or gzip; others: editcap -F pcapng IN OUT"
_COMPRESSED_HINT = "unpack it first and give the capture inside, or - to read it from a pipe"


class Capture:
    """A capture that is being read; made by `open_capture`.

    Frames are numbered from 1 over all packets of the file, whatever their kind. Take frames
    from either `frames` or `candidates`, once.

    It has more methods than a class should, because it is the door to a file of either format:
    each hands on to the reader, the sieve or the times.
    """

    def __init__(
        self,
        name: str,
        raw: io.RawIOBase,
        *,
        data: bool = False,
        apart: bool = False,
        window_octets: int = WINDOW_OCTETS,
    ) -> None:
        self.name = name
        self._raw = raw
        self._sieve = Sieve(data=data)
        self._tally = CaptureTally()
        self._reader = _reader(name, raw, self._tally, window_octets, apart=apart)

    @property
    def size_octets(self) -> int | None:
        """Octets of the file as it is stored, None where the end is not known (a pipe)."""
        status = os.fstat(self._raw.fileno())
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    @property
    def read_octets(self) -> int:
        """Octets of the stored file that have been read; for files whose size is known."""
        return self._raw.tell()

    @property
    def packets(self) -> int:
        """Packets seen so far: complete when the frames have been taken to the end."""
        return self._tally.packets

    @property
    def damage(self) -> Damage | None:
        """Where the file broke, None when it is whole; known at the end."""
        return self._tally.damage

    @property
    def link_types(self) -> dict[int, int]:
        """Packets of each link type."""
        return self._tally.link_types

    @property
    def skipped_link_types(self) -> dict[int, int]:
        """Packets of link types that are not looked into."""
        return {
            link_type: count
            for link_type, count in self._tally.link_types.items()
            if not is_known(link_type)
        }

    @property
    def known_packets(self) -> int:
        """Packets of link types that are looked into."""
        return self.packets - sum(self.skipped_link_types.values())

    @property
    def interfaces(self) -> tuple[str | None, ...]:
        """Names of the interfaces in the order of the file; None where it gives no name."""
        return tuple(times.name for times in self._tally.times)

    @property
    def times(self) -> Sequence[Times]:
        """When the packets of each interface came, in the order of the file; by `candidates`."""
        return self._tally.times

    @property
    def is_following(self) -> bool:
        """Whether what stands behind a gap that was found is known only when more was read."""
        return self._tally.is_following

    @property
    def descriptions(self) -> dict[str, str]:
        """What the file says of its interfaces so far, by their names."""
        return self._tally.descriptions

    @property
    def first_ns(self) -> int | None:
        """Time of the first packet, nanoseconds since the epoch."""
        return self._tally.first_ns

    @property
    def last_ns(self) -> int | None:
        """Time of the last packet, nanoseconds since the epoch."""
        return self._tally.last_ns

    def frames(self) -> Iterator[Frame]:
        """Give every packet."""
        while (frame := self._reader.step()) is not None:
            yield frame

    def candidates(self) -> Iterator[Frame]:
        """Give the packets that can hold a membership message or broke too early to tell.

        So do those that may have it in another packet, for the decoder to count or to look into.
        """
        reader, sieve = self._reader, self._sieve
        while True:
            yield from reader.sweep(sieve)
            frame = reader.step(sieve)
            if frame is None:
                return
            if sieve.passes(frame.data, frame.link_type):
                yield frame

    def again(self) -> Capture | None:
        """Return the same capture from its start, None where it can be read only once (a pipe)."""
        return None if self.size_octets is None else open_capture(self.name)

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_capture(
    path: str,
    *,
    data: bool = False,
    apart: bool = False,
    window_octets: int = WINDOW_OCTETS,
) -> Capture:
    """Return the capture in the file `path`; `-` is standard input.

    `data` widens the candidates to all packets to groups. `apart` tells interfaces of one name
    apart where captures of the same time stand one after the other.
    `window_octets` is how much of the file is in memory, unless a packet is larger.
    Raises CaptureError when there is no such file or it is no capture.
    """
    name = "standard input" if path == STANDARD_INPUT else path
    try:
        raw = _open_raw(path)
    except OSError as error:
        raise CaptureError(f"{name}: {_reason(error)}", hint=_open_hint(error)) from error
    try:
        return Capture(name, raw, data=data, apart=apart, window_octets=window_octets)
    except CaptureError:
        raw.close()
        raise


def _open_raw(path: str) -> io.RawIOBase:
    if path != STANDARD_INPUT:
        return io.FileIO(path)
    raw = io.FileIO(sys.__stdin__.fileno() if sys.__stdin__ else 0, closefd=False)
    if raw.isatty():
        raise CaptureError(
            "standard input is a terminal", hint="pipe a capture in, or name a file instead of -"
        )
    return raw


def _reason(error: OSError) -> str:
    if isinstance(error, IsADirectoryError):
        return "is a directory, not a capture"
    return (error.strerror or str(error)).lower()


def _open_hint(error: OSError) -> str | None:
    if isinstance(error, FileNotFoundError):
        return "check the name; - reads standard input"
    if isinstance(error, PermissionError):
        return "it belongs to another user: change its mode, or read it with sudo"
    return None


def _reader(
    name: str, raw: io.RawIOBase, tally: CaptureTally, octets: int, *, apart: bool
) -> PacketReader:
    """Return the reader for what the file holds; raise CaptureError when it is no capture."""
    source: OctetSource = PlainSource(raw)
    window = Window(source, octets)
    window.require(pcap.HEADER_OCTETS)
    start = bytes(window.view[: window.filled])
    if start.startswith(GZIP_MAGIC):
        source = GzipSource(source, start)
        window = Window(source, octets)
        window.require(pcap.HEADER_OCTETS)
        start = bytes(window.view[: window.filled])
    if source.problem is not None and not window.filled:
        raise CaptureError(f"{name}: {source.problem}")
    if not start:
        raise CaptureError(f"{name}: is empty, not even a file header", hint=_HINT)
    if start[:4] in pcap.MAGICS and len(start) >= pcap.HEADER_OCTETS:
        return pcap.PcapReader(window, tally)
    # Who reads the other format would wait for it to be loaded.
    from mldkit.link import pcapng

    if start[:4] == pcapng.MAGIC and pcapng.has_byte_order(start):
        return pcapng.PcapngReader(window, tally, apart=apart)
    raise _not_a_capture(name, start)


def _not_a_capture(name: str, start: bytes) -> CaptureError:
    from mldkit.link import pcapng

    magics = (*pcap.MAGICS, pcapng.MAGIC)
    if len(start) < pcap.HEADER_OCTETS and any(magic.startswith(start[:4]) for magic in magics):
        problem = f"ends after {len(start)} octets, inside the file header"
        return CaptureError(f"{name}: {problem}", hint=_HINT)
    for magic, what in _OTHER_FORMATS.items():
        if start.startswith(magic):
            hint = _HINT if "capture" in what else _COMPRESSED_HINT
            return CaptureError(f"{name}: holds {what}, which mldkit does not read", hint=hint)
    return CaptureError(f"{name}: is not a capture (it starts with {start[:4].hex()})", hint=_HINT)
