"""The standard streams as a command finds them: closed, full, or with nobody reading.

::

    standard output   carries the data: what cannot be written there is an error, exit 3;
                      a reader that has gone (`| head`) is none: the work goes on, so that the exit
                      code is what it would be, unless it would never end
    standard error    carries words for people: what cannot be written there is lost
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from mldkit.errors import LinkError

if TYPE_CHECKING:
    from typing_extensions import Buffer

# What a write to a file or a device can fail with; sockets raise LinkError before it comes here.
_WRITING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.EROFS}


def check() -> None:
    """Take closed streams for what they are; raises LinkError when output has no place to go.

    A stream that is closed would lend its number to the next socket, and Python's `print` would
    send the words for a missing standard error to standard output.
    """
    is_closed = {number: _is_closed(number) for number in (1, 2)}
    for number in (number for number, closed in is_closed.items() if closed):
        # The lowest free number: perhaps that of a closed standard input, so it is moved.
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
    if is_closed[2]:
        sys.stderr = os.fdopen(2, "w", closefd=False)
    if is_closed[1]:
        sys.stdout = os.fdopen(1, "w", closefd=False)
        raise LinkError("standard output is closed", hint=f"send it to {os.devnull} instead")
    _outlive_the_reader()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            # A character that the locale lacks, such as the section sign, is a question mark.
            stream.reconfigure(errors="replace")


class _Output(io.RawIOBase):
    """Standard output whose reader may go: what is written then is thrown away."""

    has_reader = True
    ends_without_reader = False

    def fileno(self) -> int:
        """Return the number of standard output."""
        return 1

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(1)

    def writable(self) -> bool:
        """Return that it can be written to."""
        return True

    def write(self, octets: Buffer, /) -> int:
        """Write what the descriptor takes, waiting where somebody made it not wait."""
        while True:
            try:
                return os.write(1, octets)
            except BlockingIOError:
                select.select([], [1], [])
            except BrokenPipeError:
                _send_nowhere(1)
                self.has_reader = False
                if self.ends_without_reader:
                    raise


_output = _Output()


def reader_has_gone() -> bool:
    """Return whether nobody reads standard output any more."""
    return not _output.has_reader


def take_reader_for_gone() -> None:
    """Take in that a write past `sys.stdout` met nobody: what follows is thrown away."""
    _send_nowhere(1)
    _output.has_reader = False


def end_without_reader() -> None:
    """Let what would never end raise BrokenPipeError when nobody reads it any more."""
    _output.ends_without_reader = True


def _outlive_the_reader() -> None:
    """Put `_Output` below `sys.stdout`, unless something else stands there, as in a test."""
    stream = sys.stdout
    if not isinstance(stream, io.TextIOWrapper):
        return
    raw = getattr(stream.buffer, "raw", stream.buffer)
    if type(raw) is not io.FileIO or raw.fileno() != 1:
        return
    is_buffered = raw is not stream.buffer
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_output) if is_buffered else _output,
        encoding=stream.encoding,
        errors=stream.errors,
        newline="\n",
        line_buffering=stream.line_buffering,
        write_through=not is_buffered,
    )


def _is_closed(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return True
    return False


def say(text: str) -> None:
    """Print one line on standard error; a full or closed one must not end the work."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _send_nowhere(2)


def discard_output() -> None:
    """Send what is still in the buffers nowhere: the interpreter would try once more at its end."""
    _send_nowhere(sys.stdout.fileno())


def _send_nowhere(number: int) -> None:
    """Give a stream that cannot be written to the null device, its buffered words included.

    Left as it is, the interpreter would fail on them at its end and exit with 120.
    """
    with suppress(OSError):
        # Where no descriptor is left, closing this one makes room for it.
        os.close(number)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def failure_text(error: OSError) -> str:
    """Return what an error of the operating system means, with the file it is about."""
    where = error.filename
    if where is None and error.errno in _WRITING:
        where = "standard output"
    problem = (error.strerror or str(error)).lower()
    return f"{where}: {problem}" if where else problem
