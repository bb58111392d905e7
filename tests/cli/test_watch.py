"""Wrong use of `watch`, and the commands that it runs for events."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mldkit.cli import watch_exec
from mldkit.cli.main import main
from mldkit.cli.watch_exec import MOST_CHILDREN, MOST_WAITING, Commands
from mldkit.errors import MldkitError
from mldkit.link.namespace import children_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.mark.parametrize(
    ("arguments", "complaint", "expected"),
    [
        pytest.param([], "-i/--interface", 2, id="no interface"),
        pytest.param(["-i", "eth9"], "eth9: no such interface", 3, id="unknown interface"),
        pytest.param(["-i", "lo", "--duration", "soon"], "--duration", 2, id="duration"),
        pytest.param(["-i", "lo", "-w", "-"], "-w: standard output", 2, id="capture to stdout"),
        pytest.param(["-i", "lo", "--exec", ""], "--exec", 2, id="no command"),
        pytest.param(["-i", "lo", "--exec", "a 'b"], "--exec", 2, id="open quote"),
        pytest.param(
            ["-i", "lo", "--exec-user", "root"], "--exec-user: it needs --exec", 2, id="who"
        ),
        pytest.param(["-i", "lo", "--exec-user", "no-one-here"], "no such user", 2, id="nobody"),
        pytest.param(["-i", "lo", "--user", "no-one-here"], "--user: 'no-one-here'", 2, id="user"),
    ],
)
def test_wrong_use_is_refused_and_named(
    arguments: list[str], complaint: str, expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(["watch", *arguments])
    except SystemExit as end:
        code = end.code

    output = capsys.readouterr()
    assert code == expected
    assert output.out == ""
    assert complaint in output.err.splitlines()[0]


# The launcher is forked; other threads of the test program hold nothing that it needs.
forks = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def settle(commands: Commands) -> None:
    """Look after the commands until they have all ended."""

    def is_idle() -> bool:
        commands.poll()
        return not commands.is_busy

    wait_for(is_idle)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@contextmanager
def running(*words: str, quiet: bool = True) -> Iterator[Commands]:
    commands = Commands(words, quiet=quiet)
    try:
        yield commands
    finally:
        commands.close()


@forks
def test_a_command_gets_the_event_and_no_shell(tmp_path: Path) -> None:
    target = tmp_path / "$HOME"
    event = json.dumps({"event": "join", "group": "239.1.2.3", "pad": "x" * 200_000})
    with running("tee", str(target)) as commands:
        commands.offer(event)
        settle(commands)

    assert target.read_text() == event + "\n"
    assert str(commands.counts) == "1 run, 0 failed, 0 killed, 0 dropped"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sh -c 'a \"b\" c'", ["sh", "-c", 'a "b" c']),
        ("sh $HOME `id` ; | > * ~", ["sh", "$HOME", "`id`", ";", "|", ">", "*", "~"]),
        ("sh a\\ b '' \"'\"", ["sh", "a b", "", "'"]),
        ("sh --exec-user root", ["sh", "--exec-user", "root"]),
    ],
)
def test_words_of_a_command_are_split_as_a_shell_does_and_read_by_none(
    text: str, words: list[str]
) -> None:
    assert watch_exec.parse_command(text) == words


@forks
def test_words_reach_the_command_as_they_are(tmp_path: Path) -> None:
    target = tmp_path / "out"
    given = ["a b", "$HOME", "`id`", "*", "", "'", "\n"]

    with running("python3", "-c", _WORDS, str(target), *given) as commands:
        commands.offer("{}")
        settle(commands)

    assert json.loads(target.read_text()) == given


_WORDS = "import json, sys; json.dump(sys.argv[2:], open(sys.argv[1], 'w'))"


_TERMINAL = """
import sys
from mldkit.cli.watch_exec import Commands
READS = '''
import os
try:
    os.read(2, 1)
except OSError as error:
    os.write(2, b"refused %d" % error.errno)
'''
commands = Commands([sys.executable, "-c", READS])
commands.offer("{}")
while commands.is_busy:
    commands.poll()
commands.close()
"""


def test_a_command_that_prints_to_a_terminal_cannot_read_what_is_typed_there(
    tmp_path: Path,
) -> None:
    ours, theirs = pty.openpty()
    file = tmp_path / "program.py"
    file.write_text(_TERMINAL)
    child = subprocess.Popen(
        [sys.executable, str(file)], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, b"secret\n")
    assert child.wait(timeout=60) == 0
    shown = os.read(ours, 65536)
    os.close(ours)
    assert b"refused 9" in shown  # EBADF: it is open for writing alone


@forks
def test_a_command_that_does_not_read_holds_nobody_up() -> None:
    with running("true") as commands:
        commands.offer("x" * 2_000_000)
        settle(commands)

    assert commands.counts.failed == 0


@forks
def test_variables_of_a_command_are_the_documented_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "watch.md").read_text()
    monkeypatch.setenv("LD_PRELOAD", "")
    for name in ("PYTHONPATH", "PYTHONSTARTUP", "IFS", "BASH_ENV", "XDG_RUNTIME_DIR", "MLDKIT_LAB"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    target = tmp_path / "env"

    with running("python3", "-c", _DUMP, str(target)) as commands:
        commands.offer("{}")
        settle(commands)

    found = json.loads(target.read_text())
    # Python itself adds the last one where there is no language.
    names = set(found) - {"LC_CTYPE"}
    assert {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TZ"} <= names
    assert found["TZ"] == "Asia/Tokyo"
    assert all(f"`{name}`" in page for name in names)
    assert names <= {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TZ", "LANG", "LC_ALL"}


_DUMP = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"


@forks
def test_at_most_eight_run_and_a_thousand_wait() -> None:
    commands = Commands(["sleep", "60"], quiet=True)

    for _ in range(MOST_WAITING + 5):
        commands.offer("{}")
    commands.poll()
    wait_for(lambda: len(children_of(commands.launcher)) == MOST_CHILDREN)
    pids = children_of(commands.launcher)

    assert MOST_CHILDREN == 8
    assert commands.counts.dropped == 5
    commands.close()
    assert commands.counts.dropped == 5 + MOST_WAITING - MOST_CHILDREN
    assert commands.counts.killed == MOST_CHILDREN
    assert not any(map(is_alive, [commands.launcher, *pids]))


@forks
def test_failing_commands_are_counted() -> None:
    with running("false") as commands:
        for _ in range(20):
            commands.offer("{}")
        settle(commands)

    assert commands.counts.started == 20
    assert commands.counts.failed == 20


@forks
def test_what_a_command_leaves_behind_ends_with_the_watch(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    # Out of its session and its group, and its parent ends at once.
    with running("sh", "-c", f"setsid sh -c 'echo $$ >{note}; exec sleep 4321' & exit 0") as all_:
        all_.offer("{}")
        settle(all_)
        wait_for(lambda: note.exists() and note.read_text().endswith("\n"))
        pid = int(note.read_text())
        assert is_alive(pid)

    assert not is_alive(pid)


@forks
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_command_that_ends_or_stops_the_launcher_harms_itself_alone(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_exec, "_END_NS", 0)
    commands = Commands(["sh", "-c", f"kill -{int(number)} $PPID"], quiet=True)
    commands.offer("{}")
    commands.poll()
    state = Path(f"/proc/{commands.launcher}/stat")
    wait_for(lambda: state.read_text().rpartition(")")[2].split()[0] in "ZT")

    for _ in range(3 * MOST_WAITING):
        commands.offer("x" * 1000)
        commands.poll()
    lost = commands.is_lost
    commands.close()

    assert lost == (number is signal.SIGKILL)
    counts = commands.counts
    assert counts.started + counts.dropped == 3 * MOST_WAITING + 1
    assert counts.failed + counts.killed == counts.started
    os.kill(commands.launcher, signal.SIGCONT) if number is signal.SIGSTOP else None


@forks
def test_a_program_that_may_not_be_run_is_named_at_the_start(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")

    with pytest.raises(MldkitError, match=r"--exec: .*/program: .* may not run it") as raised:
        Commands([str(program)])

    assert raised.value.hint is not None


def test_after_five_seconds_a_command_is_killed_with_all_that_it_has_started() -> None:
    program = """
import os, time
from mldkit.cli.exec_launcher import KILLED, LIMIT_NS, Launcher
from mldkit.link.namespace import children_of
from mldkit.link.rights import adopt_orphans
adopt_orphans()
nowhere = os.open(os.devnull, os.O_WRONLY)
words = ["sh", "-c", "setsid sleep 60 & sleep 60 & sleep 60"]
launcher = Launcher(words, dict(os.environ), nowhere)
assert launcher.start(b"{}", 0) == b""
(shell,) = children_of(os.getpid())
while len(children_of(shell)) < 3:
    time.sleep(0.01)
family = children_of(shell)
while all(os.getsid(pid) == shell for pid in family):
    time.sleep(0.01)
assert launcher.look_after(LIMIT_NS - 1) == b""
assert launcher.deadline_ns == LIMIT_NS == 5_000_000_000
assert launcher.look_after(LIMIT_NS) == KILLED
# What has left the session is ours now, and has its own time.
while len(left := children_of(os.getpid())) > 1:
    launcher.look_after(LIMIT_NS)
assert left[0] in family, (left, family)
assert launcher.look_after(2 * LIMIT_NS - 1) == b""
assert children_of(os.getpid()) == left
launcher.look_after(2 * LIMIT_NS)
while children_of(os.getpid()):
    launcher.look_after(2 * LIMIT_NS)
assert launcher.deadline_ns is None
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_that_starts_after_the_death_of_the_launcher_does_not_run(tmp_path: Path) -> None:
    target = tmp_path / "ran"
    program = (
        "import os, sys\n"
        "from mldkit.link.rights import die_with_parent\n"
        "die_with_parent(1 if os.getppid() != 1 else 2)\n"
        "open(sys.argv[1], 'w')\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(target)], check=False)

    assert done.returncode == 1
    assert not target.exists()
