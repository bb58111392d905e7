"""Packets to groups, as far as they matter beside memberships.

Counted as data are IP packets whose destination address is a group, whatever hardware address
the frame has: access points and bridges send them to single stations too. No data are IGMP, MLD,
PIM, Neighbor Discovery, and what goes to 224.0.0.0/24 and the scopes 0 to 2, which every node of
a link may use without a membership that routers care for. Of those only the hardware address is
looked at. Neighbor Solicitations from :: are told too, because they explain reports from ::.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.facts import link_vlan
from mldkit.model.addresses import group_mac
from mldkit.model.datagram import is_point_to_point
from mldkit.model.protocol_numbers import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from mldkit.wire.link_header import LinkHeader
from mldkit.wire.link_layer import read_link

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Circuit, Frame

_IGMP, _PIM = 2, 103
_HOP_BY_HOP, _ICMPV6, _SOLICITATION = 0, 58, 135
_DISCOVERY = frozenset((*range(130, 138), 143, 151, 152, 153))
_UDP = 17
_NEVER_CHANGED = (slice(0, 8), slice(9, 10), slice(12, None)), (slice(0, 7), slice(8, None))
"""Octets of an IPv4 and of an IPv6 packet that no router changes: not TTL and header checksum."""
# One is made for every packet: without the Python level of a named tuple's constructor.
_new = tuple.__new__


class DataPacket(NamedTuple):
    """A packet to a group."""

    vlan: tuple[int, ...]
    circuit: tuple[Circuit, ...]
    source: Address
    group: Address
    hop_limit: int
    link_source: bytes | None
    link_destination: bytes | None
    offset: int
    """First octet of the IP header in the frame."""
    is_detection: bool = False
    """A Neighbor Solicitation from ::, not data."""
    is_link_scope: bool = False
    """To a group of the link in a frame that does not belong to the group, not data."""


def read_data(frame: Frame, header: LinkHeader | None = None) -> DataPacket | None:
    """Return the packet to a group in `frame`, None where there is no such packet.

    `header` is what stands in front of it, where that was read before.
    """
    data = frame.data
    link = header or read_link(data, frame.link_type)
    if type(link) is not LinkHeader:
        return None
    ethertype, at, _, link_source, link_destination, vlan, circuit = link
    if vlan:
        vlan = link_vlan(vlan)
    if circuit and is_point_to_point(circuit):
        link_destination = None
    ends = link_source, link_destination, at
    if ethertype == ETHERTYPE_IPV4:
        if len(data) < at + 20 or data[at + 16] & 0xF0 != 0xE0 or data[at + 9] == _IGMP:
            return None
        source, group, hops = data[at + 12 : at + 16], data[at + 16 : at + 20], data[at + 8]
        protocol, is_link_scope = data[at + 9], group.startswith(b"\xe0\0\0")
    elif ethertype == ETHERTYPE_IPV6:
        if len(data) < at + 40 or data[at + 24] != 0xFF or data[at + 6] == _HOP_BY_HOP:
            return None
        source, group, hops = data[at + 8 : at + 24], data[at + 24 : at + 40], data[at + 7]
        protocol, is_link_scope = data[at + 6], group[1] & 15 <= 2
        if protocol == _ICMPV6 and len(data) > at + 40 and data[at + 40] in _DISCOVERY:
            if data[at + 40] == _SOLICITATION and not any(source):
                packet = (vlan, circuit, source, group, hops, *ends, True, False)
                return _new(DataPacket, packet)
            is_link_scope = True
    else:
        return None
    if is_link_scope or protocol == _PIM:
        if link_destination is None or link_destination == group_mac(group):
            return None
        is_link_scope = True
    packet = (vlan, circuit, source, group, hops, *ends, False, is_link_scope)
    return _new(DataPacket, packet)


def udp_port(frame: Frame, packet: DataPacket) -> int:
    """Return the UDP port that a packet goes to, 0 where it is no UDP or no first fragment."""
    data, at = frame.data, packet.offset
    if len(packet.group) == 4:
        is_first = not (data[at + 6] & 0x1F or data[at + 7])
        protocol, payload = data[at + 9], at + (data[at] & 15) * 4
    else:
        is_first, protocol, payload = True, data[at + 6], at + 40
    if protocol != _UDP or not is_first or len(data) < payload + 4:
        return 0
    return data[payload + 2] << 8 | data[payload + 3]


def is_forwarded(before: bytes, data: bytes) -> bool:
    """Return whether two IP packets are the same but for what routers change."""
    return len(before) == len(data) and all(
        before[part] == data[part] for part in _NEVER_CHANGED[data[0] >> 4 == 6]
    )
