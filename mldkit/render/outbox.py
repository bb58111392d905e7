"""Text for a reader that may be slow: it waits here, and nobody waits for the reader.

::

    put ---> waiting, up to 16 MiB ---> standard output, as much as it takes at once
              |
              `-- full: left out, counted

What listens to a link would lose frames while it waits for a pipe that nobody reads, or for a
terminal that was stopped with Ctrl-S. A pipe or a terminal is opened a second time for that: not
to wait is a property of an open file, which is shared with other programs (open(2), O_NONBLOCK).
"""

from __future__ import annotations

import io
import os
import select
import socket
import stat
from collections import deque
from typing import Protocol

from mldkit.link import clock
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.render.streams import take_reader_for_gone

STANDARD_OUTPUT = 1
"""Its descriptor."""
MOST_OCTETS = 16 << 20
"""What waits at most."""
PATIENCE_NS = 5 * SECOND
"""At the end."""
_LOOK_NS = 20 * MILLISECOND
_AT_ONCE = 1 << 16
_POLLED_OCTETS = 256
"""So much goes into what `poll` calls writable without a wait."""


class _Sink(Protocol):
    """What takes octets as far as it does without a wait."""

    def write(self, octets: bytes) -> int:
        """Return how many were taken; raise BlockingIOError when none were."""

    def close(self) -> None:
        """Take no more."""


class Outbox:
    """What is still to be written to a file descriptor."""

    def __init__(self, number: int, *, most_octets: int = MOST_OCTETS) -> None:
        self.left_out = 0
        """Texts for which there was no room so far."""
        self._most_octets = most_octets
        self._waiting: deque[bytes] = deque()
        self._octets = 0
        self._sink = _sink_of(number)

    @property
    def is_empty(self) -> bool:
        """Whether everything was taken."""
        return not self._waiting

    @property
    def waiting(self) -> int:
        """How many texts wait, one that was taken in part included."""
        return len(self._waiting)

    def put(self, text: str) -> bool:
        """Write a text as soon as it is taken; return False, and count, if there is no room."""
        octets = text.encode(errors="replace")
        if self._waiting and self._octets + len(octets) > self._most_octets:
            self.left_out += 1
            return False
        self._waiting.append(octets)
        self._octets += len(octets)
        self.flush()
        return True

    def flush(self) -> None:
        """Write what is taken without a wait; raises OSError as a write does.

        A reader that has gone is none: what waits is thrown away, and who writes may look at
        `reader_has_gone`.
        """
        try:
            self._flush()
        except BlockingIOError:
            pass
        except BrokenPipeError:
            take_reader_for_gone()
            self._waiting.clear()
            self._octets = 0

    def _flush(self) -> None:
        while self._waiting:
            octets = self._waiting[0]
            count = self._sink.write(octets[:_AT_ONCE])
            self._octets -= count
            if count < len(octets):
                self._waiting[0] = octets[count:]
            else:
                self._waiting.popleft()

    def drain(self, patience_ns: int = PATIENCE_NS) -> None:
        """Give the reader some time for what waits; the rest is left out."""
        until_ns = clock.now_ns() + patience_ns
        self.flush()
        while self._waiting and clock.now_ns() < until_ns:
            clock.wait_ns(_LOOK_NS)
            self.flush()
        self.left_out += len(self._waiting)
        self._waiting.clear()
        self._octets = 0

    def close(self) -> None:
        """Give up what it writes with."""
        self._sink.close()


class OutboxFile(io.TextIOBase):
    """A terminal for rich, behind an outbox."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """How it takes text."""
        return "utf-8"

    def isatty(self) -> bool:
        """Return True: it is made for terminals."""
        return True

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str, /) -> int:
        """Take a text."""
        self._outbox.put(text)
        return len(text)

    def flush(self) -> None:
        """Write what is taken without a wait."""
        self._outbox.flush()


class _File:
    """A descriptor that takes everything at once, or was opened so that it does not wait."""

    def __init__(self, number: int, *, is_ours: bool) -> None:
        self._number = number
        self._is_ours = is_ours

    def write(self, octets: bytes) -> int:
        return os.write(self._number, octets)

    def close(self) -> None:
        if self._is_ours:
            os.close(self._number)


class _Socket:
    """A socket, which can be told for each call not to wait."""

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=os.dup(number))

    def write(self, octets: bytes) -> int:
        return self._socket.send(octets, socket.MSG_DONTWAIT)

    def close(self) -> None:
        self._socket.close()


class _Polled:
    """What could not be opened again: it is asked whether there is room for a little."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._poll = select.poll()
        self._poll.register(number, select.POLLOUT)

    def write(self, octets: bytes) -> int:
        if not self._poll.poll(0):
            raise BlockingIOError
        return os.write(self._number, octets[:_POLLED_OCTETS])

    def close(self) -> None:
        pass


def _sink_of(number: int) -> _Sink:
    mode = os.fstat(number).st_mode
    if stat.S_ISSOCK(mode):
        return _Socket(number)
    if not stat.S_ISFIFO(mode) and not os.isatty(number):
        return _File(number, is_ours=False)
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return _File(os.open(f"/proc/self/fd/{number}", flags), is_ours=True)
    except OSError:
        return _Polled(number)
