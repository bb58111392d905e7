"""The life of a lab: what starts, who gets in, and that nothing is left, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.labs.student import LAB_TOML, Student, assert_gone, enrolled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Ordinary

pytestmark = pytest.mark.netns


def test_the_lab_holds_what_its_file_says(student: Student) -> None:
    student.must("start", "one")

    groups = student.must("exec", "h2", "--", "cat", "/proc/net/igmp", "/proc/net/igmp6")
    assert "030201EF" in groups
    assert "ff3e0000000000000000000080000001" in groups
    received = student.must(
        "exec", "h1", "--", "mldkit", "join", "-i", "eth1", "ff15::1", "--receive", "--for", "1s"
    )
    assert "> ff15::1 port 5000, 12 octets" in received
    (path,) = student.must("capture", "--path").split()
    shown = subprocess.run(
        ["tshark", "-r", path, "-Y", "udp.port == 5000"], capture_output=True, text=True, check=True
    )
    assert "fe80::ff:fe00:2" in shown.stdout


def test_a_programs_exit_code_and_output_come_through(student: Student) -> None:
    student.must("start", "one")

    done = student.lab("exec", "h1", "--", "sh", "-c", "echo said; echo complained >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "said\n", "complained\n")


def test_a_command_on_a_node_that_is_ended_from_outside_ends_there_too(student: Student) -> None:
    student.must("start", "one")
    command = ["exec", "h1", "--", "sh", "-c", "echo here; exec sleep 100"]
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "mldkit", "lab", *command], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "here\n"

    child.terminate()
    assert child.wait(timeout=20) == 128 + signal.SIGTERM
    child.stdout.close()
    assert "sleep" not in student.must("exec", "h1", "--", "ps", "-e")


@pytest.mark.parametrize("victim", ["holder", "process 1"])
def test_nothing_is_left_after_kill_9(student: Student, victim: str) -> None:
    student.must("start", "one")
    student.must("exec", "h1", "--", "mldkit", "join", "-i", "eth1", "ff15::9", "--background")
    processes = student.processes("one")
    entry = student.running("one")
    assert entry is not None
    pid = int(entry["pid"])
    if victim == "process 1":
        pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text())

    os.kill(pid, signal.SIGKILL)

    assert_gone(processes)
    assert student.running("one") is None
    assert student.lab("exec", "--lab", "one", "h1", "--", "true").returncode == 3
    assert student.must("stop", "--all") == "one: was not running\n"
    assert not list(Path(os.environ["XDG_RUNTIME_DIR"], "mldkit").iterdir())


def test_a_lab_that_a_crash_left_starts_again(student: Student) -> None:
    student.must("start", "one")
    entry = student.running("one")
    assert entry is not None
    os.kill(int(entry["pid"]), signal.SIGKILL)

    student.must("start", "one")
    assert student.running("one") is not None


def test_a_lab_is_stopped_in_the_middle_of_a_command(student: Student) -> None:
    student.must("start", "one")
    command = ["exec", "h1", "--", "mldkit", "join", "-i", "eth1", "ff15::1", "ff15::2"]
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "mldkit", "lab", *command], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "joined ff15::1 on eth1 from any source\n"
    processes = student.processes("one")

    assert student.must("stop") == "one: stopped\n"

    child.communicate(timeout=10)
    assert child.returncode == 128 + signal.SIGKILL
    assert_gone(processes)


def test_two_labs_do_not_meet(student: Student) -> None:
    student.must("start", "one")
    student.must("start", "two")

    ambiguous = student.lab("exec", "h1", "--", "true")
    assert ambiguous.returncode == 2
    assert "hint: name one of them: one two" in ambiguous.stderr
    for lab in ("one", "two"):
        node = ("exec", "--lab", lab, "h1", "--")
        student.must(*node, "mldkit", "join", "-i", "eth1", "ff15::1", "--background")
        table = student.must(*node, "cat", "/proc/net/igmp6")
        assert " 1 00000004" in table.partition("ff150000000000000000000000000001")[2][:20]
    # The lab may be named behind the node too.
    behind = ("exec", "h1", "--lab", "two", "--", "printenv", "MLDKIT_LAB")
    assert student.must(*behind) == "two\n"
    student.must("stop", "one")
    assert "ff15000" in student.must("exec", "h1", "--", "cat", "/proc/net/igmp6")


def test_a_lab_inside_a_lab_is_refused_and_the_own_one_is_meant(student: Student) -> None:
    student.must("start", "one")

    inside = ("exec", "h1", "--", "mldkit", "lab")
    assert json.loads(student.must(*inside, "status", "--json"))["labs"][0]["id"] == "one"
    assert student.must(*inside, "exec", "h2", "--", "echo", "there") == "there\n"
    refused = student.lab(*inside, "stop")
    assert refused.returncode == 3
    assert "hint: leave it first: exit" in refused.stderr


def test_what_this_machine_lacks_is_a_skip_with_the_reason(student: Student) -> None:
    toml = Path(os.environ["MLDKIT_LABS"], "01-one", "lab.toml")
    toml.write_text(LAB_TOML.replace("program ip", "program no-such-program"))

    done = student.lab("start", "one")
    assert done.returncode == 4
    assert "one: this lab needs the program no-such-program" in done.stderr
    assert student.running("one") is None


def test_a_check_that_this_machine_cannot_make_is_a_skip_with_the_reason(student: Student) -> None:
    checks = Path(os.environ["MLDKIT_LABS"], "01-one", "check.py")
    checks.write_text(
        "from mldkit.errors import UnsupportedError\n"
        "from mldkit.lab.checks import Check\n"
        "def look(lab):\n"
        "    raise UnsupportedError('this kernel has no such thing')\n"
        "CHECKS = (Check('a', 'a thing', look),)\n"
    )
    student.must("start", "one")

    done = student.lab("check")
    assert done.returncode == 4
    assert done.stdout.splitlines()[:2] == [
        "skipped a thing",
        "        this kernel has no such thing",
    ]


def test_a_lab_that_cannot_be_built_says_why_and_leaves_nothing(student: Student) -> None:
    toml = Path(os.environ["MLDKIT_LABS"], "01-one", "lab.toml")
    address = '["10.9.0.1/24", "10.9.0.1/24"]'
    for old, new, said in (
        (
            "[nodes.h1]",
            f"[nodes.h1]\naddresses = {{ eth1 = {address} }}",
            "address add 10.9.0.1/24",
        ),
        (
            "port =",
            'source = "2001:db8::9"\nport =',
            "mldkit: one: stream of h2 to ff15::1: cannot",
        ),
    ):
        toml.write_text(LAB_TOML.replace(old, new))
        done = student.lab("start", "one")
        assert done.returncode == 3
        assert said in done.stderr
        assert not list(Path(os.environ["XDG_RUNTIME_DIR"], "mldkit").iterdir())


def test_a_lab_file_that_is_broken_is_named_and_leaves_nothing(student: Student) -> None:
    toml = Path(os.environ["MLDKIT_LABS"], "01-one", "lab.toml")
    toml.write_text(LAB_TOML.replace("[[streams]]", "[[stream]]"))

    done = student.lab("start", "one")
    assert done.returncode == 3
    assert done.stderr.startswith("mldkit: 01-one/lab.toml: stream: no such key")
    assert student.must("status") == "no lab runs\n"
    assert not list(Path(os.environ["XDG_RUNTIME_DIR"], "mldkit").iterdir())


def test_a_lab_whose_file_breaks_while_it_runs_lives_on_and_can_be_stopped(
    student: Student,
) -> None:
    student.must("start", "one")
    processes = student.processes("one")
    toml = Path(os.environ["MLDKIT_LABS"], "01-one", "lab.toml")
    toml.write_text("title = ")

    refused = student.lab("reset")
    assert refused.returncode == 3
    assert refused.stderr.startswith("mldkit: 01-one/lab.toml: ")
    assert student.running("one") is not None
    assert student.must("stop") == "one: stopped\n"
    assert_gone(processes)
    assert not list(Path(os.environ["XDG_RUNTIME_DIR"], "mldkit").iterdir())


def test_a_capture_that_is_full_ends_and_everybody_is_told(student: Student) -> None:
    student.must("start", "one")
    flood = (
        "import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); "
        "s.bind(('eth1', 0)); [s.send(bytes(1500)) for _ in range(4000)]"
    )
    entry: dict[str, Any] = {"captures_ended": {}}
    until = time.monotonic() + 60
    while not entry["captures_ended"]:
        assert time.monotonic() < until, "the capture grows and grows"
        student.must("exec", "h2", "--", sys.executable, "-c", flood)
        entry = student.running("one") or entry

    assert entry["captures_ended"] == {"h1-h2": "it is full (32 MiB)"}
    size = Path(entry["captures"]["h1-h2"]).stat().st_size
    assert 31 << 20 < size <= 32 << 20
    assert entry["capture_octets"] == {"h1-h2": size}
    assert "octets, ended: it is full (32 MiB)" in student.must("status")
    for verb in (("check",), ("capture",)):
        assert "note: the capture of h1-h2 has ended: it is full" in student.lab(*verb).stderr


@pytest.fixture
def small_disk(student: Student) -> Iterator[Path]:
    """Put the student's folder on a disk of 64 KiB; stop all labs before it goes away."""
    size = ("-o", "size=64k,mode=700")
    subprocess.run(["mount", "-t", "tmpfs", *size, "tmpfs", str(student.runtime)], check=True)
    try:
        yield student.runtime
    finally:
        student.lab("stop", "--all")
        subprocess.run(["umount", str(student.runtime)], check=True)


def test_a_lab_lives_on_when_the_disk_is_full(student: Student, small_disk: Path) -> None:
    student.must("start", "one")
    with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(512)):
            pass
    until = time.monotonic() + 60
    entry = student.running("one")
    # The stream of the lab fills what is left of the page that the capture has.
    while entry is not None and not entry["captures_ended"]:
        assert time.monotonic() < until, "the capture goes on"
        entry = student.running("one")

    assert entry is not None, "the lab has ended with its capture"
    assert entry["captures_ended"] == {"h1-h2": "the disk is full"}
    refused = student.lab("start", "two")
    assert refused.returncode == 3
    assert refused.stderr.startswith(f"mldkit: {small_disk}/mldkit/two")
    assert refused.stderr.endswith("no space left on device\n")
    left = {path.name for path in (small_disk / "mldkit").iterdir()}
    assert left == {"one", "one.lock"}
    assert student.must("exec", "h1", "--", "echo", "hello") == "hello\n"
    assert student.must("stop") == "one: stopped\n"


def test_a_state_folder_of_somebody_else_is_refused(student: Student, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "mldkit"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)

    done = student.lab("start", "one")
    assert done.returncode == 3
    assert done.stderr.startswith(f"mldkit: {folder}: can be written by others")
    assert "hint: set XDG_RUNTIME_DIR" in done.stderr
    folder.chmod(0o700)


@pytest.mark.parametrize(
    "fault", ["belongs to user 12345", "can be written by others", "no folder"]
)
def test_so_is_one_that_the_environment_names(
    student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    folder = tmp_path / "given"
    monkeypatch.setenv("MLDKIT_LAB_STATE", str(folder))
    if fault == "no folder":
        folder.symlink_to(student.runtime)
    else:
        folder.mkdir(mode=0o700)
        os.chown(folder, 12345 if fault.startswith("belongs") else 0, 0)
        folder.chmod(0o700 if fault.startswith("belongs") else 0o770)

    done = student.lab("start", "one")

    assert done.returncode == 3
    assert done.stderr.startswith(f"mldkit: {folder}: ")
    assert fault in done.stderr.splitlines()[0]
    assert "hint: set MLDKIT_LAB_STATE" in done.stderr


def test_files_of_a_lab_are_for_its_user_alone(student: Student) -> None:
    student.must("start", "one")

    made = [path for path in (student.runtime / "mldkit").rglob("*") if path.is_file()]

    assert {"state.json", "h1-h2.pcapng", "one.lock", "used"} <= {path.name for path in made}
    assert [path.name for path in made if path.stat().st_mode & 0o077] == []


def test_two_users_run_the_same_lab(ordinary: Ordinary) -> None:
    with enrolled() as first, enrolled(ordinary) as second:
        users = (first, second)
        for user in users:
            user.must("start", "join")
        root, other = (user.running("join") for user in users)
        assert root is not None
        assert other is not None
        assert (root["rootless"], other["rootless"]) == (False, True)
        assert root["pid"] != other["pid"]
        # The same group on nodes of the same name: each has only its own user, and link.
        on_h1 = ("exec", "h1", "--")
        users[0].must(*on_h1, "mldkit", "join", "-i", "eth1", "ff15::1", "--background")
        tables = [user.must(*on_h1, "cat", "/proc/net/igmp6") for user in users]
        assert ["ff150000000000000000000000000001" in table for table in tables] == [True, False]
        asked = [
            user.must(
                "exec", "r1", "--", "mldkit", "query", "-i", "eth1", "-6", "--max-response", "100ms"
            )
            for user in users
        ]
        assert ["ff15::1 " in answers for answers in asked] == [True, False]
        users[0].must("stop", "--all")
        assert users[1].running("join") is not None
        users[1].must("stop")
        assert [list(user.folder.iterdir()) for user in users] == [[], []]


def test_users_without_a_runtime_directory_have_folders_of_their_own(ordinary: Ordinary) -> None:
    program = "from mldkit.lab import state; print(state.root())"
    done = ordinary.run(ordinary.python, "-P", "-c", program)
    assert done.stdout == "/tmp/mldkit-65534\n", done.stderr  # noqa: S108 (said, not used)
    done = subprocess.run(
        ["env", "-u", "XDG_RUNTIME_DIR", sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "/run/mldkit\n"


def test_the_runtime_directory_of_another_user_is_not_used(ordinary: Ordinary) -> None:
    # What `su` leaves in the environment of the other user, and `sudo -E` in that of root.
    program = "from mldkit.lab import state; print(state.root())"
    with enrolled(ordinary) as student:
        variable = f"XDG_RUNTIME_DIR={student.runtime}"
        own = ordinary.run("env", variable, ordinary.python, "-P", "-c", program)
        root = subprocess.run(
            ["env", variable, sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
        )
    assert own.stdout == f"{student.folder}\n", own.stderr
    assert root.stdout == "/run/mldkit\n"


def test_a_lab_that_nobody_used_for_two_hours_ends(student: Student) -> None:
    student.must("start", "one")
    processes = student.processes("one")
    used = Path(os.environ["XDG_RUNTIME_DIR"], "mldkit", "one", "used")
    three_hours_ago = time.time() - 3 * 3600
    os.utime(used, (three_hours_ago, three_hours_ago))

    assert_gone(processes)
    assert student.running("one") is None
