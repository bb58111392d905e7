"""IP packets that can carry other packets: which tunnel it is and where its payload stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mldkit.model.datagram import Unread
from mldkit.model.protocol_numbers import (
    ANSWERING_TUNNELS,
    DESTINATION_OPTIONS,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    FRAGMENT,
    HOP_BY_HOP,
    IP_CARRIERS,
    IP_TUNNELS,
    ROUTING,
    TUNNEL_PORTS,
    UDP,
    UDP_TUNNELS,
    UNREAD_IP_PROTOCOLS,
    UNREAD_UDP_PORTS,
)

if TYPE_CHECKING:
    from mldkit.wire.link_header import LinkHeader

_PASSED_OVER = frozenset((HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS))
"""IPv6 headers that may stand in front of a tunnel (RFC 2473 §5.1)."""
_MOST_HEADERS = 8
_TO_PORTS = {port.to_bytes(2, "big"): port for port in TUNNEL_PORTS}
_FROM_PORTS = {port.to_bytes(2, "big"): port for port in ANSWERING_TUNNELS}


class Carrier(NamedTuple):
    """An IP packet with another packet inside."""

    name: str
    """What the tunnel is called in the field."""
    protocol: int
    """IP protocol, 17 for those over UDP."""
    port: int
    """The port by which a tunnel over UDP is known."""
    start: int
    """First octet behind the outer headers."""
    end: int
    link: LinkHeader
    """The link header in front of the outer IP header."""

    @property
    def unread(self) -> Unread:
        """What to say where it is not looked into."""
        return Unread(self.name, "--tunnels")


def carrier_of(data: bytes, link: LinkHeader) -> Carrier | Unread | None:
    """Return the tunnel in the IP packet behind `link`, if it is one.

    Whoever calls has seen that the packet is no message and that its fixed header is whole.
    An `Unread` is a tunnel that cannot be looked into; None is none at all.
    """
    at, ethertype = link.offset, link.ethertype
    if ethertype == ETHERTYPE_IPV4:
        protocol, start = data[at + 9], at + (data[at] & 15) * 4
        if protocol == UDP:
            if data[start + 2 : start + 4] not in _TO_PORTS and (
                data[start : start + 2] not in _FROM_PORTS
            ):
                return None
        elif protocol not in IP_CARRIERS:
            return None
        length = data[at + 2] << 8 | data[at + 3]
        # A sender's card sets the length of what it cuts in pieces itself.
        end = min(link.end, at + length) if length else link.end
        bits = data[at + 6] << 8 | data[at + 7]
        is_later, is_fragment = bool(bits & 0x1FFF), bool(bits & 0x3FFF)
    elif ethertype == ETHERTYPE_IPV6:
        length = data[at + 4] << 8 | data[at + 5]
        end = min(link.end, at + 40 + length) if length else link.end
        protocol, start, bits = _behind_extensions(data, at + 40, end, data[at + 6])
        if protocol != UDP and protocol not in IP_CARRIERS:
            return None
        is_later, is_fragment = bool(bits & 0xFFF8), bool(bits & 0xFFF9)
    else:
        return None
    port = 0
    if protocol == UDP:
        if is_later or end - start < 8:
            return None
        to_port = _TO_PORTS.get(data[start + 2 : start + 4])
        port = to_port or _FROM_PORTS.get(data[start : start + 2], 0)
        if not port:
            return None
        start += 8
    return _named(Carrier("", protocol, port, start, end, link), is_fragment=is_fragment)


def _behind_extensions(data: bytes, at: int, end: int, following: int) -> tuple[int, int, int]:
    """Return what follows IPv6 extension headers, where, and the bits of a fragment header."""
    bits = 0
    for _ in range(_MOST_HEADERS):
        if following == FRAGMENT and end - at >= 8:
            bits = data[at + 2] << 8 | data[at + 3]
            length = 8
        elif following in _PASSED_OVER and end - at >= 8:
            length = (data[at + 1] + 1) * 8
        else:
            break
        following = data[at]
        at += length
    return following, at, bits


def _named(carrier: Carrier, *, is_fragment: bool) -> Carrier | Unread:
    """Return the tunnel with its name, or what to call one that cannot be looked into."""
    if carrier.port:
        closed, name = UNREAD_UDP_PORTS.get(carrier.port), UDP_TUNNELS.get(carrier.port)
    else:
        closed, name = UNREAD_IP_PROTOCOLS.get(carrier.protocol), IP_TUNNELS.get(carrier.protocol)
    if closed or name is None:
        reason = "encrypted" if closed == "ESP" else None
        return Unread(closed or "a tunnel", reason)
    return Unread(f"fragments of {name}") if is_fragment else carrier._replace(name=name)
