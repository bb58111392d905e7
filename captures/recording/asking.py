"""Queries that the stage sends, and how scripts write them."""

from __future__ import annotations

from dataclasses import dataclass

from mldkit.model import codes
from mldkit.model.addresses import parse
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import Query
from mldkit.model.units import MILLISECOND


@dataclass(frozen=True, slots=True)
class Asked:
    """How a query differs from an ordinary one; None stands for the usual value."""

    sources: tuple[str, ...] = ()
    version: int | None = None
    max_response_ms: int = 1000
    robustness: int = 2
    interval_s: int = 125
    hop_limit: int = 1
    router_alert: int | None = 0
    source: str | None = None


ORDINARY = Asked()


def query_of(group: str, asked: Asked) -> Query:
    """Return the message; group `0.0.0.0` or `::` is a General Query."""
    packed = parse(group)
    family = IGMP if len(packed) == 4 else MLD
    version = asked.version or family.current_version
    units = asked.max_response_ms * MILLISECOND // family.response_unit_ns
    if (family, version) == (IGMP, 1):
        return Query(1, packed)
    if version != family.current_version:
        return Query(version, packed, units)
    return Query(
        version,
        packed,
        codes.encode(units, width=family.response_code_width),
        robustness=asked.robustness,
        interval_code=codes.encode(asked.interval_s, width=8),
        sources=tuple(parse(source) for source in asked.sources),
    )


def query_words(group: str, asked: Asked) -> str:
    """Return the query in the words of scripts; what is ordinary is left out."""
    words = ["query", group]
    if asked.version is not None:
        words.append(f"version {asked.version}")
    if asked.version != 1 or ":" in group:
        words.append(f"max-response {asked.max_response_ms / 1000:g}s")
    if asked.sources:
        words.append(f"sources {','.join(asked.sources)}")
    if asked.robustness != ORDINARY.robustness:
        words.append(f"robustness {asked.robustness}")
    if asked.interval_s != ORDINARY.interval_s:
        words.append(f"interval {asked.interval_s}s")
    if asked.source is not None:
        words.append(f"from {asked.source}")
    if asked.hop_limit != ORDINARY.hop_limit:
        words.append(f"hop-limit {asked.hop_limit}")
    if asked.router_alert is None:
        words.append("no-router-alert")
    elif asked.router_alert:
        words.append(f"router-alert {asked.router_alert}")
    return " ".join(words)
