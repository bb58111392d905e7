"""Standard streams that are closed, full, or that nobody reads any more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
FAULTY = str(CAPTURES / "10-igmpv2-querier.pcapng")
"""`analyze` finds errors in it, `decode` none."""
BROKEN = str(CAPTURES / "22-mldv2-ignored-queries.pcapng")
"""Messages in it break rules."""


def run_without_reader(*arguments: str) -> tuple[int, str]:
    """Run a command whose standard output nobody reads; return its exit code and its words."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "mldkit", *arguments]
    with os.fdopen(writer, "wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stderr.decode()


def code_with_reader(*arguments: str) -> int:
    command = [sys.executable, "-m", "mldkit", *arguments]
    return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.parametrize("form", ["text", "json", "ndjson"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("analyze", FAULTY),
        ("analyze", "--each", FAULTY),
        ("decode", FAULTY),
        ("decode", BROKEN),
    ],
    ids=" ".join,
)
def test_a_reader_who_goes_does_not_change_the_exit_code(
    arguments: tuple[str, ...], form: str
) -> None:
    code, words = run_without_reader(*arguments, "--format", form)
    assert code == code_with_reader(*arguments, "--format", form)
    assert "Broken" not in words


def test_those_captures_have_both_exit_codes() -> None:
    codes = [
        code_with_reader(verb, file) for verb in ("decode", "analyze") for file in (FAULTY, BROKEN)
    ]
    assert set(codes) == {0, 1}


def test_a_capture_that_never_ends_is_left_when_nobody_reads() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "mldkit", "decode", "-"]
    with os.fdopen(writer, "wb") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.DEVNULL
        )
    assert child.stdin is not None
    # The capture is not ended: what is read shows that nobody reads what it says.
    child.stdin.write(Path(FAULTY).read_bytes())
    child.stdin.flush()
    assert child.wait(timeout=30) == 0
    child.stdin.close()


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"PYTHONIOENCODING": "ascii:surrogateescape"},
        {"PYTHONUNBUFFERED": "1"},
    ],
    ids=str,
)
def test_a_locale_that_lacks_the_section_sign_prints_a_question_mark(
    environment: dict[str, str], tmp_path: Path
) -> None:
    named = tmp_path / os.fsdecode(b"\xff\xfe.pcapng")
    named.write_bytes(Path(BROKEN).read_bytes())
    command = [sys.executable, "-m", "mldkit", "decode", str(named)]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        **environment,
    }
    done = subprocess.run(command, capture_output=True, env=environment, check=False)

    assert done.returncode == 1
    sign = b"\xc2\xa7" if "PYTHONUNBUFFERED" in environment else b"?"
    assert b"RFC 9777 " + sign + b"6.2" in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize("form", ["text", "json"])
def test_output_that_nobody_takes_at_once_is_waited_for(form: str) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    command = [sys.executable, "-m", "mldkit", "decode", BROKEN, "--format", form]
    whole = subprocess.run(command, capture_output=True, check=False)
    # Far more than a pipe holds.
    many = "for i in 1 2 3 4 5 6 7 8 9; do " + ' "$@"; done'
    with subprocess.Popen(["sh", "-c", many, "sh", *command], stdout=writer) as child:
        os.close(writer)
        with os.fdopen(reader, "rb") as output:
            assert output.read() == whole.stdout * 9
        assert child.wait() == 1


@pytest.mark.parametrize("most", range(5, 12))
def test_too_few_descriptors_are_said_in_one_line(most: int) -> None:
    limit = f'ulimit -n {most}; exec "$@"'
    command = [sys.executable, "-m", "mldkit", "watch", "-i", "lo", "--duration", "10ms"]
    done = subprocess.run(
        ["sh", "-c", limit, "sh", *command], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 3)
    if done.returncode:
        assert done.stderr.splitlines()[-1].startswith(("mldkit: ", "hint: "))
