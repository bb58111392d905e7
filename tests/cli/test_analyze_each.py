"""One row for each of many captures: the worst first, and what cannot be read is named."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.family import IGMP
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from pathlib import Path

    Output = pytest.CaptureFixture[str]

KEYS = {
    "file", "readable", "reason", "first", "last", "packets", "messages", "links", "queriers",
    "hosts", "errors", "warnings", "infos", "worst",
}  # fmt: skip
WRONG = bytes.fromhex("01005e7f0001")


def write(path: Path, stage: Stage) -> str:
    path.parent.mkdir(exist_ok=True)
    with CaptureWriter(str(path)) as writer:
        for frame in stage.frames():
            writer.write(frame)
    return str(path)


def sound(router: int = 1) -> Stage:
    stage = Stage(IGMP)
    for second in (0, 125, 250):
        stage.query(second, router=router)
        for host in (1, 2):
            stage.report(second + 2 + host, "IS_EX", host, host=host)
    return stage


def warned() -> Stage:
    stage = sound(2)
    stage.query(300, router=2, router_alert=None)
    return stage


def faulty() -> Stage:
    stage = sound(3)
    stage.report(300, "IS_EX", 1, link_destination=WRONG)
    return stage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three captures, one of them in a folder below, and three files that are none."""
    write(tmp_path / "a-sound.pcapng", sound())
    write(tmp_path / "b-warned.pcapng", warned())
    write(tmp_path / "sub" / "faulty.pcapng", faulty())
    (tmp_path / "empty.pcap").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no capture at all\n")
    (tmp_path / ".hidden").write_text("not looked at")
    # tcpdump -G in the middle of writing: gzip of a file that goes on, and a cut last packet.
    whole = (tmp_path / "a-sound.pcapng").read_bytes()
    (tmp_path / "now.pcapng").write_bytes(whole[:-30])
    (tmp_path / "now.pcapng.gz").write_bytes(gzip.compress(whole)[:-30])
    return tmp_path


def document(folder: Path, capsys: Output, *options: str) -> tuple[int, dict[str, Any]]:
    code = main(["analyze", "--each", "--json", *options, str(folder)])
    parsed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, parsed


def test_the_document_has_a_row_for_each_file_the_worst_first(folder: Path, capsys: Output) -> None:
    code, found = document(folder, capsys)

    assert code == 1
    assert found["schema"] == "mldkit.analyze-each/1"
    rows = found["captures"]
    assert all(set(row) == KEYS for row in rows)
    names = [row["file"].removeprefix(f"{folder}/") for row in rows]
    assert names[:2] == ["sub/faulty.pcapng", "b-warned.pcapng"]
    assert set(names[-2:]) == {"empty.pcap", "notes.txt"}
    worst = rows[0]
    assert (worst["errors"], worst["worst"]["id"]) == (1, "D-25")
    assert (worst["links"], worst["queriers"], worst["hosts"]) == (1, 1, 2)
    assert (worst["packets"], worst["messages"], worst["readable"]) == (10, 10, True)
    assert worst["reason"] is None


def test_what_cannot_be_read_has_its_reason_and_what_was_cut_its_row(
    folder: Path, capsys: Output
) -> None:
    _, found = document(folder, capsys)

    rows = {row["file"].removeprefix(f"{folder}/"): row for row in found["captures"]}
    assert ".hidden" not in rows
    for name, words in (("empty.pcap", "is empty"), ("notes.txt", "is not a capture")):
        assert rows[name]["readable"] is False
        assert words in rows[name]["reason"]
        assert rows[name]["worst"] is None
    cut = rows["now.pcapng"]
    assert (cut["readable"], cut["messages"]) == (True, 8)
    assert "damaged at octet" in cut["reason"]
    assert rows["now.pcapng.gz"]["readable"] is True
    assert "damaged" in rows["now.pcapng.gz"]["reason"]


def test_the_table_says_what_a_person_asks_first(folder: Path, capsys: Output) -> None:
    assert main(["analyze", "--each", str(folder)]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["capture", "span", "packets", "messages"]
    assert "faulty.pcapng" in lines[1]
    assert "10.9.0.3 v3" in lines[1]
    assert "5 min" in lines[1]
    assert "D-25" in lines[1]
    assert "not readable: is not a capture" in "\n".join(lines)
    assert lines[-1] == "7 files: 1 with errors, 2 not readable"


def test_the_exit_code_is_that_of_the_captures(folder: Path, capsys: Output) -> None:
    names = {name: str(folder / name) for name in ("a-sound.pcapng", "notes.txt", "empty.pcap")}

    assert main(["analyze", "--each", names["a-sound.pcapng"], names["notes.txt"]]) == 0
    capsys.readouterr()
    assert main(["analyze", "--each", names["notes.txt"], names["empty.pcap"]]) == 3
    out, err = capsys.readouterr()
    assert "2 not readable" in out
    assert "no capture could be read" in err
    assert main(["analyze", "--each", "--host", "10.9.0.101", str(folder)]) == 0


def test_lines_come_one_for_each_capture(folder: Path, capsys: Output) -> None:
    main(["analyze", "--each", "--format", "ndjson", str(folder)])

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 7
    assert all(set(row) == KEYS for row in rows)


@pytest.mark.parametrize("option", [("--html", "x.html"), ("--plot", "x.png")])
def test_options_that_make_one_thing_of_all_are_refused(
    option: tuple[str, str], folder: Path, capsys: Output
) -> None:
    assert main(["analyze", "--each", *option, str(folder)]) == 2
    assert f"argument --each: not with {option[0]}" in capsys.readouterr().err


def test_a_name_that_cannot_be_looked_up_stops_nothing(tmp_path: Path, capsys: Output) -> None:
    good = write(tmp_path / "below" / "a.pcapng", sound())
    round_about = tmp_path / "below" / "round"
    round_about.symlink_to(round_about)
    long = "a" * 300  # NAME_MAX is 255

    main(["analyze", "--each", "--json", "", long, str(tmp_path / "below")])

    rows = {row["file"]: row for row in json.loads(capsys.readouterr().out)["captures"]}
    assert rows.keys() == {good, "", long, str(round_about)}
    assert [name for name, row in rows.items() if row["readable"]] == [good]
    assert rows[long]["reason"] == "file name too long"
