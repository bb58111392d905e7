"""What one of many captures shows, as a row: how much, who, and how bad."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address
from mldkit.wire.rules import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.analysis.result import AnalysisResult
    from mldkit.model.addresses import Address


@dataclass(frozen=True, slots=True)
class CaptureDigest:
    """One capture in numbers; times in nanoseconds since the epoch.

    A row of data.
    """

    file: str
    reason: str | None
    """Why nothing, or not all, could be read."""
    is_readable: bool = False
    first_ns: int | None = None
    last_ns: int | None = None
    packets: int = 0
    messages: int = 0
    links: int = 0
    """Those with messages."""
    queriers: tuple[tuple[Address, int | None], ...] = ()
    """Those that act at the end, each with its version; with one that does not, all of them."""
    queriers_heard: int = 0
    hosts: int = 0
    """Addresses of members, over all links."""
    counts: tuple[int, int, int] = (0, 0, 0)
    """Errors, warnings, remarks."""
    worst: Diagnosis | None = None
    """The first of the gravest findings."""

    def trouble(self) -> tuple[object, ...]:
        """Return the order in which captures are told: the worst first, unreadable ones last."""
        errors, warnings, _ = self.counts
        return not self.is_readable, -errors, -warnings, self.file


def digest(result: AnalysisResult, reason: str | None = None) -> CaptureDigest:
    """Return the row of the one capture of a result."""
    (capture,) = result.captures
    if capture.damage is not None:
        reason = f"damaged at octet {capture.damage.offset}: {capture.damage.reason}"
    elif not capture.packets:
        reason = reason or "no packets"
    links = [link for link in result.links if link.messages]
    known = [querier for link in links for querier in link.queriers.known]
    acting = [link.queriers.acting for link in links if link.queriers.acting is not None]
    counts = Counter(entry.severity for entry in result.findings)
    return CaptureDigest(
        file=capture.name,
        reason=reason,
        is_readable=True,
        first_ns=capture.first_ns,
        last_ns=capture.last_ns,
        packets=capture.packets,
        messages=capture.messages,
        links=len(links),
        queriers=tuple(dict.fromkeys((one.address, one.version) for one in acting or known)),
        queriers_heard=len(known),
        hosts=len({host_address(stay.host) for link in links for stay in link.stays}),
        counts=(counts[ERROR], counts[WARNING], counts[INFO]),
        worst=next(iter(result.findings), None),
    )
