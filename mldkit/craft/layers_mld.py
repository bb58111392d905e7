"""MLD of both versions, and Multicast Router Discovery over IPv6.

::

     0               8               16              24            31
    +---------------+---------------+-------------------------------+
    |     Type      |     Code      |           Checksum            |
    +---------------+---------------+-------------------------------+
    |    Maximum Response Code      |           Reserved            |   24 octets: version 1
    +-------------------------------+-------------------------------+
    |                     Group (16 octets)                         |
    +-------+-+-----+---------------+-------------------------------+
    | Flags |S| QRV |     QQIC      |     Number of Sources (N)     |   28 + 16 N: version 2
    +-------+-+-----+---------------+-------------------------------+

`MLDMessage(octets)` picks the class by type and length (RFC 9777 §8.1); a query of a length that
belongs to no version stays an `MLDQuery`. A Router Alert is a header of its own:
`IPv6()/MLDHopByHop()/MLDv2Query()` is what the Linux kernel sends.
"""

from __future__ import annotations

from typing import Any

from scapy.config import conf
from scapy.fields import (
    ByteField,
    DestIP6Field,
    IP6Field,
    ShortField,
    XByteField,
    XShortField,
    XStrField,
)
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    IPv6ExtHdrSegmentRouting,
    PadN,
    RouterAlert,
    in6_chksum,
)

from mldkit.craft.fields import (
    CodeField,
    NameField,
    TrailingField,
)
from mldkit.craft.message import (
    MembershipMessage,
    MessageKind,
    MLDv2Record,
    query_fields,
    report_fields,
    with_checksum,
)
from mldkit.model import messages as m
from mldkit.model.addresses import text
from mldkit.model.family import MLD

NEXT_HEADER = 58
HOP_BY_HOP = 0
CARRIERS = (
    IPv6,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrRouting,
    IPv6ExtHdrSegmentRouting,
    IPv6ExtHdrFragment,
)
"""Headers whose next header field may say ICMPv6."""

_TYPE_NAMES = {
    m.MLD_QUERY: "query",
    m.MLD_V1_REPORT: "version 1 report",
    m.MLD_DONE: "done",
    m.MLD_V2_REPORT: "version 2 report",
    m.MLD_MRD_ADVERTISEMENT: "multicast router advertisement",
    m.MLD_MRD_SOLICITATION: "multicast router solicitation",
    m.MLD_MRD_TERMINATION: "multicast router termination",
}
_FIXED_OCTETS = 4
_VERSION_1_OCTETS = 24


def _head(type_number: int, second: Any = None) -> list[Any]:
    return [
        NameField("type", type_number, _TYPE_NAMES),
        second or XByteField("code", 0),
        XShortField("checksum", None),
    ]


def _body(response_code: Any) -> list[Any]:
    return [response_code, XShortField("reserved", 0), IP6Field("group", "::")]


def _time_code(*, floating: bool) -> CodeField:
    return CodeField(
        "max_response_code",
        10000,
        width=16,
        unit_ns=MLD.response_unit_ns,
        floating=floating,
    )


class MLDMessage(MembershipMessage):
    """Called with octets: the layer of their type, Raw when they are no membership message."""

    name = "MLD message"
    least_octets = _FIXED_OCTETS
    fields_desc = [*_head(0), XStrField("data", b"")]
    overload_fields = {
        carrier: {"nh": NEXT_HEADER, "hlim": 1} if carrier is IPv6 else {"nh": NEXT_HEADER}
        for carrier in CARRIERS
    }

    @classmethod
    def dispatch_hook(cls, _pkt: bytes | None = None, *_: Any, **options: Any) -> Any:
        """Return the class for the octets; other ICMPv6 is left to Scapy under its own headers."""
        if _pkt is None:
            return cls
        under = options.get("_underlayer")
        if isinstance(under, IPv6ExtHdrFragment) and (under.m or under.offset):
            return conf.raw_layer  # one of several fragments is no message yet
        octets = bytes(_pkt)
        layer = LAYERS.get(octets[0]) if octets else None
        if layer is None:
            if not isinstance(under, CARRIERS):
                return conf.raw_layer
            return under.default_payload_class(octets)
        if layer is MLDQuery:
            layer = _query_class(octets)
        return layer if len(octets) >= layer.least_octets else conf.raw_layer

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Return the octets; unless given, the checksum is filled in (RFC 9777 §5.1.2)."""
        octets = bytes(pkt + pay)
        if self.checksum is not None:
            return octets
        blank = with_checksum(octets, 0)
        return with_checksum(octets, in6_chksum(NEXT_HEADER, self.underlayer, blank))


class MLDQuery(MLDMessage):
    """A query whose length belongs to no version; the versions are subclasses."""

    name = "MLD query"
    match_subclass = True
    kind = MessageKind.QUERY
    least_octets = _VERSION_1_OCTETS
    fields_desc = [*_head(m.MLD_QUERY), *_body(_time_code(floating=False)), TrailingField()]


class MLDv1Query(MLDQuery):
    """MLDv1 Multicast Listener Query (RFC 2710 §3): the code is linear over its sixteen bits."""

    name = "MLDv1 query"
    version = 1


class MLDv2Query(MLDQuery):
    """MLDv2 Multicast Listener Query (RFC 9777 §5.1)."""

    name = "MLDv2 query"
    version = 2
    least_octets = MLD.query_octets
    fields_desc = [
        *_head(m.MLD_QUERY),
        *_body(_time_code(floating=True)),
        *query_fields(IP6Field("", "::")),
    ]


class MLDv1Report(MLDMessage):
    """MLDv1 Multicast Listener Report (RFC 2710 §3)."""

    name = "MLDv1 report"
    kind = MessageKind.REPORT
    version = 1
    least_octets = _VERSION_1_OCTETS
    fields_desc = [
        *_head(m.MLD_V1_REPORT),
        *_body(ShortField("max_response_code", 0)),
        TrailingField(),
    ]


class MLDv1Done(MLDv1Report):
    """MLDv1 Multicast Listener Done (RFC 2710 §3)."""

    name = "MLDv1 done"
    kind = MessageKind.LEAVE
    type = m.MLD_DONE


class MLDv2Report(MLDMessage):
    """MLDv2 Multicast Listener Report (RFC 9777 §5.2)."""

    name = "MLDv2 report"
    kind = MessageKind.REPORT
    version = 2
    least_octets = MLD.report_octets
    fields_desc = [
        *_head(m.MLD_V2_REPORT),
        *report_fields(MLDv2Record, address_octets=16),
    ]


class MLDRouterAdvertisement(MLDMessage):
    """Multicast Router Advertisement over IPv6 (RFC 4286 §3)."""

    name = "MLD router advertisement"
    kind = MessageKind.ADVERTISEMENT
    least_octets = 8
    fields_desc = [
        *_head(m.MLD_MRD_ADVERTISEMENT, ByteField("advertisement_interval", 20)),
        ShortField("query_interval", 125),
        ShortField("robustness", 2),
        TrailingField(),
    ]


class MLDRouterSolicitation(MLDMessage):
    """Multicast Router Solicitation over IPv6 (RFC 4286 §4)."""

    name = "MLD router solicitation"
    kind = MessageKind.SOLICITATION
    fields_desc = [*_head(m.MLD_MRD_SOLICITATION), TrailingField()]


class MLDRouterTermination(MLDRouterSolicitation):
    """Multicast Router Termination over IPv6 (RFC 4286 §5)."""

    name = "MLD router termination"
    kind = MessageKind.TERMINATION
    type = m.MLD_MRD_TERMINATION


class MLDHopByHop(IPv6ExtHdrHopByHop):  # type: ignore[misc]
    """Hop-by-Hop header as MLD is sent with: Router Alert 0, then PadN without data."""

    name = "Hop-by-Hop header of MLD"
    match_subclass = True
    options = [RouterAlert(value=0), PadN(optdata=b"")]
    overload_fields = {IPv6: {"nh": 0, "hlim": 1}}

    @classmethod
    def dispatch_hook(cls, _pkt: bytes | None = None, *_: Any, **__: Any) -> Any:
        """Return this class for a header that an MLD message follows, else Scapy's.

        Scapy pairs answers only when both sides have the same classes.
        """
        if _pkt is None:
            return cls
        octets = bytes(_pkt)
        behind = 8 * (octets[1] + 1) if len(octets) > 1 else len(octets)
        is_mld = len(octets) > behind and octets[0] == NEXT_HEADER and octets[behind] in LAYERS
        return cls if is_mld else IPv6ExtHdrHopByHop


def _query_class(octets: bytes) -> Any:
    if len(octets) >= MLD.query_octets:
        return MLDv2Query
    return MLDv1Query if len(octets) == _VERSION_1_OCTETS else MLDQuery


LAYERS: dict[int, Any] = {
    m.MLD_QUERY: MLDQuery,
    m.MLD_V1_REPORT: MLDv1Report,
    m.MLD_DONE: MLDv1Done,
    m.MLD_V2_REPORT: MLDv2Report,
    m.MLD_MRD_ADVERTISEMENT: MLDRouterAdvertisement,
    m.MLD_MRD_SOLICITATION: MLDRouterSolicitation,
    m.MLD_MRD_TERMINATION: MLDRouterTermination,
}


def destination(message: Any) -> str:
    """Return where `message` is sent to (RFC 9777 §5.1.15 and §5.2.15, RFC 2710 §5, RFC 4286)."""
    kind = getattr(message, "kind", MessageKind.OTHER)
    if kind in {MessageKind.ADVERTISEMENT, MessageKind.TERMINATION}:
        return text(MLD.all_snoopers)
    if kind in {MessageKind.LEAVE, MessageKind.SOLICITATION}:
        return text(MLD.all_routers)
    if isinstance(message, MLDv2Report):
        return text(MLD.reports)
    group = str(getattr(message, "group", "::"))
    return group if group != "::" else text(MLD.all_hosts)


# Keyed by the classes above: nothing that Scapy builds without them changes.
for _layer in (MLDv1Query, MLDv2Query, *LAYERS.values()):
    DestIP6Field.bind_addr(_layer, lambda ip: destination(ip.payload))
DestIP6Field.bind_addr(MLDHopByHop, lambda ip: destination(ip.payload.payload))
