"""Messages to bytes, the way the Linux host side writes them.

::

    encode_message   Message -> IGMP or ICMPv6 octets with checksum
    encode_packet    Datagram -> IP packet: Router Alert, hop limit, lengths
    encode_frame     Datagram -> Ethernet frame with its VLAN tags
    split_report     records -> as many reports as the MTU asks for

Layout as in Linux 6.18: IPv4 with id 0, don't fragment and Router Alert `94 04 00 00`
(net/ipv4/igmp.c:igmpv3_newpack); IPv6 with a hop-by-hop header of Router Alert and PadN
(net/ipv6/mcast.c:ip6_mc_hdr, mld_newpack).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from mldkit.errors import BuildError
from mldkit.model import messages as m
from mldkit.model.addresses import group_mac, is_multicast, text
from mldkit.model.family import IGMP, MLD, Family, family_of
from mldkit.model.messages import (
    Leave,
    LegacyReport,
    Other,
    Query,
    Report,
    RouterAdvertisement,
)
from mldkit.model.protocol_numbers import HOP_BY_HOP, ICMPV6
from mldkit.wire.checksum import icmpv6_checksum, internet_checksum
from mldkit.wire.extensions import write_extensions

if TYPE_CHECKING:
    from mldkit.model.datagram import Datagram
    from mldkit.model.messages import GroupRecord, Message, RouterDiscovery

_IGMP_TYPES: dict[type, int] = {
    m.RouterAdvertisement: m.IGMP_MRD_ADVERTISEMENT,
    m.RouterSolicitation: m.IGMP_MRD_SOLICITATION,
    m.RouterTermination: m.IGMP_MRD_TERMINATION,
}
_MLD_TYPES: dict[type, int] = {
    m.RouterAdvertisement: m.MLD_MRD_ADVERTISEMENT,
    m.RouterSolicitation: m.MLD_MRD_SOLICITATION,
    m.RouterTermination: m.MLD_MRD_TERMINATION,
}
_MAX_OCTETS = 65535


def encode_message(message: Message, source: bytes, destination: bytes) -> bytes:
    """Return the octets of `message` with its checksum; the addresses enter MLD's.

    Raises BuildError when a field does not fit its place.
    """
    family = family_of(destination)
    try:
        body = _body(message, family)
    except struct.error as error:
        raise BuildError(f"a field of {type(message).__name__} does not fit: {error}") from error
    if len(body) > _MAX_OCTETS:
        raise BuildError(f"the message has {len(body)} octets, an IP packet carries {_MAX_OCTETS}")
    if isinstance(message, Other):
        return body
    if family is MLD:
        checksum = icmpv6_checksum(source, destination, body)
    else:
        checksum = internet_checksum(body)
    return body[:2] + checksum.to_bytes(2, "big") + body[4:]


def _body(message: Message, family: Family) -> bytes:
    """Return the octets of `message` with a checksum field of zero."""
    if isinstance(message, Query):
        return _query(message, family)
    if isinstance(message, Report):
        return _report(message, family)
    if isinstance(message, LegacyReport | Leave):
        return _fixed(message, family)
    if isinstance(message, Other):
        return message.data
    return _discovery(message, family)


def _check_address(address: bytes, family: Family, what: str) -> bytes:
    if len(address) != family.address_octets:
        raise BuildError(f"{what} {text(address)} is no address of {family.name}")
    return address


def _query(query: Query, family: Family) -> bytes:
    group = _check_address(query.group, family, "group")
    if family is IGMP:
        code = query.max_response_code
        if query.version == 2 and code == 0:
            raise BuildError("an IGMPv2 query with response time 0 is an IGMPv1 query")
        if query.version == 1 and code != 0:
            raise BuildError("an IGMPv1 query has no response time")
        head = struct.pack("!BBH4s", m.IGMP_QUERY, code, 0, group)
    else:
        head = struct.pack(
            "!BBHHH16s",
            m.MLD_QUERY,
            query.code,
            0,
            query.max_response_code,
            query.reserved,
            group,
        )
    if query.version != family.current_version:
        return head + query.trailing
    if not 0 <= query.robustness <= 7:
        raise BuildError(f"robustness {query.robustness} does not fit QRV, which is 0 to 7")
    flags = query.flags | (m.QUERY_EXTENSION_FLAG if query.extensions else 0)
    bits = flags << 4 | query.suppress << 3 | query.robustness
    sources = [_check_address(source, family, "source") for source in query.sources]
    tail = struct.pack("!BBH", bits, query.interval_code, len(sources))
    extensions = write_extensions(query.extensions)
    return b"".join((head, tail, *sources, extensions, query.trailing))


def _report(report: Report, family: Family) -> bytes:
    kind = m.IGMP_V3_REPORT if family is IGMP else m.MLD_V2_REPORT
    flags = report.flags | (m.REPORT_EXTENSION_FLAG if report.extensions else 0)
    parts = [struct.pack("!BBHHH", kind, report.code, 0, flags, len(report.records))]
    parts += [encode_record(record, family) for record in report.records]
    parts.append(write_extensions(report.extensions))
    parts.append(report.trailing)
    return b"".join(parts)


def encode_record(record: GroupRecord, family: Family) -> bytes:
    """Return the octets of one record; auxiliary data must fill whole 32-bit words."""
    if len(record.aux_data) % 4:
        raise BuildError(f"auxiliary data of {len(record.aux_data)} octets is not in whole words")
    group = _check_address(record.group, family, "group")
    aux_words = len(record.aux_data) // 4
    head = struct.pack("!BBH", record.type, aux_words, len(record.sources))
    if not (record.sources or aux_words):
        return head + group
    sources = [_check_address(source, family, "source") for source in record.sources]
    return b"".join((head, group, *sources, record.aux_data))


def _fixed(message: LegacyReport | Leave, family: Family) -> bytes:
    group = _check_address(message.group, family, "group")
    leave = isinstance(message, Leave)
    if family is IGMP:
        kind = m.IGMP_LEAVE if leave else _IGMP_REPORTS.get(message.version, 0)
        if not kind:
            raise BuildError(f"IGMP has no report of version {message.version} for one group")
        head = struct.pack("!BBH4s", kind, message.max_response_code, 0, group)
    else:
        kind = m.MLD_DONE if leave else m.MLD_V1_REPORT
        fields = (message.code, 0, message.max_response_code, message.reserved)
        head = struct.pack("!BBHHH16s", kind, *fields, group)
    return head + message.trailing


_IGMP_REPORTS: dict[int | None, int] = {1: m.IGMP_V1_REPORT, 2: m.IGMP_V2_REPORT}


def _discovery(message: RouterDiscovery, family: Family) -> bytes:
    kind = (_IGMP_TYPES if family is IGMP else _MLD_TYPES)[type(message)]
    if isinstance(message, RouterAdvertisement):
        fields = (message.advertisement_interval_s, 0, message.query_interval_s)
        return struct.pack("!BBHHH", kind, *fields, message.robustness) + message.trailing
    return struct.pack("!BBH", kind, message.code, 0) + message.trailing


def encode_packet(datagram: Datagram) -> bytes:
    """Return the IP packet; raises BuildError when a field does not fit its place."""
    if datagram.message is None:
        raise BuildError("there is no message to encode")
    if len(datagram.source) != len(datagram.destination):
        raise BuildError("source and destination are of different families")
    message = encode_message(datagram.message, datagram.source, datagram.destination)
    header = _ipv4 if datagram.family is IGMP else _ipv6
    try:
        return header(datagram, len(message)) + message
    except struct.error as error:
        raise BuildError(f"a field of the IP header does not fit: {error}") from error


def _ipv4(datagram: Datagram, octets: int) -> bytes:
    alert = datagram.router_alert
    options = b"" if alert is None else struct.pack("!BBH", 0x94, 4, alert)
    words = 5 + len(options) // 4
    header = struct.pack(
        "!BBHHHBBH4s4s",
        0x40 | words,
        datagram.traffic_class,
        words * 4 + octets,
        0,
        0x4000,
        datagram.hop_limit,
        2,
        0,
        datagram.source,
        datagram.destination,
    )
    checksum = internet_checksum(header + options)
    return header[:10] + checksum.to_bytes(2, "big") + header[12:] + options


def _ipv6(datagram: Datagram, octets: int) -> bytes:
    alert = datagram.router_alert
    extension = b"" if alert is None else struct.pack("!BBBBHBB", ICMPV6, 0, 5, 2, alert, 1, 0)
    header = struct.pack(
        "!IHBB16s16s",
        6 << 28 | datagram.traffic_class << 20,
        len(extension) + octets,
        ICMPV6 if alert is None else HOP_BY_HOP,
        datagram.hop_limit,
        datagram.source,
        datagram.destination,
    )
    return header + extension


def encode_frame(datagram: Datagram) -> bytes:
    """Return the Ethernet frame; a missing link destination follows the IP destination."""
    packet = encode_packet(datagram)
    destination = datagram.link_destination
    if destination is None:
        if not is_multicast(datagram.destination):
            where = text(datagram.destination)
            raise BuildError(f"the hardware address of {where} is not known")
        destination = group_mac(datagram.destination)
    source = datagram.link_source or bytes(6)
    tags = b"".join(struct.pack("!HH", 0x8100, vlan) for vlan in datagram.vlan)
    ethertype = b"\x08\x00" if datagram.family is IGMP else b"\x86\xdd"
    return b"".join((destination, source, tags, ethertype, packet))
