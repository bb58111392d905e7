"""The catalogue of malformed input, M-32 and M-33: fragments."""

from __future__ import annotations

import struct
import time
import tracemalloc

import pytest

from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram, Decoded, Frame
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
from mldkit.wire.decoder import Decoder
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


IGMP_REPORT = Datagram(
    parse("10.0.0.1"), parse("224.0.0.22"),
    Report(tuple(GroupRecord(RecordType.IS_EX, parse(f"239.1.1.{n}")) for n in range(1, 9))),
    traffic_class=0xC0, link_source=MAC, link_destination=bytes.fromhex("01005e000016"),
)  # fmt: skip
REPORT4 = encode_frame(IGMP_REPORT)


def fragment4(offset: int, octets: bytes, *, more: bool, identity: int = 7) -> bytes:
    """Return a fragment with the headers of the report, Router Alert included."""
    lengths = struct.pack("!HHH", 24 + len(octets), identity, more << 13 | offset // 8)
    return with_ip_sum(patched(REPORT4[:38], 16, lengths) + octets)


def fed(frames: list[bytes], original: dict[int, int] | None = None) -> list[Decoded]:
    """Return everything that a decoder makes of `frames`, the leftovers included."""
    decoder = Decoder()
    lengths = original or {}
    found = [
        decoded
        for number, data in enumerate(frames, 1)
        for decoded in decoder.decode(Frame(data, number, number, 1, lengths.get(number)))
    ]
    return [*found, *decoder.finish()]


MESSAGE4 = REPORT4[38:]
FIRST, SECOND, THIRD = (
    fragment4(0, MESSAGE4[:24], more=True),
    fragment4(24, MESSAGE4[24:48], more=True),
    fragment4(48, MESSAGE4[48:], more=False),
)


def test_m32_the_same_octets_twice_do_no_harm() -> None:
    (found,) = fed([FIRST, THIRD, THIRD, FIRST, SECOND])

    assert found.datagram == IGMP_REPORT
    assert found.remarks[0].detail == "put together from 3 fragments"


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([FIRST, fragment4(16, MESSAGE4[:16], more=True), SECOND, THIRD], "overlap"),
        ([fragment4(0, b"\x22" + bytes(23), more=True), FIRST, SECOND, THIRD], "overlap"),
        ([FIRST, fragment4(24, MESSAGE4[24:47], more=True), THIRD], "multiple of 8"),
        ([FIRST, fragment4(48, MESSAGE4[48:-4], more=False), THIRD], "claim to be the last"),
        ([FIRST, fragment4(80, bytes(8), more=True), SECOND, THIRD], "behind the last"),
        ([FIRST, fragment4(24, b"", more=True), SECOND, THIRD], "empty"),
        ([FIRST, SECOND], "48 of an unknown number of octets"),
        ([FIRST, THIRD], "48 of 72 octets"),
    ],
    ids=["tail", "other octets", "length", "two ends", "behind", "empty", "no end", "hole"],
)
def test_m32_what_does_not_fit_makes_the_message_worthless(
    frames: list[bytes], reason: str
) -> None:
    (found,) = fed(frames)

    assert found.malformed is not None
    assert found.malformed.id == "V-24"
    assert reason in found.malformed.reason
    assert found.datagram.message is None
    assert found.frame.number == 1


def test_m32_fragments_that_reach_past_the_largest_packet_are_no_message() -> None:
    # 65,535 octets fit the fragment offsets, but not the total length of RFC 791 §3.1.
    payload = bytes(65535)
    frames4 = [
        fragment4(offset, payload[offset : offset + 1480], more=offset + 1480 < 65535)
        for offset in range(0, 65535, 1480)
    ]
    frames6 = [
        fragment6(offset, more=offset + 1480 < 65535, octets=b"\x8f" + payload[1:1480])
        for offset in range(0, 65535 - 1480, 1480)
    ] + [fragment6(65120, more=False, octets=payload[65120:])]

    for frames in (frames4, frames6, frames4[::-1]):
        (found,) = fed(frames)
        assert found.malformed is not None
        assert "past 65535" in found.malformed.reason


def test_m32_a_fragment_that_the_capture_cut_is_told_from_a_wrong_one() -> None:
    (found,) = fed([FIRST, SECOND[:-3], THIRD], {2: len(SECOND)})

    assert found.malformed is not None
    assert found.malformed.reason == "the capture kept only a part of a fragment"


def test_v25_a_wrong_header_sum_of_one_fragment_is_not_lost() -> None:
    (found,) = fed([FIRST, patched(SECOND, 24, b"\0\0"), THIRD])

    assert found.datagram == IGMP_REPORT
    assert {finding.id for finding in find(found)} == {"V-24", "V-25"}


def test_m44_fragments_behind_snap_are_not_bounded_by_the_length_of_the_first() -> None:
    def with_snap(frame: bytes) -> bytes:
        payload = b"\xaa\xaa\x03\0\0\0\x08\0" + frame[14:]
        return frame[:12] + len(payload).to_bytes(2, "big") + payload

    (found,) = fed([with_snap(frame) for frame in (FIRST, SECOND, THIRD)])

    assert found.datagram == IGMP_REPORT
    assert {finding.id for finding in find(found)} == {"V-24"}


def test_m32_the_cost_of_fragments_grows_with_their_number_alone() -> None:
    message = bytes(64000)
    frames = [
        Frame(fragment4(at, message[at : at + 8], more=at < 63992, identity=number), 0, 1)
        for number in range(3)
        for at in range(0, len(message), 8)
    ]
    decoder = Decoder()
    began = time.process_time()
    found = [decoded for frame in frames for decoded in decoder.decode(frame)]
    took = time.process_time() - began

    assert len(found) == 3
    # Comparing each piece with all others takes half a minute.
    assert took < 8


def test_m32_memory_is_that_of_64_datagrams() -> None:
    decoder = Decoder()
    tracemalloc.start()
    for number in range(300):
        for at in (0, 30000, 60000):
            frame = fragment4(at, bytes((0x22, *bytes(15))), more=True, identity=number)
            decoder.decode(Frame(frame, 0, 1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 64 * 80_000
