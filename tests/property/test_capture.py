"""The sieve and the readers against the decoder and against the slow way, on invented captures."""

from __future__ import annotations

import gzip
import struct
import tempfile
from pathlib import Path
from random import Random
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from mldkit.link.capture import open_capture
from mldkit.link.scan import goes_to_group, may_hold_message
from mldkit.model.datagram import Broken, Frame, LinkType, Unread
from mldkit.model.protocol_numbers import ETHERTYPE_IPV6
from mldkit.testing.tunnels import ALL
from mldkit.wire.decode import decode
from mldkit.wire.decoder import Decoder
from mldkit.wire.link_header import LinkHeader
from mldkit.wire.link_layer import read_link

ETHERTYPES = (
    4,
    0x8864,
    0x8903,
    0x0800,
    0x86DD,
    0x8100,
    0x88A8,
    0x9100,
    0x0806,
    0x88CC,
    0x0042,
    0x05DC,
    0x8847,
)
IP_ETHERTYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
PROTOCOLS = (0, 2, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 103, 135, 139, 140)
PLAIN = (LinkType.ETHERNET, LinkType.LINUX_SLL, LinkType.LINUX_SLL2)
WAYS = {
    link_type: tuple(way for way in ALL if way.link_type == link_type)
    for link_type in {way.link_type for way in ALL}
}
"""Encapsulations of each link type."""
MESSAGE_TYPES = (0x11, 0x16, 0x22, 128, 130, 131, 132, 133, 136, 143, 151, 152, 153)


def payload(rng: Random) -> bytes:
    """Return what may follow an IP header: noise, a message, an extension header, VXLAN."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(rng.randrange(60))
    if kind == 1:
        return bytes((rng.choice(MESSAGE_TYPES),)) + rng.randbytes(rng.randrange(40))
    if kind == 2:
        following = rng.choice(PROTOCOLS)
        return bytes((following, 0, 5, 2, 0, 0, 1, 0, rng.choice(MESSAGE_TYPES))) + bytes(30)
    ports = rng.choice(((1, 4789), (5247, 9), (1701, 1), (53, 3544), (2152, 0x12B5), (1, 0x7F7F)))
    return struct.pack("!HHHHI", *ports, 100, 0, 0x08000000) + bytes(60)


def packet(rng: Random, version: int) -> bytes:
    """Return an IP packet: mostly sound, mostly of protocols that are not looked for."""
    body = payload(rng)
    protocol = rng.choice((*PROTOCOLS, *(6, 17) * 9))
    claimed = version if rng.random() < 0.9 else rng.choice((0, 4, 6, 15))
    if version == 6:
        length = rng.choice((len(body), len(body), 0, 4, 9000))
        first = claimed << 28 | rng.randrange(256) << 20
        head = struct.pack("!IHBB", first, length, protocol, rng.choice((1, 2, 6, 17)))
        return head + rng.randbytes(32) + body
    words = rng.choice((5, 5, 5, 6, 4, 15))
    fragment = rng.choice((0, 0, 0x4000, 0x2000, 100, 0x0600))
    ttl = rng.choice((1, 2, 6, 17))
    first = claimed << 4 | words
    head = struct.pack("!BBHHHBBH", first, 0, 4 * words + len(body), 1, fragment, ttl, protocol, 0)
    return head + rng.randbytes(8 + 4 * max(0, words - 5)) + body


def link_header(rng: Random, link_type: int, version: int) -> bytes:
    """Return a link header with tags and SNAP that announces `version`, seldom something else."""
    ethertype = IP_ETHERTYPES[version]
    if rng.random() < 0.2:
        ethertype = struct.pack("!H", rng.choice(ETHERTYPES))
    if link_type in (LinkType.NULL, LinkType.LOOP):
        family = rng.choice((2, 24, 28, 30, 7))
        return family.to_bytes(4, rng.choice(("little", "big")))
    if link_type == LinkType.LINUX_SLL2:
        tag = struct.pack("!H", rng.choice((5, 0x0800))) if rng.random() < 0.2 else b""
        outer = rng.choice((b"\x81\x00", b"\x88\xa8")) if tag else ethertype
        hardware = 824 if rng.random() < 0.1 else 1
        head = outer + struct.pack("!HIHBB8x", 0, 1, hardware, 0, 6)
        return head + tag + (ethertype if tag else b"") + snap(rng, ethertype, version)
    if link_type not in (LinkType.ETHERNET, LinkType.LINUX_SLL):
        return b""
    head = rng.randbytes(12) if link_type == LinkType.ETHERNET else b"\0\0\0\1\0\6" + bytes(8)
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 7, 8, 9))):
        head += rng.choice((b"\x81\x00", b"\x81\x00", b"\x88\xa8", b"\x91\x00"))
        head += struct.pack("!H", rng.choice((5, 0x4011, 0x6000, 0x4500)))
    if rng.random() < 0.1:
        return head + b"\x00\x50\xaa\xaa\x03\0\0\0" + ethertype
    return head + ethertype + snap(rng, ethertype, version)


def snap(rng: Random, ethertype: bytes, version: int) -> bytes:
    """Return LLC where a cooked header says that LLC follows."""
    if ethertype != b"\x00\x04" or rng.random() < 0.2:
        return b""
    return b"\xaa\xaa\x03\0\0" + rng.choice((b"\0", b"\xf8")) + IP_ETHERTYPES[version]


def invented_frame(rng: Random, link_type: int) -> bytes:
    """Return a frame, one in four of them cut anywhere."""
    version = rng.choice((4, 6))
    ways = WAYS.get(link_type, ())
    if ways and (link_type not in PLAIN or rng.random() < 0.3):
        inner = link_header(rng, LinkType.ETHERNET, version) + packet(rng, version)
        frame = rng.choice(ways).wrap(inner)
    else:
        frame = link_header(rng, link_type, version) + packet(rng, version)
    return frame[: rng.randrange(len(frame) + 1)] if rng.random() < 0.25 else frame


def pcap(link_type: int, frames: list[bytes], order: str) -> bytes:
    parts = [struct.pack(f"{order}IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 0, link_type)]
    for number, frame in enumerate(frames):
        parts += (struct.pack(f"{order}IIII", 1, number, len(frame), len(frame)), frame)
    return b"".join(parts)


def pcapng(link_type: int, frames: list[bytes], order: str) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        length = struct.pack(f"{order}I", len(body) + 12)
        return struct.pack(f"{order}I", kind) + length + body + length

    parts = [
        block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1)),
        block(1, struct.pack(f"{order}HHI", link_type, 0, 0)),
        block(1, struct.pack(f"{order}HHI", 147, 0, 0)),
    ]
    for number, frame in enumerate(frames):
        padded = frame + bytes(-len(frame) % 4)
        head = struct.pack(f"{order}IIIII", 0, 0, number, len(frame), len(frame))
        parts.append(block(6, head + padded))
        if number % 7 == 3:
            parts.append(block(6, struct.pack(f"{order}IIIII", 1, 0, number, 4, 4) + bytes(4)))
        if number % 11 == 5:
            parts.append(block(5, bytes(20)))
    return b"".join(parts)


class Invented(NamedTuple):
    """A capture file and what was put into it."""

    link_type: int
    frames: list[bytes]
    octets: bytes
    header_octets: int


@st.composite
def captures(draw: st.DrawFn) -> Invented:
    """Captures of both formats and byte orders."""
    link_type = draw(st.sampled_from(LinkType))
    rng = Random(draw(st.integers(0, 1 << 32)))
    frames = [invented_frame(rng, link_type) for _ in range(draw(st.integers(0, 200)))]
    written, header_octets = draw(st.sampled_from(((pcap, 24), (pcapng, 28))))
    octets = written(link_type, frames, draw(st.sampled_from("<>")))
    return Invented(link_type, frames, octets, header_octets)


windows = st.sampled_from((64, 500, 2000, 1 << 16))


def read(octets: bytes, window: int, *, all_frames: bool) -> list[Frame]:
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        Path(file.name).write_bytes(octets)
        with open_capture(file.name, window_octets=window) as capture:
            return list(capture.frames() if all_frames else capture.candidates())


@settings(deadline=None, max_examples=100)
@given(captures(), windows)
def test_sweeping_gives_what_a_look_at_every_frame_gives(capture: Invented, window: int) -> None:
    link_type, frames, octets, _ = capture

    everything = read(octets, 1 << 16, all_frames=True)
    chosen = read(octets, window, all_frames=False)

    ours = [frame for frame in everything if frame.link_type == link_type]
    assert [frame.data for frame in ours] == frames
    assert chosen == [
        frame for frame in everything if may_hold_message(frame.data, frame.link_type)
    ]


def is_advertisement(frame: Frame) -> bool:
    """Return whether a frame is a Neighbor Advertisement (RFC 4861 §4.4), as the decoder reads it.

    It answers a solicitation, so who wants to know what was not answered has to see it.
    """
    link = read_link(frame.data, frame.link_type)
    if not isinstance(link, LinkHeader) or link.ethertype != ETHERTYPE_IPV6:
        return False
    packet = frame.data[link.offset :]
    return len(packet) > 40 and (packet[6], packet[40]) == (58, 136)


@settings(deadline=None, max_examples=100)
@given(captures(), windows)
def test_with_data_packets_to_groups_are_given_too(capture: Invented, window: int) -> None:
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        Path(file.name).write_bytes(capture.octets)
        with open_capture(file.name, data=True, window_octets=window) as opened:
            chosen = list(opened.candidates())

    def is_wanted(frame: Frame) -> bool:
        is_message = may_hold_message(frame.data, frame.link_type)
        to_group = goes_to_group(frame.data, frame.link_type)
        return is_message or to_group or is_advertisement(frame)

    everything = read(capture.octets, 1 << 16, all_frames=True)
    assert chosen == [frame for frame in everything if is_wanted(frame)]


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(LinkType), st.integers(0, 1 << 32))
def test_whatever_the_decoder_has_a_word_for_passes_the_sieve(link_type: int, seed: int) -> None:
    rng = Random(seed)
    for _ in range(100):
        frame = Frame(invented_frame(rng, link_type), None, 1, link_type)
        has_message = decode(frame) is not None
        has_inner_message = bool(Decoder(tunnels=True).decode(frame))
        is_counted = isinstance(Decoder().read(frame), Broken | Unread)

        assert not has_message or may_hold_message(frame.data, link_type)
        assert not is_counted or may_hold_message(frame.data, link_type)
        assert not has_inner_message or may_hold_message(frame.data, link_type)


@st.composite
def fragments(draw: st.DrawFn) -> list[bytes]:
    """Fragments of IGMP and MLD in any order, among them some that never come together."""
    rng = Random(draw(st.integers(0, 1 << 32)))
    frames = []
    for number in range(rng.randrange(8)):
        # An IGMPv2 report, an MLDv1 report; both of 24 octets so that three pieces make each.
        message = bytes((rng.choice((0x16, 131)),)) + rng.randbytes(23)
        for offset in range(0, 24, 8):
            piece, more = message[offset : offset + 8], offset < 16
            if message[0] == 0x16:
                bits = more << 13 | offset // 8
                head = struct.pack("!BBHHHBBH", 0x45, 0, 28, number, bits, 1, 2, 0)
                packet = b"\x08\x00" + head + bytes(8) + piece
            else:
                chain = struct.pack("!BxHI", 58, offset | more, number)
                head = struct.pack("!IHBB", 6 << 28, 16, 44, 1) + bytes(32)
                packet = b"\x86\xdd" + head + chain + piece
            frames.append(bytes(12) + packet)
    rng.shuffle(frames)
    return frames[rng.randrange(3) :]


@settings(deadline=None, max_examples=100)
@given(captures(), fragments(), windows, st.booleans())
def test_candidates_hold_every_message_of_a_capture(
    capture: Invented, pieces: list[bytes], window: int, tunnels: bool
) -> None:
    frames = [*capture.frames, *pieces] if capture.link_type == 1 else capture.frames
    octets = pcapng(capture.link_type, frames, "<")

    def messages(*, all_frames: bool) -> list[tuple[object, ...]]:
        decoder = Decoder(tunnels=tunnels)
        read_frames = read(octets, window, all_frames=all_frames)
        found = [decoded for frame in read_frames for decoded in decoder.decode(frame)]
        found += decoder.finish()
        return [
            (item.frame.number, item.type, item.datagram, item.malformed, item.remarks)
            for item in found
        ]

    assert messages(all_frames=False) == messages(all_frames=True)


@settings(deadline=None, max_examples=100)
@given(captures(), windows, st.booleans(), st.data())
def test_cut_and_damaged_files_end_early_and_never_raise(
    capture: Invented, window: int, is_compressed: bool, data: st.DataObject
) -> None:
    octets, head = bytearray(capture.octets), capture.header_octets
    for _ in range(data.draw(st.integers(0, 3))):
        if len(octets) > head:
            octets[data.draw(st.integers(head, len(octets) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(octets[: data.draw(st.integers(head, len(octets)))])
    if is_compressed:
        cut = gzip.compress(cut)[:-1]

    everything = read(cut, 1 << 16, all_frames=True)
    chosen = read(cut, window, all_frames=False)

    assert chosen == [
        frame for frame in everything if may_hold_message(frame.data, frame.link_type)
    ]
