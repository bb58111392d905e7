"""The process that runs the commands of `watch --exec`, and has no rights of its own.

::

    watch --- events, one at a time ---> launcher --- an event on standard input ---> command
          <-- what became of each ------          --- 5 s ---> killed

It is forked before the watch opens anything, closes all that it was given, becomes the user who
runs the commands and drops every capability. What a stranger has said reaches a command on its
standard input only: words and environment are fixed at the start.

It ends with the watch, even with one that is killed, because its channel ends then; and with it
ends whatever the commands have started, because it adopts their orphans.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import struct
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from mldkit.errors import MldkitError
from mldkit.link import clock, rights
from mldkit.link.namespace import children_of
from mldkit.link.user import this_user
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from mldkit.link.user import User

LIMIT_NS = 5 * SECOND
DONE, FAILED, KILLED = b"d", b"f", b"k"
LENGTH = struct.Struct("!I")
"""In front of each event, and of the complaint that is told once before anything else."""
_KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TZ")
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LOOK_NS = SECOND
"""So often at most it is looked for orphans, of which nobody tells."""
_CHUNK_OCTETS = 1 << 16
_LAST_NS = SECOND


def serve(channel: socket.socket, words: Sequence[str], user: User | None, output: int) -> NoReturn:
    """Be the launcher in a process that was forked for it, until the channel ends.

    `output` is the descriptor for what commands print.
    """
    try:
        output = _detach(channel, output)
        try:
            rights.give_up(user)
            launcher = Launcher(words, environment(user), output)
        except MldkitError as error:
            _say(channel, f"{error.message}\n{error.hint or ''}")
        else:
            _say(channel, "")
            _loop(channel, launcher)
    except BaseException:  # noqa: BLE001 (nothing may return into the program that was forked)
        os._exit(1)
    os._exit(0)


def environment(user: User | None) -> dict[str, str]:
    """Return the variables of a command: those of its user, language and time zone, no others.

    Somebody else gets the path of the system; a user keeps the own one.
    """
    who = this_user() if user is None else user
    path = os.environ.get("PATH", _SYSTEM_PATH) if user is None else _SYSTEM_PATH
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    names = {"USER": who.name, "LOGNAME": who.name, "HOME": who.home, "SHELL": who.shell}
    return {**kept, **names, "PATH": path}


@dataclass(slots=True)
class Launcher:
    """Runs the command once for each event, and kills what takes too long."""

    words: Sequence[str]
    environment: dict[str, str]
    output: int
    _program: str = ""
    _running: list[tuple[subprocess.Popen[bytes], int]] = field(default_factory=list)
    _orphans: dict[int, int] = field(default_factory=dict)
    """What commands left behind, each with the time at which it is killed."""

    def __post_init__(self) -> None:
        """Find the program, as the user who is to run it; raise MldkitError where that fails."""
        found = shutil.which(self.words[0])
        if found is None:
            raise MldkitError(
                f"argument --exec: {self.words[0]}: {self.environment['USER']} may not run it",
                hint="--exec-user names who runs it; program and folders must be open to that user",
            )
        self._program = found

    @property
    def deadline_ns(self) -> int | None:
        """When something is to be looked at again, None when nothing runs."""
        times = [until_ns for _, until_ns in self._running]
        times += self._orphans.values()
        return min(times) if times else None

    def start(self, document: bytes, now_ns: int) -> bytes:
        """Run the command with an event on its standard input; return FAILED where that fails."""
        descriptor = os.memfd_create("event")
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(document + b"\n")
            os.lseek(descriptor, 0, os.SEEK_SET)
            child = subprocess.Popen(  # noqa: S603 (no shell)
                self.words,
                executable=self._program,
                stdin=descriptor,
                stdout=self.output,
                stderr=self.output,
                env=self.environment,
                start_new_session=True,
                preexec_fn=partial(rights.die_with_parent, os.getpid()),  # noqa: PLW1509
            )
        except (OSError, subprocess.SubprocessError):
            # Out of processes or memory for the moment: one event lost.
            return FAILED
        finally:
            os.close(descriptor)
        self._running.append((child, now_ns + LIMIT_NS))
        return b""

    def look_after(self, now_ns: int) -> bytes:
        """Bury and kill; return what became of the commands that have ended, one octet each."""
        outcomes = b""
        for child, until_ns in tuple(self._running):
            code = child.poll()
            if code is None and now_ns < until_ns:
                continue
            if code is None:
                _kill_session(child)
            outcomes += KILLED if code is None else FAILED if code else DONE
            self._running.remove((child, until_ns))
        self._look_after_orphans(now_ns)
        return outcomes

    def end(self) -> None:
        """Kill everything."""
        for child, _ in self._running:
            _kill_session(child)
        self._running.clear()
        until_ns = clock.now_ns() + _LAST_NS
        # Each orphan may have left others.
        while (left := children_of(os.getpid())) and clock.now_ns() < until_ns:
            for pid in left:
                _kill(pid)
            self._bury_orphans()
            clock.wait_ns(MILLISECOND)

    def _look_after_orphans(self, now_ns: int) -> None:
        self._bury_orphans()
        known = {child.pid for child, _ in self._running}
        found = [pid for pid in children_of(os.getpid()) if pid not in known]
        self._orphans = {pid: self._orphans.get(pid, now_ns + LIMIT_NS) for pid in found}
        for pid, until_ns in self._orphans.items():
            if now_ns >= until_ns:
                _kill(pid)

    def _bury_orphans(self) -> None:
        known = {child.pid for child, _ in self._running}
        for pid in children_of(os.getpid()):
            if pid not in known:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _kill_session(child: subprocess.Popen[bytes]) -> None:
    """Kill a command and what it has started, as far as that is in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.kill()
    child.wait()


def _detach(channel: socket.socket, output: int) -> int:
    """Close all but the channel and where commands print, and be deaf to a terminal's signals.

    Returns the new number of the output. A terminal is opened anew for writing alone: who only
    prints there must not read what is typed.
    """
    # A group of its own, and not a session: then the kernel lets it go on when the watch ends, with
    # SIGHUP, if a command has stopped it (kernel/exit.c:kill_orphaned_pgrp).
    os.setpgid(0, 0)
    if os.isatty(output):
        with suppress(OSError):
            os.dup2(os.open(f"/proc/self/fd/{output}", os.O_WRONLY | os.O_NOCTTY), output)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(output, 2)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    number = channel.fileno()
    os.closerange(3, number)
    os.closerange(number + 1, os.sysconf("SC_OPEN_MAX"))
    # A service manager tells all processes of the service: the last events are still served.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, _ignore)
    signal.signal(signal.SIGHUP, _hang_up)
    rights.adopt_orphans()
    return 2


def _ignore(*_: object) -> None:
    """Take a signal. A command has the usual effect of it, as a handler does not outlive exec."""


def _hang_up(*_: object) -> None:
    """Take what the kernel says when the watch has ended."""
    raise ConnectionAbortedError


def _say(channel: socket.socket, text: str) -> None:
    octets = text.encode()
    channel.sendall(LENGTH.pack(len(octets)) + octets)


def _loop(channel: socket.socket, launcher: Launcher) -> None:
    """Start what is asked for, and tell what became of it, until nobody is there any more."""
    woken, waker = os.pipe()
    for end in (woken, waker):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, _ignore)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    waits = select.poll()
    waits.register(channel, select.POLLIN)
    waits.register(woken, select.POLLIN)
    waiting = b""
    with suppress(ConnectionError):
        while True:
            ready = dict(waits.poll(_timeout_ms(launcher)))
            if ready.get(channel.fileno(), 0) & select.POLLHUP:
                break
            with suppress(BlockingIOError):
                os.read(woken, _CHUNK_OCTETS)
            with suppress(BlockingIOError):
                octets = channel.recv(_CHUNK_OCTETS, _DO_NOT_WAIT)
                if not octets:
                    break
                waiting += octets
            outcomes = b""
            while (document := _first(waiting)) is not None:
                waiting = waiting[LENGTH.size + len(document) :]
                outcomes += launcher.start(document, clock.now_ns())
            channel.sendall(outcomes + launcher.look_after(clock.now_ns()))
    launcher.end()


_DO_NOT_WAIT = 0x40  # MSG_DONTWAIT; the module `socket` is not needed for more


def _first(octets: bytes) -> bytes | None:
    """Return the first document, None where it is not complete."""
    if len(octets) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack_from(octets)
    end = LENGTH.size + length
    return octets[LENGTH.size : end] if len(octets) >= end else None


def _timeout_ms(launcher: Launcher) -> float | None:
    deadline_ns = launcher.deadline_ns
    if deadline_ns is None:
        return None
    return max(0, min(deadline_ns - clock.now_ns(), _LOOK_NS)) / MILLISECOND + 1
