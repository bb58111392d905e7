"""A command of a lab is killed in the middle of its work: `stop --all` leaves nothing of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from tests.labs.student import Student

pytestmark = pytest.mark.netns

LAB_TOML = """
title = "A lab of a test"
level = 1
minutes = 1
learns = ["nothing"]
[nodes.h1]
setup = [{setup}]
[nodes.h2]
[[links]]
ends = ["h1:eth1", "h2:eth1"]
"""
CHECK = """
from pathlib import Path
from mldkit.lab.checks import Check, Outcome
from mldkit.link import clock

def look(lab):
    lab.run("h1", "touch", {mark!r})
    return Outcome(False, "it", "nothing", "here", until_ns=clock.wall_ns() + 10**11)

CHECKS = (Check("never", "what never holds", look),)
"""
WAIT = "sh -c 'touch {mark}; sleep 100; true'"
MARK = "MLDKIT_TEST_MARK"

STEPS = {
    "start": ("start", "one"),
    "check": ("check",),
    "solution": ("solution", "--run"),
    "solution on a node": ("solution", "--run"),
    "reset": ("reset",),
    "capture": ("capture", "--follow", "--link", "h1-h2"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab of our own, and a mark on every process that comes of it."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(state))
    monkeypatch.setenv("MLDKIT_LABS", str(tmp_path / "labs"))
    monkeypatch.setenv(MARK, uuid.uuid4().hex)
    found = tmp_path / "labs" / "01-one"
    found.mkdir(parents=True)
    (found / "README.md").write_text("a lesson\n")
    (found / "lab.toml").write_text(LAB_TOML.format(setup=""))
    (found / "check.py").write_text(CHECK.format(mark=str(tmp_path / "mark")))
    (found / "solution.sh").write_text("")
    return found


def marked() -> set[int]:
    """Return the processes that inherited the mark, wherever they are."""
    mark = f"{MARK}={os.environ[MARK]}".encode()
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.add(int(process.name))
    return found


def wait_for(happened: object) -> None:
    """Wait until a function returns something true."""
    assert callable(happened)
    until = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < until, "this never happened"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("step", STEPS)
def test_stop_all_leaves_nothing_of_a_command_that_was_killed(
    step: str, number: signal.Signals, folder: Path
) -> None:
    student = Student(Path(os.environ["XDG_RUNTIME_DIR"]))
    mark = folder.parents[1] / "mark"
    wait = WAIT.format(mark=mark)
    if step != "start":
        student.must("start", "one")
    if step in ("start", "reset"):
        (folder / "lab.toml").write_text(LAB_TOML.format(setup=f'"{wait}"'))
    node = "" if step == "solution" else "mldkit lab exec h1 -- "
    (folder / "solution.sh").write_text(f"{node}{wait}\n")
    # A shell ignores Ctrl-C for what it runs in the background, such as these tests.
    plain = ["env", "--default-signal=INT", sys.executable]
    command = [*plain, "-P", "-m", "mldkit", "lab", *STEPS[step]]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as child:
        assert child.stdout is not None
        if step == "capture":
            assert child.stdout.readline()
        else:
            wait_for(mark.exists)

        # Ctrl-C is for all that the terminal runs, the others for this process alone.
        (os.killpg if number == signal.SIGINT else os.kill)(child.pid, number)
        child.wait(timeout=20)
        assert child.returncode != 0

        student.must("stop", "--all")
        wait_for(lambda: not marked())
    assert not list(Path(os.environ["XDG_RUNTIME_DIR"], "mldkit").iterdir())
