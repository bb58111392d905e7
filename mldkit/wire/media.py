"""Streams inside UDP: RTP (RFC 3550) and MPEG-TS (ISO/IEC 13818-1), as far as losses show.

::

    RTP      V=2 | PT | sequence | timestamp | SSRC ...        RFC 3550 §5.1
    MPEG-TS  0x47 | PID, start of a payload unit | scrambling, adaptation, continuity | ...
             188 octets each, up to seven in a datagram (RFC 2250 §2)

Total, as all of `wire`: what is no such stream gives None or nothing.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from mldkit.model.protocol_numbers import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from mldkit.wire.link_header import LinkHeader
from mldkit.wire.link_layer import read_link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Frame

_UDP = 17
_TS_OCTETS = 188
_SYNC = 0x47
_NULL_PID = 0x1FFF


class UdpDatagram(NamedTuple):
    """A whole UDP datagram; fragments are none."""

    source: Address
    destination: Address
    port: int
    payload: bytes


class RtpPacket(NamedTuple):
    """What the header of an RTP packet says."""

    ssrc: int
    payload_type: int
    sequence: int
    payload: bytes


class TsPacket(NamedTuple):
    """What the header of a transport stream packet says."""

    pid: int
    continuity: int
    has_payload: bool
    is_discontinuous: bool
    """The counter may jump here: discontinuity_indicator."""
    is_scrambled: bool
    is_key: bool
    """A decoder can begin here: random_access_indicator."""


def read_udp(frame: Frame) -> UdpDatagram | None:
    """Return the UDP datagram of a frame, None where there is none or only a part."""
    data = frame.data
    link = read_link(data, frame.link_type)
    if not isinstance(link, LinkHeader):
        return None
    at = link.offset
    if link.ethertype == ETHERTYPE_IPV4:
        if len(data) < at + 20 or data[at + 9] != _UDP or _is_fragment(data, at):
            return None
        source, destination = data[at + 12 : at + 16], data[at + 16 : at + 20]
        at += 4 * (data[at] & 0x0F)
    elif link.ethertype == ETHERTYPE_IPV6:
        if len(data) < at + 40 or data[at + 6] != _UDP:
            return None
        source, destination = data[at + 8 : at + 24], data[at + 24 : at + 40]
        at += 40
    else:
        return None
    if len(data) < at + 8:
        return None
    port, length = struct.unpack_from("!HH", data, at + 2)
    return UdpDatagram(source, destination, port, data[at + 8 : at + max(length, 8)])


def _is_fragment(data: bytes, at: int) -> bool:
    return bool(struct.unpack_from("!H", data, at + 6)[0] & 0x3FFF)


def read_rtp(payload: bytes) -> RtpPacket | None:
    """Return the RTP packet in a payload, None where it cannot be one."""
    if len(payload) < 12 or payload[0] >> 6 != 2:
        return None
    at = 12 + 4 * (payload[0] & 0x0F)
    if payload[0] & 0x10:
        if len(payload) < at + 4:
            return None
        at += 4 + 4 * int.from_bytes(payload[at + 2 : at + 4], "big")
    end = len(payload) - (payload[-1] if payload[0] & 0x20 else 0)
    if at > end:
        return None
    sequence = int.from_bytes(payload[2:4], "big")
    ssrc = int.from_bytes(payload[8:12], "big")
    return RtpPacket(ssrc, payload[1] & 0x7F, sequence, payload[at:end])


def read_ts(payload: bytes) -> Iterator[TsPacket]:
    """Give the transport stream packets of a payload; nothing where it is no such stream."""
    if (
        not payload
        or len(payload) % _TS_OCTETS
        or any(payload[at] != _SYNC for at in range(0, len(payload), _TS_OCTETS))
    ):
        return
    for at in range(0, len(payload), _TS_OCTETS):
        pid = int.from_bytes(payload[at + 1 : at + 3], "big") & 0x1FFF
        if pid == _NULL_PID:
            continue
        control = payload[at + 3]
        has_flags = bool(control & 0x20) and payload[at + 4] > 0
        flags = payload[at + 5] if has_flags else 0
        yield TsPacket(
            pid,
            control & 0x0F,
            bool(control & 0x10),
            bool(flags & 0x80),
            bool(control & 0xC0),
            bool(flags & 0x40),
        )
