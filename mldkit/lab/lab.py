"""A lab that runs: start it, enter its nodes, stop it.

::

    mldkit lab start --- unshare --- holder (process 1)       built by mldkit.lab.holder
    mldkit lab exec  --- nsenter --- ip netns exec h1 CMD     from any terminal of the same user

Nothing is left when the holder ends, however it ends: the kernel kills all processes in its
process namespace, and with them go mounts, names, interfaces and sockets.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import termios
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import mldkit
from mldkit.errors import LabError, UnsupportedError, UsageError
from mldkit.lab import captures, catalogue, state
from mldkit.lab.state import (
    DEFAULT_VARIABLE,
    LAB_VARIABLE,
    NODE_VARIABLE,
    ROOT_VARIABLE,
    USED,
    State,
)
from mldkit.link.namespace import (
    children_of,
    complaint_of,
    entering,
    environment,
    unsharing,
    ways,
    what_forbids,
)
from mldkit.link.output_file import private
from mldkit.link.own_command import module_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.lab.catalogue import LabEntry
    from mldkit.lab.topology import Topology

PROGRAMS = "/run/lab"
"""Folder inside a lab with this very mldkit as a program."""

_SIGNALLED = 128
"""Exit codes above are those of programs that a signal has ended."""

# The state folder lies below /run as a rule: it is bound to its place again over the empty /run.
_ENTER = """\
cd -- "$1" && mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p -- "$1" /run/lab &&
mount --no-canonicalize --bind /proc/self/cwd "$1" && cd -- "$1/$2" && ip link set lo up || exit 3
shift 2; printf '#!/bin/sh\\nexec %s "$@"\\n' "$1" >/run/lab/mldkit; chmod 755 /run/lab/mldkit
shift; exec "$@"
"""


@dataclass(frozen=True)
class Lab:
    """One running lab."""

    state: State
    entry: LabEntry

    @cached_property
    def topology(self) -> Topology:
        """What `lab.toml` says."""
        return self.entry.topology()

    @classmethod
    def running(cls, name: str | None = None) -> Self:
        """Return the lab that is named, or the one that runs; raise `LabError` if it does not."""
        variables = os.environ
        name = name or variables.get(LAB_VARIABLE) or variables.get(DEFAULT_VARIABLE)
        if name is None:
            alive = state.running()
            if not alive:
                raise LabError("no lab runs", hint="mldkit lab list, then mldkit lab start LAB")
            if len(alive) > 1:
                names = " ".join(entry.lab for entry in alive)
                raise UsageError(
                    "more than one lab runs",
                    hint=f"name one of them: {names} (shell, exec, answer: with --lab)",
                )
            name = alive[0].lab
        entry = catalogue.find(name)
        found = state.read(entry.id)
        if found is None or not found.is_alive:
            raise LabError(
                f"{entry.id}: this lab does not run", hint=f"mldkit lab start {entry.id}"
            )
        with suppress(OSError):
            (state.folder(entry.id) / USED).touch()
        return cls(found, entry)

    @property
    def folder(self) -> Path:
        """The folder with state, answers and captures."""
        return state.folder(self.state.lab)

    def capture(self, link: str) -> Path:
        """Return the capture of a link."""
        if link not in self.state.links:
            raise UsageError(f"{link!r}: no such link", hint=f"links: {' '.join(self.state.links)}")
        return captures.path(self.state.lab, link)

    def command(self, node: str, argv: Sequence[str]) -> list[str]:
        """Return the command that runs `argv` on a node, from here."""
        if node not in self.state.nodes:
            raise UsageError(f"{node!r}: no such node", hint=f"nodes: {' '.join(self.state.nodes)}")
        on_node = ["ip", "netns", "exec", node, *argv]
        if state.is_inside(self.state.lab):
            return on_node
        return entering(self.state.pid, on_node, is_rootless=self.state.rootless)

    def environment(self, node: str) -> dict[str, str]:
        """Return the environment of programs on a node: they know where they are."""
        variables = environment()
        variables["PATH"] = f"{PROGRAMS}:{variables['PATH']}"
        variables[LAB_VARIABLE] = self.state.lab
        variables[NODE_VARIABLE] = node
        variables[ROOT_VARIABLE] = str(state.root())
        return variables

    def run(self, node: str, *argv: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program on a node to its end."""
        return subprocess.run(  # noqa: S603 (no shell)
            self.command(node, argv),
            input=given,
            capture_output=True,
            text=True,
            env=self.environment(node),
            check=False,
        )

    def call(self, node: str, argv: Sequence[str]) -> int:
        """Run a program on a node with our own standard streams; return its exit code."""
        terminal = termios.tcgetattr(0) if os.isatty(0) else None
        try:
            # An interrupt from the keyboard is for the program; it decides what becomes of it.
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            child = subprocess.Popen(  # noqa: S603
                self.command(node, argv),
                env=self.environment(node),
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
            )
            # `timeout` and the like mean the program too, which is the child of what entered.
            ended = signal.signal(signal.SIGTERM, lambda *_: _end(child.pid))
            code = child.wait()
            signal.signal(signal.SIGTERM, ended)
        finally:
            signal.signal(signal.SIGINT, before)
        code = code if code >= 0 else 128 - code
        if terminal is not None and code > _SIGNALLED and _is_in_foreground():
            # A shell that was killed with its lab has left the terminal without echo.
            termios.tcsetattr(0, termios.TCSADRAIN, terminal)
        return code

    def read(self, node: str, path: str) -> str:
        """Return a file as a process of the node sees it, such as /proc/net/igmp6."""
        done = self.run(node, "cat", path)
        if done.returncode:
            raise LabError(f"{node}: {path}: {complaint_of(done)}")
        return done.stdout


def start(entry: LabEntry, seed: int = 0) -> Lab:
    """Build a lab and leave it running; `seed` chooses what is broken, where there is a choice."""
    _refuse_inside()
    topology = entry.topology()
    with state.locked(entry.id):
        found = state.read(entry.id)
        if found is not None and found.is_alive:
            raise LabError(
                f"{entry.id}: this lab runs already",
                hint=f"go on with it, or begin anew: mldkit lab reset {entry.id}",
            )
        # What a crash left.
        state.end_processes(entry.id)
        state.remove_folder(entry.id)
        state.folder(entry.id).mkdir(mode=0o700)
        (state.folder(entry.id) / USED).touch(mode=0o600)
        try:
            started = _hold(entry, topology, seed)
        except BaseException:
            state.remove(entry.id)
            raise
    return Lab(started, entry)


def stop(lab: str) -> bool:
    """End a lab and remove its files; return whether it ran."""
    _refuse_inside()
    with state.locked(lab):
        found = state.read(lab)
        was_alive = found is not None and found.is_alive
        state.end_processes(lab)
        state.remove(lab)
    return was_alive


def _refuse_inside() -> None:
    if os.environ.get(LAB_VARIABLE):
        raise LabError("this shell is inside a lab", hint="leave it first: exit")


def _hold(entry: LabEntry, topology: Topology, seed: int) -> State:
    """Start the holder, wait until the lab is built, write its state and let it go on."""
    program = module_command("mldkit.lab.holder", str(entry.folder), str(seed))
    # Elsewhere the working directory is another one, from which mldkit may have been found.
    path = f"PYTHONPATH={Path(mldkit.__file__).parents[1]}"
    wrapped = shlex.join(["env", path, *module_command("mldkit")])
    inside = [
        "sh",
        "-c",
        _ENTER,
        "lab",
        str(state.root()),
        entry.id,
        wrapped,
        "env",
        path,
        *program,
    ]
    log = state.folder(entry.id) / "holder.log"
    for is_rootless in ways():
        holder = _spawn(unsharing(inside, is_rootless=is_rootless), log)
        try:
            state.note_process(entry.id, "holder", holder.pid)
            line = _stream(holder.stdout).readline()
            if not line:
                holder.wait()
                continue
            reply = json.loads(line)
            _refuse_failure(entry, reply)
            found = State(
                lab=entry.id,
                folder=str(entry.folder),
                pid=holder.pid,
                started=state.start_time(holder.pid) or "",
                rootless=is_rootless,
                nodes=tuple(topology.nodes),
                links=tuple(topology.captures()),
                seed=seed,
            )
            state.write(found)
            _stream(holder.stdin).write("go\n")
            _stream(holder.stdin).flush()
        except BaseException:
            state.kill(holder.pid)
            raise
        finally:
            for stream in (holder.stdin, holder.stdout):
                with suppress(BrokenPipeError):
                    _stream(stream).close()
        # It lives on without us: this is no child to wait for.
        holder.returncode = 0
        return found
    complaint = log.read_text(errors="replace").strip().rpartition("\n")[2]
    raise UnsupportedError(f"no namespaces for a lab: {complaint}", hint=what_forbids())


def _refuse_failure(entry: LabEntry, reply: dict[str, Any]) -> None:
    """Raise what the holder said, if that is no success."""
    if "error" not in reply:
        return
    kind = UnsupportedError if reply["exit_code"] == UnsupportedError.exit_code else LabError
    raise kind(f"{entry.id}: {reply['error']}", hint=reply["hint"])


def _spawn(argv: list[str], log: Path) -> subprocess.Popen[str]:
    variables = environment()
    variables[ROOT_VARIABLE] = str(state.root())
    try:
        with open(log, "w", opener=private) as complaints:
            return subprocess.Popen(  # noqa: S603 (no shell)
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                env=variables,
                # A session of its own: a closed terminal or Ctrl-C is not the end of the lab.
                start_new_session=True,
            )
    except FileNotFoundError as error:
        raise UnsupportedError(f"{argv[0]}: no such program", hint="install util-linux") from error


def _end(pid: int) -> None:
    for process in children_of(pid) or [pid]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)


def _is_in_foreground() -> bool:
    """Return whether we may set the terminal: a job in the background would be stopped for it."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return True  # it controls no jobs of ours


def _stream(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise ValueError("the holder was started without this pipe")
    return stream
