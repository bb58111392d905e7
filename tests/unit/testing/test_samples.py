"""The test of two samples against the exact count of orders, and the witness of stalls."""

from __future__ import annotations

import math
import os
import signal
import time
from pathlib import Path

import pytest

from mldkit.link import clock
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.testing.samples import distance, p_value
from mldkit.testing.stalls import KERNEL_WORK, StallWatch

CHILDREN = Path("/proc/thread-self/children")


def exact_p(size: int, steps: int) -> float:
    """Return P(D >= steps / size) for two samples of `size`, by counting lattice paths.

    Every order of the values is a path from (0, 0) to (size, size); those that stay closer than
    `steps` to the diagonal are the ones with a smaller D.
    """
    row = [0] * (size + 1)
    row[0] = 1
    for i in range(size + 1):
        for j in range(size + 1):
            if abs(i - j) >= steps:
                row[j] = 0
            elif j and i + j:
                row[j] = (row[j] if i else 0) + row[j - 1]
            elif i == 0:
                row[j] = 1
    return 1 - row[size] / math.comb(2 * size, size)


@pytest.mark.parametrize("steps", [8, 12, 16, 19, 24, 30])
def test_p_values_are_those_of_the_exact_count(steps: int) -> None:
    size = 100
    first = [float(value) for value in range(size)]
    second = [value + steps - 0.5 for value in first]

    assert distance(first, second) == pytest.approx(steps / size)
    assert p_value(first, second) == pytest.approx(exact_p(size, steps), rel=0.25, abs=2e-5)


def test_the_same_sample_twice_is_one_distribution() -> None:
    sample = [float(value % 7) for value in range(300)]

    assert distance(sample, sample) == 0
    assert p_value(sample, sample) == 1


def test_another_distribution_is_told_from_300_values() -> None:
    grid = [float(value) for value in range(300)]
    narrower = [value * 0.8 for value in grid]

    assert p_value(grid, narrower) < 1e-4


def test_a_process_that_does_not_run_is_a_stall() -> None:
    others = set(CHILDREN.read_text().split())
    with StallWatch() as watch:
        witnesses = [int(word) for word in CHILDREN.read_text().split() if word not in others]
        begin_ns = clock.now_ns()
        for witness in witnesses:
            os.kill(witness, signal.SIGSTOP)
        time.sleep(0.1)
        for witness in witnesses:
            os.kill(witness, signal.SIGCONT)
        end_ns = clock.now_ns()

    assert len(witnesses) == len(os.sched_getaffinity(0)) + (KERNEL_WORK in watch.stalls)
    assert watch.within(begin_ns, end_ns) > 50 * MILLISECOND
    assert watch.within(begin_ns - 10 * SECOND, begin_ns - 9 * SECOND) == 0
    assert watch.longest_ns > 50 * MILLISECOND
