"""Headers of tunnels: what stands between the outer IP or UDP header and the frame inside.

::

    VXLAN     flags 1 | 0 3 | VNI 3 | 0 1 | Ethernet                                     RFC 7348
    Geneve    version 2, options 6 bits | flags 1 | type 2 | VNI 3 | 0 1 | options ...   RFC 8926
    GTP-U     version 3, flags 5 bits | type 1 | length 2 | TEID 4 | [4] | [extensions] | IP
    L2TP      flags, version 2 | [length 2] | tunnel 2 | session 2 | [4] | [offset ...] | PPP
    CAPWAP    version, type 1 | length, radio, kind, flags 3 | fragment 4 | [...] | frame
    TZSP      version 1 | type 1 | link type 2 | fields ... | frame
    AYIYA     lengths, methods, operation 3 | protocol 1 | time 4 | identity ... | packet
    GRE       flags 1 | version 1 | type 2 | [sum 4] | [key 4] | [sequence 4] | [acknowledged 4]
    ERSPAN    GRE | nothing (I), 8 octets (II), 12 or 20 octets (III) | Ethernet

Every opener takes the octets and where the header stands and ends, and returns the circuit with
what stands inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from mldkit.model.datagram import Circuit, LinkType, Unread
from mldkit.model.protocol_numbers import (
    AYIYA_PORT,
    CAPWAP_PORT,
    ETHERTYPE_BRIDGED,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_MPLS,
    ETHERTYPE_PPP,
    GENEVE_PORT,
    GRE,
    GRE_ERSPAN_II,
    GRE_ERSPAN_III,
    GTP_PORT,
    IP_VERSIONS,
    IPV4_IN_IP,
    IPV6_IN_IP,
    L2TP_PORT,
    MPLS_IN_IP,
    TZSP_PORT,
    VXLAN_PORT,
)
from mldkit.wire.encapsulations import looks_like_ethernet
from mldkit.wire.link_header import Found, Inner, LinkHeader
from mldkit.wire.wireless import IEEE802_11_SWAPPED

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.wire.carrier import Carrier

Opened: TypeAlias = tuple[Circuit, Found]

_GTP_VERSION_1, _GTP_USER_DATA, _GTP_LONG, _GTP_EXTENSION = 0x30, 255, 0x07, 0x04
_L2TP_CONTROL, _L2TP_LENGTH, _L2TP_SEQUENCE, _L2TP_OFFSET = 0x8000, 0x4000, 0x0800, 0x0200
_CAPWAP_NATIVE, _CAPWAP_FRAGMENT, _CAPWAP_KEEP_ALIVE = 0x01, 0x80, 0x08
_CAPWAP_802_11 = 1
_DATA_FRAME = 0x08  # version and type in the frame control field of 802.11
_TZSP_802_11, _TZSP_END, _TZSP_PADDING = 18, 1, 0
_TZSP_KINDS = (0, 1)
"""Received and to be sent; all others are about the connection."""
_AYIYA_FORWARD = 1
_GRE_SUM, _GRE_ROUTING, _GRE_KEY, _GRE_SEQUENCE, _GRE_ACKNOWLEDGED = 0x80, 0x40, 0x20, 0x10, 0x80
_ERSPAN_OWN_HEADER = 0x01
_MOST_EXTENSIONS = 16
_ERSPAN_TYPES = {0: ETHERTYPE_BRIDGED, 2: 0}
"""Frame types of ERSPAN III; 2 is an IP packet, whose version says which."""


def open_tunnel(data: bytes, carrier: Carrier) -> Opened:
    """Return the circuit of a tunnel and what stands inside it."""
    openers = _OVER_UDP if carrier.port else _OVER_IP
    opener = openers[carrier.port or carrier.protocol]
    return opener(data, carrier.start, carrier.end)


def _header(ethertype: int, at: int, end: int) -> LinkHeader:
    return LinkHeader(ethertype, at, end, None, None, ())


def _ip(data: bytes, at: int, end: int) -> LinkHeader | None:
    """Return the header in front of an IP packet that tells its version itself."""
    ethertype = IP_VERSIONS.get(data[at] >> 4) if at < end else None
    return None if ethertype is None else _header(ethertype, at, end)


def _ipv4(_data: bytes, at: int, end: int) -> Opened:
    return Circuit("ipip"), _header(ETHERTYPE_IPV4, at, end)


def _ipv6(_data: bytes, at: int, end: int) -> Opened:
    return Circuit("ipip"), _header(ETHERTYPE_IPV6, at, end)


def _mpls(_data: bytes, at: int, end: int) -> Opened:
    return Circuit("mpls"), _header(ETHERTYPE_MPLS, at, end)


def _vxlan(data: bytes, at: int, end: int) -> Opened:
    if end - at < 8:
        return Circuit("vxlan"), None
    network = int.from_bytes(data[at + 4 : at + 7], "big")
    return Circuit("vxlan", network), _header(ETHERTYPE_BRIDGED, at + 8, end)


def _geneve(data: bytes, at: int, end: int) -> Opened:
    if end - at < 8 or data[at] >> 6:
        return Circuit("geneve"), None
    network = int.from_bytes(data[at + 4 : at + 7], "big")
    ethertype = data[at + 2] << 8 | data[at + 3]
    inside = at + 8 + (data[at] & 0x3F) * 4
    return Circuit("geneve", network), _header(ethertype, inside, end)


def _gtp(data: bytes, at: int, end: int) -> Opened:
    """Read GTPv1-U (3GPP TS 29.281 §5); tunnel ids differ by direction and are not kept."""
    circuit = Circuit("gtp")
    if end - at < 8 or data[at] & 0xF0 != _GTP_VERSION_1 or data[at + 1] != _GTP_USER_DATA:
        return circuit, None
    flags = data[at]
    inside = at + (12 if flags & _GTP_LONG else 8)
    if inside > end:
        return circuit, None
    following = data[inside - 1] if flags & _GTP_EXTENSION else 0
    for _ in range(_MOST_EXTENSIONS):
        if not following:
            break
        length = data[inside] * 4 if inside < end else 0
        if not length or inside + length > end:
            return circuit, None
        following = data[inside + length - 1]
        inside += length
    return circuit, _user_data(data, inside, end)


def _user_data(data: bytes, at: int, end: int) -> LinkHeader | None:
    """Tell by its octets what a mobile subscriber sends: IP, PPP or Ethernet."""
    if data[at : at + 2] == b"\xff\x03":
        return _header(ETHERTYPE_PPP, at, end)
    is_packet = at < end and (0x45 <= data[at] <= 0x4F or data[at] >> 4 == 6)
    if not is_packet and looks_like_ethernet(data, at, end):
        return _header(ETHERTYPE_BRIDGED, at, end)
    return _ip(data, at, end)


def _l2tp(data: bytes, at: int, end: int) -> Opened:
    """Read the header of L2TP data (RFC 2661 §3.1); session ids differ by direction."""
    circuit = Circuit("l2tp")
    if end - at < 6:
        return circuit, None
    flags = data[at] << 8 | data[at + 1]
    if flags & _L2TP_CONTROL:
        return circuit, None
    if flags & 15 != 2:
        return circuit, Unread("L2TPv3") if flags & 15 == 3 else None
    inside = at + 6 + 2 * bool(flags & _L2TP_LENGTH) + 4 * bool(flags & _L2TP_SEQUENCE)
    if flags & _L2TP_OFFSET:
        inside += 2 + int.from_bytes(data[inside : min(inside + 2, end)], "big")
    return circuit, _header(ETHERTYPE_PPP, inside, end)


def _capwap(data: bytes, at: int, end: int) -> Opened:
    """Read the header of CAPWAP data (RFC 5415 §4.3)."""
    circuit = Circuit("capwap")
    if end - at < 8:
        return circuit, None
    if data[at] & 15:
        return circuit, Unread("CAPWAP", "encrypted")
    native, flags = data[at + 2] & _CAPWAP_NATIVE, data[at + 3]
    kind = data[at + 2] >> 1 & 0x1F
    if flags & _CAPWAP_FRAGMENT:
        return circuit, Unread("fragments of CAPWAP")
    inside = at + (data[at + 1] >> 3) * 4
    if flags & _CAPWAP_KEEP_ALIVE or inside < at + 8:
        return circuit, None
    if not native:
        return circuit, Inner(LinkType.ETHERNET, inside, end)
    if kind != _CAPWAP_802_11:
        return circuit, Unread("frames of other radios in CAPWAP")
    # Many access points send the octets of the frame control field the other way round.
    is_swapped = inside + 2 <= end and data[inside] & 15 != _DATA_FRAME == data[inside + 1] & 15
    link_type = IEEE802_11_SWAPPED if is_swapped else int(LinkType.IEEE802_11)
    return circuit, Inner(link_type, inside, end)


def _tzsp(data: bytes, at: int, end: int) -> Opened:
    circuit = Circuit("tzsp")
    if end - at < 4 or data[at] != 1 or data[at + 1] not in _TZSP_KINDS:
        return circuit, None
    number = data[at + 2] << 8 | data[at + 3]
    inside = at + 4
    while inside < end:
        tag = data[inside]
        inside += 1
        if tag == _TZSP_END:
            link_type = LinkType.IEEE802_11 if number == _TZSP_802_11 else number
            return circuit, Inner(link_type, inside, end)
        if tag != _TZSP_PADDING and inside < end:
            inside += 1 + data[inside]
    return circuit, None


def _ayiya(data: bytes, at: int, end: int) -> Opened:
    circuit = Circuit("ayiya")
    if end - at < 8 or data[at + 2] & 15 != _AYIYA_FORWARD:
        return circuit, None
    identity, signature, following = 1 << (data[at] >> 4), (data[at + 1] >> 4) * 4, data[at + 3]
    inside = at + 8 + identity + signature
    if following not in (IPV4_IN_IP, IPV6_IN_IP):
        return circuit, None
    ethertype = ETHERTYPE_IPV4 if following == IPV4_IN_IP else ETHERTYPE_IPV6
    return circuit, _header(ethertype, inside, end)


def _gre(data: bytes, at: int, end: int) -> Opened:
    """Read the header of RFC 2784 with the fields of RFC 2890, and that of PPTP (RFC 2637 §4.1)."""
    if end - at < 4:
        return Circuit("gre"), None
    flags, version = data[at], data[at + 1] & 7
    ethertype = data[at + 2] << 8 | data[at + 3]
    if version > 1 or flags & _GRE_ROUTING:
        return Circuit("gre"), Unread("GRE of an unusual kind")
    inside = at + 4 + 4 * bool(flags & _GRE_SUM)
    key = None
    if flags & _GRE_KEY:
        if version == 0:
            key = int.from_bytes(data[inside : min(inside + 4, end)], "big")
        inside += 4
    inside += 4 * bool(flags & _GRE_SEQUENCE)
    if version == 1:
        inside += 4 * bool(data[at + 1] & _GRE_ACKNOWLEDGED)
        if not flags & _GRE_SEQUENCE:
            return Circuit("gre"), None
    if inside > end:
        return Circuit("gre", key), None
    if ethertype == GRE_ERSPAN_II:
        return _erspan(data, inside, end, has_header=bool(flags & _GRE_SEQUENCE))
    if ethertype == GRE_ERSPAN_III:
        return _erspan_iii(data, inside, end)
    return Circuit("gre", key), _header(ethertype, inside, end)


def _erspan(data: bytes, at: int, end: int, *, has_header: bool) -> Opened:
    """Read ERSPAN I, which has no header and no sequence number in GRE, and ERSPAN II."""
    if not has_header:
        return Circuit("erspan"), _header(ETHERTYPE_BRIDGED, at, end)
    if end - at < 8:
        return Circuit("erspan"), None
    session = (data[at + 2] << 8 | data[at + 3]) & 0x03FF
    return Circuit("erspan", session), _header(ETHERTYPE_BRIDGED, at + 8, end)


def _erspan_iii(data: bytes, at: int, end: int) -> Opened:
    if end - at < 12:
        return Circuit("erspan"), None
    session = (data[at + 2] << 8 | data[at + 3]) & 0x03FF
    circuit = Circuit("erspan", session)
    inside = at + (20 if data[at + 11] & _ERSPAN_OWN_HEADER else 12)
    ethertype = _ERSPAN_TYPES.get(data[at + 10] >> 2 & 0x1F)
    if ethertype is None:
        return circuit, Unread("ERSPAN of an unusual kind")
    return circuit, _header(ethertype, inside, end) if ethertype else _ip(data, inside, end)


_OVER_IP: dict[int, Callable[[bytes, int, int], Opened]] = {
    IPV4_IN_IP: _ipv4,
    IPV6_IN_IP: _ipv6,
    MPLS_IN_IP: _mpls,
    GRE: _gre,
}
_OVER_UDP: dict[int, Callable[[bytes, int, int], Opened]] = {
    VXLAN_PORT: _vxlan,
    GENEVE_PORT: _geneve,
    GTP_PORT: _gtp,
    L2TP_PORT: _l2tp,
    CAPWAP_PORT: _capwap,
    TZSP_PORT: _tzsp,
    AYIYA_PORT: _ayiya,
}
