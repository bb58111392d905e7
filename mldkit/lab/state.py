"""What is known of the labs that run, in files of this user.

::

    $XDG_RUNTIME_DIR/mldkit/        where that folder is this user's;
                                    else /run/mldkit/ as root, else /tmp/mldkit-UID/; 0700;
                                    or what $MLDKIT_LAB_STATE names: this user's, too
        join.lock                   held while a lab is started or stopped
        join/state.json             the holder: process, its start, nodes, links
        join/progress.json          answers given, hints taken
        join/used                   its time says when the lab was last used
        join/r1-h1.pcapng           one capture a link
        join/r1-h1.ended            why nothing is added to it any more
        join/holder.log             what the holder complained about
        join/holder.process         processes that end with the lab: the holder from its first
        join/solution.process       moment on, and a solution that is being carried out

A lab runs while the process that `state.json` names lives and has the start time it names, so a
file that a crash or another machine start left behind is never taken for a running lab.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import stat
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldkit.errors import CaptureError, LabError
from mldkit.link import clock, output_file
from mldkit.link.namespace import children_of
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT_VARIABLE = "MLDKIT_LAB_STATE"
LAB_VARIABLE = "MLDKIT_LAB"
DEFAULT_VARIABLE = "MLDKIT_LAB_DEFAULT"
"""Names the lab that is meant where a command names none, for scripts."""
NODE_VARIABLE = "MLDKIT_LAB_NODE"
USED = "used"
"""A file of each lab whose time says when it was last used."""
_START_TIME_FIELD = 19  # of /proc/PID/stat, counted behind the name in brackets
_FLAGS_FIELD = 6
_PF_EXITING = 4  # include/linux/sched.h
_PROCESS = ".process"
_END_NS = 5 * SECOND


@dataclass(frozen=True, slots=True)
class State:
    """One lab that was started."""

    lab: str
    folder: str
    pid: int
    """The process that holds the namespaces, seen from outside."""
    started: str
    """Start time of that process, in ticks since the machine started."""
    rootless: bool
    nodes: tuple[str, ...]
    links: tuple[str, ...]
    seed: int = 0
    """What chose among the variants of the lab."""

    @property
    def is_alive(self) -> bool:
        """Whether the lab runs."""
        return is_inside(self.lab) or start_time(self.pid) == self.started


def root() -> Path:
    """Return the state folder of this user, made if need be; refuse one of somebody else."""
    given = os.environ.get(ROOT_VARIABLE)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    variable = ROOT_VARIABLE if given else "XDG_RUNTIME_DIR"
    if given:
        path = Path(given)
    elif runtime and _is_own(Path(runtime)):
        path = Path(runtime, "mldkit")
    elif os.geteuid() == 0:
        path = Path("/run/mldkit")
    else:
        path = Path(f"/tmp/mldkit-{os.geteuid()}")  # noqa: S108 (owner and mode are checked)
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        reason = output_file.check_own(path)
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise LabError(
            f"{path}: no folder for labs: {words}", hint=f"set {variable} to a folder of yours"
        ) from error
    if reason is not None:
        raise LabError(
            f"{path}: {reason}, and labs are kept in a folder of yours alone",
            hint=f"set {variable} to another folder, or remove this one",
        )
    return path


def _is_own(path: Path) -> bool:
    """Return whether this is a folder of this user: `su` and `sudo -E` leave that of another.

    A relative path would be another one for each command.
    """
    if not path.is_absolute():
        return False
    try:
        found = path.stat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def folder(lab: str) -> Path:
    """Return the state folder of one lab, which need not exist."""
    return root() / lab


def is_inside(lab: str) -> bool:
    """Return whether this process itself runs in a node of the lab."""
    return os.environ.get(LAB_VARIABLE) == lab


def read(lab: str) -> State | None:
    """Return the state of a lab, None where it was not started or its file is broken."""
    try:
        document: dict[str, Any] = json.loads((folder(lab) / "state.json").read_text())
        document["nodes"] = tuple(document["nodes"])
        document["links"] = tuple(document["links"])
        return State(**document)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write(state: State) -> None:
    """Write the state of a lab in one step."""
    write_json(folder(state.lab) / "state.json", asdict(state))


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON file so that a reader sees the old one or the new one, never half of it."""
    try:
        output_file.replace(str(path), (json.dumps(document, indent=2) + "\n").encode())
    except CaptureError as error:
        raise LabError(error.message, hint=error.hint) from error


def known() -> tuple[str, ...]:
    """Return the labs of which there are files, running or not."""
    # A start that was killed early has made no more than the lock.
    return tuple(
        sorted({path.stem for path in root().iterdir() if path.is_dir() or path.suffix == ".lock"})
    )


def running() -> tuple[State, ...]:
    """Return the labs that run."""
    states = (read(lab) for lab in known())
    return tuple(state for state in states if state is not None and state.is_alive)


def note_process(lab: str, role: str, pid: int) -> None:
    """Note a process with a session of its own: it ends with the lab, whoever ends before it."""
    write_json(folder(lab) / f"{role}{_PROCESS}", {"pid": pid, "started": start_time(pid)})


def forget_process(lab: str, role: str) -> None:
    """Remove the note of a process that has ended."""
    (folder(lab) / f"{role}{_PROCESS}").unlink(missing_ok=True)


def end_processes(lab: str) -> None:
    """Kill every process that was noted, with all of its session, and wait until it is gone."""
    for path in folder(lab).glob(f"*{_PROCESS}"):
        with suppress(OSError, ValueError, KeyError):
            noted = json.loads(path.read_text())
            # The number may belong to somebody else by now.
            if noted["started"] is not None and start_time(noted["pid"]) == noted["started"]:
                kill(noted["pid"])


def kill(pid: int) -> None:
    """Kill the leader of a session, its session and what it holds; wait until they are gone.

    Where it holds the namespaces of a lab, the kernel then kills everything in them.
    """
    children = children_of(pid)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    deadline_ns = clock.now_ns() + _END_NS
    while any(start_time(process) for process in (pid, *children)):
        if clock.now_ns() > deadline_ns:
            raise LabError(f"process {pid} does not end")
        clock.wait_ns(5 * MILLISECOND)


def remove_folder(lab: str) -> None:
    """Remove the files of a lab, but for the lock."""
    shutil.rmtree(folder(lab), ignore_errors=True)


def remove(lab: str) -> None:
    """Remove all files of a lab."""
    remove_folder(lab)
    (root() / f"{lab}.lock").unlink(missing_ok=True)


@contextmanager
def locked(lab: str) -> Iterator[None]:
    """Keep every other command of this user from starting or stopping the lab meanwhile."""
    path = root() / f"{lab}.lock"
    while True:
        with open(path, "w", opener=output_file.private) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Who held it before may have removed the file: then this lock is nobody's.
            if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                yield
                return


def start_time(pid: int) -> str | None:
    """Return when a process was started, None when there is none."""
    words = _status(pid)
    # A zombie holds nothing any more.
    return None if not words or words[0] in ("Z", "X") else words[_START_TIME_FIELD]


def is_ending(pid: int) -> bool:
    """Return whether a process has begun to end, and with it all that it holds, or is gone."""
    words = _status(pid)
    return not words or bool(int(words[_FLAGS_FIELD]) & _PF_EXITING)


def _status(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
