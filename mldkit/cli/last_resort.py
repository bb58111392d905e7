"""What nobody foresaw: one line for the user, and a file with the details for a report.

The file is the user's own (0600), has a name that nobody could prepare, and stands in a folder in
which others cannot put another one in its place.
"""

from __future__ import annotations

import os
import platform
import stat
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXIT_CODE = 70
"""An internal error of the program: EX_SOFTWARE of sysexits.h."""
_MOST_OCTETS = 1 << 20


def describe(error: BaseException, arguments: Sequence[str]) -> tuple[str, str]:
    """Return one line what went wrong and one what to do; the details go into a file."""
    reason = "".join(traceback.format_exception_only(error)).strip().replace("\n", " ")
    message = f"an error of mldkit itself: {reason[:200]}"
    try:
        name = _write(_details(error, arguments))
    except (OSError, MemoryError, RecursionError) as failure:
        return message, f"please report it; no file with details could be written: {failure}"
    return message, f"please report it, with the details in {name} (look through them before)"


def _details(error: BaseException, arguments: Sequence[str]) -> str:
    lines = [
        f"mldkit {__version__}",
        f"Python {sys.version}",
        f"system {platform.platform()}",
        f"arguments {list(arguments)!r}",
        "",
        *traceback.format_exception(error),
    ]
    return "\n".join(lines)


def _write(text: str) -> str:
    """Write a new file and return its name; raises OSError where no folder is safe."""
    octets = text.encode("utf-8", "backslashreplace")[:_MOST_OCTETS]
    failure = OSError("no safe folder for temporary files")
    for folder in _folders():
        try:
            # O_EXCL and O_NOFOLLOW, a random name, 0600.
            number, name = tempfile.mkstemp(prefix="mldkit-error-", suffix=".txt", dir=folder)
        except OSError as error:
            failure = error
            continue
        with os.fdopen(number, "wb") as file:
            file.write(octets)
        return name
    raise failure


def _folders() -> Iterator[str]:
    """Give the folders in which nobody else can replace our file."""
    for folder in (os.environ.get("TMPDIR"), "/tmp", "/var/tmp"):  # noqa: S108 (looked at first)
        if folder and _is_safe(folder):
            yield folder


def _is_safe(folder: str) -> bool:
    try:
        found = Path(folder).stat()
    except (OSError, ValueError):
        return False
    is_open = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
    return stat.S_ISDIR(found.st_mode) and found.st_uid in (0, os.geteuid()) and not is_open
