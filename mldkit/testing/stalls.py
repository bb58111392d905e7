"""How long this machine keeps a process from running: a witness for what came late.

One small process a processor sleeps for a millisecond again and again, and notes how much longer
it took. A busy machine, or one that stands still because its host is busy, shows in that. One more
waits for a work item of the kernel on every processor, if it is root: MLD reports are made in a
workqueue, which may wait where processes run.

::

    with StallWatch() as watch:
        ...                                       what is measured
    watch.within(begin_ns, end_ns)                longest time together that a processor was away
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from types import TracebackType

_NOTED_NS = 2_000_000
_PROGRAM = """
import os, select, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
print("ready", file=sys.stderr, flush=True)
ended = False
while not ended:
    before = time.monotonic_ns()
    ended = bool(select.select([0], [], [], 0.001)[0])
    after = time.monotonic_ns()
    if after - before > int(sys.argv[2]):
        print(before + 1000000, after)
"""
_WAITS_FOR_WORK = Path("/proc/sys/vm/stat_refresh")
"""Writing returns when a work item has run on each processor (mm/vmstat.c:vmstat_refresh)."""
_WORK_PROGRAM = """
import os, select, sys, time
work = os.open(sys.argv[1], os.O_WRONLY)
print("ready", file=sys.stderr, flush=True)
ended = False
while not ended:
    before = time.monotonic_ns()
    ended = bool(select.select([0], [], [], 0.001)[0])
    os.write(work, b"1")
    after = time.monotonic_ns()
    if after - before > int(sys.argv[2]):
        print(before + 1000000, after)
"""
KERNEL_WORK = -1
"""Stands for a processor where work items of the kernel waited."""


class Stall(NamedTuple):
    """From when to when, on the monotonic clock, a processor or the kernel's work stood still."""

    begin_ns: int
    end_ns: int


class StallWatch:
    """Watches every processor of this process while it is entered."""

    def __init__(self) -> None:
        self.stalls: dict[int, list[Stall]] = {}
        """By processor or `KERNEL_WORK`, in order; complete when the watch has ended."""
        self._watchers: dict[int, tuple[subprocess.Popen[str], IO[str]]] = {}

    def __enter__(self) -> Self:
        """Start to watch."""
        for processor in sorted(os.sched_getaffinity(0)):
            self._start(processor, _PROGRAM, str(processor))
        if os.access(_WAITS_FOR_WORK, os.W_OK):
            self._start(KERNEL_WORK, _WORK_PROGRAM, str(_WAITS_FOR_WORK))
        for watcher, _ in self._watchers.values():
            if watcher.stderr is not None:
                watcher.stderr.readline()
        return self

    def _start(self, processor: int, program: str, argument: str) -> None:
        # A file, as a pipe that nobody reads would stop the watcher once it is full.
        notes = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed at the end of the watch)
        watcher = subprocess.Popen(  # noqa: S603 (our own program)
            [sys.executable, "-S", "-c", program, argument, str(_NOTED_NS)],
            stdin=subprocess.PIPE,
            stdout=notes,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._watchers[processor] = watcher, notes

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop watching and take the notes in."""
        for processor, (watcher, notes) in self._watchers.items():
            # The end of its input ends it, after its last note; so does the end of this process.
            watcher.communicate()
            with notes:
                notes.seek(0)
                lines = (line.split() for line in notes)
                self.stalls[processor] = [Stall(int(begin), int(end)) for begin, end in lines]

    def within(self, begin_ns: int, end_ns: int) -> int:
        """Return how long, in nanoseconds, the processor that was away most was so in a time."""
        return max(
            sum(
                max(min(stall.end_ns, end_ns) - max(stall.begin_ns, begin_ns), 0)
                for stall in stalls
            )
            for stalls in self.stalls.values()
        )

    @property
    def longest_ns(self) -> int:
        """The longest stall."""
        listed = [stall for stalls in self.stalls.values() for stall in stalls]
        return max((stall.end_ns - stall.begin_ns for stall in listed), default=0)
