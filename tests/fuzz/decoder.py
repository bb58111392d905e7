"""Target `decoder`: whatever a stranger sends, as frames in order.

For every frame: nothing is raised while it is read, judged and printed; the compiled core, where
there is one, reads what Python reads; what holds a message passes the sieve; offsets lie in the
frame; a message that was read without complaint is read the same after it was encoded. One input in
eight is looked at more closely: without a look into tunnels, by a second decoder, printed as lines.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

from mldkit.core import core
from mldkit.errors import BuildError
from mldkit.link.scan import may_hold_message
from mldkit.model.datagram import Broken, Decoded, Frame, LinkType, Unread
from mldkit.model.family import MLD
from mldkit.render.message_json import message_json
from mldkit.render.message_text import message_lines
from mldkit.wire import decode_igmp, decode_mld
from mldkit.wire.decode import read_any, read_frame
from mldkit.wire.decoder import Decoder
from mldkit.wire.encode import encode_message
from mldkit.wire.validity import judge
from tests.fuzz import corpus
from tests.fuzz.pieces import SEPARATOR, packed, split
from tests.fuzz.target import Target, hold, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.wire.decoder import Found

LINK_TYPES = (*map(int, LinkType), 147)
"""147 is one that nobody reads."""
_CUT = 0x80
_CLOSELY = 8
_STEP_NS = 1_000_000


def frames_of(data: bytes) -> list[Frame]:
    """Return the frames of an input: an octet for link type and cut, then the octets of each."""
    return [
        Frame(
            piece[1:],
            number * _STEP_NS,
            number,
            LINK_TYPES[(piece[0] & 0x7F) % len(LINK_TYPES)],
            len(piece) + 99 if piece[0] & _CUT else None,
        )
        for number, piece in enumerate(split(data), start=1)
        if piece
    ]


def piece_of(link_type: int, octets: bytes) -> bytes:
    """Return a frame as a piece of an input."""
    return bytes((LINK_TYPES.index(link_type),)) + octets


def one_input(data: bytes) -> int:
    """Hold the invariant against the frames of an input; return how many there are."""
    frames = frames_of(data)
    decoder = Decoder(tunnels=True)
    told = []
    for frame in frames:
        found = decoder.read(frame)
        told.append(found)
        if core is not None:
            same(read_frame(frame), read_any(frame), "the core reads what Python reads")
        passes = may_hold_message(frame.data, frame.link_type)
        hold(passes or not found, "what is told of a frame passes the sieve")
        _look(frame, found)
    left = list(decoder.finish())
    for decoded in left:
        message_json(judge(decoded))
    if zlib.crc32(data) % _CLOSELY == 0:
        _look_closely(frames, told, left)
    return len(frames)


def _look_closely(frames: list[Frame], told: list[Found], left: list[Decoded]) -> None:
    again, plain = Decoder(tunnels=True), Decoder()
    same([again.read(frame) for frame in frames], told, "two decoders say the same")
    same(list(again.finish()), left, "two decoders have the same left")
    for frame in frames:
        closed = plain.read(frame)
        passes = may_hold_message(frame.data, frame.link_type)
        hold(passes or not closed, "what is told of a closed frame passes the sieve")
        _look(frame, closed)
    for found in (*told, left):
        for decoded in () if isinstance(found, Broken | Unread) else found:
            judged = judge(decoded)
            json.dumps(message_json(judged))
            hold(list(message_lines(judged, 0)), "a message has lines")


def _look(frame: Frame, found: Found) -> None:
    if isinstance(found, Broken):
        hold(0 <= found.offset <= len(frame.data), "a frame breaks inside itself")
        return
    if isinstance(found, Unread):
        hold(found.name, "what is not looked into has a name")
        return
    for decoded in found:
        hold(decoded.offset >= 0, "offsets are not negative")
        message_json(judge(decoded))
        _read_again(decoded)


def _read_again(decoded: Decoded) -> None:
    """A message of a whole frame, read without complaint, is the same after it was encoded."""
    datagram = decoded.datagram
    message = datagram.message
    if decoded.malformed is not None or decoded.frame.is_cut or message is None:
        return
    if getattr(message, "version", 0) is None or len(datagram.source) != len(datagram.destination):
        return
    try:
        octets = encode_message(message, datagram.source, datagram.destination)
    except BuildError:
        hold(decoded.remarks, "what was read without a remark can be encoded")
        return
    read = decode_mld.read if decoded.family is MLD else decode_igmp.read
    found, malformed, _ = read(octets, 0, len(octets), len(octets))
    hold(malformed is None, "what was encoded is not malformed")
    same(found, message, "what was encoded is read as it was")


def seeds() -> Iterator[bytes]:
    """Give frames of the recordings, and such in everything that they may travel in."""
    yield from packed((piece_of(f.link_type, f.data) for f in corpus.different()), 1500)
    yield from (piece_of(*one) for one in corpus.wrapped())


TARGET = Target(
    "decoder",
    one_input,
    seeds,
    (
        SEPARATOR,
        *(
            b"\x08\x00",
            b"\x86\xdd",
            b"\x81\x00\x00\x05",
            b"\x88\xa8",
            b"\x88\x64\x11\0",
            b"\x88\x47",
        ),
        *(b"\x45\0", b"\x46\0", b"\x94\x04\0\0", b"\x60\0\0\0", b"\x05\x02\0\0", b"\x3a\0\x05\x02"),
        *(b"\x11", b"\x12", b"\x16", b"\x17", b"\x22", b"\x82", b"\x83", b"\x84", b"\x8f"),
        *(b"\x30", b"\x31", b"\x32", b"\x97", b"\x98", b"\x99", b"\xe0\0\0\x16", b"\xff\x02"),
        *(b"\0\x2c", b"\0\x3a", b"\0\x2b", b"\0\x3c", b"\0\x33", b"\x12\xb5", b"\x17\xc1"),
        *(b"\xaa\xaa\x03\0\0\0", b"\x65\x58", b"\x88\xbe", b"\x22\xeb", b"\x08\x68", b"\x90\x9a"),
    ),
    "frames",
)
