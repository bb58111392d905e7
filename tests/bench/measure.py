"""Runs a shell command and prints its cost as JSON: CPU seconds, wall seconds, MB resident.

A program of its own and a small one, since a process starts with the peak of its parent: run as
`python -S tests/bench/measure.py COMMAND`. CPU is that of all processes of the command, the
resident size that of the largest one.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(command: str) -> None:
    """Run `command` with its output thrown away and print what it cost."""
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.execv("/bin/sh", ["sh", "-c", command])  # noqa: S606 (commands of the benchmark itself)
    _, status, usage = os.wait4(child, 0)
    facts = {
        "status": os.waitstatus_to_exitcode(status),
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.monotonic() - start,
        "resident_mb": usage.ru_maxrss / 1000,
    }
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
