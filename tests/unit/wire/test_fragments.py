"""The catalogue of malformed input, M-32 and M-33: fragments."""

from __future__ import annotations

import struct

from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram, Frame
from mldkit.model.messages import GroupRecord, RecordType, Report
from mldkit.testing.envelopes import (
    IGMP_QUERY,
    MAC,
    MLD_QUERY,
    V4,
    V6,
    entry,
    hop_by_hop,
    ids,
    patched,
    with_ip_sum,
)
from mldkit.wire.decode import Decoder
from mldkit.wire.encode import encode_frame, encode_packet
from mldkit.wire.validity import find

MLD_REPORT = Datagram(
    parse("fe80::1"), parse("ff02::16"),
    Report(tuple(GroupRecord(RecordType.IS_EX, parse(f"ff05::{n}")) for n in range(1, 9))),
    link_source=MAC,
)  # fmt: skip


def test_m32_a_first_fragment_alone_is_listed_as_incomplete() -> None:
    decoder = Decoder()
    frame = with_ip_sum(patched(V4[:-4], 16, struct.pack("!HHH", 32, 7, 0x2000)))

    assert decoder.decode(Frame(frame, 0, 1)) == ()
    (found,) = decoder.finish()
    assert found.malformed is not None
    assert found.malformed.id == "V-24"
    assert found.kind == "query"


def test_m32_a_later_fragment_is_never_read_as_a_message() -> None:
    decoder = Decoder()
    frame = with_ip_sum(patched(V4, 16, struct.pack("!HHH", 36, 7, 0x0003)))

    assert decoder.decode(Frame(frame, 0, 1)) == ()
    (found,) = decoder.finish()
    assert found.type is None
    assert found.datagram.message is None


def test_m32_overlapping_fragments_make_the_message_worthless() -> None:
    whole = encode_packet(IGMP_QUERY)
    pieces = [(0, whole[24:32] + whole[32:36], 0), (0, b"\x22" + whole[25:32], 0x2000)]
    decoder = Decoder()
    for offset, piece, more in pieces:
        header = bytearray(whole[:24])
        header[2:8] = struct.pack("!HHH", 24 + len(piece), 9, more | offset // 8)
        frame = V4[:14] + bytes(header) + piece
        decoder.decode(Frame(frame, 0, 1))
    # The first piece was whole by itself: a message of one fragment, which is no fragment.
    (found,) = decoder.finish()
    assert found.malformed is not None


def fragment6(offset: int, *, more: bool, octets: bytes, following: int = 58) -> bytes:
    header = struct.pack("!BBHI", following, 0, offset | more, 77)
    alert = hop_by_hop(bytes((5, 2, 0, 0, 1, 0)), 44)
    base = bytearray(V6[:54])
    base[18:20] = (len(alert) + 8 + len(octets)).to_bytes(2, "big")
    base[20] = 0
    return bytes(base) + alert + header + octets


def test_m33_fragments_of_mld_are_put_together() -> None:
    whole = encode_frame(MLD_REPORT)
    message = whole[62:]
    destination = whole[38:54]
    decoder = Decoder()
    frames = [
        patched(fragment6(offset, more=offset < 160, octets=message[offset : offset + 80]), 38,
                destination)
        for offset in range(0, len(message), 80)
    ]  # fmt: skip
    found = [
        decoded for n, data in enumerate(reversed(frames), 1)
        for decoded in decoder.decode(Frame(data, 0, n))
    ]  # fmt: skip

    (decoded,) = found
    assert decoded.frame.number == len(frames), "the entry stands at the completing frame"
    assert decoded.datagram.message == MLD_REPORT.message
    assert decoded.checksum == "ok"
    assert "V-24" in {finding.id for finding in find(decoded)}


def test_m33_an_atomic_fragment_is_read_at_once() -> None:
    frame = fragment6(0, more=False, octets=V6[62:])

    assert entry(frame).datagram.message == MLD_QUERY.message
    assert ids(frame) == {"M-37"}
