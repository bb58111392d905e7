"""Wrong use of `watch`, and the commands that it runs for events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import main
from mldkit.cli.watch_exec import LIMIT_NS, MOST_CHILDREN, MOST_WAITING, Commands
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("arguments", "complaint", "expected"),
    [
        pytest.param([], "-i/--interface", 2, id="no interface"),
        pytest.param(["-i", "eth9"], "eth9: no such interface", 3, id="unknown interface"),
        pytest.param(["-i", "lo", "--duration", "soon"], "--duration", 2, id="duration"),
        pytest.param(["-i", "lo", "--exec", ""], "--exec", 2, id="no command"),
        pytest.param(["-i", "lo", "--exec", "a 'b"], "--exec", 2, id="open quote"),
        pytest.param(["-i", "lo", "--exec", "no-such-program x"], "no-such-program", 3, id="none"),
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


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def settle(commands: Commands, now_ns: int) -> None:
    """Look after the commands, at one instant of their clock, until they have all ended."""

    def is_idle() -> bool:
        commands.poll(now_ns)
        return not commands.is_busy

    wait_for(is_idle)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_command_gets_the_event_and_no_shell(tmp_path: Path) -> None:
    target = tmp_path / "$HOME"
    event = json.dumps({"event": "join", "group": "239.1.2.3", "pad": "x" * 200_000})
    commands = Commands(["tee", str(target)], quiet=True)

    commands.offer(event)
    settle(commands, 0)

    assert target.read_text() == event + "\n"
    assert commands.counts.started == 1
    assert commands.counts.failed == 0


def test_a_command_that_does_not_read_holds_nobody_up() -> None:
    commands = Commands(["true"], quiet=True)

    commands.offer("x" * 2_000_000)
    settle(commands, 0)

    assert commands.counts.failed == 0


def test_a_child_that_starts_after_our_death_does_not_run_the_command(tmp_path: Path) -> None:
    target = tmp_path / "ran"
    program = (
        "import os, sys\n"
        "from mldkit.cli.watch_exec import Commands\n"
        "commands = Commands(['touch', sys.argv[1]])\n"
        "os.getpid() and os.fork() and os._exit(0)\n"  # the child is not who made the commands
        "commands.offer('{}')\n"
        "while commands.is_busy: commands.poll(0)\n"
        "sys.exit(commands.counts.failed)\n"
    )
    # The pipe is closed when the forked child, which nobody waits for, has ended too.
    subprocess.run([sys.executable, "-c", program, str(target)], stdout=subprocess.PIPE, check=True)

    assert not target.exists()


def test_at_most_eight_run_and_a_thousand_wait() -> None:
    commands = Commands(["sleep", "60"], quiet=True)

    for _ in range(MOST_WAITING + 5):
        commands.offer("{}")
    commands.poll(0)
    pids = commands.pids

    assert len(pids) == MOST_CHILDREN == 8
    assert commands.counts.dropped == 5
    commands.close()
    assert commands.counts.dropped == 5 + MOST_WAITING - MOST_CHILDREN
    assert not any(map(is_alive, pids))


def test_a_slow_command_is_killed_after_five_seconds_with_its_children() -> None:
    commands = Commands(["sh", "-c", "sleep 60 & sleep 60"], quiet=True)
    commands.offer("{}")
    commands.poll(0)
    (pid,) = commands.pids
    children = Path(f"/proc/{pid}/task/{pid}/children")
    wait_for(lambda: len(children.read_text().split()) == 2)
    family = [int(word) for word in children.read_text().split()]

    commands.poll(LIMIT_NS - 1)
    assert commands.pids == [pid]
    commands.poll(LIMIT_NS)

    assert LIMIT_NS == 5 * SECOND
    assert commands.pids == []
    assert commands.counts.killed == 1
    wait_for(lambda: not any(map(is_alive, [pid, *family])))


def test_failing_commands_are_counted() -> None:
    commands = Commands(["false"], quiet=True)

    for _ in range(20):
        commands.offer("{}")
    settle(commands, 0)

    assert commands.counts.started == 20
    assert commands.counts.failed == 20
