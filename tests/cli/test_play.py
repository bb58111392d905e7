"""The verb `play`: timeline, JSON, exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import main
from mldkit.model.datagram import Decoded, Frame
from mldkit.wire.decode import decode

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """\
host fe80::ff:fe00:2 02:00:00:00:00:02
querier fe80::ff:fe00:1 02:00:00:00:00:01
0.0            join ff05::1
+0.008..0.012  expect TO_EX(ff05::1)
5.0            query :: max-response 1s
+0.008..1.036  expect IS_EX(ff05::1) IS_EX(ff02::1:ff00:2)
"""
# Layout and checksum as this kernel sent it for the same state: TO_EX of ff05::1 from fe80::ff:
# fe00:2 (tshark calls the checksum good).
JOIN_START = "33330000001602000000000286dd600000000024"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "join.play"
    path.write_text(SCRIPT)
    return path


def test_expectations_that_are_met_are_exit_0(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["play", str(script)]) == 0

    out = capsys.readouterr()
    assert "host     fe80::ff:fe00:2 > TO_EX(ff05::1)" in out.out
    assert out.err == "2 expectations, 0 failed\n"


def test_tabs_a_mark_at_the_beginning_and_line_ends_of_windows_change_nothing(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["play", "--seed", "1", str(script)]) == 0
    plain = capsys.readouterr().out
    text = SCRIPT.replace("            ", "\t").replace(" ", "\t").replace("\n", "\r\n")
    script.write_bytes(text.encode("utf-8-sig"))

    assert main(["play", "--seed", "1", str(script)]) == 0

    assert capsys.readouterr().out.replace("\t", " ") == plain


def test_json_has_events_with_bytes_and_expectations_with_lines(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["play", "--json", "--seed", "1", str(script)]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "mldkit.play/1"
    first = document["events"][0]
    assert (first["time_s"], first["who"]) == (0.012, "host")
    assert first["bytes"].startswith(JOIN_START)
    assert first["message"]["records"][0]["type"] == "TO_EX"
    for event in document["events"]:
        decoded = decode(Frame(bytes.fromhex(event["bytes"])))
        assert isinstance(decoded, Decoded)
        assert decoded.checksum == "ok"
        assert event["message"]["findings"] == []
    assert [e["line"] for e in document["expectations"]] == [4, 6]
    assert all(e["passed"] for e in document["expectations"])


def test_a_seed_fixes_every_draw(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = []
    for seed in ("1", "1", "2"):
        main(["play", "--json", "--seed", seed, str(script)])
        outputs.append(capsys.readouterr().out)

    assert outputs[0] == outputs[1] != outputs[2]


def test_a_missing_message_is_exit_1_with_expected_and_got(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script.write_text(SCRIPT.replace("expect TO_EX(ff05::1)", "expect TO_EX(ff05::2)"))

    assert main(["play", str(script)]) == 1

    out = capsys.readouterr().out
    assert f"{script}:4: failed: +0.008..0.012  expect TO_EX(ff05::2)" in out
    assert "got 0.012000 TO_EX(ff05::1)" in out


def test_explain_gives_rule_draw_and_wheel_step(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["play", "--explain", str(script)]) == 0

    out = capsys.readouterr().out
    assert "mld general answer: drew " in out
    assert "of 0..249 ticks, asked for tick " in out
    assert "wheel step " in out
    assert "mld state change: sent TO_EX(ff05::1)" in out


def test_explain_names_the_group_whose_answer_waits(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script.write_text(SCRIPT + "9 query ff05::1 max-response 1s\n+0..2 expect IS_EX(ff05::1)\n")

    assert main(["play", "--explain", str(script)]) == 0

    assert "why: mld group answer for ff05::1: drew " in capsys.readouterr().out


def test_every_format_gives_the_reasons_that_were_asked_for(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["play", "--explain", "--seed", "1", str(script), "--format"]
    assert main([*command, "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert main([*command, "ndjson"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [line for line in lines if "text" in line] == document["reasons"]
    assert any("mld general answer: drew " in reason["text"] for reason in document["reasons"])


def test_a_script_that_is_wrong_is_exit_2_and_plays_nothing(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script.write_text(SCRIPT + "9.0 jump ff05::1\n")

    assert main(["play", str(script)]) == 2

    out = capsys.readouterr()
    assert out.out == ""
    assert out.err.startswith(f"mldkit: {script}:7:5: 'jump' is no action\n")


def test_what_the_kernel_would_refuse_is_exit_2_with_its_line(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script.write_text(SCRIPT + "9.0 join ff05::1\n")

    assert main(["play", str(script)]) == 2

    assert ":7:5: the socket is a member of ff05::1 already (EADDRINUSE)" in capsys.readouterr().err


def test_a_script_that_is_not_there_is_exit_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["play", str(tmp_path / "none.play")]) == 3

    assert capsys.readouterr().err.startswith("mldkit: ")
