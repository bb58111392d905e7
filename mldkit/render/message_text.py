"""One message as lines for people, the words of the glossary, units always said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import text
from mldkit.model.datagram import LINK_CIRCUITS
from mldkit.model.messages import (
    GroupRecord,
    Leave,
    LegacyReport,
    Other,
    Query,
    Report,
    RouterAdvertisement,
    record_type_name,
)
from mldkit.model.units import SECOND
from mldkit.model.words import counted
from mldkit.render.terminal import SEVERITY_STYLES, printable, rule_line
from mldkit.wire.validity import BY_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.model.datagram import Decoded
    from mldkit.wire.validity import Finding, Judged

Line = tuple[str, str]
"""Text and style."""

INDENT = "      "


def duration_text(time_ns: int) -> str:
    """Return a duration with its unit: milliseconds below a second."""
    if 0 < abs(time_ns) < SECOND:
        return f"{time_ns / 1_000_000:g} ms"
    return f"{time_ns / SECOND:.10g} s"


def message_lines(judged: Judged, base_ns: int | None) -> Iterator[Line]:
    """Give the lines of one message; times count from `base_ns`."""
    decoded = judged.decoded
    datagram = decoded.datagram
    when = "-"
    if decoded.frame.time_ns is not None:
        when = f"{(decoded.frame.time_ns - (base_ns or 0)) / SECOND:.6f}"
    source, destination = text(datagram.source) or "?", text(datagram.destination) or "?"
    where = "".join(f" vlan {tag}" for tag in datagram.vlan)
    where += "".join(f" {one}" for one in datagram.circuit if one.kind in LINK_CIRCUITS)
    if decoded.frame.interface:
        where += f" {printable(decoded.frame.interface)}"
    if decoded.tunnel:
        where += f" in {decoded.tunnel}"
    summary = summary_text(decoded)
    yield f"{decoded.frame.number:<5} {when} {source} > {destination}{where}  {summary}", "bold"
    yield from _content_lines(decoded)
    yield from finding_lines(judged.findings)


def finding_lines(findings: Iterable[Finding]) -> Iterator[Line]:
    """Give one line for each finding of one message."""
    for finding in findings:
        rule = BY_ID[finding.id]
        line = rule_line(rule, finding.severity, finding.detail)
        yield INDENT + line, SEVERITY_STYLES[finding.severity]


def summary_text(decoded: Decoded) -> str:
    """Return what the message is in a few words."""
    message = decoded.datagram.message
    family = decoded.family.name.upper()
    name = family if decoded.version is None else f"{family}v{decoded.version}"
    if isinstance(message, Query):
        return f"{name} {query_text(message)}"
    if isinstance(message, Report):
        return f"{name} report, {counted(len(message.records), 'record')}"
    if isinstance(message, LegacyReport):
        return f"{name} report {text(message.group)}"
    if isinstance(message, Leave):
        word = "leave" if decoded.family.ip_version == 4 else "done"
        return f"{name} {word} {text(message.group)}"
    if isinstance(message, RouterAdvertisement):
        return (
            f"{message} every {message.advertisement_interval_s} s,"
            f" query interval {message.query_interval_s} s, robustness {message.robustness}"
        )
    if isinstance(message, Other) or message is None:
        kind = "no type" if decoded.type is None else f"type 0x{decoded.type:02x}"
        return f"{family} {decoded.kind} ({kind}), {decoded.length} octets"
    return str(message)


def query_text(query: Query) -> str:
    """Return a query in a few words, with what it asks and announces."""
    what = "General Query" if query.is_general else f"query for {text(query.group)}"
    if query.sources:
        what += " from {" + ", ".join(map(text, query.sources)) + "}"
    if query.version is None:
        return what
    parts = [what, f"max response {duration_text(query.max_response_ns)}"]
    interval_ns = query.interval_ns
    if interval_ns is not None:
        parts += [f"robustness {query.robustness}", f"interval {duration_text(interval_ns)}"]
    if query.suppress:
        parts.append("suppress")
    return ", ".join(parts)


def _content_lines(decoded: Decoded) -> Iterator[Line]:
    message = decoded.datagram.message
    if isinstance(message, Report):
        for record in message.records:
            yield INDENT + record_text(record), ""
    if isinstance(message, Query | Report):
        for item in message.extensions:
            value = item.value.hex() or "empty"
            yield f"{INDENT}extension type {item.type}: {value}", ""


def record_text(record: GroupRecord) -> str:
    """Return one record: type, group, sources, auxiliary data."""
    line = f"{record_type_name(record.type)} {text(record.group)}"
    if record.sources:
        line += " {" + ", ".join(map(text, record.sources)) + "}"
    if record.aux_data:
        line += f" auxiliary data {record.aux_data.hex()}"
    return line
