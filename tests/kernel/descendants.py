"""Network namespaces of one command, on a machine where other tests make some too."""

from __future__ import annotations

import subprocess
from pathlib import Path


def namespaces() -> set[str]:
    """Return the network namespaces of this machine that a process lives in."""
    listed = subprocess.run(
        ["lsns", "-t", "net", "-n", "-o", "NS"], capture_output=True, text=True, check=True
    )
    return set(listed.stdout.split())


def namespaces_of(pid: int) -> set[str]:
    """Return the network namespaces of the descendants of a process, beside its own.

    Nothing of a process that has ended.
    """
    found: set[str] = set()
    own = ""
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        try:
            found.add(_namespace_of(one))
            own = own or _namespace_of(pid)
            waiting += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except OSError:
            continue
    return found - {own}


def _namespace_of(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/net").readlink()).strip("net:[]")
