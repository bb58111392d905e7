"""This very mldkit as a command, for processes of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import mldkit


def mldkit_command(*arguments: str) -> list[str]:
    """Return the command that runs this very mldkit with `arguments`, in this interpreter."""
    return module_command("mldkit", *arguments)


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of this very mldkit, in this interpreter.

    `-m` would put the working directory first on the path, and with it any file there that has
    the name of a module. That is left out, except where mldkit itself was found in that way.
    """
    options = []
    if sys.flags.isolated:
        options.append("-I")
    elif Path(mldkit.__file__).parents[1] != Path.cwd():
        options.append("-P")
    return [sys.executable, *options, "-m", module, *arguments]
