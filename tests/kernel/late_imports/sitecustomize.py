"""Refuses every import in a process that has given up its rights: its files may be out of reach.

A process of a test has this folder on PYTHONPATH. The interpreter imports the module at its start.
"""

from __future__ import annotations

import sys

_MOST_KEPT = 2
"""Capabilities that a process of ours keeps at most."""


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event != "import":
        return
    with open("/proc/self/status") as status:  # noqa: PTH123 (pathlib may not be there yet)
        held = next(line.split()[1] for line in status if line.startswith("CapPrm"))
    if int(held, 16).bit_count() <= _MOST_KEPT:
        raise ImportError(f"imported after the rights were given up: {arguments[0]}")


sys.addaudithook(_refuse)
