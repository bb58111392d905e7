"""`groups` as a command: wrong use, the document, and tables that fit the terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import main

if TYPE_CHECKING:
    from tests.conftest import Link

LONG = "ff15:1111:2222:3333:4444:5555:6666:7777"
KEYS = {
    "interface", "group", "users", "filter_mode", "sources", "timer_s", "flags", "mac",
    "mac_references", "shares_mac_with", "reasons", "processes",
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["-i", "eth9"], 3, "eth9: no such interface\nhint: interfaces here: "),
        (["--duration", "3s"], 2, "--duration needs --watch"),
        (["--watch", "--duration", "soon"], 2, "--duration"),
        (["eth0"], 2, "eth0"),
    ],
)
def test_wrong_use_is_one_line_that_names_the_argument(
    arguments: list[str], code: int, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        got: object = main(["groups", *arguments])
    except SystemExit as end:
        got = end.code

    output = capsys.readouterr()
    assert got == code
    assert output.out == ""
    assert output.err.startswith("mldkit: ")
    assert complaint in output.err


def test_the_document_has_every_key_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["groups", "--json", "-i", "lo"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert main(["groups", "--format", "ndjson", "-i", "lo"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert document["schema"] == "mldkit.groups/1"
    assert "224.0.0.1" in [row["group"] for row in document["groups"]]
    assert [line["group"] for line in lines] == [row["group"] for row in document["groups"]]
    for row in document["groups"]:
        assert row.keys() >= KEYS
        assert {reason.keys() >= {"kind", "detail"} for reason in row["reasons"]} == {True}
    for invariant in document["invariants"]:
        assert invariant["holds"] is True
        assert isinstance(invariant["text"], str)


@pytest.mark.netns
@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_fits_the_terminal(link: Link, columns: int) -> None:
    link.far.ip("address add 2001:db8:1111:2222:3333:4444:5555:6666/64 dev eth1")
    link.far.sysctl("net.ipv6.conf.all.forwarding", 1)
    sources = ",".join(f"2001:db8:1111:2222:3333:4444:5555:{n:x}" for n in range(0x6000, 0x6008))
    child = link.far.spawn_mldkit("join", "-i", "eth1", f"{sources}@ff3e::8000:1234", LONG)
    assert child.stdout is not None
    for _ in range(2):
        assert "joined" in child.stdout.readline()

    shown = on_terminal(link.far.name, columns)

    assert max(map(len, shown.splitlines())) <= columns
    assert "ff3e::8000:1234" in shown
    assert LONG in shown
    assert "only 8 sources" in shown
    for number in range(0x6000, 0x6008):
        assert f"5555:{number:x}" in shown
    assert "subnet-router anycast address of 2001:db8:1111:2222::/64" in " ".join(shown.split())
    assert all(line == line.rstrip() for line in shown.splitlines())


@pytest.mark.netns
def test_a_pipe_gets_whole_lines_and_no_colour(link: Link) -> None:
    done = link.far.mldkit("groups", "-i", "eth1")

    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert done.stdout.startswith("eth1  up, veth, IGMPv3\n")
    groups = [line.split()[0] for line in done.stdout.splitlines() if line[:2] == "  " != line[2:4]]
    assert {group for group in groups if group != "group"} == {
        "224.0.0.1", "ff02::1", "ff01::1", "ff02::1:ff00:2",
    }  # fmt: skip


def on_terminal(namespace: str, columns: int) -> str:
    """Return what `groups` prints on a terminal of that width, without colours."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": str(columns)}
    argv = [
        "ip",
        "netns",
        "exec",
        namespace,
        sys.executable,
        "-m",
        "mldkit",
        "groups",
        "-i",
        "eth1",
    ]
    with subprocess.Popen(argv, stdout=theirs, stderr=theirs, env=environment) as child:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:
            pass  # the terminal closes with its last process
        assert child.wait(timeout=20) == 0
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")
