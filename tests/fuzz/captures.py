"""Target `captures`: whatever the author of a file puts into it, plain and inside gzip.

Opening a file gives a capture or `CaptureError`, nothing else. Frames are numbered without a gap;
what the sieve passes is the same with a large and with a small window, and is exactly what a look
at each frame passes; packets are counted alike on both ways, and damage is told alike.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from typing import TYPE_CHECKING, cast

from mldkit.errors import CaptureError
from mldkit.link.capture import Capture
from mldkit.link.scan import goes_to_group, may_hold_message
from tests.fuzz import corpus
from tests.fuzz.target import Target, hold, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.datagram import Frame

_WINDOWS = (64, 333, 2048, 1 << 14)
_GZIP, _DATA, _APART = 0x04, 0x08, 0x10
_LARGE_WINDOW = 1 << 15


def one_input(data: bytes) -> int:
    """Hold the invariant against a file: an octet that says how it is read, then the file."""
    if not data:
        return 0
    how, octets = data[0], data[1:]
    if how & _GZIP:
        octets = _compressed(octets)
    everything = _open(octets, _LARGE_WINDOW, how)
    if everything is None:
        hold(_open(octets, _WINDOWS[how & 3], how) is None, "a window makes nothing a capture")
        return 1
    frames = list(everything.frames())
    numbers = [frame.number for frame in frames]
    same(numbers, list(range(1, len(frames) + 1)), "frames are numbered from 1 without a gap")
    same(everything.packets, len(frames), "the count is that of the frames")
    sifting = _open(octets, _WINDOWS[how & 3], how)
    hold(sifting is not None, "a window does not make a capture none")
    sifting = cast("Capture", sifting)
    chosen = list(sifting.candidates())
    is_wanted = _is_wanted_with_data if how & _DATA else _is_wanted
    passed = {frame.number for frame in chosen}
    wanted = {frame.number for frame in frames if is_wanted(frame)}
    hold(wanted <= passed, f"the sieve passes what may be a message: {sorted(wanted - passed)}")
    hold(how & _DATA or wanted == passed, f"and nothing else: {sorted(passed - wanted)}")
    by_number = {frame.number: frame for frame in frames}
    same(chosen, [by_number.get(frame.number) for frame in chosen], "a frame is the same both ways")
    same(sifting.packets, everything.packets, "packets are counted alike on both ways")
    same(sifting.damage, everything.damage, "damage is told alike on both ways")
    same(sifting.link_types, everything.link_types, "link types are counted alike")
    same((sifting.first_ns, sifting.last_ns), (everything.first_ns, everything.last_ns), "times")
    hold(len(sifting.interfaces) <= len(octets) or how & _GZIP, "interfaces cost octets")
    return 1


def _compressed(octets: bytes) -> bytes:
    """Return the octets inside gzip; a file that is cut has no end."""
    squeeze = zlib.compressobj(1, zlib.DEFLATED, 31)
    return squeeze.compress(octets) + squeeze.flush()


def _open(octets: bytes, window: int, how: int) -> Capture | None:
    raw = cast("io.RawIOBase", io.BytesIO(octets))
    try:
        return Capture(
            "input", raw, data=bool(how & _DATA), apart=bool(how & _APART), window_octets=window
        )
    except CaptureError as error:
        hold(error.message and "\n" not in error.message, "the error is one line")
        return None


def _is_wanted(frame: Frame) -> bool:
    return may_hold_message(frame.data, frame.link_type)


def _is_wanted_with_data(frame: Frame) -> bool:
    return _is_wanted(frame) or goes_to_group(frame.data, frame.link_type)


def seeds() -> Iterator[bytes]:
    """Give beginnings of the recordings as pcapng, as pcap of both orders, and inside gzip."""
    for number, (path, frames) in enumerate(zip(corpus.RECORDINGS, corpus.recorded(), strict=True)):
        start = path.read_bytes()[:1500]
        yield bytes((number & 3,)) + start
        few = [frame.data for frame in frames[:4]]
        yield bytes((number & 3 | _DATA,)) + pcap(few, "<>"[number & 1], frames[0].link_type)
        if number < 4:
            yield bytes((number | _GZIP | _APART,)) + start
            yield b"\0" + gzip.compress(start[:600], mtime=0)
            yield b"\1" + gzip.compress(pcap(few[:2], "<", 1), mtime=0)[:-9]


def pcap(frames: list[bytes], order: str, link_type: int) -> bytes:
    """Return a pcap file with times in nanoseconds."""
    parts = [struct.pack(f"{order}IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, link_type)]
    for number, frame in enumerate(frames):
        parts += (struct.pack(f"{order}IIII", 1, number, len(frame), len(frame)), frame)
    return b"".join(parts)


TARGET = Target(
    "captures",
    one_input,
    seeds,
    (
        *(b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d"),
        *(b"\x34\xcd\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d"),
        *(b"\x01\0\0\0", b"\x02\0\0\0", b"\x03\0\0\0", b"\x05\0\0\0", b"\x06\0\0\0", b"\x0a\0\0\0"),
        *(b"\x02\0\x04\0", b"\x09\0\x01\0\x06\0\0\0", b"\x09\0\x01\0\x89\0\0\0", b"\x0e\0\x08\0"),
        *(b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\x1c\0\0\0", b"\x14\0\0\0", b"\x1f\x8b\x08\0"),
        *(b"\x04\0\x08\0", b"\x05\0\x08\0", b"\x0c\0\0\0"),
    ),
    "captures",
    3072,
)
