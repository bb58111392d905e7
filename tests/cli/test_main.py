"""The command as a whole: exit codes, errors in one line, what is loaded."""

from __future__ import annotations

import argparse
import errno
import os
import shlex
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.help_width import HelpFormatter
from mldkit.cli.main import VERBS, main

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mldkit", *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("explode",), "explode"),
        (("--netns", "", "query", "-i", "lo"), "argument --netns"),
        (("query",), "--interface"),
        (("query", "-i", "lo", "10.0.0.1"), "GROUP"),
        (("query", "-i", "lo", "--max-response", "soon"), "--max-response"),
        (("query", "-i", "lo", "--hop-limit", "256"), "--hop-limit"),
        (("query", "-i", "lo", "--expect", "nobody"), "--expect"),
        (("query", "-i", "lo", "--vlan", "4096"), "--vlan"),
        (("query", "-i", "lo", "--version", "igmp4"), "--version"),
        (("query", "-i", "lo", "--version", "igmp1", "--version", "igmp2"), "--version"),
        (("query", "-i", "lo", "--trailing", "xyz"), "--trailing"),
        (("query", "-i", "lo", "-4", "ff05::1"), "argument GROUP"),
        (("query", "-i", "lo", "--vlan", "1,2,3,4,5,6,7,8,9"), "argument --vlan"),
        (("query", "-i", "lo", "--router-alert", "1", "--no-router-alert"), "--no-router-alert"),
        (("query", "-i", "lo", "-w", "-"), "argument -w"),
        (("query", "-i", "lo", "--every", "2s"), "argument --every"),
        (("query", "-i", "lo", "--dry-run", "-w", "file"), "argument -w"),
        (("query", "-i", "lo", "--dry-run", "--wait", "0"), "argument --wait"),
        (("query", "-i", "lo", "--dry-run", "--expect", "ff05::1"), "argument --expect"),
        (("query", "-i", "lo", "-4", "--set", "IGMPv3Query"), "argument --set"),
        (("query", "-i", "lo", "-4", "--set", "IGMPv3Query.qrv=x"), "argument --set"),
        (("query", "-i", "lo", "-4", "--set", "MLDv2Query.qrv=1"), "IGMPv3Query"),
        (("query", "-i", "lo", "--destination", "10.0.0.1"), "--destination"),
        (("query", "-i", "lo", "--version", "mld1", "::1@ff05::1"), "--version"),
        (("report", "-i", "lo", "JOIN(ff05::1)"), "argument RECORD: 'JOIN'"),
        (("report", "-i", "lo", "TO_EX(239.1.1.1)", "--destination", "ff02::1"), "--destination"),
        (("report", "-i", "lo", "--version", "igmp2", "ff05::1"), "argument RECORD"),
        (("report", "-i", "lo", "--leave", "TO_EX(ff05::1)"), "--leave"),
        (("decode",), "FILE"),
        (("decode", "", ""), "unrecognized arguments: ''"),
        (("play", "/dev/zero"), "/dev/zero: no script: more than 16 MiB"),
        (("decode", "--hex", "0g"), "argument --hex: '0g' is not octets"),
        (("decode", "--hex", ""), "--hex"),
        (("decode", "--hex", "00", "file"), "either"),
        (("decode", "--hex", "00", "--frame", "2"), "--frame"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_2_and_names_the_argument(
    arguments: tuple[str, ...], named: str
) -> None:
    done = run(*arguments)

    assert done.returncode == 2
    assert done.stdout == ""
    first, *rest = done.stderr.splitlines()
    assert first.startswith("mldkit: ")
    assert named in done.stderr
    assert all(line.startswith("hint: ") for line in rest)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_what_it_is_for(verb: str) -> None:
    done = run(verb, "--help")

    assert done.returncode == 0
    assert VERBS[verb][1:] in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("decode", "--help"), ("query", "--help")]
)
def test_help_loads_neither_scapy_nor_rich(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom mldkit.cli.main import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit:\n    pass\n"
        "print(sorted({'scapy', 'rich', 'netns'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "[]"


def test_decode_of_a_capture_loads_neither_scapy_nor_rich() -> None:
    code = (
        "import sys\nfrom mldkit.cli.main import main\n"
        "main(['-q', 'decode', '--hex', '00' * 60, '--json'])\n"
        "print(sorted({'scapy', 'rich', 'netns'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "[]"


def test_text_of_a_capture_loads_nothing_of_json_and_only_the_format_of_the_file(
    tmp_path: Path,
) -> None:
    file = tmp_path / "empty.pcap"
    file.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
    unneeded = {"decimal", "difflib", "html", "json", "mldkit.link.pcapng", "shutil", "statistics"}
    for verb in ("decode", "analyze"):
        code = (
            "import sys\nfrom mldkit.cli.main import main\n"
            f"main(['-q', {verb!r}, {str(file)!r}])\n"
            f"names = {unneeded!r}\n"
            "print(sorted(names & set(sys.modules)), file=sys.stderr)"
        )
        program = [sys.executable, "-c", code]
        done = subprocess.run(program, capture_output=True, text=True, check=True)

        assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(("defect", "loaded"), [((), "[]"), (("--hop-limit", "9"), "['scapy']")])
def test_a_query_loads_scapy_for_deliberate_defects_only(
    defect: tuple[str, ...], loaded: str
) -> None:
    arguments = ["-q", "query", "-i", "lo", "--source", "127.0.0.1", "--dry-run", "--json", *defect]
    code = (
        f"import sys\nfrom mldkit.cli.main import main\nmain({arguments!r})\n"
        "print(sorted({'scapy', 'rich', 'netns'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == loaded


@pytest.mark.parametrize("columns", ["40", "132", "0", "-5", "wide", ""])
def test_help_is_as_wide_as_argparse_has_it(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    text = " ".join(["words"] * 60)
    usual, own = argparse.HelpFormatter("mldkit"), HelpFormatter("mldkit")
    for formatter in (usual, own):
        formatter.add_usage(None, [argparse.Action([f"--{text}"], "word")], [])

    assert own.format_help() == usual.format_help()


def test_no_verb_prints_the_help_and_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "verbs:" in capsys.readouterr().out


def test_a_missing_interface_is_exit_3_with_the_names_there_are() -> None:
    done = run("query", "-i", "nosuchif0", "--dry-run")

    assert done.returncode == 3
    assert done.stderr.splitlines()[0] == "mldkit: nosuchif0: no such interface"
    assert done.stderr.splitlines()[1].startswith("hint: interfaces here: lo")


def test_a_name_with_control_characters_stays_on_one_line() -> None:
    done = run("decode", "no\nsuch\x1b[31mfile")

    assert done.stderr.splitlines()[0] == (
        "mldkit: no\\nsuch\\x1b[31mfile: no such file or directory"
    )


def test_a_missing_namespace_is_exit_3() -> None:
    done = run("--netns", "nosuchns", "query", "-i", "lo")

    assert done.returncode == 3
    assert done.stderr.startswith("mldkit: nosuchns: no such network namespace")


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "mldkit", "decode", "--hex", "00" * 60, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        child.stdout.close()
        assert child.stderr is not None
        complaint = child.stderr.read()

    assert "Traceback" not in complaint
    assert "BrokenPipe" not in complaint


HEX = ("-q", "decode", "--hex", "00" * 60, "--json")


@pytest.mark.parametrize("arguments", [HEX, ("doctor",), ("query", "--help")], ids=" ".join)
def test_output_that_has_no_room_is_one_line_and_exit_3(arguments: tuple[str, ...]) -> None:
    # Without PYTHONUNBUFFERED the octets leave at the very end, as for most people.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-m", "mldkit", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=environment,
        )

    assert done.stderr == f"mldkit: standard output: {os.strerror(errno.ENOSPC).lower()}\n"
    assert done.returncode == 3


def test_closed_standard_output_is_one_line_and_exit_3() -> None:
    done = through_the_shell("exec >&-", *HEX)

    assert done.stderr.startswith("mldkit: standard output is closed\nhint: ")
    assert done.returncode == 3


@pytest.mark.parametrize("place", ["2>&-", "2>/dev/full"])
def test_words_that_nobody_can_read_change_neither_data_nor_exit_code(place: str) -> None:
    done = through_the_shell(f"exec {place}", "decode", "no-such-file")

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 3)


def test_groups_may_stand_on_both_sides_of_an_option() -> None:
    done = run("join", "-i", "nosuchif0", "239.1.2.3", "--for", "1s", "ff15::1")

    assert done.stderr.startswith("mldkit: nosuchif0: no such interface")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("decode", "--bogus", "file"), "see mldkit decode --help"),
        (("query", "-i", "lo", "-v"), "in front of the verb"),
    ],
    ids=str,
)
def test_an_option_that_is_unknown_here_has_a_hint_that_helps(
    arguments: tuple[str, ...], hint: str
) -> None:
    done = run(*arguments)

    assert done.returncode == 2
    assert hint in done.stderr.splitlines()[1]


def through_the_shell(before: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = shlex.join([sys.executable, "-m", "mldkit", *arguments])
    return subprocess.run(
        ["sh", "-c", f"{before}; exec {command}"], capture_output=True, text=True, check=False
    )


def test_a_namespace_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done = run("--netns", str(pipe), "groups")
    assert done.returncode == 3
    assert done.stderr.startswith(f"mldkit: {pipe}: not a network namespace\nhint: ")


def test_an_argument_of_any_length_is_shown_in_part() -> None:
    done = run("query", "-i", "lo", "--interval", "9" * 100_000)
    assert done.returncode == 2
    assert len(done.stderr) < 1200
