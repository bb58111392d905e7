"""Text for a reader that is slow, on pipes, sockets and terminals of this kernel."""

from __future__ import annotations

import json
import os
import pty
import socket
import subprocess
import sys
import termios
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from mldkit.model.units import SECOND
from mldkit.render.event_lines import EventLines
from mldkit.render.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES = [f"line {number}\n" for number in range(30_000)]
"""More than a pipe, a socket or a terminal takes."""


def refuse(*_: object) -> int:
    """Be an open(2) of a file of somebody else."""
    raise PermissionError


@pytest.fixture(params=["pipe", "pipe that cannot be opened again", "socket", "terminal"])
def ends(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[int, int]]:
    """Give the reading and the writing end of something that nobody reads yet."""
    if request.param.startswith("pipe"):
        if request.param != "pipe":
            monkeypatch.setattr(os, "open", refuse)
        reads, writes = os.pipe()
    elif request.param == "socket":
        reads, writes = (end.detach() for end in socket.socketpair())
    else:
        reads, writes = pty.openpty()
        attributes = termios.tcgetattr(writes)
        attributes[1] &= ~termios.OPOST  # a line feed stays what it is
        termios.tcsetattr(writes, termios.TCSANOW, attributes)
    yield reads, writes
    os.close(reads)
    os.close(writes)


def read_now(reads: int) -> bytes:
    """Return what can be read without a wait."""
    seen = b""
    with suppress(BlockingIOError):
        while octets := os.read(reads, 1 << 16):
            seen += octets
    return seen


def test_nothing_waits_for_a_reader_and_nothing_is_lost(ends: tuple[int, int]) -> None:
    reads, writes = ends
    with closing(Outbox(writes)) as outbox:
        assert all(outbox.put(line) for line in LINES)
        assert outbox.waiting

        os.set_blocking(reads, False)
        seen = b""
        while not outbox.is_empty:
            seen += read_now(reads)
            outbox.flush()
        seen += read_now(reads)

    assert seen.decode() == "".join(LINES)
    assert outbox.left_out == 0


def test_what_others_write_to_the_same_file_waits_as_ever(ends: tuple[int, int]) -> None:
    with closing(Outbox(ends[1])):
        assert os.get_blocking(ends[1])


def test_what_finds_no_room_is_left_out_whole_and_counted(ends: tuple[int, int]) -> None:
    reads, writes = ends
    with closing(Outbox(writes, most_octets=50_000)) as outbox:
        taken = [line for line in LINES if outbox.put(line)]

        os.set_blocking(reads, False)
        seen = b""
        while not outbox.is_empty:
            seen += read_now(reads)
            outbox.flush()
        seen += read_now(reads)

    assert seen.decode() == "".join(taken)
    assert outbox.left_out == len(LINES) - len(taken) > 0


def test_the_end_waits_for_a_reader_only_so_long(ends: tuple[int, int]) -> None:
    with closing(Outbox(ends[1])) as outbox:
        for line in LINES:
            outbox.put(line)
        waiting = outbox.waiting

        outbox.drain(1)

        assert outbox.is_empty
        assert outbox.left_out == waiting > 0


def test_a_reader_that_has_gone_is_no_error_and_is_told() -> None:
    program = """
import os, sys
from mldkit.render.outbox import Outbox
from mldkit.render.streams import reader_has_gone
near, far = os.pipe()
os.dup2(far, 1); os.close(far)
outbox = Outbox(1)
assert outbox.put("somebody reads\\n") and not reader_has_gone()
os.close(near)
outbox.put("x" * 100_000)
assert reader_has_gone() and outbox.is_empty
assert outbox.put("y") and outbox.is_empty
sys.stderr.write("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr == "done"


def test_a_file_gets_everything_at_once(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w+b") as file, closing(Outbox(file.fileno())) as outbox:
        for line in LINES:
            outbox.put(line)
            assert outbox.is_empty

        assert file.read() == b""
        assert (tmp_path / "out").read_text() == "".join(LINES)


def test_what_a_reader_missed_stands_in_its_place() -> None:
    reads, writes = os.pipe()
    events = [{"event": "join", "number": number} for number in range(20_000)]
    with closing(Outbox(writes, most_octets=10_000)) as outbox:
        lines = EventLines(outbox)
        for number, event in enumerate(events):
            lines.put(event, "eth1", number * SECOND)
        os.set_blocking(reads, False)
        seen = read_now(reads)
        outbox.flush()
        seen += read_now(reads)
        lines.put({"event": "end"}, "eth1", 30_000 * SECOND)
        seen += read_now(reads)
    os.close(reads)
    os.close(writes)

    *joins, missed, end = map(json.loads, seen.splitlines())
    assert joins == events[: len(joins)]
    assert missed == {
        "event": "left-out",
        "time": "30000.000000000",
        "interface": "eth1",
        "what": "events",
        "count": len(events) - len(joins),
        "since": f"{len(joins)}.000000000",
        "until": "30000.000000000",
    }
    assert end == {"event": "end"}
