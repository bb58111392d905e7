"""Delays of any number of answers, in bounded memory."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.trace import Trace

_SHORTEST_DELAYS = 1 << 16
"""Delays kept for the percentiles; from then on every second one, and so on."""


class Delays:
    """Delays of any number of answers in bounded memory; extremes and counts are exact."""

    def __init__(self) -> None:
        self.count = self.late = 0
        self.shortest_ns: int | None = None
        self.longest_ns: int | None = None
        self.kept = array("q")
        self.trace: Trace | None = None
        """For pictures; None keeps nothing but the numbers."""
        self._step = 1

    def add(self, delay_ns: int, *, late: bool) -> None:
        """Take in one delay."""
        self.count += 1
        self.late += late
        if self.shortest_ns is None or delay_ns < self.shortest_ns:
            self.shortest_ns = delay_ns
        if self.longest_ns is None or delay_ns > self.longest_ns:
            self.longest_ns = delay_ns
        if self.count % self._step == 0:
            self.kept.append(delay_ns)
            if len(self.kept) > _SHORTEST_DELAYS:
                self.kept = self.kept[::2]
                self._step *= 2

    def seal(self) -> DelayFacts:
        """Return what is known of them, and let go of the single ones."""
        facts = _facts(self.count, self.late, self.shortest_ns, self.longest_ns, self.kept)
        self.kept = array("q")
        return facts


@dataclass(frozen=True, slots=True)
class DelayFacts:
    """Delays of answers in nanoseconds; None where there were none."""

    count: int
    late: int
    shortest_ns: int | None
    longest_ns: int | None
    median_ns: int | None
    p95_ns: int | None
    kept: bytes
    """Single delays as 8 octets each, evenly chosen where they are many."""


def together(facts: Iterable[DelayFacts]) -> DelayFacts:
    """Return what is known of the delays of several links."""
    count = late = 0
    kept = array("q")
    extremes = []
    for one in facts:
        count += one.count
        late += one.late
        kept.frombytes(one.kept)
        extremes += [ns for ns in (one.shortest_ns, one.longest_ns) if ns is not None]
    return _facts(count, late, min(extremes, default=None), max(extremes, default=None), kept)


def _facts(
    count: int, late: int, shortest_ns: int | None, longest_ns: int | None, kept: array[int]
) -> DelayFacts:
    ordered = sorted(kept)

    def quantile(fraction: float) -> int | None:
        """Return a quantile by the nearest rank."""
        if not ordered:
            return None
        return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]

    return DelayFacts(
        count, late, shortest_ns, longest_ns, quantile(0.5), quantile(0.95), kept.tobytes()
    )
