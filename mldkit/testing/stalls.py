"""A witness for tests of how long this machine kept processes from running.

::

    with StallWatch() as watch:
        ...                                       what is measured
    watch.within(begin_ns, end_ns)                longest time together that a processor was away
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import IO, TYPE_CHECKING, Self

from mldkit.link import stalls
from mldkit.link.own_command import module_command
from mldkit.model.units import MILLISECOND

if TYPE_CHECKING:
    from types import TracebackType

    from mldkit.link.stalls import Stall

_LATE_NS = MILLISECOND
KERNEL_WORK = -1
"""Stands for a processor where work items of the kernel waited."""


class StallWatch:
    """Watches every processor of this process while it is entered."""

    def __init__(self) -> None:
        self.stalls: dict[int, list[Stall]] = {}
        """By processor or `KERNEL_WORK`, in order; complete when the watch has ended."""
        self._watchers: dict[int, tuple[subprocess.Popen[str], IO[str]]] = {}

    def __enter__(self) -> Self:
        """Start to watch."""
        for processor in sorted(os.sched_getaffinity(0)):
            self._start(processor, str(processor))
        if os.access(stalls.WAITS_FOR_WORK, os.W_OK):
            self._start(KERNEL_WORK, "work")
        for watcher, _ in self._watchers.values():
            if watcher.stderr is not None:
                watcher.stderr.readline()
        return self

    def _start(self, processor: int, what: str) -> None:
        # A file, as a pipe that nobody reads would stop the watcher once it is full.
        notes = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed at the end of the watch)
        watcher = subprocess.Popen(  # noqa: S603 (our own program)
            module_command("mldkit.link.stalls", what, str(_LATE_NS)),
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
                self.stalls[processor] = stalls.read(notes)

    def within(self, begin_ns: int, end_ns: int) -> int:
        """Return how long, in nanoseconds, the processor that was away most was so in a time."""
        return max(
            sum(
                max(min(stall.end_ns, end_ns) - max(stall.begin_ns, begin_ns), 0) for stall in noted
            )
            for noted in self.stalls.values()
        )

    @property
    def longest_ns(self) -> int:
        """The longest stall."""
        listed = [stall for noted in self.stalls.values() for stall in noted]
        return max((stall.end_ns - stall.begin_ns for stall in listed), default=0)
