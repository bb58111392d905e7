"""What nobody foresaw: one line, exit code 70, and a file that only the user can read."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mldkit.cli import last_resort
from mldkit.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Sequence

BREAK = (
    "import sys\n"
    "from mldkit.cli import explain, main\n"
    "def run(args):\n"
    "    {body}\n"
    "explain.run = run\n"
    "sys.exit(main.main(['explain', 'D-01']))\n"
)


def broken(body: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose verb does what nobody foresaw."""
    return subprocess.run(
        [sys.executable, "-c", BREAK.format(body=body)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_it_is_one_line_and_a_file_of_the_users_own(tmp_path: Path) -> None:
    done = broken("raise ValueError('of\\nno use')", TMPDIR=str(tmp_path))
    (file,) = tmp_path.iterdir()
    details = file.read_text()

    assert done.returncode == 70
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "mldkit: an error of mldkit itself: ValueError: of no use",
        f"hint: please report it, with the details in {file} (look through them before)",
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "arguments ['explain', 'D-01']" in details
    assert "in run" in details
    assert details.rstrip().endswith("ValueError: of\nno use")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise MemoryError", "mldkit: the memory is not enough\n"),
        ("return run(args)", "mldkit: the input is nested too deeply\n"),
    ],
)
def test_what_the_machine_lacks_is_the_environment(body: str, words: str) -> None:
    done = broken(body)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(words)
    assert "Traceback" not in done.stderr


def test_what_was_printed_before_is_kept(tmp_path: Path) -> None:
    done = broken("print('row'); raise KeyError('x')", TMPDIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (70, "row\n")


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_a_folder_where_others_can_put_files_in_its_place_is_not_taken(
    tmp_path: Path, mode: int
) -> None:
    tmp_path.chmod(mode)
    done = broken("raise KeyError", TMPDIR=str(tmp_path))
    name = done.stderr.partition("details in ")[2].partition(" (")[0]

    assert list(tmp_path.iterdir()) == []
    assert name.startswith("/")
    Path(name).unlink()


def test_without_any_folder_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere(*_: object, **__: object) -> tuple[int, str]:
        raise OSError(28, "No space left on device")

    def fail(_: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(tempfile, "mkstemp", nowhere)
    monkeypatch.setattr("mldkit.cli.explain.run", fail)
    assert main(["explain", "D-01"]) == 70
    assert "no file with details could be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [(), ("--odd\udcff",), ("x" * 3_000_000,)], ids=["none", "no text", "long"]
)
def test_whatever_was_asked_is_written_down_within_bounds(arguments: Sequence[str]) -> None:
    message, hint = last_resort.describe(RuntimeError("\udcff" * 500), arguments)
    file = Path(hint.partition("details in ")[2].partition(" (")[0])

    assert len(message) < 300
    assert 0 < file.stat().st_size <= 1 << 20
    file.unlink()
