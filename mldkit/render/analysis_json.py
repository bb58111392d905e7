"""The documents of `analyze` and the events of `watch`; one place maps fields to JSON keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mldkit.advice.table import cure, grounds
from mldkit.analysis.delays import DelayFacts, together
from mldkit.analysis.facts import host_address
from mldkit.model.addresses import mac_text, text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.render.for_people import without_dates
from mldkit.render.incidents import data_after_leaves
from mldkit.render.left_out import left_out_text, shortage_json
from mldkit.render.message_json import Json, circuit_json, number, time_text
from mldkit.render.summary import summary
from mldkit.render.terminal import print_json_members
from mldkit.render.unread import unread_text
from mldkit.render.words import family_name, filter_mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.analysis.devices import DeviceFacts
    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.analysis.events import Event
    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.result import (
        AnalysisResult,
        CaptureFacts,
        LinkFacts,
        QuerierFacts,
        ReturnFacts,
        StreamFacts,
    )
    from mldkit.analysis.stays import Stay
    from mldkit.model.addresses import Address

SCHEMA = "mldkit.analyze/1"
MOST_SOURCES = 64
"""Of one event: as many as MLD lets a socket have on Linux. A record of 12 octets makes an event
that otherwise named all the sources that came before."""


def print_analysis_json(result: AnalysisResult, *, interrupted: bool = False) -> None:
    """Print the document of one analysis piece by piece: it may hold half a million rows."""
    print_json_members(_members(result, interrupted=interrupted))


def _members(result: AnalysisResult, *, interrupted: bool) -> Iterator[tuple[str, Any]]:
    links = result.links
    words = summary(result, result.known_packets)
    yield "schema", SCHEMA
    yield "profile", result.profile
    yield "captures", [_capture(capture) for capture in result.captures]
    yield (
        "queriers",
        (
            _querier(link, querier, result.captures_of(link, querier.first_ns, querier.last_ns))
            for link in links
            for querier in link.queriers.known
        ),
    )
    yield "devices", map(_device, result.devices)
    yield (
        "memberships",
        (
            row_json(link.key, stay, result.captures_of(link, stay.from_ns, stay.to_ns))
            for link in links
            for stay in link.stays
        ),
    )
    yield "responses", _responses(together(link.delays for link in links))
    yield "leaves", (_leaves(link) for link in links if link.leaves.heard)
    yield "vantage", (_vantage(link) for link in links if link.messages)
    yield (
        "streams",
        (
            _stream(link.key, stream, result.captures_of(link, stream.first_ns, stream.last_ns))
            for link in links
            for stream in link.streams
        ),
    )
    yield (
        "findings",
        (
            finding_json(replace(entry, detail=without_dates(entry.detail, result)))
            for entry in result.findings
        ),
    )
    yield (
        "left_out",
        [
            *(unread_text(what, count) for what, count in result.unread),
            *(left_out_text(item) for item in result.left_out),
        ],
    )
    yield "interrupted", interrupted
    yield "summary", words


def _capture(capture: CaptureFacts) -> Json:
    return {
        "file": capture.name,
        "packets": capture.packets,
        "messages": capture.messages,
        "first": time_text(capture.first_ns),
        "last": time_text(capture.last_ns),
        "truncated": capture.damage is not None,
        "duplicates": capture.duplicates,
    }


def _leaves(link: LinkFacts) -> Json:
    return {
        **_link(link.key),
        "captures": list(link.captures),
        "count": link.leaves.count,
        "asked": link.leaves.asked,
        "heard": link.leaves.heard,
        "query_delay_ms": _delays(link.leaves.delays),
        "data_after_s": {
            text(group): number(after_ns, SECOND)
            for group, after_ns in data_after_leaves(link).items()
        },
    }


def _stream(key: LinkKey, stream: StreamFacts, captures: tuple[int, ...]) -> Json:
    return {
        **_link(key),
        "captures": list(captures),
        "group": text(stream.group),
        "source": text(stream.source),
        "packets": stream.packets,
        "first": time_text(stream.first_ns),
        "last": time_text(stream.last_ns),
        "hop_limit": stream.hop_limit,
        "flows": stream.flows,
        "pauses": [
            [time_text(from_ns), time_text(until_ns)] for from_ns, until_ns in stream.pauses
        ],
        "returned": _returned(stream.returned),
    }


def _returned(returned: ReturnFacts | None) -> Json | None:
    if returned is None:
        return None
    return {
        "mac": mac_text(returned.mac),
        "hop_limit": returned.hop_limit,
        "packets": returned.packets,
    }


def _link(key: LinkKey | None) -> Json:
    if key is None:
        return {"interface": None, "vlan": [], "family": None}
    link: Json = {
        "interface": key.interface,
        "vlan": list(key.vlan),
        "family": family_name(key.family),
    }
    return link | circuit_json(key.circuit)


def _vantage(link: LinkFacts) -> Json:
    assumed = link.vantage
    return {
        **_link(link.key),
        "captures": list(link.captures),
        "assumed": assumed.place,
        "said": assumed.is_said,
        "why": assumed.why,
        "frames": list(assumed.frames),
    }


def _querier(link: LinkFacts, querier: QuerierFacts, captures: tuple[int, ...]) -> Json:
    return {
        **_link(link.key),
        "captures": list(captures),
        "address": text(querier.address),
        "mac": _mac(querier.mac),
        "version": querier.version,
        "first": time_text(querier.first_ns),
        "last": time_text(querier.last_ns),
        "general_queries": querier.general_queries,
        "interval_s": {
            "announced": _in(querier.announced_ns, SECOND),
            "observed_median": _in(querier.observed_ns, SECOND),
        },
        "elected": link.queriers.elected == querier,
        "acting": [[time_text(begun), time_text(ended)] for begun, ended in querier.acting],
    }


def _device(device: DeviceFacts) -> Json:
    found: Json = {
        "interface": device.interface,
        "vlan": list(device.vlan),
        "mac": mac_text(device.mac),
        "addresses": _addresses(device.addresses),
        "roles": list(map(str, device.roles)),
        "capture": device.capture,
        "shown_by": list(device.frames),
    }
    return found | circuit_json(device.circuit)


def row_json(key: LinkKey, row: Stay, captures: tuple[int, ...]) -> Json:
    """Return the JSON object of one stay, which these captures show."""
    return {
        **_link(key),
        "captures": list(captures),
        "group": text(row.group),
        "host": text(host_address(row.host)),
        "mac": _mac(row.mac),
        "version": row.version,
        "filter_mode": filter_mode(row.exclude),
        "sources": _addresses(row.sources),
        "from": time_text(row.from_ns),
        "to": time_text(row.to_ns),
        "ended_by": row.ended_by,
        "reports": row.reports,
        "changes": [
            {
                "time": time_text(change.time_ns),
                "filter_mode": filter_mode(change.exclude),
                "sources": _addresses(change.sources),
                "version": change.version,
            }
            for change in row.changes
        ],
    }


def _responses(delays: DelayFacts) -> Json:
    return {"count": delays.count, "delay_ms": _delays(delays), "late": delays.late}


def _delays(delays: DelayFacts) -> Json:
    return {
        "min": _milliseconds(delays.shortest_ns),
        "median": _milliseconds(delays.median_ns),
        "p95": _milliseconds(delays.p95_ns),
        "max": _milliseconds(delays.longest_ns),
    }


def finding_json(entry: Diagnosis) -> Json:
    """Return the JSON object of one finding of an analysis."""
    rule = entry.rule
    return {
        "id": entry.id,
        "severity": entry.severity,
        "title": rule.title,
        "detail": entry.detail,
        "reference": rule.reference,
        "grounds": grounds(entry.id, entry.severity),
        "cure": cure(entry.id),
        "capture": entry.capture,
        "captures": [entry.capture],
        **_link(entry.link),
        "host": text(entry.host) or None,
        "group": text(entry.group) or None,
        "frames": list(entry.frames),
        "count": entry.count,
        "time": time_text(entry.time_ns),
    }


def event_json(event: Event) -> Json:
    """Return the JSON object of one event; `more_sources` counts those that it does not name."""
    has_filter = event.exclude is not None
    sources = event.sources[:MOST_SOURCES]
    more = len(event.sources) - len(sources)
    left_out = {} if event.left_out is None else shortage_json(event.left_out)
    return {
        "event": event.kind,
        "time": time_text(event.time_ns),
        "captures": list(event.captures),
        **_link(event.link),
        "host": text(event.host) or None,
        "mac": _mac(event.mac),
        "version": event.version,
        "group": text(event.group) or None,
        "filter_mode": filter_mode(bool(event.exclude)) if has_filter else None,
        "sources": _addresses(sources) if has_filter else None,
        **({"more_sources": more} if more else {}),
        "finding": None if event.finding is None else finding_json(event.finding),
        **left_out,
    }


def _mac(mac: bytes | None) -> str | None:
    return mac_text(mac) if mac else None


def _addresses(addresses: Iterable[Address]) -> list[str]:
    return [text(address) for address in addresses]


def _in(value_ns: int | None, unit_ns: int) -> int | float | None:
    return None if value_ns is None else number(value_ns, unit_ns)


def _milliseconds(value_ns: int | None) -> int | float | None:
    return _in(value_ns, MILLISECOND)
