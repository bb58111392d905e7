"""A student who works through a lab from the outside, as root or as an ordinary user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.conftest import Ordinary


@dataclass(frozen=True)
class Student:
    """Types `mldkit lab ...`; with an ordinary user, as that user."""

    ordinary: Ordinary | None = None

    def lab(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one verb to its end."""
        command = ["-P", "-m", "mldkit", "lab", *arguments]
        if self.ordinary is not None:
            return self.ordinary.run(self.ordinary.python, *command)
        return subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, timeout=60, check=False
        )

    def must(self, *arguments: str) -> str:
        """Run one verb, which has to succeed, and return what it printed."""
        done = self.lab(*arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def statuses(self, lab: str) -> dict[str, str]:
        """Check, and return the status of each check; the exit code has to fit."""
        done = self.lab("check", lab, "--json")
        document = json.loads(done.stdout)
        assert document["schema"] == "mldkit.labcheck/1", done.stderr
        found = {check["id"]: check["status"] for check in document["checks"]}
        assert done.returncode == (0 if set(found.values()) == {"pass"} else 1), done.stdout
        return found

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
        folder = state_folders()[self.ordinary is not None]
        entry = json.loads((folder / lab / "state.json").read_text())
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


def state_folders() -> tuple[Path, ...]:
    """Return the folders in which the labs of root and of the ordinary user keep their files."""
    own = os.environ.get("XDG_RUNTIME_DIR")
    of_root = Path(own, "mldkit") if own and Path(own).is_dir() else Path("/run/mldkit")
    return of_root, Path(tempfile.gettempdir(), "mldkit-65534")
