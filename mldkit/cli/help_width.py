"""How wide help is: as `argparse` has it, without what it loads to find that out.

A parser asks for each of its arguments, not only for help, and asks `shutil`, which loads three
ways to pack archives: a twentieth of the start of a command.
"""

from __future__ import annotations

import argparse
import os
import sys

_USUAL_COLUMNS = 80
_MARGIN = 2


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Leaves descriptions as they are written."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - _MARGIN)


def _columns() -> int:
    """Return what `shutil.get_terminal_size` returns."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    try:
        size = os.get_terminal_size(sys.__stdout__.fileno())  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return _USUAL_COLUMNS
    return size.columns or _USUAL_COLUMNS
