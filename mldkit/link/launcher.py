"""Enter a network namespace and become another mldkit command there.

A process lives in one network namespace from its start, so `--netns NAME` replaces it: this
module imports nothing but the package `netns`, enters, and executes the interpreter again. In
the new process /proc/net, netlink and every socket belong to the namespace; only /sys still
shows the old one, which is why mldkit does not read it.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from mldkit.errors import LinkError
from mldkit.link.own_command import mldkit_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAMED = Path("/run/netns")


def run_in_namespace(namespace: str, arguments: Sequence[str]) -> NoReturn:
    """Execute `mldkit ARGUMENTS` in a namespace given by its `ip netns` name or by a path."""
    enter(namespace)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, mldkit_command(*arguments))  # noqa: S606 (no shell, our interpreter)


def enter(namespace: str) -> None:
    """Move this process, which must have one thread, into a namespace for good."""
    from netns import NetNS

    # A pipe would be waited for; namespaces are files (fs/nsfs.c).
    if "/" in namespace and Path(namespace).exists() and not Path(namespace).is_file():
        raise LinkError(f"{namespace}: not a network namespace", hint=_names())
    try:
        target = NetNS(nspath=namespace) if "/" in namespace else NetNS(nsname=namespace)
        # Entered without leaving: the end of a `with` block would bring the process back.
        target.__enter__()
    except ValueError as error:
        raise LinkError(f"{namespace}: no such network namespace", hint=_names()) from error
    except PermissionError as error:
        raise LinkError(
            f"{namespace}: no permission to enter this network namespace",
            hint="run it with sudo, or as the user who made the namespace",
        ) from error
    except OSError as error:
        raise LinkError(f"{namespace}: not a network namespace", hint=_names()) from error


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Let this process, which must have one thread, live in a named namespace for a while.

    Sockets that are opened meanwhile stay there. Of /proc only /proc/thread-self/net follows.
    """
    from netns import NetNS

    with NetNS(nsname=namespace):
        yield


def _names() -> str:
    try:
        names = sorted(entry.name for entry in NAMED.iterdir())
    except OSError:
        names = []
    if not names:
        return "there are none; ip netns add NAME makes one"
    return f"namespaces here: {', '.join(names)}"
