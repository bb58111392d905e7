"""The catalogue of malformed input, M-44 to M-50: link headers, tunnels, foreign types."""

from __future__ import annotations

import struct

import pytest

from mldkit.link.scan import may_hold_message
from mldkit.model.addresses import parse
from mldkit.model.datagram import Broken, Frame, LinkType
from mldkit.testing.envelopes import (
    IGMP_QUERY,
    MAC,
    MLD_QUERY,
    V4,
    V6,
    entry,
    ids,
    patched,
    v6_with,
    with_ip_sum,
)
from mldkit.wire.checksum import internet_checksum
from mldkit.wire.decode import decode
from mldkit.wire.decoder import Decoder
from mldkit.wire.validity import find


def test_m44_snap_is_read_and_bounded_by_its_length() -> None:
    snap = b"\xaa\xaa\x03\0\0\0\x08\0" + V4[14:]
    frame = V4[:12] + len(snap).to_bytes(2, "big") + snap + b"padding"

    assert entry(frame).datagram.message == IGMP_QUERY.message
    assert ids(frame) == set()


@pytest.mark.parametrize(
    ("oui", "is_read"),
    [("000000", True), ("0000f8", True), ("00000c", False), ("0080c2", False)],
)
def test_m44_snap_of_other_organizations_says_no_ethertype(oui: str, is_read: bool) -> None:
    snap = b"\xaa\xaa\x03" + bytes.fromhex(oui) + b"\x08\0" + V4[14:]
    found = decode(Frame(V4[:12] + len(snap).to_bytes(2, "big") + snap))

    assert (found is not None) is is_read


@pytest.mark.parametrize("link_type", [LinkType.LINUX_SLL, LinkType.LINUX_SLL2])
@pytest.mark.parametrize(
    ("protocol", "is_read"), [(4, True), (1, False), (2, False), (0x30, False)]
)
def test_m44_m49_a_cooked_header_says_llc_by_a_number_that_is_no_length(
    link_type: int, protocol: int, is_read: bool
) -> None:
    header = (
        SLL[:14] + protocol.to_bytes(2, "big")
        if link_type == LinkType.LINUX_SLL
        else protocol.to_bytes(2, "big") + SLL2[2:]
    )
    frame = header + b"\xaa\xaa\x03\0\0\0\x08\0" + V4[14:]
    found = decode(Frame(frame, link_type=link_type))

    assert (found is not None) is is_read
    if is_read:
        assert entry(frame, link_type).datagram.message == IGMP_QUERY.message
        assert may_hold_message(frame, link_type)
    assert isinstance(decode(Frame(header + b"\xaa\xaa\x03\0", link_type=link_type)), Broken) == (
        is_read
    )


@pytest.mark.parametrize("ethertype", ["0806", "88cc", "0026"])
def test_m44_other_protocols_are_not_ours(ethertype: str) -> None:
    assert decode(Frame(patched(V4, 12, bytes.fromhex(ethertype)), 0, 1)) is None


def test_m44_ipv6_under_the_ethertype_of_ipv4_is_neither() -> None:
    assert isinstance(decode(Frame(patched(V6, 12, b"\x08\x00"), 0, 1)), Broken)


@pytest.mark.parametrize("depth", range(1, 9))
@pytest.mark.parametrize("ethertype", ["8100", "88a8", "9100"])
def test_m45_vlan_tags_up_to_eight(ethertype: str, depth: int) -> None:
    tags = b"".join(
        bytes.fromhex(ethertype) + (0xE000 | number).to_bytes(2, "big")
        for number in range(1, depth + 1)
    )
    found = entry(V6[:12] + tags + V6[12:])

    assert found.datagram.vlan == tuple(range(1, depth + 1))
    assert find(found) == ()


def test_m45_nine_tags_and_a_cut_tag_are_broken() -> None:
    nine = decode(Frame(V6[:12] + b"\x81\x00\x00\x01" * 9 + V6[12:], 0, 1))
    cut = decode(Frame(V6[:12] + b"\x81\x00\x00", 0, 1))

    assert isinstance(nine, Broken)
    assert isinstance(cut, Broken)
    assert cut.id == "M-01"


def tunnelled(protocol: int, payload: bytes) -> bytes:
    header = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0,
        parse("192.0.2.1"), parse("192.0.2.2"),
    )  # fmt: skip
    return with_ip_sum(bytes(12) + b"\x08\x00" + header + payload)


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (tunnelled(17, struct.pack("!HHHH", 5000, 4789, 16 + len(V6), 0) + bytes(8) + V6), "vxlan"),
        (tunnelled(47, b"\0\0\x65\x58" + V6), "gre"),
        (tunnelled(47, b"\x30\0\x86\xdd" + bytes(8) + V6[14:]), "gre"),
        (tunnelled(41, V6[14:]), "ipip"),
        (tunnelled(4, V4[14:]), "ipip"),
    ],
    ids=["vxlan", "gre bridged", "gre routed with key and sequence", "6in4", "4in4"],
)
def test_m46_tunnels_are_looked_into_only_when_asked(frame: bytes, name: str) -> None:
    assert Decoder().decode(Frame(frame, 0, 1)) == ()

    (found,) = Decoder(tunnels=True).decode(Frame(frame, 0, 1))
    assert found.tunnel == name
    assert found.datagram.message in (IGMP_QUERY.message, MLD_QUERY.message)
    assert find(found) == ()


@pytest.mark.parametrize("kind", [0x13, 0x14, 0x1E, 0x1F, 0x99])
def test_m47_other_igmp_types_are_no_error(kind: int) -> None:
    payload = bytes((kind, 0, 0, 0)) + bytes(8)
    value = internet_checksum(payload)
    frame = V4[:38] + payload[:2] + value.to_bytes(2, "big") + payload[4:]
    found = entry(frame)

    assert found.kind == "other"
    assert [(finding.id, finding.severity) for finding in find(found)] == [("V-02", "info")]


@pytest.mark.parametrize("kind", [1, 128, 133, 134, 135, 136, 137, 144])
def test_m48_other_icmpv6_types_are_not_ours(kind: int) -> None:
    assert decode(Frame(patched(V6, 62, bytes((kind,))), 0, 1)) is None


SLL = struct.pack("!HHH8sH", 0, 1, 6, MAC + b"\0\0", 0x86DD)
SLL2 = struct.pack("!HHIHBB8s", 0x86DD, 0, 2, 1, 0, 6, MAC + b"\0\0")


@pytest.mark.parametrize(
    ("link_type", "header"),
    [
        (LinkType.LINUX_SLL, SLL),
        (LinkType.LINUX_SLL2, SLL2),
        (LinkType.RAW, b""),
        (LinkType.IPV6, b""),
        (LinkType.NULL, struct.pack("<I", 24)),
        (LinkType.NULL, struct.pack(">I", 28)),
        (LinkType.NULL, struct.pack("<I", 30)),
        (LinkType.NULL, struct.pack("<I", 10)),
        (LinkType.LOOP, struct.pack(">I", 30)),
    ],
)
def test_m49_m50_link_types(link_type: int, header: bytes) -> None:
    found = entry(header + V6[14:], link_type)

    assert found.datagram.message == MLD_QUERY.message
    assert found.datagram.link_destination is None
    cooked = link_type in (LinkType.LINUX_SLL, LinkType.LINUX_SLL2)
    assert found.datagram.link_source == (MAC if cooked else None)
    assert find(found) == ()


def test_m49_a_tag_inside_a_cooked_frame_is_kept() -> None:
    header = SLL[:14] + b"\x81\x00" + b"\x00\x05\x86\xdd"

    assert entry(header + V6[14:], LinkType.LINUX_SLL).datagram.vlan == (5,)


def test_m49_an_unknown_link_type_gives_nothing() -> None:
    assert decode(Frame(V6, 0, 1, 147)) is None


@pytest.mark.parametrize("link_type", [113, 276, 0, 108, 101])
def test_m49_a_cut_cooked_or_loopback_header_is_broken(link_type: int) -> None:
    assert isinstance(decode(Frame(b"\0\0" if link_type != 101 else b"", 0, 1, link_type)), Broken)


def test_a_routing_header_names_the_destination_of_the_checksum() -> None:
    final = parse("ff02::1")
    routing = bytes((0, 2, 0, 1, 0, 0, 0, 0)) + final
    frame = bytearray(v6_with(bytes((58,)) + routing[1:], 43))
    frame[38:54] = parse("fe80::9")
    found = entry(bytes(frame))

    assert found.datagram.destination == final
    assert found.checksum == "ok"
