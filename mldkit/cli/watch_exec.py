"""The commands of `watch --exec`: one for each event, at most so many, none waited for.

::

    event --> queue of 1,000 --> 8 children, each with the event on standard input
                  |                    |
               dropped            killed after 5 s

The event stands in a nameless file that is the child's standard input, so nothing is ever
written to a pipe that a command does not read. Children are looked after between two looks at
the link: whatever they do, the watch goes on. A child dies with this process, even by
`kill -9`: setpriv asks the kernel for that. Each has a session of its own, so that its time
limit reaches what it has started and Ctrl-C does not.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.errors import MldkitError, UsageError
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_CHILDREN = 8
MOST_WAITING = 1000
LIMIT_NS = 5 * SECOND
_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
_IF_WE_LIVE = ("sh", "-c", 'test "$PPID" = "$0" && exec "$@"')
"""Comes behind: a parent that died before the kernel was asked sends no signal any more.

The words of the command are its parameters and are never read as shell.
"""


@dataclass(slots=True)
class Counts:
    """What became of the events."""

    started: int = 0
    failed: int = 0
    """Ended with another code than 0, or could not be started."""
    killed: int = 0
    dropped: int = 0

    def __str__(self) -> str:
        """Return the counts in words."""
        return (
            f"{self.started} run, {self.failed} failed, {self.killed} killed,"
            f" {self.dropped} dropped"
        )


def parse_command(text: str) -> list[str]:
    """Return the words of a command; raise where there are none or no such program."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"argument --exec: {text!r}: {str(error).lower()}") from error
    if not words:
        raise UsageError("argument --exec: the command is empty")
    if shutil.which(words[0]) is None:
        raise MldkitError(
            f"argument --exec: {words[0]}: no such program",
            hint="no shell is involved; for one: --exec 'sh -c \"...\"'",
        )
    return words


class Commands:
    """Runs a command for each event that is offered."""

    def __init__(self, words: Sequence[str], *, quiet: bool = False) -> None:
        """Take the words of the command; `quiet` throws its output away.

        Otherwise what it prints goes to standard error: standard output carries our data.
        """
        self._words = list(words)
        if shutil.which(_WITH_US[0]):
            self._words = [*_WITH_US, *_IF_WE_LIVE, str(os.getpid()), *words]
        self._output = subprocess.DEVNULL if quiet else 2
        self._waiting: deque[str] = deque()
        self._running: list[tuple[subprocess.Popen[bytes], int]] = []
        self.counts = Counts()

    @property
    def is_busy(self) -> bool:
        """Whether anything runs or waits."""
        return bool(self._running or self._waiting)

    @property
    def pids(self) -> list[int]:
        """The children that run."""
        return [child.pid for child, _ in self._running]

    def offer(self, document: str) -> None:
        """Take an event; with a full queue it is dropped and counted."""
        if len(self._waiting) >= MOST_WAITING:
            self.counts.dropped += 1
            return
        self._waiting.append(document)

    def poll(self, now_ns: int) -> None:
        """Look after the children: bury, kill, start. Never waits."""
        if not self.is_busy:
            return
        self._running = [item for item in self._running if self._lives(*item, now_ns)]
        while self._waiting and len(self._running) < MOST_CHILDREN:
            self._start(self._waiting.popleft(), now_ns)

    def close(self) -> None:
        """Kill what runs and drop what waits."""
        self.counts.dropped += len(self._waiting)
        self._waiting.clear()
        for child, _ in self._running:
            self._kill(child)
        self._running.clear()

    def _lives(self, child: subprocess.Popen[bytes], until_ns: int, now_ns: int) -> bool:
        code = child.poll()
        if code is not None:
            self.counts.failed += code != 0
            return False
        if now_ns >= until_ns:
            self._kill(child)
            return False
        return True

    def _kill(self, child: subprocess.Popen[bytes]) -> None:
        self.counts.killed += 1
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.kill()
        child.wait()

    def _start(self, document: str, now_ns: int) -> None:
        self.counts.started += 1
        descriptor = os.memfd_create("event")
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(document.encode() + b"\n")
            os.lseek(descriptor, 0, os.SEEK_SET)
            child = subprocess.Popen(  # noqa: S603 (no shell)
                self._words,
                stdin=descriptor,
                stdout=self._output,
                stderr=self._output,
                start_new_session=True,
            )
        except OSError:
            # Out of processes or memory for the moment: one event lost, the watch goes on.
            self.counts.failed += 1
        else:
            self._running.append((child, now_ns + LIMIT_NS))
        finally:
            os.close(descriptor)
