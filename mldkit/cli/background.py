"""Work that goes on in the background of a lab, after the command has returned.

The lab is what makes this safe: its process namespace ends with it, so nothing that runs on can
be forgotten. Outside of a lab the shell's own `&` does it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from mldkit.cli.interrupt import exit_code
from mldkit.errors import MldkitError
from mldkit.render.streams import say

if TYPE_CHECKING:
    from collections.abc import Callable

Ready: TypeAlias = "Callable[[], None]"
_LAB_VARIABLE = "MLDKIT_LAB"  # set by mldkit.lab on every node


def is_possible() -> bool:
    """Return whether this process runs on a node of a lab."""
    return _LAB_VARIABLE in os.environ


def run(work: Callable[[Ready], int]) -> int:
    """Do `work` in a process of its own and return 0 once it calls the function it is given.

    Until then it has our standard streams; afterwards it has none. If it ends without the call,
    its exit code is ours.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        with os.fdopen(reader, "rb") as ready:
            if not ready.read(1):
                return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        say(f"in the background as process {child}; kill {child} ends it")
        return 0
    os.close(reader)
    os.setsid()

    def detach() -> None:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nowhere, standard)
        os.write(writer, b"1")
        os.close(writer)

    return work(detach)


def program(name: str, work: Callable[[Ready], int], *, in_background: bool) -> int:
    """Be a program of a lesson, in the foreground or not, and return its exit code.

    What goes wrong is one line with the program's name, as everywhere else.
    """
    try:
        return run(work) if in_background else work(lambda: None)
    except KeyboardInterrupt as interrupt:
        return exit_code(interrupt)
    except MldkitError as error:
        say(f"{name}: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
        return error.exit_code
    except OSError as error:
        say(f"{name}: {(error.strerror or str(error)).lower()}")
        return MldkitError.exit_code
