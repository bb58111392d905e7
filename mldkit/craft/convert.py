"""Octets to Scapy packets, and Scapy packets to the model.

`parse` reads a frame with the layers of this package whether or not they are bound, and leaves
Scapy's own dissection as it is: Scapy reads the envelope, then the message is read again.
Whatever the octets are, the packet that comes back has them all and `bytes` gives them back.

`to_model` says what a receiver of the packet's octets would read.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from importlib import import_module

from scapy.error import Scapy_Exception
from scapy.layers.inet import IP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop, RouterAlert
from scapy.layers.l2 import CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Dot3, Ether
from scapy.packet import NoPayload, Packet, Padding, Raw

from mldkit.craft import layers_igmp as igmp
from mldkit.craft import layers_mld as mld
from mldkit.craft.layers_loopback import layer_of
from mldkit.craft.message import MembershipMessage, MessageKind, Record
from mldkit.errors import BuildError, UsageError
from mldkit.model import addresses
from mldkit.model import messages as m
from mldkit.model.datagram import Datagram, LinkType
from mldkit.model.protocol_numbers import ETHERTYPE_PPPOE_SESSION, MAX_VLAN_TAGS, VLAN_ETHERTYPES

_LINK_LAYERS: dict[int, type[Packet]] = {
    LinkType.ETHERNET: Ether,
    LinkType.LINUX_SLL: CookedLinux,
    LinkType.LINUX_SLL2: CookedLinuxV2,
    LinkType.IPV4: IP,
    LinkType.IPV6: IPv6,
}
_PPP = (LinkType.PPP, LinkType.PPP_HDLC)
_PPPOE = ETHERTYPE_PPPOE_SESSION.to_bytes(2, "big")
_LONGEST_HEADER = 48
"""Octets in which the ethertype of Ethernet with its tags is looked for."""
# What Scapy's own layers raise on octets they do not expect, outside the payload guard of Packet.
SCAPY_FAULTS = (
    IndexError,
    KeyError,
    OverflowError,
    Scapy_Exception,
    TypeError,
    ValueError,
    struct.error,
)


def parse(octets: bytes, link_type: int = LinkType.ETHERNET) -> Packet:
    """Return the packet that `octets` are; octets that Scapy cannot read come back as Raw.

    Raises UsageError for a link type that is not known.
    """
    layer: type[Packet]
    if link_type == LinkType.RAW:
        layer = IPv6 if octets[:1] and octets[0] >> 4 == 6 else IP
    elif link_type in (LinkType.NULL, LinkType.LOOP):
        layer = layer_of(octets)
    elif link_type in (LinkType.IEEE802_11, LinkType.IEEE802_11_RADIOTAP):
        # Loading it costs as much as half of Scapy, for the rarest of captures.
        from scapy.layers.dot11 import Dot11, RadioTap

        layer = Dot11 if link_type == LinkType.IEEE802_11 else RadioTap
    elif link_type in _PPP:
        from scapy.layers.ppp import HDLC, PPP

        layer = HDLC if octets[:1] == b"\xff" else PPP
    elif link_type in _LINK_LAYERS:
        if link_type == LinkType.ETHERNET and _PPPOE in octets[12:_LONGEST_HEADER]:
            import_module("scapy.layers.ppp")  # binds what stands behind the ethertype
        layer = _LINK_LAYERS[link_type]
    elif link_type in frozenset(LinkType):
        layer = Raw
    else:
        raise UsageError(f"link type {link_type} is not known here")
    return _read(layer, octets)


def _read(layer: type[Packet], octets: bytes) -> Packet:
    if not octets:
        return Raw()
    try:
        packet = _with_message(_with_tags(layer(octets)))
        faithful = bytes(packet) == octets
    except SCAPY_FAULTS:
        return Raw(octets)
    return packet if faithful else Raw(octets)


def _with_tags(packet: Packet) -> Packet:
    """Return the packet with its VLAN tags: behind ethertype 0x9100 Scapy reads none."""
    layer = packet
    for _ in range(MAX_VLAN_TAGS):
        if not isinstance(layer, Ether | Dot1Q):
            break
        behind = layer.payload
        if layer.type in VLAN_ETHERTYPES and isinstance(behind, Raw) and len(behind) >= 4:
            layer.remove_payload()
            layer.add_payload(Dot1Q(bytes(behind), _underlayer=layer))
        layer = layer.payload
    return packet


def _with_message(packet: Packet) -> Packet:
    """Return the packet with its message, if any, as a layer of this package."""
    carrier, dispatcher = _carrier(packet)
    if carrier is None or dispatcher is None or isinstance(carrier.payload, MembershipMessage):
        return packet
    octets = carrier.payload.original
    padding = _padding(packet, carrier, octets)
    message = dispatcher(octets, _underlayer=carrier)
    if dispatcher is mld.MLDMessage and not isinstance(message, MembershipMessage | Raw):
        return packet  # other ICMPv6 stays with Scapy
    if isinstance(carrier, IP):
        packet, carrier = _renew(packet, carrier)
    carrier.remove_payload()
    carrier.add_payload(message)
    if padding:
        message.add_payload(Padding(padding))
    return packet


def _padding(packet: Packet, carrier: Packet, message: bytes) -> bytes:
    """Return the octets behind the packet that the frame carries.

    Scapy's Padding layers do not tell: some of its messages put their own octets there.
    """
    at = len(message)
    layer = packet
    while layer is not carrier:
        # Radiotap keeps no octets of its own.
        at += len(layer.raw_packet_cache or layer.self_build())
        layer = layer.payload
    return bytes(packet.original[at + len(carrier.raw_packet_cache) :])


def _renew(packet: Packet, carrier: Packet) -> tuple[Packet, Packet]:
    """Return packet and IP header anew: Scapy's IGMP adds an option to the header it is read in."""
    header = IP(carrier.original[: max(carrier.ihl, 5) * 4])
    under = carrier.underlayer
    if under is None:
        return header, header
    under.remove_payload()
    under.add_payload(header)
    return packet, header


def _carrier(packet: Packet) -> tuple[Packet | None, type[Packet] | None]:
    """Return the header in front of the message, and what reads the message."""
    layer = packet
    while not isinstance(layer, NoPayload | Raw):
        if isinstance(layer.payload, NoPayload | Padding):
            break
        if isinstance(layer, IP) and layer.proto == igmp.PROTOCOL and not layer.frag:
            return layer, igmp.IGMPMessage
        if isinstance(layer, mld.CARRIERS) and layer.nh == mld.NEXT_HEADER:
            return layer, mld.MLDMessage
        layer = layer.payload
    return None, None


def to_model(packet: Packet) -> Datagram:
    """Return the datagram of a packet, as a receiver of its octets reads it.

    Raises BuildError when the packet has no IP header. A message that is too short for its type,
    or none of the protocol, gives a datagram without a message.
    """
    octets = bytes(packet)
    packet = _read(type(packet), octets)
    network = _network(packet)
    if network is None:
        raise BuildError("the packet has no IP header")
    link = packet if isinstance(packet, Ether | Dot3) else None
    is_ipv4 = isinstance(network, IP)
    return Datagram(
        source=addresses.parse(network.src),
        destination=addresses.parse(network.dst),
        message=_message(network),
        hop_limit=int(network.ttl if is_ipv4 else network.hlim),
        traffic_class=int(network.tos if is_ipv4 else network.tc),
        router_alert=_option_alert(network) if is_ipv4 else _hop_by_hop_alert(network),
        link_source=addresses.parse_mac(link.src) if link is not None else None,
        link_destination=addresses.parse_mac(link.dst) if link is not None else None,
        vlan=_vlan(packet),
    )


def _network(packet: Packet) -> Packet | None:
    for layer in packet.iterpayloads():
        if isinstance(layer, IP | IPv6):
            return layer
    return None


def _vlan(packet: Packet) -> tuple[int, ...]:
    return tuple(int(layer.vlan) for layer in packet.iterpayloads() if type(layer) in _TAGS)


_TAGS = (Dot1Q, Dot1AD)


def _option_alert(header: Packet) -> int | None:
    for option in header.options:
        if isinstance(option, IPOption_Router_Alert) and option.length == 4:
            return int(option.alert)
    return None


def _hop_by_hop_alert(header: Packet) -> int | None:
    if not isinstance(header.payload, IPv6ExtHdrHopByHop):
        return None
    for option in header.payload.options:
        if isinstance(option, RouterAlert) and option.optlen == 2:
            return int(option.value)
    return None


def _message(network: Packet) -> m.Message | None:
    layer = network.lastlayer()
    while isinstance(layer, Padding):
        layer = layer.underlayer
    return message_of(layer) if isinstance(layer, MembershipMessage) else None


def message_of(layer: Packet) -> m.Message:
    """Return the model's message for a dissected layer (all of its fields have a value)."""
    if isinstance(layer, igmp.IGMPQuery | mld.MLDQuery):
        return _query(layer)
    trailing = bytes(layer.trailing) if "trailing" in layer.fieldtype else b""
    if isinstance(layer, igmp.IGMPv3Report | mld.MLDv2Report):
        records = tuple(_record(item) for item in layer.records if isinstance(item, Record))
        return m.Report(records, layer.flags, layer.code, _extensions(layer), trailing)
    if layer.kind is MessageKind.ADVERTISEMENT:
        times = (layer.advertisement_interval, layer.query_interval)
        return m.RouterAdvertisement(*times, layer.robustness, trailing)
    if layer.kind is MessageKind.SOLICITATION:
        return m.RouterSolicitation(layer.code, trailing)
    if layer.kind is MessageKind.TERMINATION:
        return m.RouterTermination(layer.code, trailing)
    if layer.kind is MessageKind.OTHER:
        return m.Other(layer.type, bytes(layer.original))
    code, reserved = _mld_fields(layer)
    return (m.LegacyReport if layer.kind is MessageKind.REPORT else m.Leave)(
        version=layer.version,
        group=addresses.parse(layer.group),
        max_response_code=layer.max_response_code,
        code=code,
        reserved=reserved,
        trailing=trailing,
    )


def _query(layer: Packet) -> m.Query:
    code, reserved = _mld_fields(layer)
    query = m.Query(
        version=layer.version,
        group=addresses.parse(layer.group),
        max_response_code=layer.max_response_code,
        code=code,
        reserved=reserved,
        trailing=bytes(layer.trailing),
    )
    if not isinstance(layer, igmp.IGMPv3Query | mld.MLDv2Query):
        return query
    return replace(
        query,
        suppress=bool(layer.suppress),
        robustness=layer.qrv,
        interval_code=layer.qqic,
        sources=tuple(map(addresses.parse, layer.sources)),
        flags=layer.flags,
        extensions=_extensions(layer),
    )


def _mld_fields(layer: Packet) -> tuple[int, int]:
    """Return code and reserved field, which only MLD has."""
    return (layer.code, layer.reserved) if isinstance(layer, mld.MLDMessage) else (0, 0)


def _record(layer: Packet) -> m.GroupRecord:
    sources = tuple(map(addresses.parse, layer.sources))
    group = addresses.parse(layer.group)
    return m.GroupRecord(layer.type, group, sources, bytes(layer.aux_data))


def _extensions(layer: Packet) -> tuple[m.Extension, ...]:
    return tuple(
        m.Extension(item.type, bytes(item.value))
        for item in layer.extensions
        if isinstance(item, Packet)
    )
