"""How long this machine keeps a process from running: a witness for what came late.

One small process a processor sleeps for a millisecond again and again, and notes how much longer
it took. A busy machine, or one that stands still because its host is busy, shows in that.

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


class Stall(NamedTuple):
    """From when to when, on the monotonic clock, a processor did not run what it should."""

    begin_ns: int
    end_ns: int


class StallWatch:
    """Watches every processor of this process while it is entered."""

    def __init__(self) -> None:
        self.stalls: dict[int, list[Stall]] = {}
        """By processor, in order; complete when the watch has ended."""
        self._watchers: dict[int, tuple[subprocess.Popen[str], IO[str]]] = {}

    def __enter__(self) -> Self:
        """Start to watch."""
        for processor in sorted(os.sched_getaffinity(0)):
            # A file, as a pipe that nobody reads would stop the watcher once it is full.
            notes = tempfile.TemporaryFile("w+")
            watcher = subprocess.Popen(  # noqa: S603 (our own program)
                [sys.executable, "-S", "-c", _PROGRAM, str(processor), str(_NOTED_NS)],
                stdin=subprocess.PIPE,
                stdout=notes,
                stderr=subprocess.PIPE,
                text=True,
            )
            self._watchers[processor] = watcher, notes
        for watcher, _ in self._watchers.values():
            if watcher.stderr is not None:
                watcher.stderr.readline()
        return self

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
