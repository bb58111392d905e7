"""Carry out the solution of a lab: `solution.sh`, on this machine, as a student would type it.

It runs in a session of its own, which is noted with the lab: whatever becomes of the command that
started it, nothing of it outlives the lab.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import mldkit
from mldkit.errors import LabError
from mldkit.lab import state
from mldkit.lab.state import DEFAULT_VARIABLE
from mldkit.link.own_command import mldkit_command

if TYPE_CHECKING:
    from mldkit.lab.catalogue import LabEntry
    from mldkit.lab.lab import Lab

_FILE = "solution.sh"
_ROLE = "solution"


def read(entry: LabEntry) -> str:
    """Return the commands."""
    try:
        return (entry.folder / _FILE).read_text(encoding="utf-8")
    except OSError as error:
        raise LabError(f"{entry.folder.name}/{_FILE}: {error.strerror}") from error


def carry_out(lab: Lab) -> int:
    """Run the commands, with our standard output; return the exit code of the first that fails."""
    # The script says `mldkit`: let that be this very one, whatever the path has.
    script = f'mldkit() {{ {shlex.join(mldkit_command())} "$@"; }}; . ./{_FILE}'
    variables = {**os.environ, "PYTHONPATH": str(Path(mldkit.__file__).parents[1])}
    variables[DEFAULT_VARIABLE] = lab.entry.id
    child = subprocess.Popen(  # noqa: S603
        ["sh", "-euc", script],  # noqa: S607
        cwd=lab.entry.folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        state.note_process(lab.entry.id, _ROLE, child.pid)
        code = child.wait()
        state.forget_process(lab.entry.id, _ROLE)
    except BaseException:
        state.kill(child.pid)
        raise
    return code if code >= 0 else 128 - code
