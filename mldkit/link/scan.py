"""Which frames can hold a membership message, told from a few octets and without decoding.

Two answers that agree. `may_hold_message` looks at one frame and reads its headers in order;
`link/layouts.py` judges hundreds of frames at once and passes on those that it is not sure of.

Both say yes too often rather than too seldom: also for frames that break before their protocol is
known and for all that may carry another packet, which the decoder counts or looks into.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from mldkit.link.layouts import layouts
from mldkit.link.times import MESSAGE, OTHER, TO_GROUP
from mldkit.model.datagram import LinkType
from mldkit.model.messages import MLD_TYPES
from mldkit.model.protocol_numbers import (
    ANSWERING_TUNNELS,
    ARPHRD_FRAME_RELAY,
    ARPHRD_NETLINK,
    ARPHRD_RADIOTAP,
    COOKED_ETHERNET,
    COOKED_LLC,
    COOKED_PPP,
    ENCAPSULATING_ETHERTYPES,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    FRAGMENT,
    ICMPV6,
    IGMP,
    IP_CARRIERS,
    IP_VERSIONS,
    IPV6_EXTENSIONS,
    LOOPBACK_FAMILIES,
    MAX_VLAN_TAGS,
    SMALLEST_ETHERTYPE,
    TUNNEL_PORTS,
    UDP,
    UNREAD_ETHERTYPES,
    VLAN_ETHERTYPES,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.link.layouts import Layout

_SNAP = b"\xaa\xaa\x03"
_FRAMED_DEVICES = (ARPHRD_FRAME_RELAY, ARPHRD_RADIOTAP)

_ADVERTISEMENT = 136
_FRAGMENTED = frozenset((FRAGMENT, ICMPV6, UDP))
_TO_PORTS = frozenset(port.to_bytes(2, "big") for port in TUNNEL_PORTS)
_FROM_PORTS = frozenset(port.to_bytes(2, "big") for port in ANSWERING_TUNNELS)
_LEFT_TO_DECODER = ENCAPSULATING_ETHERTYPES | UNREAD_ETHERTYPES.keys()
_SNAP_TYPES = frozenset(
    ethertype.to_bytes(2, "big")
    for ethertype in (ETHERTYPE_IPV4, ETHERTYPE_IPV6, *VLAN_ETHERTYPES, *_LEFT_TO_DECODER)
)


_Network: TypeAlias = tuple[int, int]
"""The ethertype of what a link header announces, and where that starts."""
_UNKNOWN: _Network = (-1, 0)
"""The frame ends before its protocol is known, or the decoder has to look."""
_NO_IP: _Network = (0, 0)


def may_hold_message(data: bytes, link_type: int) -> bool:
    """Return whether `data` can hold IGMP, MLD or router discovery, or somebody has to look.

    That is so where it broke too early to tell, and where another packet may be in it. Link types
    that the codec does not know give False.
    """
    find_network = _NETWORKS.get(link_type)
    return find_network is not None and _may_hold(data, *find_network(data))


def _may_hold(data: bytes, ethertype: int, at: int) -> bool:
    if ethertype == ETHERTYPE_IPV4:
        return _ipv4_may_hold(data, at)
    if ethertype == ETHERTYPE_IPV6:
        return _ipv6_may_hold(data, at)
    return ethertype < 0


def is_known(link_type: int) -> bool:
    """Return whether frames of this link type are looked at."""
    return link_type in _NETWORKS


def _ipv4_may_hold(data: bytes, at: int) -> bool:
    if len(data) < at + 10 or data[at] >> 4 != 4:
        return True
    protocol = data[at + 9]
    if protocol == UDP:
        return _is_tunnel_port(data, at + (data[at] & 15) * 4)
    return protocol == IGMP or protocol in IP_CARRIERS


def _ipv6_may_hold(data: bytes, at: int) -> bool:
    if len(data) < at + 40 or data[at] >> 4 != 6:
        return True
    next_header = data[at + 6]
    payload = at + 40
    if next_header == UDP:
        return _is_tunnel_port(data, payload)
    if next_header in IPV6_EXTENSIONS:
        return True
    if next_header == ICMPV6:
        return len(data) <= payload or data[payload] in MLD_TYPES
    if next_header == FRAGMENT:
        claimed = data[at + 4] << 8 | data[at + 5]
        if len(data) < payload + 8 or 0 < claimed < 8:
            return True
        following = data[payload]
        return following in IPV6_EXTENSIONS or following in IP_CARRIERS or following in _FRAGMENTED
    return next_header in IP_CARRIERS


def _is_tunnel_port(data: bytes, at: int) -> bool:
    """Return whether a UDP header is that of a tunnel; a cut one has nothing behind it."""
    return data[at + 2 : at + 4] in _TO_PORTS or data[at : at + 2] in _FROM_PORTS


def _behind_ethertype(data: bytes, at: int) -> _Network:
    """Read from an ethertype or 802.3 length at `at` on, through VLAN tags and SNAP."""
    first = at
    ethertype = data[at] << 8 | data[at + 1]
    while ethertype in VLAN_ETHERTYPES:
        at += 4
        if len(data) < at + 2 or at > first + 4 * MAX_VLAN_TAGS:
            return _UNKNOWN
        ethertype = data[at] << 8 | data[at + 1]
    at += 2
    if ethertype in _LEFT_TO_DECODER:
        return _UNKNOWN
    return (ethertype, at) if ethertype > 1500 else _behind_llc(data, at)


def _behind_llc(data: bytes, at: int) -> _Network:
    """Read a SNAP header at `at`."""
    if data[at : at + 3] != _SNAP:
        return _NO_IP
    if data[at + 6 : at + 8] in _SNAP_TYPES:
        # The 802.3 length may cut what follows; such frames are rare, the decoder looks.
        return _UNKNOWN
    return _UNKNOWN if len(data) < at + 8 else _NO_IP


def _ethernet(data: bytes) -> _Network:
    return _behind_ethertype(data, 12) if len(data) >= 14 else _UNKNOWN


def _sll(data: bytes) -> _Network:
    if len(data) < 16:
        return _UNKNOWN
    kind, protocol = data[2] << 8 | data[3], data[14] << 8 | data[15]
    return _UNKNOWN if _has_frame(kind, protocol) else _behind_ethertype(data, 14)


def _sll2(data: bytes) -> _Network:
    if len(data) < 20:
        return _UNKNOWN
    kind, ethertype = data[8] << 8 | data[9], data[0] << 8 | data[1]
    if kind == ARPHRD_NETLINK:
        return _NO_IP
    if _has_frame(kind, ethertype) or ethertype in _LEFT_TO_DECODER:
        return _UNKNOWN
    if ethertype == COOKED_LLC:
        return _behind_llc(data, 20)
    if ethertype not in VLAN_ETHERTYPES:
        return ethertype, 20
    return _behind_ethertype(data, 22) if len(data) >= 24 else _UNKNOWN


def _has_frame(kind: int, protocol: int) -> bool:
    """Return whether behind a cooked header stands a frame that has a link header itself."""
    return protocol in (COOKED_ETHERNET, COOKED_PPP) or (
        kind in _FRAMED_DEVICES and protocol < SMALLEST_ETHERTYPE
    )


def _raw(data: bytes) -> _Network:
    return (IP_VERSIONS.get(data[0] >> 4, 0), 0) if data else _UNKNOWN


def _null(data: bytes) -> _Network:
    if len(data) < 4:
        return _UNKNOWN
    family = int.from_bytes(data[:4], "little")
    if family > 0xFFFF:
        family = int.from_bytes(data[:4], "big")
    ethertype = LOOPBACK_FAMILIES.get(family, 0)
    if not ethertype and len(data) > 4:
        ethertype = IP_VERSIONS.get(data[4] >> 4, 0)
    return ethertype, 4


def _any(_data: bytes) -> _Network:
    """Let every frame pass: such headers are long, or their captures rare."""
    return _UNKNOWN


_NETWORKS: dict[int, Callable[[bytes], _Network]] = dict.fromkeys(map(int, LinkType), _any) | {
    LinkType.ETHERNET: _ethernet,
    LinkType.LINUX_SLL: _sll,
    LinkType.LINUX_SLL2: _sll2,
    LinkType.RAW: _raw,
    LinkType.IPV4: _raw,
    LinkType.IPV6: _raw,
    LinkType.NULL: _null,
    LinkType.LOOP: _null,
}


def goes_to_group(data: bytes, link_type: int) -> bool:
    """Return whether `data` is an IP packet to a multicast address."""
    find_network = _NETWORKS.get(link_type)
    return find_network is not None and _is_to_group(data, *find_network(data))


def _is_to_group(data: bytes, ethertype: int, at: int) -> bool:
    if ethertype == ETHERTYPE_IPV4:
        return len(data) >= at + 20 and data[at + 16] & 0xF0 == 0xE0
    return ethertype == ETHERTYPE_IPV6 and len(data) >= at + 40 and data[at + 24] == 0xFF


def _is_advertisement(data: bytes, ethertype: int, at: int) -> bool:
    """Return whether it is a Neighbor Advertisement, which answers a solicitation."""
    return (
        ethertype == ETHERTYPE_IPV6
        and len(data) > at + 40
        and data[at + 6] == ICMPV6
        and data[at + 40] == _ADVERTISEMENT
    )


class Sieve:
    """The choice of frames that are worth decoding, with or without data.

    `data` adds packets to groups, by their IP destination, and Neighbor Advertisements, without
    which it is not known who was answered.
    """

    def __init__(self, *, data: bool = False) -> None:
        self.data = data
        """Whether packets to groups pass."""
        self.layouts: dict[int, Layout] = layouts(data=data)
        """Layouts by link type; frames of other link types are judged one by one."""

    def kind(self, data: bytes, link_type: int) -> int:
        """Return what a packet is, in the terms of `mldkit.link.times`."""
        if may_hold_message(data, link_type):
            return MESSAGE
        return TO_GROUP if self.data and goes_to_group(data, link_type) else OTHER

    def passes(self, data: bytes, link_type: int) -> bool:
        """Return what `may_hold_message` says, or that it is a packet that `data` adds."""
        find_network = _NETWORKS.get(link_type)
        if find_network is None:
            return False
        ethertype, at = find_network(data)
        if _may_hold(data, ethertype, at):
            return True
        return self.data and (
            _is_to_group(data, ethertype, at) or _is_advertisement(data, ethertype, at)
        )
