"""What runs in the guest: a job that comes in, a report that goes out, on the first serial port.

The report is one line, compressed and in base64; before it questions may go out, each of which is
answered by one line. This module is packed into the guest, so it
knows nothing of the machine outside.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldkit.errors import MldkitError

if TYPE_CHECKING:
    from collections.abc import Callable

READY = "ready"
REPORT = "report "
ASK = "ask "
_SERIAL = Path("/dev/ttyS0")


def answer(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Do the job on standard input and write the report, or the error, to standard output."""
    job = json.load(sys.stdin)
    print(READY, flush=True)  # noqa: T201 (read by the machine)
    try:
        report = work(job)
    except MldkitError as error:
        report = {"error": error.message, "hint": error.hint}
    packed = base64.b64encode(zlib.compress(json.dumps(report).encode()))
    print(REPORT + packed.decode(), flush=True)  # noqa: T201


def ask(question: dict[str, Any]) -> dict[str, Any]:
    """Ask whoever runs the machine, who sees the emulated devices from outside (`Guest.answer`)."""
    with _SERIAL.open() as serial:
        print(ASK + json.dumps(question), flush=True)  # noqa: T201
        answered: dict[str, Any] = json.loads(serial.readline())
    return answered
