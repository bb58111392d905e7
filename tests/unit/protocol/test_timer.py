"""Timers: the wheel of kernel/time/timer.c, and the order in which timers expire."""

from __future__ import annotations

from functools import partial
from random import Random

import pytest

from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.protocol.timer import Draws, Grid, Timer, Timers, wheel_bucket, wheel_level

# First and last distance of each level, and its granularity, as the head of kernel/time/timer.c
# lists them for its eight levels (LVL_START, LVL_GRAN).
LEVELS = [
    (0, 0, 62, 1),
    (1, 63, 503, 8),
    (2, 504, 4031, 64),
    (3, 4032, 32255, 512),
    (4, 32256, 258047, 4096),
    (5, 258048, 2064383, 32768),
]


@pytest.mark.parametrize(("level", "first", "last", "granularity"), LEVELS)
def test_distances_belong_to_the_levels_of_the_kernel(
    level: int, first: int, last: int, granularity: int
) -> None:
    base = 4096

    for distance in (first, last):
        assert wheel_level(base + distance, base) == level
        bucket = wheel_bucket(base + distance, base)
        assert bucket % granularity == 0
        assert 1 <= bucket - (base + distance) <= granularity


@pytest.mark.parametrize("base", [0, 1, 7, 511, 4294892296])
def test_buckets_are_what_the_kernel_calculates(base: int) -> None:
    for distance in range(0, 5000, 3):
        assert wheel_bucket(base + distance, base) == as_the_kernel_has_it(base + distance, base)


def as_the_kernel_has_it(expires: int, clk: int) -> int:
    """calc_wheel_index with its comparisons written out, of which one is taken."""
    delta = expires - clk
    for level, shift in enumerate((0, 3, 6, 9, 12)):
        if delta < (63 << (level * 3)):
            return ((expires + (1 << shift)) >> shift) << shift
    raise AssertionError(delta)


def test_a_state_change_leaves_8_to_12_ms_after_it_at_250_hz() -> None:
    grid = Grid(250, 4096)

    for now_ns in (0, 1, 1_999_999, 3_999_999):
        delay_ns = grid.expires_ns(grid.tick(now_ns) + 2, now_ns) - now_ns
        assert 8 * MILLISECOND < delay_ns <= 12 * MILLISECOND


def test_an_answer_within_a_second_can_be_36_ms_late_and_one_within_ten_264_ms() -> None:
    grid = Grid(250, 4096)

    for limit, latest_ms in ((250, 1036), (2500, 10256 + 8)):
        delays = [
            grid.expires_ns(grid.tick(now) + draw + 2, now) - now
            for now in range(0, 512 * 4 * MILLISECOND, 4 * MILLISECOND)
            for draw in (0, 1, limit - 2, limit - 1)
        ]
        assert min(delays) == 12 * MILLISECOND
        assert latest_ms - 8 <= max(delays) / MILLISECOND <= latest_ms


def test_milliseconds_become_ticks_rounded_up_and_tenths_of_a_second_rounded_down() -> None:
    assert [Grid(250).ticks(ms * MILLISECOND) for ms in (1, 4, 5, 1000)] == [1, 1, 2, 250]
    assert Grid(250).whole_ticks(10, 100 * MILLISECOND) == 250
    assert Grid(1024).whole_ticks(10, 100 * MILLISECOND) == 1020


def test_the_phase_shifts_the_edges_of_the_ticks() -> None:
    grid = Grid(250, 4096, phase_ns=MILLISECOND)

    assert grid.tick(0) == grid.tick(2_999_999) == 4096
    assert grid.tick(3_000_000) == 4097
    assert grid.begin_ns(4097) == 3_000_000


def test_without_a_wheel_a_timer_expires_when_it_was_asked_to() -> None:
    grid = Grid(SECOND, wheel=False)

    assert grid.expires_ns(grid.tick(5) + 700 * MILLISECOND, 5) == 5 + 700 * MILLISECOND


def test_igmp_goes_before_mld_and_in_one_bucket_the_last_timer_goes_first() -> None:
    ran: list[str] = []
    timers = Timers(Grid(250, 4096), Draws(Random(1)))

    def arm(family: Family, name: str) -> None:
        timers.arm(Timer(family, name, lambda _: ran.append(name)), 2, 0)

    for family, name in ((MLD, "a"), (IGMP, "b"), (MLD, "c"), (IGMP, "d")):
        arm(family, name)

    timers.run(12 * MILLISECOND - 1)
    assert ran == []
    timers.run(12 * MILLISECOND)

    assert ran == ["d", "b", "c", "a"]
    assert timers.deadline_ns is None


def test_a_timer_that_is_armed_again_forgets_its_first_time() -> None:
    ran: list[int] = []
    timers = Timers(Grid(250, 4096), Draws(Random(1)))
    timer = Timer(MLD, "timer", ran.append)
    timers.arm(timer, 2, 0)
    timers.arm(timer, 9, 0)

    timers.run(SECOND)

    assert ran == [40 * MILLISECOND]


def test_a_work_without_delay_is_done_at_once_and_a_timer_waits_for_the_next_tick() -> None:
    # mod_delayed_work of no delay queues the work itself; a timer that asks for the current tick
    # is put into the bucket that runs next (calc_wheel_index).
    ran: list[tuple[str, int]] = []
    timers = Timers(Grid(250, 4096), Draws(Random(1)))
    now_ns = 2 * MILLISECOND

    def note(name: str, at_ns: int) -> None:
        ran.append((name, at_ns))

    for family, name in ((IGMP, "timer"), (MLD, "first work"), (MLD, "second work")):
        timers.arm(Timer(family, name, partial(note, name)), 0, now_ns)

    timers.run(now_ns)
    assert ran == [("first work", now_ns), ("second work", now_ns)]
    timers.run(SECOND)

    assert ran[2:] == [("timer", 4 * MILLISECOND)]


def test_a_work_that_is_queued_at_once_keeps_the_tick_of_its_timer() -> None:
    # __queue_delayed_work does not touch the timer then, and igmp6_group_queried and
    # igmp6_join_group reckon with the old tick when they find the work still queued.
    timers = Timers(Grid(250, 4096), Draws(Random(1)))
    timer = Timer(MLD, "group answer", lambda _: None)
    timers.arm(timer, 500, 0)
    timers.arm(timer, 0, 400 * MILLISECOND)

    assert timers.deadline_ns == 400 * MILLISECOND
    assert timers.remaining(timer, 400 * MILLISECOND) == 400
