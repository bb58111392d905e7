"""The standard streams as a command finds them: closed, full, or with nobody reading.

::

    standard output   carries the data: what cannot be written there is an error, exit 3;
                      a reader that has gone (`| head`) is none
    standard error    carries words for people: what cannot be written there is lost
"""

from __future__ import annotations

import errno
import io
import os
import sys

from mldkit.errors import LinkError

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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            # A character that the locale lacks, such as the section sign, is a question mark.
            stream.reconfigure(errors="replace")


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
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def failure_text(error: OSError) -> str:
    """Return what an error of the operating system means, with the file it is about."""
    where = error.filename
    if where is None and error.errno in _WRITING:
        where = "standard output"
    problem = (error.strerror or str(error)).lower()
    return f"{where}: {problem}" if where else problem
