"""Packets that show who is on a link: hellos of routers, Neighbor Discovery, DHCPv6, beacons.

None of them is a membership message or data. They are read because of what they say of a device
(it is a router, an access point, it lives), and because Neighbor Solicitations go to groups: a
switch that knows no member of such a group lets nobody find the neighbour.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.facts import link_vlan
from mldkit.model.datagram import LinkType
from mldkit.model.hardware_addresses import virtual_router_protocol
from mldkit.model.protocol_numbers import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from mldkit.wire.link_header import LinkHeader
from mldkit.wire.link_layer import read_link

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Circuit, Frame

_UDP, _ICMPV6, _PIM, _VRRP = 17, 58, 103, 112
_PIM_HELLO = 0x20
"""Version 2, type 0 (RFC 7761 §4.9)."""
_SOLICITATION, _ADVERTISEMENT = 135, 136
_ND_OCTETS = 24
"""A solicitation or an advertisement without options (RFC 4861 §4.3, §4.4)."""
_DHCPV6_SERVER_PORT = 547
_BEACON = 0x80
_RADIOTAP = int(LinkType.IEEE802_11_RADIOTAP)


class Kind(Enum):
    """What a packet is."""

    PIM_HELLO = "PIM hello"
    VRRP = "VRRP advertisement"
    SOLICITATION = "Neighbor Solicitation"
    ADVERTISEMENT = "Neighbor Advertisement"
    DHCPV6 = "DHCPv6 request"
    OTHER = "other packet to a group of the link"


class ControlPacket(NamedTuple):
    """A packet that shows who is on a link."""

    kind: Kind
    vlan: tuple[int, ...]
    circuit: tuple[Circuit, ...]
    link_source: bytes | None
    source: Address
    destination: Address
    target: Address = b""
    """Of Neighbor Discovery: whom it is about."""
    request: bytes = b""
    """Of DHCPv6: message type and transaction."""


def read_control(frame: Frame, header: LinkHeader | None = None) -> ControlPacket | None:
    """Return the packet in `frame`, None where it shows nothing of this kind.

    `header` is what stands in front of it, where that was read before.
    """
    data = frame.data
    link = header or read_link(data, frame.link_type)
    if not isinstance(link, LinkHeader):
        return None
    at, place = link.offset, (link_vlan(link.vlan), link.circuit, link.source)
    if link.ethertype == ETHERTYPE_IPV4:
        if len(data) < at + 20 or data[at + 16] & 0xF0 != 0xE0:
            return None
        source, destination = data[at + 12 : at + 16], data[at + 16 : at + 20]
        protocol, payload = data[at + 9], data[at + (data[at] & 15) * 4 :]
        if not destination.startswith(b"\xe0\0\0"):
            return None
        kind = _kind(protocol, payload)
        if kind is Kind.OTHER and not virtual_router_protocol(link.source or b""):
            return None
        return ControlPacket(kind, *place, source, destination)
    if link.ethertype != ETHERTYPE_IPV6 or len(data) < at + 40:
        return None
    source, destination = data[at + 8 : at + 24], data[at + 24 : at + 40]
    protocol, payload = data[at + 6], data[at + 40 :]
    if protocol == _ICMPV6 and data[at + 7] == 255 and len(payload) >= _ND_OCTETS:
        kinds = {_SOLICITATION: Kind.SOLICITATION, _ADVERTISEMENT: Kind.ADVERTISEMENT}
        if payload[0] in kinds and payload[1] == 0:
            kind, target = kinds[payload[0]], payload[8:24]
            return ControlPacket(kind, *place, source, destination, target)
    if destination[0] != 0xFF or destination[1] & 15 > 2:
        return None
    if protocol == _UDP and len(payload) >= 12 and _port(payload) == _DHCPV6_SERVER_PORT:
        request = payload[8:12]
        return ControlPacket(Kind.DHCPV6, *place, source, destination, request=request)
    return ControlPacket(_kind(protocol, payload), *place, source, destination)


def read_beacon(frame: Frame) -> bytes | None:
    """Return the MAC of the access point that sent a beacon, None for any other frame."""
    data, at = frame.data, 0
    if frame.link_type == _RADIOTAP:
        if len(data) < 4:
            return None
        at = data[2] | data[3] << 8
    elif frame.link_type != LinkType.IEEE802_11:
        return None
    if len(data) < at + 24 or data[at] != _BEACON:
        return None
    return data[at + 10 : at + 16]


def _kind(protocol: int, payload: bytes) -> Kind:
    if protocol == _PIM and payload[:1] == bytes((_PIM_HELLO,)):
        return Kind.PIM_HELLO
    return Kind.VRRP if protocol == _VRRP else Kind.OTHER


def _port(datagram: bytes) -> int:
    return datagram[2] << 8 | datagram[3]
