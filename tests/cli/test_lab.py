"""`mldkit lab` without a lab that runs: lists, lessons, commands and errors."""

from __future__ import annotations

import fcntl
import json
import os
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from mldkit.cli.main import main
from mldkit.lab import catalogue
from mldkit.render import lesson

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"scapy", "rich"}


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep away from labs that the person who runs the tests has started."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_the_list_has_every_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert document["schema"] == "mldkit.labs/1"
    folders = sorted(path.name for path in (ROOT / "labs").iterdir() if path.is_dir())
    assert [f"{lab['number']:02d}-{lab['id']}" for lab in document["labs"]] == folders
    assert all(lab["learns"] and lab["minutes"] for lab in document["labs"])


def test_the_list_needs_no_folder_for_labs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mldkit").touch()

    assert main(["lab", "list"]) == 0
    printed = capsys.readouterr()
    assert "From group to MAC filter" in printed.out
    assert f"note: {tmp_path}/mldkit: no folder for labs: file exists" in printed.err


def test_the_page_of_labs_lists_them_all() -> None:
    page = (ROOT / "docs" / "labs.md").read_text()
    for entry in catalogue.entries():
        topology = entry.topology()
        row = f"| {entry.number} | `{entry.id}` | {topology.title} | {topology.level} |"
        assert f"{row} {topology.minutes} |" in page


@pytest.mark.parametrize("name", ["join", "2", "02", "02-join"])
def test_a_lab_is_named_by_id_number_or_folder(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "show", name]) == 0
    assert capsys.readouterr().out == (ROOT / "labs" / "02-join" / "README.md").read_text()


@pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.id)
def test_a_lesson_is_plain_ascii(entry: catalogue.LabEntry) -> None:
    assert entry.readme.isascii()


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.id)
def test_a_lesson_on_a_narrow_terminal_keeps_its_words_and_its_commands(
    entry: catalogue.LabEntry, columns: int
) -> None:
    page = lesson.folded(entry.readme, columns)

    assert page.split() == entry.readme.split()
    kept = [line for line in entry.readme.splitlines() if line.startswith(("    ", "|", "```"))]
    assert [line for line in page.splitlines() if line in kept] == kept
    long = [line for line in page.splitlines() if len(line) > columns]
    assert set(long) <= {*kept, entry.readme.partition("\n")[0]}
    commands = re.findall("`(mldkit lab [a-z0-9 -]{,30})`", " ".join(entry.readme.split()))
    assert commands
    assert all(page.count(command) >= commands.count(command) for command in commands)


def test_a_pager_gets_the_lesson_for_the_terminal_that_it_has() -> None:
    near, far = os.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    shown = subprocess.run(
        [sys.executable, "-m", "mldkit", "lab", "show", "join"],
        stdout=subprocess.PIPE,
        stderr=far,
        text=True,
        check=True,
    ).stdout
    os.close(near)
    os.close(far)
    assert shown == lesson.folded((ROOT / "labs" / "02-join" / "README.md").read_text(), 60)


def test_a_dry_run_prints_commands_and_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "start", "join", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("ip netns add r1\nip netns add h1\nip link add ")
    assert main(["lab", "status"]) == 0
    assert capsys.readouterr().out == "no lab runs\n"


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["start", "nonsense"], 2, "mldkit: LAB 'nonsense': no such lab"),
        (
            ["show", "9" * 5000],
            2,
            f"mldkit: LAB '{'9' * 495} ... {'9' * 486}': no such lab",
        ),
        (["check"], 3, "mldkit: no lab runs"),
        (["check", "join"], 3, "mldkit: join: this lab does not run"),
        (["exec", "h1"], 2, "mldkit: no command"),
        (["exec", "h1", "--", "true"], 3, "mldkit: no lab runs"),
        (["answer", "mac", "1"], 3, "mldkit: no lab runs"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_hint(
    arguments: list[str], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", *arguments]) == code
    printed = capsys.readouterr().err.splitlines()
    assert printed[0] == line
    assert printed[1].startswith("hint: ")
    assert len(printed) == 2


def test_stop_all_without_labs_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lab", "stop", "--all"]) == 0
    assert capsys.readouterr().out == ""


def test_background_outside_of_a_lab_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["join", "-i", "lo", "239.1.2.3", "--background"]) == 2
    assert "it works inside a lab only" in capsys.readouterr().err


def test_the_list_loads_neither_scapy_nor_rich_when_it_is_data() -> None:
    program = (
        "import sys; from mldkit.cli.main import main; main(['lab', 'list', '--json']); "
        f"sys.exit(bool({HEAVY!r} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
