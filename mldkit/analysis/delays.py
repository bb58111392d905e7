"""Delays of any number of answers, in bounded memory."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

    def merge(self, other: Delays) -> None:
        """Take in the answers of another link."""
        self.count += other.count
        self.late += other.late
        shortest = [ns for ns in (self.shortest_ns, other.shortest_ns) if ns is not None]
        longest = [ns for ns in (self.longest_ns, other.longest_ns) if ns is not None]
        self.shortest_ns, self.longest_ns = min(shortest, default=None), max(longest, default=None)
        self.kept.extend(other.kept)

    def quantile(self, fraction: float) -> int | None:
        """Return a quantile by the nearest rank."""
        if not self.kept:
            return None
        ordered = sorted(self.kept)
        return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]
