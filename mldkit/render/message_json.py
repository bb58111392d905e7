"""The JSON of one message: the one place that maps fields to keys.

`decode`, `query`, `report` and `play` print the same object for the same message. Every key is
always present; what does not apply is null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.model.addresses import mac_text, text
from mldkit.model.datagram import LinkType
from mldkit.model.messages import (
    Leave,
    LegacyReport,
    Query,
    Report,
    RouterAdvertisement,
    record_type_name,
)
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.wire.validity import judge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.datagram import Circuit, Decoded, Frame
    from mldkit.model.messages import GroupRecord
    from mldkit.wire.validity import Finding, Judged

Json = dict[str, Any]


def time_text(time_ns: int | None) -> str | None:
    """Return epoch seconds with nine decimals."""
    if time_ns is None:
        return None
    sign = "-" if time_ns < 0 else ""
    return f"{sign}{abs(time_ns) // SECOND}.{abs(time_ns) % SECOND:09d}"


def number(value_ns: int, unit_ns: int) -> int | float:
    """Return a time in a unit, as an integer where it is whole."""
    return value_ns // unit_ns if value_ns % unit_ns == 0 else value_ns / unit_ns


def message_json(judged: Judged) -> Json:
    """Return the JSON object of one message."""
    decoded = judged.decoded
    datagram = decoded.datagram
    return {
        **_place(decoded.frame),
        "link": _link(decoded),
        "ip": {
            "version": decoded.family.ip_version,
            "src": text(datagram.source) or None,
            "dst": text(datagram.destination) or None,
            "hop_limit": datagram.hop_limit,
            "traffic_class": datagram.traffic_class,
            "router_alert": datagram.router_alert,
        },
        "protocol": decoded.family.name,
        "version": decoded.version,
        "kind": decoded.kind,
        "type": decoded.type,
        "length": decoded.length,
        "checksum": decoded.checksum,
        **_content(decoded),
        "malformed": _malformed(decoded),
        "findings": [finding_json(finding) for finding in judged.findings],
        **({"tunnel": decoded.tunnel} if decoded.tunnel else {}),
    }


def _place(frame: Frame) -> Json:
    return {
        "frame": frame.number,
        "time": time_text(frame.time_ns),
        "interface": frame.interface,
    }


def _link(decoded: Decoded) -> Json | None:
    datagram = decoded.datagram
    circuit = circuit_json(datagram.circuit)
    if datagram.link_source is None and datagram.link_destination is None and not circuit:
        return None
    cooked = decoded.frame.link_type in (LinkType.LINUX_SLL, LinkType.LINUX_SLL2)
    link: Json = {"src": mac_text(datagram.link_source) if datagram.link_source else None}
    if not cooked:
        link["dst"] = mac_text(datagram.link_destination) if datagram.link_destination else None
    link["vlan"] = list(datagram.vlan)
    return link | circuit


def circuit_json(circuit: tuple[Circuit, ...]) -> Json:
    """Return the key for sessions and tunnels around a message, nothing where there are none."""
    return {"circuit": [one._asdict() for one in circuit]} if circuit else {}


def _content(decoded: Decoded) -> Json:
    """Return the keys from `group` to `trailing`."""
    message = decoded.datagram.message
    content: Json = dict.fromkeys(
        (
            "group", "max_response_code", "max_response_ms", "suppress", "qrv", "qqic", "qqi_s",
            "flags", "sources", "records", "mrd",
        )
    )  # fmt: skip
    content["extensions"] = []
    if isinstance(message, Query):
        content.update(_query(message))
    elif isinstance(message, Report):
        content["flags"] = message.flags
        content["records"] = [record_json(record) for record in message.records]
    elif isinstance(message, LegacyReport | Leave):
        content["group"] = text(message.group)
    elif isinstance(message, RouterAdvertisement):
        content["mrd"] = {
            "advertisement_interval_s": message.advertisement_interval_s,
            "query_interval_s": message.query_interval_s,
            "robustness": message.robustness,
        }
    if isinstance(message, Query | Report):
        content["extensions"] = [
            {"type": item.type, "value": item.value.hex()} for item in message.extensions
        ]
    trailing = getattr(message, "trailing", b"")
    content["trailing"] = trailing.hex() if trailing else None
    return content


def _query(query: Query) -> Json:
    content: Json = {
        "group": text(query.group),
        "max_response_code": query.max_response_code,
        "max_response_ms": number(query.max_response_ns, MILLISECOND),
    }
    if query.version is None:
        content["max_response_ms"] = None
    interval_ns = query.interval_ns
    if interval_ns is not None:
        content |= {
            "suppress": query.suppress,
            "qrv": query.robustness,
            "qqic": query.interval_code,
            "qqi_s": interval_ns // SECOND,
            "flags": query.flags,
            "sources": [text(source) for source in query.sources],
        }
    return content


def record_json(record: GroupRecord) -> Json:
    """Return the JSON object of one record."""
    return {
        "type": record_type_name(record.type),
        "type_code": record.type,
        "group": text(record.group),
        "sources": [text(source) for source in record.sources],
        "aux_data": record.aux_data.hex(),
    }


def _malformed(decoded: Decoded) -> Json | None:
    found = decoded.malformed
    if found is None:
        return None
    return {"id": found.id, "reason": found.reason, "offset": found.offset}


def finding_json(finding: Finding) -> Json:
    """Return the JSON object of one finding of a frame."""
    return {"id": finding.id, "severity": finding.severity, "detail": finding.detail}


def messages_json(found: Iterable[Decoded]) -> list[Json]:
    """Return the JSON objects of several messages."""
    return [message_json(judge(decoded)) for decoded in found]
