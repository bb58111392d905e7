"""Where lines are broken, and where they are not."""

from __future__ import annotations

import json
import os
import pty
import re
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, BinaryIO

import pytest

from mldkit.cli.main import main
from mldkit.model.family import MLD
from mldkit.render.terminal import broken_at, print_json, print_json_members, print_table
from mldkit.testing.envelopes import V6, patched
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

DECODE = (sys.executable, "-m", "mldkit", "decode", "--hex", patched(V6, 21, b"\x40").hex())


def on_a_terminal(
    columns: int,
    *command: str,
    more: Mapping[str, str] | None = None,
    output: BinaryIO | None = None,
) -> str:
    """Return what a command prints on a terminal of so many columns; data may go to a file."""
    near, far = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", **(more or {})}
    with subprocess.Popen(command, stdout=output or far, stderr=far, env=environment) as child:
        os.close(far)
        read = bytearray()
        while True:
            try:
                chunk = os.read(near, 65536)
            except OSError:  # Linux says EIO when the last one has closed the other end
                break
            if not chunk:
                break
            read += chunk
        child.wait()
    os.close(near)
    return read.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_terminal_gets_lines_that_fit_and_whole_words(columns: int) -> None:
    plain = subprocess.run(DECODE, capture_output=True, text=True, check=False).stdout

    seen = re.sub(r"\x1b\[[0-9;]*m", "", on_a_terminal(columns, *DECODE))

    assert seen.split() == plain.split()
    assert max(map(len, seen.splitlines())) <= columns


def test_colour_is_for_terminals_and_not_with_no_color() -> None:
    colour = "\x1b[1;31m"  # ECMA-48: bold, red

    assert colour in on_a_terminal(80, *DECODE)
    assert colour not in on_a_terminal(80, *DECODE, more={"NO_COLOR": "1"})
    assert b"\x1b" not in subprocess.run(DECODE, capture_output=True, check=False).stdout


def test_the_bar_of_a_long_reading_leaves_the_data_alone(tmp_path: Path) -> None:
    one = struct.pack("<IIII", 7, 0, len(V6), len(V6)) + V6
    path = tmp_path / "long.pcap"
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + one * 40_000)
    decode = (sys.executable, "-m", "mldkit", "decode", "--format", "ndjson", str(path))

    with (tmp_path / "data").open("w+b") as data:
        words = on_a_terminal(80, *decode, output=data)
        data.seek(0)
        lines = data.readlines()

    assert "reading" in words
    assert "frame" not in words
    assert len(lines) == 40_000
    assert json.loads(lines[-1])["frame"] == 40_000


def test_a_word_is_never_broken() -> None:
    address = "2001:db8:1111:2222:3333:4444:5555:6666"

    assert broken_at(f"from {address}", 20, 2) == f"from\n  {address}"


def test_a_line_is_never_printed_behind_a_progress_bar() -> None:
    program = """
import argparse, time
from mldkit.render.terminal import line_printer
from mldkit.render.progress import waiting
emit = line_printer()
with waiting(argparse.Namespace(quiet=False), 2_000_000_000, "work"):
    time.sleep(0.3)
    emit("an event", "bold")
"""
    before, event, _ = on_a_terminal(80, sys.executable, "-c", program).partition("an event")

    _, bar, since = before.rpartition("━")
    assert (event, bar) == ("an event", "━")
    assert "\x1b[2K" in since  # the line of the bar is erased first


@pytest.mark.parametrize("name", ["[red]x", "[/]", "a:cd:b", "{task.total}", "{x}", "{"])
def test_a_name_stands_beside_its_progress_bar_as_it_is(name: str) -> None:
    program = f"""
import argparse
from mldkit.render.progress import waiting
with waiting(argparse.Namespace(quiet=False), 2_000_000_000, {name!r}):
    pass
"""
    shown = on_a_terminal(80, sys.executable, "-c", program)

    assert f"{name} \x1b" in shown.partition("━")[0]


ADDRESS = "fe80::cce1:a7ff:fee1:f4f2"
ROWS = [
    ("MLD on eth0, VLAN 20", "ff15::4321:1234", ADDRESS, "any source", "1.000", "expiry"),
    ("MLD on eth0, VLAN 20", "ff15::4321:1234", "fe80::2", "2001:db8::1, 2001:db8::2", "10.5", "-"),
    ("MLD on eth0, VLAN 20", "ff15::4321:9", "fe80::2", "any source", "2.000", "leave"),
]
HEADINGS = ("link", "group", "host", "wants", "from s", "ended by")


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_no_table_breaks_an_address(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    print_table(HEADINGS, ROWS, right={"from s"}, merge=2)

    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    words = " ".join(lines).split()
    for cell in ("ff15::4321:1234", "ff15::4321:9", ADDRESS, "2001:db8::1,", "2001:db8::2", "10.5"):
        assert cell in words
    assert words.count("ff15::4321:1234") == 1, "what repeats stands once"
    assert any(line.startswith("MLD on eth0, VLAN 20  ff15::4321:9") for line in lines)
    has_sections = any(line.startswith(f"  {ADDRESS}") for line in lines)
    assert has_sections == (columns < 120)


@pytest.mark.parametrize("columns", [None, 60, 200])
def test_a_part_of_an_address_is_no_emoji(
    columns: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if columns is not None:
        monkeypatch.setenv("COLUMNS", str(columns))
    addresses = ["94:10:3e:cd:37:65", "ba:99:07:ab:3d:f9", "2001:db8:a:b:100::1"]

    print_table(("device", "note"), [(address, "§") for address in addresses])
    print_table(("device", "note"), [(address, "-") for address in addresses])

    printed = capsys.readouterr().out.split()
    assert [word for word in printed if ":" in word] == addresses * 2


def test_a_pipe_gets_the_table_of_a_wide_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    print_table(HEADINGS, ROWS, right={"from s"}, merge=2)
    pipe = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "500")
    print_table(HEADINGS, ROWS, right={"from s"}, merge=2)

    assert pipe == capsys.readouterr().out
    assert len(pipe.splitlines()) == 1 + len(ROWS)


def test_columns_of_a_section_stand_below_their_headings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "90")

    print_table(HEADINGS, ROWS, right={"from s"}, merge=2)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "link  group"
    heading, first = lines[1], lines[3]
    assert first.index("any source") == heading.index("wants")
    assert first.index("1.000") + len("1.000") == heading.index("from s") + len("from s")


def test_a_character_that_the_locale_lacks_is_no_reason_to_stop() -> None:
    done = subprocess.run(
        DECODE,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert "[RFC 9776 ?4; RFC 9777 ?6.2, ?7.4]" in done.stdout


def test_a_document_piece_by_piece_has_the_octets_of_the_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [{"group": "239.1.1.1", "sources": []}, {"group": "ff15::1", "sources": ["2001:db8::1"]}]
    document = {"schema": "x/1", "rows": rows, "none": [], "one": [7], "ü\n": {"a": None}}
    print_json(document)
    whole = capsys.readouterr().out

    pieces = ((key, iter(value) if isinstance(value, list) else value)
              for key, value in document.items())  # fmt: skip
    print_json_members(pieces)

    assert capsys.readouterr().out == whole
    assert json.loads(whole) == document


def test_thousands_have_a_comma(
    capture: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(MLD)
    for number in range(1, 1332):
        stage.query(number / 100, router=number)
        stage.report(20 + number, "IS_EX", 1, hop_limit=9)

    main(["analyze", capture("flood.pcapng", stage.frames())])

    printed = capsys.readouterr().out
    assert "1,031 more; --json has all" in printed
    assert "1,331 times; frames" in printed
    assert "1,065 more of D-14" in printed
