"""M-49: messages on the air, in 802.11 frames as tshark reads them too."""

from __future__ import annotations

import struct

import pytest

from mldkit.link.scan import may_hold_message
from mldkit.model.datagram import Broken, Frame, LinkType
from mldkit.testing.envelopes import IGMP_QUERY, MLD_QUERY, V4, V6, entry
from mldkit.wire.decode import decode
from mldkit.wire.validity import find

HOST, AP, OTHER_AP, FAR = (bytes((2, 0, 0, 0, 0, number)) for number in (1, 2, 3, 4))
GROUP = V4[:6]
SNAP = b"\xaa\xaa\x03\0\0\0\x08\0" + V4[14:]
TO_DS, FROM_DS, MORE_FRAGMENTS, PROTECTED, ORDER = 1, 2, 4, 0x40, 0x80


def wireless(
    flags: int,
    addresses: tuple[bytes, ...],
    *,
    subtype: int = 0,
    kind: int = 2,
    sequence: int = 0,
    quality: bytes = b"",
    payload: bytes = SNAP,
) -> bytes:
    head = bytes((subtype << 4 | kind << 2, flags, 0, 0)) + b"".join(addresses[:3])
    return head + struct.pack("<H", sequence) + b"".join(addresses[3:]) + quality + payload


def radiotap(present: int, fields: bytes, frame: bytes) -> bytes:
    return struct.pack("<BBHI", 0, 0, 8 + len(fields), present) + fields + frame


FROM_AP = (GROUP, AP, HOST)
PLAIN = wireless(FROM_DS, FROM_AP)
WITH_QUALITY = wireless(FROM_DS, FROM_AP, subtype=8, quality=b"\0\0")
PADDED = wireless(FROM_DS, FROM_AP, subtype=8, quality=b"\0\0\0\0")
AIR, TAP = LinkType.IEEE802_11, LinkType.IEEE802_11_RADIOTAP
READ = {
    "between stations": (AIR, wireless(0, (GROUP, HOST, AP))),
    "to the access point": (AIR, wireless(TO_DS, (AP, HOST, GROUP))),
    "from the access point": (AIR, PLAIN),
    "between access points": (AIR, wireless(TO_DS | FROM_DS, (OTHER_AP, FAR, GROUP, HOST))),
    "with QoS": (AIR, WITH_QUALITY),
    "with QoS and HT control": (
        AIR,
        wireless(FROM_DS | ORDER, FROM_AP, subtype=8, quality=bytes(6)),
    ),
    "radiotap without fields": (TAP, radiotap(0, b"", PLAIN)),
    "radiotap with flags": (TAP, radiotap(2, b"\0", WITH_QUALITY)),
    "radiotap, header filled up": (TAP, radiotap(3, bytes(8) + b"\x20", PADDED)),
    "radiotap of two words": (
        TAP,
        radiotap(0x80000003, bytes(4) + bytes(4) + bytes(4) + bytes(4) + b"\x20", PADDED),
    ),
    "radiotap, check sum behind": (TAP, radiotap(2, b"\x10", PLAIN) + b"FCS!"),
}


@pytest.mark.parametrize(("link_type", "frame"), READ.values(), ids=READ)
def test_m49_data_frames_are_read(link_type: int, frame: bytes) -> None:
    found = entry(frame, link_type)

    assert found.datagram.message == IGMP_QUERY.message
    assert found.datagram.link_source == HOST
    assert found.datagram.link_destination == GROUP
    assert find(found) == ()
    assert may_hold_message(frame, link_type)


def test_m49_mld_is_read_as_well() -> None:
    payload = b"\xaa\xaa\x03\0\0\0\x86\xdd" + V6[14:]
    found = entry(wireless(FROM_DS, (V6[:6], AP, HOST), payload=payload), AIR)

    assert found.datagram.message == MLD_QUERY.message
    assert find(found) == ()


def test_m49_an_encrypted_frame_is_broken_and_says_why() -> None:
    found = decode(Frame(wireless(FROM_DS | PROTECTED, FROM_AP), link_type=AIR))

    assert isinstance(found, Broken)
    assert found.id == "M-49"
    assert "encrypted" in found.reason


@pytest.mark.parametrize(
    "frame",
    [
        wireless(0, FROM_AP, kind=0, subtype=8),
        wireless(0, FROM_AP, kind=1, subtype=13),
        wireless(FROM_DS, FROM_AP, subtype=4, payload=b""),
        wireless(FROM_DS | MORE_FRAGMENTS, FROM_AP),
        wireless(FROM_DS, FROM_AP, sequence=1),
        wireless(FROM_DS, FROM_AP, subtype=8, quality=b"\x80\0"),
        wireless(FROM_DS, FROM_AP, payload=b"\x42\x42\x03" + bytes(40)),
    ],
    ids=["beacon", "ACK", "no data", "first fragment", "fragment", "aggregate", "LLC alone"],
)
def test_m49_what_holds_no_message_gives_nothing(frame: bytes) -> None:
    assert decode(Frame(frame, link_type=AIR)) is None


@pytest.mark.parametrize(("link_type", "frame"), READ.values(), ids=READ)
def test_m49_every_cut_is_broken_or_nothing(link_type: int, frame: bytes) -> None:
    header = frame.index(b"\xaa\xaa\x03") + 8
    for octets in range(header):
        found = decode(Frame(frame[:octets], link_type=link_type))
        assert found is None or isinstance(found, Broken)


def test_m49_another_version_of_radiotap_is_not_read() -> None:
    assert decode(Frame(b"\1" + radiotap(0, b"", PLAIN)[1:], link_type=TAP)) is None
