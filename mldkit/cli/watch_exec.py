"""The commands of `watch --exec`: one for each event, at most so many, none waited for.

::

    event --> queue of 1,000 --> at most 8 at the launcher --> a command, killed after 5 s
                  |                        |
               dropped               what became of it

The launcher (`mldkit.cli.exec_launcher`) is a process of its own, because the watch gives up its
rights and the commands run as somebody else. Nothing here ever waits for it: whatever commands
do, also to the launcher, the watch goes on.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import struct
import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.cli import exec_launcher
from mldkit.cli.exec_launcher import DONE, FAILED, LENGTH
from mldkit.errors import MldkitError, UsageError
from mldkit.link import clock
from mldkit.link.user import caller_of_sudo, is_root_of_others
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.link.user import User

MOST_CHILDREN = 8
MOST_WAITING = 1000
_CHUNK_OCTETS = 1 << 16
_START_S = 30.0
_END_NS = 3 * SECOND


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


def runner(named: User | None) -> User | None:
    """Return who runs the commands: who is named, else who called by sudo; None is this user.

    Raises UsageError where root would run them: what strangers say is given to programs that
    should be able to do no harm.
    """
    if named is not None or not is_root_of_others():
        return named
    caller = caller_of_sudo()
    if caller is None:
        raise UsageError(
            "argument --exec: commands are not run as root",
            hint="--exec-user NAME says who runs them, somebody who may do little",
        )
    return caller


class Commands:
    """Runs a command for each event that is offered, as another user if one is given."""

    def __init__(
        self, words: Sequence[str], *, user: User | None = None, quiet: bool = False
    ) -> None:
        """Take the words of the command; `quiet` throws its output away.

        Otherwise what it prints goes to standard error: standard output carries our data. The
        launcher is started here: nothing that it must not have may be open yet. Raises MldkitError
        where the user cannot be had or may not run the command.
        """
        self.counts = Counts()
        self.launcher = 0
        """Its process."""
        self._waiting: deque[bytes] = deque()
        self._begun = 0
        """Commands of which it is not known yet what became of them."""
        self._unsent = memoryview(b"")
        self._channel, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        output = os.open(os.devnull, os.O_WRONLY) if quiet else os.dup(2)
        self.launcher = os.fork()
        if not self.launcher:
            self._channel.close()
            exec_launcher.serve(theirs, words, user, output)
        theirs.close()
        os.close(output)
        try:
            self._hear_complaint()
        except BaseException:
            self.close()
            raise
        self._channel.settimeout(0)

    @property
    def is_busy(self) -> bool:
        """Whether anything runs or waits."""
        return bool(self._begun or self._waiting)

    @property
    def is_lost(self) -> bool:
        """Whether the launcher has ended before its time, and no command is run any more."""
        return self._channel.fileno() < 0

    def offer(self, document: str) -> None:
        """Take an event; with a full queue it is dropped and counted."""
        if len(self._waiting) >= MOST_WAITING or self.is_lost:
            self.counts.dropped += 1
            return
        self._waiting.append(document.encode())

    def poll(self) -> None:
        """Learn what became of commands and begin others. Never waits."""
        if self.is_lost:
            return
        try:
            self._read()
            self._write()
        except OSError:
            self._lose()

    def close(self) -> None:
        """End the launcher with all that runs, and drop what waits."""
        if self._channel.fileno() >= 0:
            with suppress(OSError):
                self._read()
        self._channel.close()
        self.counts.dropped += len(self._waiting)
        self.counts.killed += self._begun
        self._waiting.clear()
        self._begun = 0
        until_ns = clock.now_ns() + _END_NS
        with suppress(ChildProcessError):
            # It is not ours to kill any more, and whoever has stopped it gains nothing by that.
            while not os.waitpid(self.launcher, os.WNOHANG)[0] and clock.now_ns() < until_ns:
                clock.wait_ns(MILLISECOND)

    def _hear_complaint(self) -> None:
        """Wait until the launcher is ready; raise what it says, if that is a complaint."""
        self._channel.settimeout(_START_S)
        try:
            (length,) = LENGTH.unpack(self._channel.recv(LENGTH.size, socket.MSG_WAITALL))
            text = self._channel.recv(length, socket.MSG_WAITALL).decode() if length else ""
        except (OSError, ValueError, struct.error) as error:
            raise MldkitError("argument --exec: commands cannot be run: no launcher") from error
        if text:
            message, _, hint = text.partition("\n")
            raise MldkitError(message, hint=hint or None)

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while True:
                outcomes = self._channel.recv(_CHUNK_OCTETS)
                if not outcomes:
                    raise ConnectionResetError
                self._begun -= len(outcomes)
                self.counts.failed += outcomes.count(FAILED)
                self.counts.killed += len(outcomes) - outcomes.count(FAILED) - outcomes.count(DONE)

    def _write(self) -> None:
        with suppress(BlockingIOError):
            while True:
                if not self._unsent:
                    if not self._waiting or self._begun >= MOST_CHILDREN:
                        return
                    document = self._waiting.popleft()
                    self._unsent = memoryview(LENGTH.pack(len(document)) + document)
                    self._begun += 1
                    self.counts.started += 1
                self._unsent = self._unsent[self._channel.send(self._unsent) :]

    def _lose(self) -> None:
        """Go on without the launcher: it has ended, whoever killed it."""
        self._channel.close()
        self.counts.failed += self._begun
        self.counts.dropped += len(self._waiting)
        self._waiting.clear()
        self._begun = 0
