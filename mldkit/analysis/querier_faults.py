"""What is wrong among queriers, as functions of what is known of them.

Each returns the finding in words, None where nothing is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.querier import LEAST_INTERVALS, is_about
from mldkit.model.addresses import mac_text, text
from mldkit.model.units import SECOND
from mldkit.model.words import interval_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mldkit.analysis.facts import Mark
    from mldkit.analysis.querier import Querier
    from mldkit.model.addresses import Address


class Alike(NamedTuple):
    """What two queriers may have in common, and where one of them was heard first."""

    address: Address
    mac: bytes | None
    first: Mark


def unyielding(querier: Querier, acting: Querier, now_ns: int) -> str | None:
    """D-02; a router that starts may send its first queries before it hears another."""
    heard = acting.last_ns > querier.session_ns
    interval_ns = querier.variables.interval_ns
    starting = (
        querier.in_session <= querier.variables.robustness
        and now_ns - querier.session_ns < interval_ns * querier.in_session // 2
    )
    if not heard or starting:
        return None
    after_s = (now_ns - acting.last_ns) / SECOND
    return (
        f"{text(querier.address)} queries {after_s:.1f} s after"
        f" {text(acting.address)}, whose lower address wins"
    )


def unsteady(changes: Sequence[int], allowed: int, interval_ns: int) -> str | None:
    """D-03, of the times of the latest changes of the acting querier."""
    if len(changes) <= allowed or changes[-1] - changes[0] > 2 * interval_ns:
        return None
    span_s = (changes[-1] - changes[0]) / SECOND
    return f"{len(changes)} changes of the acting querier within {span_s:.0f} s"


def off_interval(querier: Querier) -> str | None:
    """D-04, at the end, of a querier that acted; a QQIC of 0 announces nothing."""
    observed_ns, announced_ns = querier.observed_ns, querier.announced_ns
    if observed_ns is None or not announced_ns or not querier.acting:
        return None
    if len(querier.rhythm.intervals) < LEAST_INTERVALS:
        return None
    if is_about(observed_ns, announced_ns):
        return None
    return (
        f"{text(querier.address)} announces {announced_ns / SECOND:g} s"
        f" and queries every {interval_text(observed_ns)}"
    )


def mixed_versions(
    version: int, heard_ns: Mapping[int, int], limit_ns: int, now_ns: int
) -> tuple[list[int], int] | None:
    """D-06: return the other versions that were asked in lately, and the lowest of all.

    `heard_ns` has the time of the last General Query of each version.
    """
    others = sorted(
        other
        for other, seen_ns in heard_ns.items()
        if other != version and now_ns - seen_ns <= limit_ns
    )
    return (others, min(*others, version)) if others else None


def alike(new: Alike, ranked: Sequence[Alike], by_mac: Sequence[Alike]) -> Iterator[str]:
    """D-14: give in words each querier that cannot be told from a new one.

    `ranked` are those with the same interface identifier, `by_mac` those with the same MAC.
    """
    found = [
        (other, "have the same interface identifier, so none of them loses") for other in ranked
    ]
    found += [
        (other, f"both send from {mac_text(other.mac or b'')}")
        for other in by_mac
        if other not in ranked
    ]
    for other, what in sorted(found, key=lambda one: one[0].first):
        yield f"{text(other.address)} and {text(new.address)} {what}"
