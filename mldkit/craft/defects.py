"""Deliberate defects: one function each, and `apply` for a set of them.

`apply` takes a packet of `build` and works in this order, whatever order they were named in:

    1  vlan               the stack of tags is replaced
    2  destination        IP destination, and the link destination that belongs to a group
    3  link_destination   wins over 2
    4  hop_limit
    5  no_router_alert, router_alert
    6  trailing           octets behind the message, inside the IP length and the checksum
    7  settings           LAYER.FIELD=VALUE, in the order they were given
    8  bad_checksum       the right one with its last bit turned, unless 7 set the checksum

What a setting names keeps its value. Lengths, counts and checksums that no setting names are
computed around it, so that a receiver gets as far as the field that was broken: a wrong number
of sources has a right checksum, a setting of IPv6.dst is in the pseudo-header.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scapy.layers.inet import IP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop, PadN, RouterAlert
from scapy.layers.l2 import Dot1Q
from scapy.packet import Packet, Raw

from mldkit.craft.build import check_number, frame_bytes, hop_by_hop, layers
from mldkit.craft.message import MembershipMessage
from mldkit.craft.settings import parse_setting, set_field
from mldkit.errors import UsageError
from mldkit.model.addresses import Address, group_mac, is_multicast, mac_text, text
from mldkit.model.family import family_of
from mldkit.model.protocol_numbers import MAX_VLAN_TAGS

_MAX_VLAN = 4095


@dataclass(frozen=True, slots=True)
class Defects:
    """What is to be wrong with a packet; the default is nothing."""

    bad_checksum: bool = False
    hop_limit: int | None = None
    no_router_alert: bool = False
    router_alert: int | None = None
    destination: Address | None = None
    link_destination: bytes | None = None
    vlan: tuple[int, ...] = ()
    """Tags from the outer one; empty leaves those that are there."""
    trailing: bytes = b""
    settings: tuple[str, ...] = ()
    """`LAYER.FIELD=VALUE`, as `mldkit.craft.settings` reads them."""


def apply(packet: Packet, defects: Defects) -> Packet:
    """Return a copy of `packet` with the defects; raises UsageError for one that cannot be."""
    settings = [parse_setting(given) for given in defects.settings]
    packet = packet.copy()
    if defects.vlan:
        set_vlan(packet, defects.vlan)
    if defects.destination is not None:
        set_destination(packet, defects.destination)
    if defects.link_destination is not None:
        set_link_destination(packet, defects.link_destination)
    if defects.hop_limit is not None:
        set_hop_limit(packet, defects.hop_limit)
    if defects.no_router_alert and defects.router_alert is not None:
        raise UsageError("no router alert and a router alert of a value exclude each other")
    if defects.no_router_alert:
        remove_router_alert(packet)
    if defects.router_alert is not None:
        set_router_alert(packet, defects.router_alert)
    if defects.trailing:
        add_trailing(packet, defects.trailing)
    for setting in settings:
        set_field(packet, setting)
    if defects.bad_checksum:
        break_checksum(packet)
    return packet


def set_vlan(packet: Packet, tags: Sequence[int]) -> None:
    """Replace the VLAN tags by `tags`, outer one first (IEEE 802.1Q, all tags 0x8100)."""
    if len(tags) > MAX_VLAN_TAGS or not all(0 <= tag <= _MAX_VLAN for tag in tags):
        given = ",".join(map(str, tags))
        raise UsageError(f"vlan {given}: up to {MAX_VLAN_TAGS} numbers of 0 to {_MAX_VLAN}")
    inner = packet
    while isinstance(inner.payload, Dot1Q):
        inner = inner.payload
    carried = inner.payload
    packet.remove_payload()
    for tag in tags:
        packet.add_payload(Dot1Q(vlan=tag))
    packet.add_payload(carried)


def set_destination(packet: Packet, destination: Address) -> None:
    """Set the IP destination; a group's frame goes to the group's hardware address."""
    network = _network(packet)
    is_ipv4 = isinstance(network, IP)
    if (family_of(destination).ip_version == 4) is not is_ipv4:
        carried = "IPv4" if is_ipv4 else "IPv6"
        raise UsageError(f"destination {text(destination)}: the message is carried by {carried}")
    network.dst = text(destination)
    if is_multicast(destination):
        packet.dst = mac_text(group_mac(destination))


def set_link_destination(packet: Packet, destination: bytes) -> None:
    """Set the hardware address that the frame goes to."""
    packet.dst = mac_text(destination)


def set_hop_limit(packet: Packet, hop_limit: int) -> None:
    """Set the TTL or hop limit."""
    network = _network(packet)
    name = "ttl" if isinstance(network, IP) else "hlim"
    check_number(network, network.get_field(name), hop_limit)
    network.setfieldval(name, hop_limit)


def remove_router_alert(packet: Packet) -> None:
    """Take the Router Alert out, and the hop-by-hop header with it when nothing else is there."""
    network = _network(packet)
    if isinstance(network, IP):
        kept = [item for item in network.options if not isinstance(item, IPOption_Router_Alert)]
        network.options = kept
        return
    header = network.payload
    if not isinstance(header, IPv6ExtHdrHopByHop):
        return
    kept = [item for item in header.options if not isinstance(item, RouterAlert)]
    if not all(isinstance(item, PadN) for item in kept):
        header.options = kept
        return
    carried = header.payload
    network.remove_payload()
    network.add_payload(carried)


def set_router_alert(packet: Packet, value: int) -> None:
    """Give the Router Alert the value `value`, adding one where there is none."""
    network = _network(packet)
    kind = IPOption_Router_Alert if isinstance(network, IP) else RouterAlert
    field = "alert" if isinstance(network, IP) else "value"
    check_number(kind(), kind().get_field(field), value)
    found = [layer for layer in layers(packet) if isinstance(layer, kind)]
    for option in found:
        option.setfieldval(field, value)
    if found:
        return
    if isinstance(network, IP):
        network.options = [*network.options, IPOption_Router_Alert(alert=value)]
    elif isinstance(network.payload, IPv6ExtHdrHopByHop):
        header = network.payload
        header.options = [RouterAlert(value=value), *header.options]
    else:
        carried = network.payload
        network.remove_payload()
        network.add_payload(hop_by_hop(value) / carried)


def add_trailing(packet: Packet, octets: bytes) -> None:
    """Add octets behind the last field of the message."""
    message = _message(packet)
    if "trailing" in message.fieldtype:
        message.trailing = bytes(message.trailing) + octets
    else:
        message.add_payload(Raw(octets))


def break_checksum(packet: Packet) -> None:
    """Give the message a checksum that is wrong by its last bit; one that was set stays."""
    message = _message(packet)
    if message.checksum is not None:
        return
    checksum = int.from_bytes(frame_bytes(message)[2:4], "big")
    message.checksum = checksum ^ 1


def _network(packet: Packet) -> Packet:
    for layer in packet.iterpayloads():
        if isinstance(layer, IP | IPv6):
            return layer
    raise UsageError("the packet has no IP header")


def _message(packet: Packet) -> Packet:
    for layer in packet.iterpayloads():
        if isinstance(layer, MembershipMessage):
            return layer
    raise UsageError("the packet carries no membership message")
