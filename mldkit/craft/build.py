"""A datagram of the model as a Scapy packet, octet for octet what the Linux kernel sends.

::

    Ether / Dot1Q ... / IP(DF, id 0, options=Router Alert)            / message     IGMP
    Ether / Dot1Q ... / IPv6 / IPv6ExtHdrHopByHop(RouterAlert, PadN)  / message     MLD

Lengths, counts and checksums are left open, so that whoever changes a field of the packet gets
the others computed when it becomes octets. `frame_bytes` is where it does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from scapy.fields import BitField, Field
from scapy.layers.inet import IP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop, PadN, RouterAlert
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import NoPayload, Packet

from mldkit.craft import layers_igmp as igmp
from mldkit.craft import layers_mld as mld
from mldkit.craft.fields import WORD
from mldkit.craft.message import Extension, IGMPv3Record, MLDv2Record
from mldkit.errors import BuildError
from mldkit.model import messages as m
from mldkit.model.addresses import Address, group_mac, is_multicast, mac_text, text
from mldkit.model.datagram import Datagram
from mldkit.model.family import IGMP, Family

_QUERIES: dict[tuple[Family, int | None], type[Packet]] = {
    (IGMP, 1): igmp.IGMPv1Query,
    (IGMP, 2): igmp.IGMPv2Query,
}


def build(datagram: Datagram) -> Packet:
    """Return the packet that `datagram` describes.

    Without a link destination the frame goes to the group address's own (RFC 1112 §6.4, RFC 2464
    §7); without a link source it comes from 00:00:00:00:00:00. Raises BuildError when a field
    does not fit its place.
    """
    if datagram.message is None:
        raise BuildError("there is no message to build")
    family = datagram.family
    _check_address(datagram.destination, family, "destination")
    packet = _link(datagram) / _network(datagram, family) / message_layer(datagram.message, family)
    check(packet)
    return packet


def frame_bytes(packet: Packet) -> bytes:
    """Return the octets of a packet; raises BuildError when they are too many for its headers."""
    try:
        return bytes(packet)
    except (struct.error, OverflowError, ValueError) as error:
        detail = str(error).splitlines()[0]
        raise BuildError(f"the packet does not fit its length fields: {detail}") from error


def check(packet: Packet) -> None:
    """Raise BuildError when a number of the packet is too large or too small for its field."""
    for layer in layers(packet):
        for field in layer.fields_desc:
            value = layer.getfieldval(field.name)
            if isinstance(value, int):
                check_number(layer, field, value)


def check_number(layer: Packet, field: Field, value: int) -> None:
    """Raise BuildError when `value` does not fit `field`."""
    bits = int(field.size if isinstance(field, BitField) else field.sz * 8)
    if not 0 <= value < 1 << bits:
        raise BuildError(
            f"{type(layer).__name__}.{field.name} is {bits} bits wide, {value} does not fit",
            hint=f"it carries 0 to {(1 << bits) - 1}",
        )


def layers(packet: Packet) -> Iterator[Packet]:
    """Yield every layer from the outside in, each followed by the items of its lists."""
    layer = packet
    while not isinstance(layer, NoPayload):
        yield layer
        for field in layer.fields_desc:
            value = layer.getfieldval(field.name)
            if isinstance(value, list):
                yield from (item for item in value if isinstance(item, Packet))
        layer = layer.payload


def _link(datagram: Datagram) -> Packet:
    destination = datagram.link_destination
    if destination is None:
        if not is_multicast(datagram.destination):
            raise BuildError(
                f"the hardware address of {text(datagram.destination)} is not known",
                hint="name the link destination",
            )
        destination = group_mac(datagram.destination)
    source = datagram.link_source or bytes(6)
    packet = Ether(src=mac_text(source), dst=mac_text(destination))
    for tag in datagram.vlan:
        packet /= Dot1Q(vlan=tag)
    return packet


def _network(datagram: Datagram, family: Family) -> Packet:
    ends = {"src": text(datagram.source), "dst": text(datagram.destination)}
    alert = datagram.router_alert
    if family is IGMP:
        return IP(
            **ends,
            tos=datagram.traffic_class,
            ttl=datagram.hop_limit,
            id=0,
            flags="DF",
            options=[] if alert is None else [IPOption_Router_Alert(alert=alert)],
        )
    header = IPv6(**ends, tc=datagram.traffic_class, hlim=datagram.hop_limit)
    return header if alert is None else header / hop_by_hop(alert)


def hop_by_hop(alert: int) -> Packet:
    """Return the header that carries a Router Alert of value `alert` (RFC 2711 §2.1)."""
    return IPv6ExtHdrHopByHop(options=[RouterAlert(value=alert), PadN(optdata=b"")])


def message_layer(message: m.Message, family: Family) -> Packet:
    """Return the layer of a message; raises BuildError when the family has no such message."""
    is_igmp = family is IGMP
    match message:
        case m.Query():
            return _query(message, family)
        case m.Report():
            return _report(message, family)
        case m.LegacyReport() | m.Leave():
            return _older(message, family)
        case m.RouterAdvertisement():
            return (igmp.IGMPRouterAdvertisement if is_igmp else mld.MLDRouterAdvertisement)(
                advertisement_interval=message.advertisement_interval_s,
                query_interval=message.query_interval_s,
                robustness=message.robustness,
                trailing=message.trailing,
            )
        case m.RouterSolicitation():
            solicitation = igmp.IGMPRouterSolicitation if is_igmp else mld.MLDRouterSolicitation
            return solicitation(code=message.code, trailing=message.trailing)
        case m.RouterTermination():
            termination = igmp.IGMPRouterTermination if is_igmp else mld.MLDRouterTermination
            return termination(code=message.code, trailing=message.trailing)
        case m.Other():
            return _other(message, family)


def _query(query: m.Query, family: Family) -> Packet:
    _check_address(query.group, family, "group")
    fields: dict[str, Any] = {
        "max_response_code": query.max_response_code,
        "group": text(query.group),
        "trailing": query.trailing,
    }
    if family is not IGMP:
        fields |= {"code": query.code, "reserved": query.reserved}
    if query.version != family.current_version:
        return _older_query_class(query, family)(**fields)
    return (igmp.IGMPv3Query if family is IGMP else mld.MLDv2Query)(
        **fields,
        flags=_flags(query.flags, query.extensions, m.QUERY_EXTENSION_FLAG),
        suppress=int(query.suppress),
        qrv=query.robustness,
        qqic=query.interval_code,
        sources=_texts(query.sources, family),
        extensions=_extensions(query.extensions),
    )


def _older_query_class(query: m.Query, family: Family) -> type[Packet]:
    if family is not IGMP:
        return mld.MLDv1Query if query.version == 1 else mld.MLDQuery
    if query.version == 1 and query.max_response_code:
        raise BuildError("an IGMPv1 query has no response time")
    if query.version == 2 and not query.max_response_code:
        raise BuildError("an IGMPv2 query with response time 0 is an IGMPv1 query")
    return _QUERIES.get((family, query.version), igmp.IGMPQuery)


def _report(report: m.Report, family: Family) -> Packet:
    is_igmp = family is IGMP
    return (igmp.IGMPv3Report if is_igmp else mld.MLDv2Report)(
        code=report.code,
        flags=_flags(report.flags, report.extensions, m.REPORT_EXTENSION_FLAG),
        records=[record_layer(record, family) for record in report.records],
        extensions=_extensions(report.extensions),
        trailing=report.trailing,
    )


def record_layer(record: m.GroupRecord, family: Family) -> Packet:
    """Return the layer of one record; raises BuildError when its data is not in whole words."""
    octets = len(record.aux_data)
    if octets % WORD or octets > 255 * WORD:
        raise BuildError(f"auxiliary data of {octets} octets is not 0 to 255 whole words")
    _check_address(record.group, family, "group")
    return (IGMPv3Record if family is IGMP else MLDv2Record)(
        type=record.type,
        group=text(record.group),
        sources=_texts(record.sources, family),
        aux_data=record.aux_data,
    )


def _older(message: m.LegacyReport | m.Leave, family: Family) -> Packet:
    _check_address(message.group, family, "group")
    fields: dict[str, Any] = {
        "max_response_code": message.max_response_code,
        "group": text(message.group),
        "trailing": message.trailing,
    }
    if family is not IGMP:
        fields |= {"code": message.code, "reserved": message.reserved}
        return (mld.MLDv1Done if isinstance(message, m.Leave) else mld.MLDv1Report)(**fields)
    if isinstance(message, m.Leave):
        return igmp.IGMPv2Leave(**fields)
    reports = {1: igmp.IGMPv1Report, 2: igmp.IGMPv2Report}
    if message.version not in reports:
        raise BuildError(f"IGMP has no report of version {message.version} for one group")
    return reports[message.version](**fields)


def _other(message: m.Other, family: Family) -> Packet:
    if family is not IGMP:
        raise BuildError(f"ICMPv6 type {message.type} is no membership message")
    data = message.data
    if len(data) < 4 or data[0] != message.type or message.type in igmp.LAYERS:
        raise BuildError("other messages are given whole, from their type on, four octets or more")
    checksum = int.from_bytes(data[2:4], "big")
    return igmp.IGMPMessage(type=data[0], code=data[1], checksum=checksum, data=data[4:])


def _flags(flags: int, extensions: tuple[m.Extension, ...], extension_flag: int) -> int:
    return flags | extension_flag if extensions else flags


def _extensions(extensions: tuple[m.Extension, ...]) -> list[Packet]:
    return [Extension(type=item.type, value=item.value) for item in extensions]


def _texts(addresses: tuple[Address, ...], family: Family) -> list[str]:
    return [text(_check_address(address, family, "source")) for address in addresses]


def _check_address(address: Address, family: Family, what: str) -> Address:
    if len(address) != family.address_octets:
        raise BuildError(f"{what} {text(address)} is no address of {family.name}")
    return address
