from __future__ import annotations

import statistics

from hypothesis import given
from hypothesis import strategies as st

from mldkit.link.lateness import Lateness

SAMPLES = st.lists(st.integers(0, 10**11), min_size=1, max_size=200)


@given(SAMPLES)
def test_the_median_is_right_to_one_part_in_64(samples: list[int]) -> None:
    lateness = Lateness()
    for sample in samples:
        lateness.add(sample)
    median = statistics.median_low(samples)

    assert lateness.quantile_ns(0.5) <= median <= lateness.quantile_ns(0.5) * 65 / 64 + 1
    assert (lateness.count, lateness.max_ns) == (len(samples), max(samples))


@given(SAMPLES, st.integers(0, 127))
def test_small_limits_are_exact(samples: list[int], limit: int) -> None:
    lateness = Lateness()
    for sample in samples:
        lateness.add(sample, 2)

    assert lateness.within(limit) == sum(sample <= limit for sample in samples) / len(samples)


def test_without_samples_nothing_was_late() -> None:
    assert Lateness().quantile_ns(0.5) == 0
    assert Lateness().within(0) == 1


def test_what_is_early_counts_as_in_time() -> None:
    lateness = Lateness()
    lateness.add(-5)

    assert (lateness.count, lateness.max_ns, lateness.quantile_ns(1)) == (1, 0, 0)
