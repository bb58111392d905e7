"""Whether two samples can come from one distribution: the test of Kolmogorov and Smirnov.

::

    share of a sample that is below x        D = largest distance between the two stairs
    1 |            ____----                  p = chance of a D as large or larger
      |      __--''  |D                          if both samples come from one distribution
    0 |__--''____----'________ x

The p-value is the asymptotic one, with Stephens' correction for samples that are not large; it is
good to a few per cent of itself from 50 values on, and errs on the careful side where values are
equal, as on a grid of ticks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TERMS = 100


def distance(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the largest distance between the two empirical distributions, 0 to 1."""
    here, there = sorted(first), sorted(second)
    largest, i, j = 0.0, 0, 0
    while i < len(here) and j < len(there):
        value = min(here[i], there[j])
        while i < len(here) and here[i] == value:
            i += 1
        while j < len(there) and there[j] == value:
            j += 1
        largest = max(largest, abs(i / len(here) - j / len(there)))
    return largest


def p_value(first: Sequence[float], second: Sequence[float]) -> float:
    """Return how likely two samples of one distribution are as far apart as these or farther."""
    size = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    scaled = distance(first, second) * (size + 0.12 + 0.11 / size)
    if scaled < 0.2:
        # The series converges slowly there, to 1 within ten digits.
        return 1.0
    terms = ((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, _TERMS + 1))
    return min(max(2 * math.fsum(terms), 0.0), 1.0)
