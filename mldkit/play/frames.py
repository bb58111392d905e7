"""The frames that a script puts on a link: messages of other nodes, broken ones too, and data.

::

    query, report    Datagram -> frame, cut, padded or with a wrong checksum where the line says so
    data             | Ethernet | IP | UDP, port 5000 | "data" |
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from mldkit.model.addresses import group_mac
from mldkit.model.datagram import Datagram
from mldkit.model.family import IGMP, family_of
from mldkit.model.messages import Other
from mldkit.model.protocol_numbers import UDP
from mldkit.wire.checksum import icmpv6_checksum, internet_checksum
from mldkit.wire.encode import encode_frame, encode_message

if TYPE_CHECKING:
    from mldkit.protocol.script import DataAct, MessageAct

OTHER_MAC = bytes.fromhex("0200000001")
"""MACs of nodes that the script does not name: the last octet of their address follows."""
_PORT = 5000
_PAYLOAD = b"data"


def frame_of(act: MessageAct) -> bytes:
    """Return the frame of a message, cut, padded or with a wrong checksum as it is asked for."""
    datagram = act.datagram
    if datagram.message is None or (act.length is None and not act.bad_checksum):
        return encode_frame(datagram)
    octets = encode_message(datagram.message, datagram.source, datagram.destination)
    if act.length is not None:
        octets = octets[: act.length].ljust(act.length, b"\0")
    if len(octets) >= 4:
        octets = octets[:2] + _checksum(octets, datagram, wrong=act.bad_checksum) + octets[4:]
    kind = octets[0] if octets else 0
    return encode_frame(_with_message(datagram, Other(kind, octets)))


def _checksum(octets: bytes, datagram: Datagram, *, wrong: bool) -> bytes:
    blank = octets[:2] + b"\0\0" + octets[4:]
    if datagram.family is IGMP:
        value = internet_checksum(blank)
    else:
        value = icmpv6_checksum(datagram.source, datagram.destination, blank)
    return (value ^ 0x5555 if wrong else value).to_bytes(2, "big")


def _with_message(datagram: Datagram, message: Other) -> Datagram:
    destination = datagram.link_destination or group_mac(datagram.destination)
    return Datagram(
        datagram.source,
        datagram.destination,
        message,
        datagram.hop_limit,
        datagram.traffic_class,
        datagram.router_alert,
        datagram.link_source,
        destination,
    )


def data_frame(act: DataAct) -> bytes:
    """Return the frame of a UDP datagram to a group."""
    udp_octets = 8 + len(_PAYLOAD)
    if family_of(act.group) is IGMP:
        octets = 20 + udp_octets
        head = struct.pack("!BBHHHBBH", 0x45, 0, octets, 0, 0, act.ttl, UDP, 0)
        checksum = internet_checksum(head + act.source + act.group)
        packet = head[:10] + checksum.to_bytes(2, "big") + act.source + act.group
        ethertype = b"\x08\x00"
    else:
        head = struct.pack("!IHBB", 6 << 28, udp_octets, UDP, act.ttl)
        packet = head + act.source + act.group
        ethertype = b"\x86\xdd"
    udp = struct.pack("!HHHH", _PORT, _PORT, udp_octets, 0) + _PAYLOAD
    pseudo = act.source + act.group + struct.pack("!HH", UDP, udp_octets)
    # Zero says "no checksum", which IPv6 does not allow (RFC 8200 §8.1).
    checksum = internet_checksum(pseudo + udp) or 0xFFFF
    udp = udp[:6] + checksum.to_bytes(2, "big") + udp[8:]
    link = group_mac(act.group) + OTHER_MAC + act.source[-1:] + ethertype
    return link + packet + udp
