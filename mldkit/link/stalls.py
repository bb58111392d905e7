"""How long this machine keeps a process from running: a witness for what came late.

A small process on a processor waits again and again, and notes how much longer it took. A busy
machine, or one that stands still because its host is busy, shows in that. One more waits for a
work item of the kernel on every processor, if it is root: MLD reports are made in a workqueue,
which may wait where processes run.

A note is a line of two monotonic times in nanoseconds: when the wait should have ended, and when
it did. As a program, `python -m mldkit.link.stalls PROCESSOR LATE_NS` or `... work LATE_NS` says
`ready` on standard error, and writes its notes to standard output until its input ends.
"""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mldkit.link import clock
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TextIO

WAITS_FOR_WORK = Path("/proc/sys/vm/stat_refresh")
"""Writing returns when a work item has run on each processor (mm/vmstat.c:vmstat_refresh).

Only root may, and only kernels for several processors have it.
"""
_PERIOD_NS = MILLISECOND


class Stall(NamedTuple):
    """From when to when, on the monotonic clock, a processor or the kernel's work stood still."""

    begin_ns: int
    end_ns: int


def watch_processor(
    processor: int,
    notes: TextIO,
    late_ns: int,
    *,
    period_ns: int = _PERIOD_NS,
    pause: Callable[[int], object] = clock.wait_ns,
) -> None:
    """Note when this processor does not run an ordinary process that should run.

    What is noted is later than `late_ns`. It ends when `pause`, which waits, returns True.
    """
    os.sched_setaffinity(0, {processor})
    _note(notes, late_ns, period_ns, pause, lambda: None)


def watch_kernel_work(
    notes: TextIO,
    late_ns: int,
    *,
    period_ns: int = _PERIOD_NS,
    pause: Callable[[int], object] = clock.wait_ns,
) -> None:
    """Note when work items wait, which processes that run in their place do not see.

    Raise OSError where that cannot be seen.
    """
    with WAITS_FOR_WORK.open("wb", buffering=0) as work:
        _note(notes, late_ns, period_ns, pause, lambda: work.write(b"1\n"))


def read(notes: Iterable[str]) -> list[Stall]:
    """Return what was noted."""
    return [Stall(*map(int, line.split())) for line in notes]


def _note(
    notes: TextIO,
    late_ns: int,
    period_ns: int,
    pause: Callable[[int], object],
    step: Callable[[], object],
) -> None:
    ended = False
    while not ended:
        due_ns = clock.now_ns() + period_ns
        ended = pause(period_ns) is True
        step()
        now_ns = clock.now_ns()
        if now_ns - due_ns > late_ns:
            notes.write(f"{due_ns} {now_ns}\n")
            notes.flush()


def _input_ended(wait_ns: int) -> bool:
    """Wait for so long, or less if the input ends; return whether it did."""
    return bool(select.select([0], [], [], wait_ns / SECOND)[0])


def main() -> None:
    """Watch what the arguments say until the input ends."""
    what, late_ns = sys.argv[1], int(sys.argv[2])
    sys.stderr.write("ready\n")
    sys.stderr.flush()
    if what == "work":
        watch_kernel_work(sys.stdout, late_ns, pause=_input_ended)
    else:
        watch_processor(int(what), sys.stdout, late_ns, pause=_input_ended)


if __name__ == "__main__":
    main()
