"""A time that neither jumps nor goes back, whatever is done to the clock of this machine.

::

    wall clock      0  1  2  3 | 103 104 105      set forward by 100 s, or the machine slept
    timeline        0  1  2  3 |   3   4   5      the clock was set
    timeline        0  1  2  3 | 103 104 105      it slept: the time has passed, nobody listened

Frames and events carry the wall clock. What follows a link over months judges by the timeline,
which begins as the wall clock does and goes on with the time since the machine was started
(CLOCK_BOOTTIME): neither a clock that is set nor a sleep makes a membership live longer or shorter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mldkit.model.units import MILLISECOND

LEAST_STEP_NS = 10 * MILLISECOND
"""What differs by less was read at slightly different moments."""
_OUT_OF_ORDER_NS = LEAST_STEP_NS // 2
"""Frames of several processors may stand in a wrong order by so much."""
_MOST_REMEMBERED = 16
"""Settings of the clock; whatever an older one stamped is read long before."""


class Clocks(Protocol):
    """What is asked of the machine."""

    def now_ns(self) -> int:
        """Return the monotonic time, which stands still while the machine sleeps."""

    def boot_ns(self) -> int:
        """Return the time since the machine was started."""

    def wall_ns(self) -> int:
        """Return the time since the epoch."""


@dataclass(frozen=True, slots=True)
class ClockStep:
    """What became of the clock between two looks at it; times of the timeline."""

    from_ns: int
    until_ns: int
    set_ns: int
    """By how much it was set forward; negative: back."""
    slept_ns: int
    """How long the machine slept."""


@dataclass(slots=True)
class _Setting:
    """How the wall clock is set."""

    since_ns: int
    until_ns: int
    """When it was seen: it was set between these two."""
    ahead_ns: int
    """By how much it is ahead of the timeline."""


class Timeline:
    """The time of one watch; frames are given to it in the order in which they came."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        boot_ns, wall_ns = self._read()
        self._begun_ns = wall_ns - boot_ns
        # An interruption between two readings makes it shorter.
        self._asleep_ns = max(clocks.boot_ns() - clocks.now_ns() for _ in range(3))
        self._looked_ns = wall_ns
        self._settings = [_Setting(0, 0, 0)]
        self._current = 0
        """The setting by which the next frame was stamped, unless it shows another."""
        self._last_ns = 0
        """The time of the last frame."""

    def now_ns(self) -> int:
        """Return the time."""
        return self._begun_ns + self._clocks.boot_ns()

    def of_monotonic(self, monotonic_ns: int) -> int:
        """Return the time of a moment of the monotonic clock, no sleep ago."""
        return self.now_ns() - (self._clocks.now_ns() - monotonic_ns)

    @property
    def is_plain(self) -> bool:
        """Whether it is the wall clock still."""
        return len(self._settings) == 1

    def look(self) -> ClockStep | None:
        """Look at the clocks; return what was done to them since the last look, if anything."""
        asleep_ns = self._clocks.boot_ns() - self._clocks.now_ns()
        boot_ns, wall_ns = self._read()
        now_ns = self._begun_ns + boot_ns
        from_ns, self._looked_ns = self._looked_ns, now_ns
        slept_ns = asleep_ns - self._asleep_ns
        set_ns = wall_ns - now_ns - self._settings[-1].ahead_ns
        if slept_ns < LEAST_STEP_NS:
            slept_ns = 0
        if abs(set_ns) < LEAST_STEP_NS:
            set_ns = 0
        if not slept_ns and not set_ns:
            return None
        self._asleep_ns += slept_ns
        if set_ns:
            self._settings.append(_Setting(now_ns, now_ns, wall_ns - now_ns))
            if len(self._settings) > _MOST_REMEMBERED:
                del self._settings[0]
                self._current = max(self._current - 1, 0)
        return ClockStep(from_ns, now_ns, set_ns, slept_ns)

    def of_stamp(self, stamp_ns: int) -> int:
        """Return the time of the next frame, which the wall clock stamped.

        A frame that waited since before the clock was set has a stamp of the old setting. That the
        new one stamped it shows where the old one would put it: behind the moment at which the new
        one was seen, or before the frame that came before.
        """
        settings = self._settings
        time_ns = stamp_ns - settings[self._current].ahead_ns
        for following in settings[self._current + 1 :]:
            is_before = time_ns <= following.until_ns + _OUT_OF_ORDER_NS
            if is_before and time_ns >= self._last_ns - _OUT_OF_ORDER_NS:
                break
            self._current += 1
            time_ns = stamp_ns - following.ahead_ns
            following.since_ns = min(following.since_ns, time_ns)
        self._last_ns = max(self._last_ns, time_ns)
        return time_ns

    def settle(self, until_ns: int) -> None:
        """Take in that no frame of before this time is still to come."""
        settings = self._settings
        while self._current + 1 < len(settings) and settings[self._current + 1].until_ns < until_ns:
            self._current += 1

    def wall_ns(self, time_ns: int) -> int:
        """Return what the wall clock said at a time."""
        for setting in reversed(self._settings):
            if setting.since_ns <= time_ns:
                return time_ns + setting.ahead_ns
        return time_ns + self._settings[0].ahead_ns

    def of_wall(self, wall_ns: int) -> int:
        """Return the time of a moment that the wall clock of now tells."""
        return wall_ns - self._settings[-1].ahead_ns

    def _read(self) -> tuple[int, int]:
        """Return the time since the start of the machine and the wall clock of one moment.

        The quickest of three readings: one that was interrupted in its middle is wrong by as much.
        """
        readings = []
        for _ in range(3):
            before_ns = self._clocks.boot_ns()
            wall_ns = self._clocks.wall_ns()
            taken_ns = self._clocks.boot_ns() - before_ns
            readings.append((taken_ns, before_ns + taken_ns // 2, wall_ns))
            if taken_ns < MILLISECOND:
                break
        return min(readings)[1:]
