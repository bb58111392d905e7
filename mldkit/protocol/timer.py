"""Timers on a tick grid, rounded as the timer wheel of Linux rounds them.

Ticks (jiffies) count from an origin; tick j begins at (j - origin) / HZ. A timer is asked for at
tick X and really expires at the bucket that X falls into (kernel/time/timer.c:calc_wheel_index).
With d = X - base, base being the tick in which it is armed::

    level n      d                                granularity G = 8^n      at HZ 250
    0            0 .. 62                          1                        4 ms
    1            63 .. 503                        8                        32 ms
    2            504 .. 4031                      64                       256 ms
    n            63 * 8^(n-1) .. 63 * 8^n - 1     8^n

    bucket = (X // G + 1) * G      always up, by 1 to G ticks, on an absolute grid

`Grid` is pure arithmetic; `Timers` is the queue of one host. Without a wheel a timer expires
when it was asked to, and a grid of one tick a nanosecond is ordinary time.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mldkit.model.family import MLD
from mldkit.model.units import SECOND
from mldkit.protocol.events import TimerSet

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from mldkit.model.family import Family
    from mldkit.protocol.events import Event

_LEVELS = 8
_LEVEL_ZERO_TICKS = 63
_MOST_STALE = 4


def wheel_level(expiry: int, base: int) -> int:
    """Return the level that a timer for tick `expiry`, armed in tick `base`, is put on."""
    distance, level = expiry - base, 0
    while level < _LEVELS and distance >= _LEVEL_ZERO_TICKS << 3 * level:
        level += 1
    return level


def wheel_bucket(expiry: int, base: int) -> int:
    """Return the tick in which a timer for tick `expiry`, armed in tick `base`, expires."""
    if expiry < base:
        # What has expired already is put into the bucket that runs next.
        return base + 1
    shift = 3 * wheel_level(expiry, base)
    return ((expiry >> shift) + 1) << shift


@dataclass(frozen=True, slots=True)
class Grid:
    """Ticks of `hz` a second; `origin` is the number of the tick that holds time 0."""

    hz: int = 250
    origin: int = 0
    phase_ns: int = 0
    """How far into its tick time 0 lies."""
    wheel: bool = True

    def tick(self, now_ns: int) -> int:
        """Return the number of the tick that holds `now_ns`."""
        return self.origin + (now_ns + self.phase_ns) * self.hz // SECOND

    def begin_ns(self, tick: int) -> int:
        """Return the time at which a tick begins."""
        return -(-(tick - self.origin) * SECOND // self.hz) - self.phase_ns

    def ticks(self, duration_ns: int) -> int:
        """Return a duration in ticks, rounded up (include/linux/jiffies.h:msecs_to_jiffies)."""
        return -(-duration_ns * self.hz // SECOND)

    def whole_ticks(self, count: int, unit_ns: int) -> int:
        """Return `count` units in ticks, the ticks of one unit rounded down first."""
        return count * (self.hz * unit_ns // SECOND)

    def expires_ns(self, expiry: int, now_ns: int) -> int:
        """Return when a timer for tick `expiry` that is armed now expires."""
        if not self.wheel:
            return max(self.begin_ns(expiry), now_ns)
        return self.begin_ns(wheel_bucket(expiry, self.tick(now_ns)))


class Timer:
    """One timer: what to do at its end, and when that is if it runs."""

    __slots__ = ("action", "base", "expiry", "family", "fires_ns", "name", "serial", "subject")

    def __init__(
        self,
        family: Family,
        name: str,
        action: Callable[[int], None],
        subject: bytes = b"",
    ) -> None:
        self.family = family
        self.name = name
        self.action = action
        """Called with the time of the expiry."""
        self.subject = subject
        """The group or address that it is for; empty for the interface."""
        self.base = 0
        """The tick in which it was armed."""
        self.expiry = 0
        """The tick that was asked for."""
        self.fires_ns = 0
        self.serial = 0
        """0 while the timer does not run."""

    @property
    def is_running(self) -> bool:
        """Whether the timer is armed."""
        return self.serial > 0


class Chance(Protocol):
    """Where random delays come from."""

    def below(self, limit: int, timer: Timer, now_ns: int) -> int:
        """Return a number from 0 to `limit` - 1 for the timer that is about to be armed."""


class Draws:
    """Uniform draws of one generator, in the order in which timers are armed."""

    __slots__ = ("_draw",)

    def __init__(self, generator: Random) -> None:
        self._draw = generator.randrange

    def below(self, limit: int, timer: Timer, now_ns: int) -> int:  # noqa: ARG002 (as Chance)
        """Return a uniform number from 0 to `limit` - 1."""
        return self._draw(limit)


class Timers:
    """The timers of one host in the order of their expiry."""

    __slots__ = ("_chance", "_queue", "_serial", "_stale", "grid", "observe")

    def __init__(
        self, grid: Grid, chance: Chance, observe: Callable[[Event], None] | None = None
    ) -> None:
        self.grid = grid
        self.observe = observe
        self._chance = chance
        self._queue: list[tuple[int, int, int, int, Timer]] = []
        self._serial = 0
        self._stale = 0
        """Entries of the queue whose timer was stopped or armed again."""

    def draw(self, limit: int, timer: Timer, now_ns: int) -> int:
        """Return a random number from 0 to `limit` - 1; there is no choice for a limit of 1."""
        return self._chance.below(limit, timer, now_ns) if limit > 1 else 0

    def arm_randomly(self, timer: Timer, limit: int, extra: int, now_ns: int) -> None:
        """Start or restart a timer after a draw below `limit` and `extra` ticks."""
        drawn = self.draw(limit, timer, now_ns)
        self.arm(timer, drawn + extra, now_ns, drawn=drawn, limit=limit)

    def arm(self, timer: Timer, ticks: int, now_ns: int, *, drawn: int = 0, limit: int = 0) -> None:
        """Start or restart a timer `ticks` from the current tick.

        With 0 a work of MLD is queued at once, without the timer that it otherwise waits for
        (kernel/workqueue.c:__queue_delayed_work); a timer of IGMP expires with the next tick.
        """
        grid = self.grid
        base = grid.tick(now_ns)
        expiry = base + ticks
        at_once = ticks == 0 and grid.wheel and timer.family is MLD
        if timer.serial:
            is_same = timer.base == base and timer.expiry == expiry and not at_once
            if is_same and timer.serial == self._serial and self.observe is None:
                # One of many joins in a row: nothing was armed in between.
                return
            self.stop(timer)
        self._serial += 1
        timer.serial = self._serial
        if not at_once:
            timer.base, timer.expiry = base, expiry
        timer.fires_ns = now_ns if at_once else grid.expires_ns(expiry, now_ns)
        level = wheel_level(expiry, base) if grid.wheel else 0
        # IGMP runs in the timer itself, MLD in a work that the timer queues. Upper levels go
        # first, and within a bucket the timer that was put in last
        # (kernel/time/timer.c:__run_timers, enqueue_timer). Works that are queued at once run in
        # their order.
        rank = timer.family.ip_version
        order = self._serial if at_once else -self._serial
        heapq.heappush(self._queue, (timer.fires_ns, rank, -level, order, timer))
        if self.observe is not None:
            step = 0 if at_once or not grid.wheel else 1 << 3 * level
            event = TimerSet(
                now_ns,
                timer.family,
                timer.name,
                limit,
                drawn,
                ticks,
                expiry,
                step,
                timer.fires_ns,
                timer.subject,
            )
            self.observe(event)

    def stop(self, timer: Timer) -> bool:
        """Stop a timer; return whether it ran."""
        if not timer.serial:
            return False
        timer.serial = 0
        self._stale += 1
        if self._stale > _MOST_STALE and self._stale * 2 > len(self._queue):
            self._queue = [entry for entry in self._queue if entry[4].serial == abs(entry[3])]
            heapq.heapify(self._queue)
            self._stale = 0
        return True

    def remaining(self, timer: Timer, now_ns: int) -> int:
        """Return the ticks until the tick that was asked for, negative when it has passed.

        For a work that is queued at once it is the tick of its timer before, whenever that was: the
        kernel does not set the timer then.
        """
        return timer.expiry - self.grid.tick(now_ns)

    @property
    def deadline_ns(self) -> int | None:
        """When the next timer expires."""
        while self._queue:
            fires_ns, _, _, order, timer = self._queue[0]
            if timer.serial == abs(order):
                return fires_ns
            heapq.heappop(self._queue)
            self._stale -= 1
        return None

    def run(self, now_ns: int) -> None:
        """Carry out every timer that expires until `now_ns`, new ones included."""
        queue = self._queue
        while queue and queue[0][0] <= now_ns:
            fires_ns, _, _, order, timer = heapq.heappop(queue)
            if timer.serial == abs(order):
                timer.serial = 0
                timer.action(fires_ns)
