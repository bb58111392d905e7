"""The only reader of time.

Clocks are integers in nanoseconds. Deadlines and waits are on the monotonic clock; stamps
that the kernel puts on frames are on the wall clock, because captures are. `from_wall` takes a
stamp to the monotonic clock at the moment it is asked, which is exact as long as nobody steps
the wall clock in between.
"""

from __future__ import annotations

import select
import time

from mldkit.model.units import SECOND

_CLOCK_MONOTONIC_COARSE = 6  # linux/time.h; the module `time` has no name for it


def now_ns() -> int:
    """Return the monotonic time."""
    return time.monotonic_ns()


def boot_ns() -> int:
    """Return the time since the machine was started, also that in which it slept."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def wall_ns() -> int:
    """Return the time since the epoch."""
    return time.time_ns()


def from_wall(stamp_ns: int) -> int:
    """Return the monotonic time of an instant of the wall clock."""
    return time.monotonic_ns() - (time.time_ns() - stamp_ns)


def wall_offset_ns() -> int:
    """Return what a wall time lacks to the monotonic time of the same instant.

    The quickest of three readings: one that was interrupted in its middle is wrong by as much.
    """
    best = None
    for _ in range(3):
        before_ns = time.monotonic_ns()
        wall_now_ns = time.time_ns()
        taken_ns = time.monotonic_ns() - before_ns
        if best is None or taken_ns < best[0]:
            best = (taken_ns, before_ns + taken_ns // 2 - wall_now_ns)
    return best[1] if best else 0


def tick_ns() -> int:
    """Return the length of one jiffy of this kernel, which is 1 s / HZ.

    The coarse clocks advance once a tick and say so as their resolution
    (kernel/time/posix-timers.c:posix_get_coarse_res); no privilege, no configuration file.
    """
    return round(time.clock_getres(_CLOCK_MONOTONIC_COARSE) * SECOND)


def wait_ns(duration_ns: int) -> None:
    """Wait; select(2) is late by a tenth of a millisecond where epoll rounds to whole ones."""
    select.select([], [], [], max(duration_ns, 0) / SECOND)
