"""A student who works through a lab from the outside, as root or as an ordinary user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Ordinary

_NOBODY = 65534
LAB_TOML = """
title = "A lab of a test"
level = 1
minutes = 1
learns = ["nothing"]
needs = ["bridge", "program ip"]
[nodes.h1]
[nodes.h2]
[[links]]
ends = ["h1:eth1", "h2:eth1"]
[[joins]]
node = "h2"
interface = "eth1"
groups = ["239.1.2.3", "2001:db8::1@ff3e::8000:1"]
[[streams]]
node = "h2"
interface = "eth1"
group = "ff15::1"
port = 5000
every = "50ms"
"""


@contextmanager
def enrolled(ordinary: Ordinary | None = None) -> Iterator[Student]:
    """Give a student who neither sees nor disturbs the labs that others run on this machine."""
    with tempfile.TemporaryDirectory(prefix="mldkit-student-") as folder:
        if ordinary is not None:
            os.chown(folder, _NOBODY, _NOBODY)
        student = Student(Path(folder), ordinary)
        try:
            yield student
        finally:
            student.must("stop", "--all")


@dataclass(frozen=True)
class Student:
    """Types `mldkit lab ...`; with an ordinary user, as that user."""

    runtime: Path
    """Where this student's XDG_RUNTIME_DIR is."""
    ordinary: Ordinary | None = None

    @property
    def folder(self) -> Path:
        """Where the files of the labs are, once one was started."""
        return self.runtime / "mldkit"

    def lab(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one verb to its end."""
        python = sys.executable if self.ordinary is None else str(self.ordinary.python)
        variable = f"XDG_RUNTIME_DIR={self.runtime}"
        command = ["env", variable, python, "-P", "-m", "mldkit", "lab", *arguments]
        if self.ordinary is not None:
            return self.ordinary.run(*command)
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def must(self, *arguments: str) -> str:
        """Run one verb, which has to succeed, and return what it printed."""
        done = self.lab(*arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def checks(self, lab: str) -> list[dict[str, Any]]:
        """Check, and return what became of each check; the exit code has to fit."""
        done = self.lab("check", lab, "--json")
        document = json.loads(done.stdout)
        assert document["schema"] == "mldkit.labcheck/1", done.stderr
        found: list[dict[str, Any]] = document["checks"]
        is_solved = {check["status"] for check in found} == {"pass"}
        assert done.returncode == (0 if is_solved else 1), done.stdout
        return found

    def statuses(self, lab: str) -> dict[str, str]:
        """Check, and return the status of each check."""
        return {check["id"]: check["status"] for check in self.checks(lab)}

    def running(self, lab: str) -> dict[str, Any] | None:
        """Return what `status` says about a lab."""
        document = json.loads(self.must("status", "--json"))
        for entry in document["labs"]:
            if entry["id"] == lab:
                return dict(entry)
        return None

    def processes(self, lab: str) -> set[tuple[str, str]]:
        """Return process id and start time of everything that lives in a lab.

        Nothing else holds a lab: its nodes have their names in a mount namespace of its own.
        """
        entry = json.loads((self.folder / lab / "state.json").read_text())
        space = Path(f"/proc/{entry['pid']}/ns/mnt").readlink()
        found = set()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (process / "ns/mnt").readlink() == space:
                    found.add((process.name, start_time(process)))
        assert (str(entry["pid"]), start_time(Path(f"/proc/{entry['pid']}"))) in found
        return found


def start_time(process: Path) -> str:
    """Return when a process started, in ticks."""
    return (process / "stat").read_text().rpartition(")")[2].split()[19]


def assert_gone(processes: set[tuple[str, str]]) -> None:
    """Wait until the processes are gone."""
    until = time.monotonic() + 10
    for number, started in processes:
        with suppress(OSError):
            while start_time(Path("/proc", number)) == started:
                assert time.monotonic() < until, f"process {number} is left"
                time.sleep(0.02)
