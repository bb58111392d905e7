"""What stands between an ethertype and IP on one link: one step for each encapsulation.

::

    PPPoE      version, type 1 | code 1 | session 2 | length 2 | PPP protocol 2
    MPLS       [label 20, class 3, last 1, TTL 8] ... | IP, or [control word 4] | Ethernet
    802.1ah    flags 1 | I-SID 3 | Ethernet
    HSR        path 4, size 12 bits | sequence 2 | ethertype 2
    MACsec     flags 1 | short length 1 | number 4 | [channel 8] | ethertype 2 | ... | check 16
    EDSA       reserved 2 | DSA tag 4 | ethertype 2

A step takes the octets and the header that it continues, and returns that header moved on. The
trailer of PRP needs no step, nor does the check of MACsec: they stand behind the IP packet, where
padding may stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.datagram import Circuit, Unread
from mldkit.model.protocol_numbers import (
    DSA_TAG_OCTETS,
    ENCAPSULATING_ETHERTYPES,
    ETHERTYPE_ARP,
    ETHERTYPE_BACKBONE_SERVICE,
    ETHERTYPE_BRIDGED,
    ETHERTYPE_CISCO_METADATA,
    ETHERTYPE_E_TAG,
    ETHERTYPE_EDSA,
    ETHERTYPE_HSR,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_MACSEC,
    ETHERTYPE_MPLS,
    ETHERTYPE_MPLS_MULTICAST,
    ETHERTYPE_PPP,
    ETHERTYPE_PPPOE_SESSION,
    ETHERTYPE_VN_TAG,
    IP_VERSIONS,
    PPP_ETHERTYPES,
    UNREAD_PPP_PROTOCOLS,
    VLAN_ETHERTYPES,
)
from mldkit.wire.link_header import Found, LinkHeader, cut

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_LABELS = 32
_LAST_LABEL = 0x01  # of the third octet of a label
_ASSOCIATED_CHANNEL = 1  # where an IP version would stand (RFC 4385 §5)
_KNOWN_ETHERTYPES = (
    ENCAPSULATING_ETHERTYPES | VLAN_ETHERTYPES | {ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_ARP}
)
_MACSEC_VERSION, _MACSEC_CHANNEL, _MACSEC_CHANGED = 0x80, 0x20, 0x0C
_DSA_TAGGED = 0x20
_FIXED_TAGS = {
    ETHERTYPE_HSR: ("the HSR tag", 4),  # IEC 62439-3 §5.6
    ETHERTYPE_VN_TAG: ("the VN-Tag", 4),
    ETHERTYPE_E_TAG: ("the E-TAG", 6),  # IEEE 802.1BR §7.5
    ETHERTYPE_CISCO_METADATA: ("the security group tag", 6),
}
"""Tags that are passed over, with their octets in front of the next ethertype."""


def read_ppp(data: bytes, header: LinkHeader) -> Found:
    """Read a PPP protocol field at the header's offset, of two octets or one (RFC 1661 §6.5)."""
    at, end = header.offset, header.end
    octets = 1 if at < end and data[at] & 1 else 2
    if end - at < octets:
        return cut("the PPP header", end)
    protocol = int.from_bytes(data[at : at + octets], "big")
    ethertype = PPP_ETHERTYPES.get(protocol)
    if ethertype is not None:
        return header._replace(ethertype=ethertype, offset=at + octets)
    name = UNREAD_PPP_PROTOCOLS.get(protocol)
    if name is None:
        return None
    name, _, reason = name.partition(", ")
    return Unread(name, reason or None)


def read_framed_ppp(data: bytes, header: LinkHeader) -> Found:
    """Read PPP with or without the address and control of HDLC in front (RFC 1662 §3.1)."""
    at = header.offset
    if data[at : at + 2] == b"\xff\x03":
        header = header._replace(offset=at + 2)
    return read_ppp(data, header)


def read_pppoe(data: bytes, header: LinkHeader) -> Found:
    """Read the header of a PPPoE session (RFC 2516 §4)."""
    at, end = header.offset, header.end
    if end - at < 6:
        return cut("the PPPoE header", end)
    if data[at + 1]:
        return None  # a code is for discovery
    session = data[at + 2] << 8 | data[at + 3]
    claimed = at + 6 + (data[at + 4] << 8 | data[at + 5])
    circuit = (*header.circuit, Circuit("pppoe", session))
    return read_ppp(data, header._replace(offset=at + 6, end=min(end, claimed), circuit=circuit))


def read_mpls(data: bytes, header: LinkHeader) -> Found:
    """Read a label stack (RFC 3032 §2.1) and tell by the octets behind it what it carries.

    The MACs are those of two routers, and labels differ by direction: neither is kept.
    """
    at, end = header.offset, header.end
    for _ in range(_MAX_LABELS):
        if end - at < 4:
            return cut("an MPLS label", end)
        at += 4
        if data[at - 2] & _LAST_LABEL:
            break
    else:
        return Unread(f"more than {_MAX_LABELS} MPLS labels")
    if at >= end:
        return cut("an MPLS packet", end)
    inside = header._replace(offset=at, source=None, destination=None)
    kind = data[at] >> 4
    if kind in IP_VERSIONS:
        return inside._replace(ethertype=IP_VERSIONS[kind])
    if looks_like_ethernet(data, at, end):
        return inside._replace(ethertype=ETHERTYPE_BRIDGED)
    if kind == 0 and looks_like_ethernet(data, at + 4, end):
        return inside._replace(ethertype=ETHERTYPE_BRIDGED, offset=at + 4)
    return None if kind == _ASSOCIATED_CHANNEL else Unread("MPLS pseudowires")


def looks_like_ethernet(data: bytes, at: int, end: int) -> bool:
    """Return whether at `at` may stand an Ethernet header: its type is known or a length."""
    if end - at < 14:
        return False
    ethertype = data[at + 12] << 8 | data[at + 13]
    return ethertype in _KNOWN_ETHERTYPES or 3 <= ethertype <= min(1500, end - at - 14)


def _read_backbone_service(data: bytes, header: LinkHeader) -> Found:
    """Read the I-TAG of a provider backbone (IEEE 802.1Q §9.7), which has the customer's MACs."""
    at, end = header.offset, header.end
    if end - at < 4:
        return cut("the I-TAG", end)
    service = int.from_bytes(data[at + 1 : at + 4], "big")
    circuit = (*header.circuit, Circuit("i-sid", service))
    return header._replace(ethertype=ETHERTYPE_BRIDGED, offset=at + 4, circuit=circuit)


def _read_fixed_tag(data: bytes, header: LinkHeader) -> Found:
    at, end = header.offset, header.end
    name, octets = _FIXED_TAGS[header.ethertype]
    if end - at < octets + 2:
        return cut(name, end)
    at += octets
    return header._replace(ethertype=data[at] << 8 | data[at + 1], offset=at + 2)


def _read_macsec(data: bytes, header: LinkHeader) -> Found:
    """Read a security tag (IEEE 802.1AE §9.3) in front of octets that are only authenticated."""
    at, end = header.offset, header.end
    if end - at < 6:
        return cut("the MACsec tag", end)
    flags, short_length = data[at], data[at + 1] & 0x3F
    if flags & _MACSEC_VERSION:
        return None
    if flags & _MACSEC_CHANGED:
        return Unread("MACsec", "encrypted")
    at += 14 if flags & _MACSEC_CHANNEL else 6
    if end - at < 2:
        return cut("the MACsec tag", end)
    stop = max(at + short_length, at + 2) if short_length else end
    ethertype = data[at] << 8 | data[at + 1]
    return header._replace(ethertype=ethertype, offset=at + 2, end=min(end, stop))


def read_dsa(data: bytes, header: LinkHeader) -> Found:
    """Read the tag that a switch puts in front of an ethertype for its processor.

    It swallows the first VLAN tag of a frame that has one.
    """
    at, end = header.offset, header.end
    if end - at < DSA_TAG_OCTETS + 2:
        return cut("the DSA tag", end)
    vlan = header.vlan
    if data[at] & _DSA_TAGGED:
        vlan = (*vlan, (data[at + 2] << 8 | data[at + 3]) & 0x0FFF)
    at += DSA_TAG_OCTETS
    return header._replace(ethertype=data[at] << 8 | data[at + 1], offset=at + 2, vlan=vlan)


def _read_edsa(data: bytes, header: LinkHeader) -> Found:
    """Read a DSA tag behind an ethertype and two reserved octets."""
    return read_dsa(data, header._replace(offset=header.offset + 2))


STEPS: dict[int, Callable[[bytes, LinkHeader], Found]] = {
    ETHERTYPE_PPP: read_framed_ppp,
    ETHERTYPE_PPPOE_SESSION: read_pppoe,
    ETHERTYPE_MPLS: read_mpls,
    ETHERTYPE_MPLS_MULTICAST: read_mpls,
    ETHERTYPE_BACKBONE_SERVICE: _read_backbone_service,
    ETHERTYPE_MACSEC: _read_macsec,
    ETHERTYPE_EDSA: _read_edsa,
    ETHERTYPE_HSR: _read_fixed_tag,
    ETHERTYPE_VN_TAG: _read_fixed_tag,
    ETHERTYPE_E_TAG: _read_fixed_tag,
    ETHERTYPE_CISCO_METADATA: _read_fixed_tag,
}
"""The step behind each ethertype of `ENCAPSULATING_ETHERTYPES` but the bridged Ethernet."""
