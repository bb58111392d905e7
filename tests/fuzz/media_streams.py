"""Target `media`: the datagrams of a channel that `zap` watches, with RTP and MPEG-TS in them.

Every frame is a datagram or none; whatever sequence numbers and counters say, losses are counted
once, never below zero, and never more than there are numbers for each datagram.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from mldkit.model.addresses import parse
from mldkit.wire.media import read_udp
from mldkit.zap.channel import Channel
from tests.fuzz import corpus, decoder
from tests.fuzz.pieces import SEPARATOR, join
from tests.fuzz.target import Target, hold, same

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = 1 << 16
_GROUP = parse("239.1.1.1")


def one_input(data: bytes) -> int:
    """Hold the invariant against the frames of an input; return how many there are."""
    frames = decoder.frames_of(data)
    channel = Channel(_GROUP)
    early = channel.begin()
    late = None
    seen = 0
    for number, frame in enumerate(frames):
        datagram = read_udp(frame)
        if datagram is not None:
            hold(len(datagram.payload) <= len(frame.data), "a datagram is in its frame")
            channel.see(datagram, number)
            seen += 1
        if number == len(frames) // 2:
            late = channel.begin()
    for viewing in (early, late):
        if viewing is not None:
            hold(0 <= viewing.lost < _NUMBERS * max(1, viewing.datagrams), "losses are counted")
            hold(0 <= viewing.gaps <= viewing.datagrams, "a gap is between two datagrams")
            hold(viewing.discontinuities >= 0, "jumps are counted")
            hold(viewing.key_ns is None or viewing.key_ns >= (viewing.first_ns or 0), "in order")
    same(early.datagrams, seen, "who watches from the start sees all")
    return len(frames)


def _frame(payload: bytes) -> bytes:
    udp = struct.pack("!HHHH", 4000, 5000, 8 + len(payload), 0) + payload
    head = b"\x45\0" + struct.pack("!H", 20 + len(udp)) + bytes(4) + b"\x04\x11\0\0"
    packet = head + parse("10.9.0.9") + _GROUP + udp
    return decoder.piece_of(1, b"\x01\0\x5e\1\1\1" + bytes(6) + b"\x08\x00" + packet)


def seeds() -> Iterator[bytes]:
    """Give RTP with MPEG-TS, MPEG-TS alone, and frames that are neither."""

    def ts(counter: int) -> bytes:
        return b"\x47\1\0" + bytes((0x30 | counter, 7, 0x40)) + bytes(182)

    def rtp(number: int) -> bytes:
        return b"\x80\x21" + struct.pack("!HII", number, 0, 7)

    yield join(_frame(rtp(number) + ts(number)) for number in (0, 1, 2, 4, 3, 9))
    yield join(_frame(ts(number)) for number in (0, 1, 1, 5))
    yield _frame(b"hello")
    yield from (decoder.piece_of(f.link_type, f.data) for f in corpus.different()[:5])


TARGET = Target(
    "media",
    one_input,
    seeds,
    (SEPARATOR, b"\x80\x21\xff\xff", b"\x80\x21\0\0", b"\x90", b"\xa0", b"\x47\x1f\xff\x10",
     b"\x47\1\0\x3f", b"\xbe\xde\0\1", b"\x47" + bytes(187)),
    "frames",
)  # fmt: skip
