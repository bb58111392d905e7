"""A sandbox: namespaces of our own in which `ip netns` works, without root where that is allowed.

::

    this process ---- pipe ----> unshare --- cat          process 1 of the sandbox, holds it
                 `-- nsenter --> any program in it

The sandbox has its own user (unless we are root), mount, network and process namespace, and an
empty /run, so that `ip netns add NAME` and `mldkit --netns NAME` work in it and the machine's
own names stay out of sight.

Contract: nothing is left, however this process ends. The pipe's other end closes with it, even
by `kill -9`; then process 1 ends, the kernel kills everything in the process namespace, and with
the last process go mounts, interfaces and namespaces.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from mldkit.errors import LinkError
from mldkit.link import clock
from mldkit.model.units import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

_START = "mount -t tmpfs -o mode=755 tmpfs /run && ip link set lo up && echo ready && exec cat"
_IN_DIRECTORY = 'cd -- "$0" 2>/dev/null; exec "$@"'
_END_SECONDS = 5.0
_SWITCHES = {
    # Path below /proc/sys, the value that forbids, the command that allows.
    "user/max_user_namespaces": ("0", "sysctl -w user.max_user_namespaces=10000"),
    "kernel/unprivileged_userns_clone": ("0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    "kernel/apparmor_restrict_unprivileged_userns": (
        "1",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
}


class Sandbox:
    """Holds the namespaces while it lives; use it as a context manager."""

    def __init__(self) -> None:
        """Make the namespaces; raise `LinkError` where the machine does not allow them."""
        self._children: list[subprocess.Popen[str]] = []
        complaint = ""
        for self.is_rootless in ways():
            self._holder = _start(unsharing(["sh", "-c", _START], is_rootless=self.is_rootless))
            if _pipe(self._holder.stdout).readline() == "ready\n":
                return
            complaint = self._end().strip().partition("\n")[0]
        complaint = complaint or "the program that makes them ended without a word"
        raise LinkError(f"no namespaces for a sandbox: {complaint}", hint=what_forbids())

    def __enter__(self) -> Self:
        """Return the sandbox itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it."""
        self.close()

    def close(self) -> None:
        """End every program in the sandbox and remove all that was made in it."""
        self._end()
        for child in self._children:
            child.communicate()

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return the command that runs `argv` in the sandbox from outside.

        The working directory is kept where the sandbox has it too.
        """
        return entering(self._holder.pid, argv, is_rootless=self.is_rootless)

    def run(
        self, argv: Sequence[str], *, given: str = "", timeout: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in the sandbox to its end, with the text `given` as its input."""
        return subprocess.run(  # noqa: S603 (no shell)
            self.command(argv),
            input=given,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment(),
            check=False,
        )

    def spawn(self, argv: Sequence[str]) -> subprocess.Popen[str]:
        """Start a program in the sandbox; its output and errors are pipes.

        End it with `stop`: signals to the process that is returned do not reach the program.
        """
        child = _start(self.command(argv))
        self._children.append(child)
        return child

    def stop(self, child: subprocess.Popen[str], number: int = signal.SIGTERM) -> str:
        """Send a signal to a spawned program and return the rest of its output."""
        return self.ended(child, number)[0]

    def ended(self, child: subprocess.Popen[str], number: int = signal.SIGTERM) -> tuple[str, str]:
        """Send a signal to a spawned program and return the rest of its output and complaints."""
        while child.poll() is None:
            program = children_of(child.pid)
            for pid in program:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            if program:
                break
            clock.wait_ns(MILLISECOND)  # nsenter has only just been started
        return child.communicate(timeout=_END_SECONDS)

    def ip(self, commands: str, *, namespace: str | None = None) -> None:
        """Run `ip` commands, one a line, without the word `ip`; raise `LinkError` if one fails.

        One program runs them all, as starting it costs more than most commands.
        """
        where = ["-n", namespace] if namespace else []
        done = self.run(["ip", *where, "-batch", "-"], given=commands)
        if done.returncode:
            raise LinkError(f"ip: {complaint_of(done)}")

    def add_namespace(self, name: str) -> None:
        """Make a named network namespace in the sandbox, with its loopback up."""
        self.ip(f"netns add {name}")
        self.ip("link set lo up", namespace=name)

    def _end(self) -> str:
        """End the holder and return what it complained about."""
        with suppress(BrokenPipeError):
            _pipe(self._holder.stdin).close()
        self._holder.stdin = None  # `communicate` would write to it
        try:
            return self._holder.communicate(timeout=_END_SECONDS)[1]
        except subprocess.TimeoutExpired:
            self._holder.kill()
            return self._holder.communicate()[1]


def ways() -> tuple[bool, ...]:
    """Return whether to make a user namespace too, in the order in which to try it.

    Root of a container may lack the right to do without and still get it in a user namespace.
    """
    return (True,) if os.geteuid() else (False, True)


def unsharing(argv: Sequence[str], *, is_rootless: bool) -> list[str]:
    """Return the command that runs `argv` as process 1 of new namespaces.

    The program that the command starts stays outside and ends with process 1; when it is killed
    the kernel kills process 1, and with it all processes inside.
    """
    user = ["--user", "--map-root-user"] if is_rootless else []
    kinds = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return ["unshare", *user, *kinds, *argv]


def entering(holder: int, argv: Sequence[str], *, is_rootless: bool) -> list[str]:
    """Return the command that runs `argv` in the namespaces which process `holder` unshared.

    The working directory is kept where the sandbox has it too.
    """
    of_holder = f"/proc/{holder}/ns"
    # The holder itself stays outside of the process namespace that its children live in.
    spaces = [
        f"--mount={of_holder}/mnt",
        f"--net={of_holder}/net",
        f"--pid={of_holder}/pid_for_children",
        # A mount namespace begins at its own root, which is outside of a chroot: there /run is that
        # of the machine.
        f"--root=/proc/{holder}/root",
    ]
    if is_rootless:
        spaces += [f"--user={of_holder}/user", "--preserve-credentials"]
    inside = ["sh", "-c", _IN_DIRECTORY, str(Path.cwd()), *argv]
    return ["nsenter", *spaces, "--", *inside]


def environment() -> dict[str, str]:
    """Return our environment with the system's own programs on the path.

    Distributions leave `ip` out of the reach of ordinary users.
    """
    path = os.environ.get("PATH", os.defpath)
    return {**os.environ, "PATH": f"{path}:/usr/local/sbin:/usr/sbin:/sbin"}


def complaint_of(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a failed program said, in one line, never nothing."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    if lines:
        return "; ".join(lines)
    if done.returncode < 0:
        return f"ended by signal {-done.returncode}"
    return f"ended with exit code {done.returncode} and said nothing"


def _start(argv: Sequence[str]) -> subprocess.Popen[str]:
    try:
        # A session of its own: Ctrl-C is for this process, which then ends the others in order.
        return subprocess.Popen(  # noqa: S603 (no shell)
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise LinkError(f"{argv[0]}: no such program", hint="install util-linux") from error


def _pipe(stream: IO[str] | None) -> IO[str]:
    """Return a stream that was asked for as a pipe."""
    if stream is None:
        raise ValueError("the process was started without this pipe")
    return stream


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started and that live; none if it is gone."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def what_forbids() -> str:
    """Return what a person can do about a machine that does not give us namespaces."""
    for setting, (forbidding, remedy) in _SWITCHES.items():
        with suppress(OSError):
            if Path("/proc/sys", setting).read_text().strip() == forbidding:
                return f"run it with sudo, or allow user namespaces: {remedy}"
    return "run it with sudo; in a container, allow it to make namespaces"
