"""What keeps the kernel from its own work is seen, where processes elsewhere run on."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest

from mldkit.link import clock
from mldkit.model.units import MILLISECOND
from mldkit.testing.stalls import KERNEL_WORK, StallWatch

pytestmark = pytest.mark.netns

HELD_NS = 60 * MILLISECOND


def hold_a_processor(processor: int) -> None:
    """Run in front of everything else on one processor, its kernel workers too."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    with suppress(OSError):
        os.sched_setaffinity(0, {processor})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
        until_ns = clock.now_ns() + HELD_NS
        while clock.now_ns() < until_ns:
            pass
    os._exit(0)


def test_work_items_that_wait_are_a_stall() -> None:
    last = max(os.sched_getaffinity(0))
    with StallWatch() as watch:
        begin_ns = clock.now_ns()
        hold_a_processor(last)
        end_ns = clock.now_ns()

    waits = [stall for stall in watch.stalls[KERNEL_WORK] if stall.end_ns > begin_ns]
    longest = max(waits, key=lambda stall: stall.end_ns - stall.begin_ns)
    assert longest.end_ns - longest.begin_ns > HELD_NS // 2
    assert watch.within(begin_ns, end_ns) > HELD_NS // 2
