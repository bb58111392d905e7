"""Losses of a channel by the numbers of RTP and of MPEG-TS, in any order of arrival."""

from __future__ import annotations

import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram, Frame
from mldkit.testing.envelopes import IGMP_QUERY
from mldkit.wire.encode import encode_frame
from mldkit.wire.media import UdpDatagram, read_rtp, read_ts, read_udp
from mldkit.zap.channel import Channel, Viewing

GROUP, SENDER = parse("239.10.1.1"), parse("10.9.0.9")


def rtp(sequence: int, payload: bytes = b"", *, ssrc: int = 7) -> bytes:
    """Return an RTP packet."""
    return struct.pack("!BBHII", 0x80, 33, sequence % 65536, sequence * 900 % 2**32, ssrc) + payload


def ts(continuity: int, *, pid: int = 0x100, is_key: bool = False) -> bytes:
    """Return a transport stream packet with a payload."""
    if is_key:
        return struct.pack("!BHBBB", 0x47, pid, 0x30 | continuity % 16, 7, 0x40) + bytes(182)
    return struct.pack("!BHB", 0x47, pid, 0x10 | continuity % 16) + bytes(184)


def watched(*payloads: bytes) -> Viewing:
    """Return what a viewing of these payloads shows; each comes a nanosecond after the other."""
    channel = Channel(GROUP)
    viewing = channel.begin()
    for time_ns, payload in enumerate(payloads, 1):
        channel.see(UdpDatagram(SENDER, GROUP, 5000, payload), time_ns)
    return viewing


@given(
    first=st.integers(0, 65535),
    missing=st.sets(st.integers(1, 98), max_size=30),
    seed=st.integers(0, 99),
)
def test_what_is_missing_between_first_and_last_is_lost(
    first: int, missing: set[int], seed: int
) -> None:
    numbers = [number for number in range(100) if number not in missing]
    # Neighbours change places, as on two ways; the first and the last one stay.
    inner = numbers[1:-1]
    chance = Random(seed)
    for at in range(0, len(inner) - 1, 2):
        if chance.random() < 0.5:
            inner[at], inner[at + 1] = inner[at + 1], inner[at]
    viewing = watched(*(rtp(first + number) for number in (numbers[0], *inner, numbers[-1])))

    assert viewing.is_rtp
    assert viewing.lost == len(missing)
    assert viewing.datagrams == 100 - len(missing)


def test_what_comes_twice_hides_no_loss() -> None:
    assert watched(*map(rtp, (1, 2, 2, 2, 5, 5))).lost == 2


def test_another_sender_begins_anew() -> None:
    viewing = watched(rtp(1), rtp(2), rtp(4000, ssrc=9), rtp(4001, ssrc=9))
    assert (viewing.lost, viewing.is_rtp) == (0, True)


def test_what_is_no_rtp_has_no_known_losses() -> None:
    assert not watched(b"\x80" * 20, b"", b"x" * 1400).is_rtp
    assert not watched(b"\x80" + b"a" * 20, b"\x80" + b"b" * 20).is_rtp


def test_continuity_counters_jump_where_packets_miss() -> None:
    whole = [ts(number) for number in range(40)]
    assert watched(*whole).discontinuities == 0
    # Twice the same counter is allowed (ISO/IEC 13818-1 §2.4.3.3).
    assert watched(*whole[:5], whole[4], *whole[5:]).discontinuities == 0
    assert watched(*whole[:5], *whole[7:]).discontinuities == 1
    other = [ts(number + 3, pid=0x200) for number in range(5)]
    assert watched(whole[0] + other[0], whole[1] + other[1]).discontinuities == 0


def test_a_decoder_begins_at_the_first_clear_key_frame() -> None:
    scrambled = bytearray(ts(1, is_key=True))
    scrambled[3] |= 0x80
    assert watched(ts(0), bytes(scrambled), ts(2), rtp(5, ts(3, is_key=True))).key_ns == 4
    assert watched(ts(0), ts(1)).key_ns is None


@given(st.binary(max_size=600))
def test_any_octets_are_data(payload: bytes) -> None:
    viewing = watched(payload, payload[::-1], payload)
    assert viewing.datagrams == 3
    assert list(read_ts(payload)) == [] or payload[0] == 0x47
    assert read_rtp(payload) is None or payload[0] >> 6 == 2


@given(st.binary(max_size=120), st.integers(0, 200))
def test_any_frame_is_data(tail: bytes, cut: int) -> None:
    octets = (encode_frame(IGMP_QUERY)[:14] + tail)[:cut]
    found = read_udp(Frame(octets))
    assert found is None or len(found.destination) == 4


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_a_datagram_is_read_from_its_frame(family: str) -> None:
    payload = struct.pack("!HHHH", 4000, 5000, 13, 0) + b"hello"
    if family == "ipv4":
        packet = b"\x45\0" + struct.pack("!H", 33) + bytes(4) + b"\x04\x11\0\0" + SENDER + GROUP
        octets = bytes(12) + b"\x08\x00" + packet + payload + bytes(13)
    else:
        ends = parse("fe80::1") + parse("ff15::1")
        octets = bytes(12) + b"\x86\xdd" + b"\x60\0\0\0\0\x0d\x11\x04" + ends + payload
    found = read_udp(Frame(octets))
    assert found is not None
    assert (found.port, found.payload) == (5000, b"hello")
    assert isinstance(IGMP_QUERY, Datagram)
