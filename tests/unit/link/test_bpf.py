"""The capture filter, run by the kernel itself: a datagram socket takes a filter like any other."""

from __future__ import annotations

import array
import json
import socket
import struct
from typing import TYPE_CHECKING

import pytest

from mldkit.link.bpf import membership_filter
from mldkit.model.datagram import Decoded, Frame
from mldkit.wire.decode import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SO_ATTACH_FILTER = 26
MACS = bytes.fromhex("333300000016 020000000001")
ICMPV6, HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 58, 0, 43, 44, 60


@pytest.fixture(scope="module")
def passes() -> Iterator[Callable[[bytes], bool]]:
    sender, listener = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    program = array.array("B", membership_filter())
    address, octets = program.buffer_info()
    listener.setsockopt(
        socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", octets // 8, address)
    )

    def judge(frame: bytes) -> bool:
        sender.send(frame)
        try:
            return listener.recv(1 << 17, socket.MSG_DONTWAIT) == frame
        except BlockingIOError:
            return False

    with sender, listener:
        yield judge


def ipv4(protocol: int) -> bytes:
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 1, protocol, 0, bytes(4), bytes(4))
    return b"\x08\0" + header + bytes(8)


def ipv6(next_header: int, payload: bytes) -> bytes:
    return b"\x86\xdd" + struct.pack("!IHBB32x", 6 << 28, len(payload), next_header, 1) + payload


def extension(next_header: int) -> bytes:
    return bytes((next_header, 0)) + bytes(6)


def icmpv6(kind: int) -> bytes:
    return bytes((kind,)) + bytes(23)


MEMBERSHIP = {
    "IGMP": ipv4(2),
    "MLD behind hop-by-hop": ipv6(HOP_BY_HOP, extension(ICMPV6) + icmpv6(143)),
    "MLD without Router Alert": ipv6(ICMPV6, icmpv6(143)),
    "MLD query": ipv6(ICMPV6, icmpv6(130)),
    "MRD advertisement": ipv6(ICMPV6, icmpv6(151)),
    "MLD behind destination options": ipv6(DESTINATION, extension(ICMPV6) + icmpv6(131)),
    "MLD behind two extension headers": ipv6(
        ROUTING, extension(DESTINATION) + extension(ICMPV6) + icmpv6(132)
    ),
    "fragment of MLD": ipv6(FRAGMENT, extension(ICMPV6) + icmpv6(143)),
    "fragment behind hop-by-hop": ipv6(HOP_BY_HOP, extension(FRAGMENT) + extension(ICMPV6)),
}
OTHERS = {
    "UDP over IPv4": ipv4(17),
    "TCP over IPv4": ipv4(6),
    "UDP over IPv6": ipv6(17, bytes(20)),
    "fragment of UDP": ipv6(FRAGMENT, extension(17) + bytes(20)),
    "neighbour solicitation": ipv6(ICMPV6, icmpv6(135)),
    "echo request": ipv6(ICMPV6, icmpv6(128)),
    "ARP": b"\x08\x06" + bytes(46),
    "LLDP": b"\x88\xcc" + bytes(46),
    "spanning tree (802.3 with LLC)": b"\0\x26\x42\x42\x03" + bytes(40),
}
TAGS = {
    "untagged": b"",
    "802.1Q": b"\x81\0\0\x05",
    "802.1ad": b"\x88\xa8\0\x05",
    "QinQ": b"\x88\xa8\0\x05\x81\0\0\x06",
    "eight tags": b"\x91\0\0\x01" * 8,
}
SNAP = b"\0\x50\xaa\xaa\x03\0\0\0"


@pytest.mark.parametrize("tags", TAGS.values(), ids=TAGS.keys())
@pytest.mark.parametrize("packet", MEMBERSHIP.values(), ids=MEMBERSHIP.keys())
def test_membership_passes(passes: Callable[[bytes], bool], packet: bytes, tags: bytes) -> None:
    assert passes(MACS + tags + packet)
    assert passes(MACS + tags + SNAP + packet)


@pytest.mark.parametrize("tags", TAGS.values(), ids=TAGS.keys())
@pytest.mark.parametrize("packet", OTHERS.values(), ids=OTHERS.keys())
def test_other_traffic_is_dropped(
    passes: Callable[[bytes], bool], packet: bytes, tags: bytes
) -> None:
    assert not passes(MACS + tags + packet)


def test_a_ninth_tag_and_frames_cut_anywhere_are_dropped(passes: Callable[[bytes], bool]) -> None:
    frame = MACS + MEMBERSHIP["MLD behind hop-by-hop"]

    assert not passes(MACS + b"\x91\0\0\x01" * 9 + MEMBERSHIP["IGMP"])
    assert next(length for length in range(1, len(frame)) if passes(frame[:length])) == 21


@pytest.mark.parametrize("kind", range(256))
def test_every_header_behind_which_the_decoder_looks_passes(
    passes: Callable[[bytes], bool], kind: int
) -> None:
    for packet in (
        ipv6(kind, extension(ICMPV6) + icmpv6(143)),
        ipv6(ROUTING, extension(kind) + extension(ICMPV6) + icmpv6(143)),
        ipv6(ICMPV6, icmpv6(kind)),
    ):
        is_message = isinstance(decode(Frame(MACS + packet, 0, 1)), Decoded)
        assert passes(MACS + packet) or not is_message


@pytest.mark.parametrize("number", range(0x600, 0x10000, 0x80))
def test_only_tags_that_the_decoder_reads_are_passed_over(
    passes: Callable[[bytes], bool], number: int
) -> None:
    frame = MACS + number.to_bytes(2, "big") + b"\0\5" + MEMBERSHIP["IGMP"]

    assert passes(frame) == isinstance(decode(Frame(frame, 0, 1)), Decoded)


def test_every_message_of_the_corpus_passes(passes: Callable[[bytes], bool], shared: Path) -> None:
    judged = 0
    for facts in sorted((shared / "corpus").glob("*.json")):
        if "vxlan" in facts.stem:
            continue  # looked at offline only
        numbers = {entry["frame"] for entry in json.loads(facts.read_text())["frames"]}
        for number, (link_type, frame) in enumerate(classic_pcap(facts.with_suffix(".pcap")), 1):
            if number in numbers and link_type == 1:
                assert passes(frame), f"{facts.stem} frame {number}"
                judged += 1
    assert judged > 100


def classic_pcap(path: Path) -> Iterator[tuple[int, bytes]]:
    data = path.read_bytes()
    order = "<" if data[0] in (0xD4, 0x4D) else ">"
    (link_type,) = struct.unpack_from(order + "20xI", data)
    offset = 24
    while offset + 16 <= len(data):
        (captured,) = struct.unpack_from(order + "8xI", data, offset)
        yield link_type, data[offset + 16 : offset + 16 + captured]
        offset += 16 + captured
