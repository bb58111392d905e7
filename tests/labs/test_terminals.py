"""Shells and commands on nodes, and the terminal that they are given."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.labs.student import Student

pytestmark = pytest.mark.netns


def test_a_shell_on_a_node_reads_a_terminal_or_a_pipe(student: Student) -> None:
    student.must("start", "one")
    command = [sys.executable, "-P", "-m", "mldkit", "lab", "shell", "h1"]
    piped = subprocess.run(
        command,
        input="printenv MLDKIT_LAB_NODE; exit 5",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (piped.returncode, piped.stdout) == (5, "h1\n")
    assert piped.stderr == "a shell on h1; leave it with: exit\n"

    near, far = os.openpty()
    with subprocess.Popen(
        command, stdin=far, stdout=far, stderr=far, start_new_session=True
    ) as shell:
        os.close(far)
        os.write(near, b"printenv MLDKIT_LAB_NODE; exit 5\n")
        seen = b""
        with suppress(OSError):  # the other end is closed
            while octets := os.read(near, 4096):
                seen += octets
        os.close(near)
    assert shell.returncode == 5
    assert b"one:h1# " in seen
    assert re.search(rb"[\r\n]h1\r\n", seen)


def test_a_shell_that_ends_with_its_lab_leaves_the_terminal_as_it_was(student: Student) -> None:
    student.must("start", "one")
    near, far = os.openpty()
    before = termios.tcgetattr(far)
    command = [sys.executable, "-P", "-m", "mldkit", "lab", "shell", "h1"]
    seen = b""
    with subprocess.Popen(
        command, stdin=far, stdout=far, stderr=far, start_new_session=True
    ) as shell:
        while b"h1# " not in seen:
            seen += os.read(near, 4096)
        assert termios.tcgetattr(far) != before  # it reads key by key
        assert student.must("stop") == "one: stopped\n"
        # Who sets a terminal anew waits until it has shown everything.
        while shell.poll() is None:
            if select.select([near], [], [], 0.05)[0]:
                seen += os.read(near, 4096)
    assert shell.returncode == 128 + signal.SIGKILL
    assert termios.tcgetattr(far) == before
    while select.select([near], [], [], 0)[0]:
        seen += os.read(near, 4096)
    os.close(near)
    os.close(far)
    assert seen.endswith(b"one: this lab was stopped\r\n")


def test_a_command_that_fails_in_the_background_is_not_stopped_by_its_terminal(
    student: Student,
) -> None:
    student.must("start", "one")
    near, far = os.openpty()
    command = f"{sys.executable} -P -m mldkit lab exec h1 -- sh -c 'exit 200'"
    # With -m a job in the background is a process group of its own, as in a shell of a person.
    with subprocess.Popen(
        ["bash", "-m", "-c", f"{command} & wait -f $!; echo ended with $?"],
        stdin=far,
        stdout=far,
        stderr=far,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 (no threads here)
    ) as shell:
        os.close(far)
        seen = b""
        with suppress(OSError):  # the other end is closed
            while b"ended" not in seen and select.select([near], [], [], 30)[0]:
                seen += os.read(near, 4096)
        os.killpg(shell.pid, signal.SIGKILL)
    os.close(near)
    assert b"ended with 200" in seen
