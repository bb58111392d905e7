"""IGMP of every version, and Multicast Router Discovery over IPv4.

::

     0               8               16              24            31
    +---------------+---------------+-------------------------------+
    |     Type      | Max Resp Code |           Checksum            |   8 octets: versions 1, 2
    +---------------+---------------+-------------------------------+
    |                         Group Address                         |
    +-------+-+-----+---------------+-------------------------------+
    | Flags |S| QRV |     QQIC      |     Number of Sources (N)     |   12 + 4 N: version 3
    +-------+-+-----+---------------+-------------------------------+

`IGMPMessage(octets)` picks the class by type and length (RFC 9776 §7.1); a query of a length that
belongs to no version stays an `IGMPQuery`, a type that is no membership message an `IGMPMessage`.
Under `IP()` a message sets what the Linux kernel sends: TTL 1, TOS 0xc0, DF, id 0. The Router
Alert is an option of the header and is written there: `IP(options=IPOption_Router_Alert())`.
"""

from __future__ import annotations

from typing import Any

from scapy.config import conf
from scapy.fields import (
    ByteField,
    IPField,
    ShortField,
    XByteField,
    XShortField,
    XStrField,
)
from scapy.layers.inet import IP, DestIPField
from scapy.utils import checksum

from mldkit.craft.fields import (
    CodeField,
    NameField,
    TrailingField,
)
from mldkit.craft.message import (
    IGMPv3Record,
    MembershipMessage,
    MessageKind,
    query_fields,
    report_fields,
    with_checksum,
)
from mldkit.model import messages as m
from mldkit.model.addresses import text
from mldkit.model.family import IGMP
from mldkit.model.units import SECOND

PROTOCOL = 2
_DF = 2
_TYPE_NAMES = {
    m.IGMP_QUERY: "query",
    m.IGMP_V1_REPORT: "version 1 report",
    m.IGMP_V2_REPORT: "version 2 report",
    m.IGMP_LEAVE: "leave",
    m.IGMP_V3_REPORT: "version 3 report",
    m.IGMP_MRD_ADVERTISEMENT: "multicast router advertisement",
    m.IGMP_MRD_SOLICITATION: "multicast router solicitation",
    m.IGMP_MRD_TERMINATION: "multicast router termination",
}
_FIXED_OCTETS = 4


def _type(default: int) -> NameField:
    return NameField("type", default, _TYPE_NAMES, number_format="#x")


def _time_code(default: int, *, floating: bool, zero_ns: int = 0) -> CodeField:
    return CodeField(
        "max_response_code",
        default,
        width=8,
        unit_ns=IGMP.response_unit_ns,
        floating=floating,
        zero_ns=zero_ns,
    )


class IGMPMessage(MembershipMessage):
    """Any IGMP message; called with octets it returns the layer of their type."""

    name = "IGMP message"
    least_octets = _FIXED_OCTETS
    overload_fields = {
        IP: {"proto": PROTOCOL, "ttl": 1, "tos": IGMP.traffic_class, "id": 0, "flags": _DF}
    }
    fields_desc = [
        _type(0),
        XByteField("code", 0),
        XShortField("checksum", None),
        XStrField("data", b""),
    ]

    @classmethod
    def dispatch_hook(cls, _pkt: bytes | None = None, *_: Any, **options: Any) -> Any:
        """Return the class for the octets; octets too few for their type are Raw."""
        if _pkt is None:
            return cls
        under = options.get("_underlayer")
        if isinstance(under, IP) and under.flags.MF:
            return conf.raw_layer  # the first of several fragments is no message yet
        octets = bytes(_pkt)
        layer = LAYERS.get(octets[0], cls) if octets else cls
        if layer is IGMPQuery:
            layer = _query_class(octets)
        return layer if len(octets) >= layer.least_octets else conf.raw_layer

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Return the octets; unless given, the checksum is filled in (RFC 9776 §4.1.2)."""
        octets = bytes(pkt + pay)
        if self.checksum is not None:
            return octets
        return with_checksum(octets, checksum(with_checksum(octets, 0)))


class IGMPQuery(IGMPMessage):
    """A query whose length belongs to no version; the versions are subclasses."""

    name = "IGMP query"
    match_subclass = True
    kind = MessageKind.QUERY
    least_octets = IGMP.report_octets
    fields_desc = [
        _type(m.IGMP_QUERY),
        _time_code(100, floating=False),
        XShortField("checksum", None),
        IPField("group", "0.0.0.0"),
        TrailingField(),
    ]


class IGMPv1Query(IGMPQuery):
    """IGMPv1 Host Membership Query (RFC 1112 Appendix I): the code is zero and means 10 s."""

    name = "IGMPv1 query"
    version = 1
    fields_desc = [
        _type(m.IGMP_QUERY),
        _time_code(0, floating=False, zero_ns=10 * SECOND),
        *IGMPQuery.fields_desc[2:],
    ]


class IGMPv2Query(IGMPQuery):
    """IGMPv2 Membership Query (RFC 2236 §2): the code is linear over its eight bits."""

    name = "IGMPv2 query"
    version = 2


class IGMPv3Query(IGMPQuery):
    """IGMPv3 Membership Query (RFC 9776 §4.1)."""

    name = "IGMPv3 query"
    version = 3
    least_octets = IGMP.query_octets
    fields_desc = [
        _type(m.IGMP_QUERY),
        _time_code(100, floating=True),
        XShortField("checksum", None),
        IPField("group", "0.0.0.0"),
        *query_fields(IPField("", "0.0.0.0")),
    ]


class IGMPv2Report(IGMPMessage):
    """IGMPv2 Membership Report (RFC 2236 §2)."""

    name = "IGMPv2 report"
    kind = MessageKind.REPORT
    version = 2
    least_octets = IGMP.report_octets
    fields_desc = [
        _type(m.IGMP_V2_REPORT),
        ByteField("max_response_code", 0),
        XShortField("checksum", None),
        IPField("group", "0.0.0.0"),
        TrailingField(),
    ]


class IGMPv1Report(IGMPv2Report):
    """IGMPv1 Host Membership Report (RFC 1112 Appendix I)."""

    name = "IGMPv1 report"
    version = 1
    type = m.IGMP_V1_REPORT


class IGMPv2Leave(IGMPv2Report):
    """IGMPv2 Leave Group (RFC 2236 §2)."""

    name = "IGMPv2 leave"
    kind = MessageKind.LEAVE
    type = m.IGMP_LEAVE


class IGMPv3Report(IGMPMessage):
    """IGMPv3 Membership Report (RFC 9776 §4.2)."""

    name = "IGMPv3 report"
    kind = MessageKind.REPORT
    version = 3
    least_octets = IGMP.report_octets
    fields_desc = [
        _type(m.IGMP_V3_REPORT),
        XByteField("code", 0),
        XShortField("checksum", None),
        *report_fields(IGMPv3Record, address_octets=4),
    ]


class IGMPRouterAdvertisement(IGMPMessage):
    """Multicast Router Advertisement over IPv4 (RFC 4286 §3)."""

    name = "IGMP router advertisement"
    kind = MessageKind.ADVERTISEMENT
    least_octets = 8
    fields_desc = [
        _type(m.IGMP_MRD_ADVERTISEMENT),
        ByteField("advertisement_interval", 20),
        XShortField("checksum", None),
        ShortField("query_interval", 125),
        ShortField("robustness", 2),
        TrailingField(),
    ]


class IGMPRouterSolicitation(IGMPMessage):
    """Multicast Router Solicitation over IPv4 (RFC 4286 §4)."""

    name = "IGMP router solicitation"
    kind = MessageKind.SOLICITATION
    fields_desc = [
        _type(m.IGMP_MRD_SOLICITATION),
        XByteField("code", 0),
        XShortField("checksum", None),
        TrailingField(),
    ]


class IGMPRouterTermination(IGMPRouterSolicitation):
    """Multicast Router Termination over IPv4 (RFC 4286 §5)."""

    name = "IGMP router termination"
    kind = MessageKind.TERMINATION
    type = m.IGMP_MRD_TERMINATION


def _query_class(octets: bytes) -> Any:
    if len(octets) >= IGMP.query_octets:
        return IGMPv3Query
    if len(octets) != IGMP.report_octets:
        return IGMPQuery
    return IGMPv2Query if octets[1] else IGMPv1Query


LAYERS: dict[int, Any] = {
    m.IGMP_QUERY: IGMPQuery,
    m.IGMP_V1_REPORT: IGMPv1Report,
    m.IGMP_V2_REPORT: IGMPv2Report,
    m.IGMP_LEAVE: IGMPv2Leave,
    m.IGMP_V3_REPORT: IGMPv3Report,
    m.IGMP_MRD_ADVERTISEMENT: IGMPRouterAdvertisement,
    m.IGMP_MRD_SOLICITATION: IGMPRouterSolicitation,
    m.IGMP_MRD_TERMINATION: IGMPRouterTermination,
}


def destination(message: IGMPMessage) -> str:
    """Return where `message` is sent to (RFC 9776 §4.1.12 and §4.2.15, RFC 2236 §9, RFC 4286)."""
    if message.kind in {MessageKind.ADVERTISEMENT, MessageKind.TERMINATION}:
        return text(IGMP.all_snoopers)
    if message.kind in {MessageKind.LEAVE, MessageKind.SOLICITATION}:
        return text(IGMP.all_routers)
    if isinstance(message, IGMPv3Report):
        return text(IGMP.reports)
    group = str(getattr(message, "group", "0.0.0.0"))
    return group if group != "0.0.0.0" else text(IGMP.all_hosts)


# Keyed by the classes above: nothing that Scapy builds without them changes.
for _layer in (IGMPMessage, IGMPv1Query, IGMPv2Query, IGMPv3Query, *LAYERS.values()):
    DestIPField.bind_addr(_layer, lambda ip: destination(ip.payload))
