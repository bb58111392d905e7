"""How much later than intended things were done: counted in classes, whatever their number.

A class holds times that agree in their first seven binary digits, so a quantile is right to one
part in 64, and weeks of samples take some hundred numbers.
"""

from __future__ import annotations

_DIGITS = 7


class Lateness:
    """A distribution of times in nanoseconds, none of them negative."""

    def __init__(self) -> None:
        self.count = 0
        self.max_ns = 0
        self._classes: dict[int, int] = {}

    def add(self, late_ns: int, count: int = 1) -> None:
        """Take in `count` samples of the same lateness; what is early counts as 0."""
        late_ns = max(late_ns, 0)
        shift = max(late_ns.bit_length() - _DIGITS, 0)
        key = late_ns >> shift << shift
        self._classes[key] = self._classes.get(key, 0) + count
        self.count += count
        self.max_ns = max(self.max_ns, late_ns)

    def quantile_ns(self, share: float) -> int:
        """Return the lateness that `share` (0 to 1) of the samples do not exceed; 0 without any."""
        left = share * self.count
        for key in sorted(self._classes):
            left -= self._classes[key]
            if left <= 0:
                return key
        return self.max_ns

    def within(self, limit_ns: int) -> float:
        """Return the share of samples that are not later than `limit_ns`; 1 without any."""
        if not self.count:
            return 1.0
        return sum(n for key, n in self._classes.items() if key <= limit_ns) / self.count
