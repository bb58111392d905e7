"""A diagnosis says what to do: in its first lines, its last one, the document and the page."""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING

from mldkit.advice.table import ROWS
from mldkit.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor


def fight(stage: Stage) -> None:
    """Two queriers, of which the one with the higher address does not yield."""
    for round_ in range(5):
        stage.query(125 * round_)
        stage.query(125 * round_ + 60, router=2)
        stage.report(125 * round_ + 3, "IS_EX", 1)
        stage.report(125 * round_ + 63, "IS_EX", 1)


def test_the_worst_finding_is_followed_by_what_to_do(stage: Stage, doctor: Doctor) -> None:
    fight(stage)

    told = doctor(stage)

    lines = told.text.splitlines()
    (worst,) = (number for number, line in enumerate(lines[:10]) if line.startswith("error D-02"))
    assert lines[worst + 1] == f"  What to do: {ROWS['D-02'].brief} (mldkit explain D-02)."
    assert lines[-1] == "What to do: mldkit explain D-02"
    assert lines[-2] == ""


def test_every_rule_that_is_no_remark_is_named_in_the_last_line(
    stage: Stage, doctor: Doctor
) -> None:
    fight(stage)
    stage.report(620, "IS_EX", 1, router_alert=None)
    stage.report(620.5, "TO_EX", 7)

    told = doctor(stage)

    named = told.text.splitlines()[-1].removeprefix("What to do: mldkit explain ").split()
    serious = {one["id"] for one in told.document["findings"] if one["severity"] != "info"}
    assert set(named) == serious
    assert {"D-02", "V-04"} <= serious
    assert len(named) == len(serious)


def test_remarks_alone_ask_for_nothing(stage: Stage, doctor: Doctor) -> None:
    for round_ in range(3):
        stage.query(125 * round_)
        stage.report(125 * round_ + 3, "IS_EX", 1)
    stage.report(300, "TO_EX", 2)
    stage.query(375)

    told = doctor(stage)

    assert told.severity("D-10") == "info"
    assert "What to do" not in told.text


def test_the_document_says_why_so_severe_and_what_to_do(stage: Stage, doctor: Doctor) -> None:
    fight(stage)

    (finding,) = doctor(stage).findings("D-02")

    assert finding["cure"] == ROWS["D-02"].brief
    assert finding["grounds"] == ROWS["D-02"].ground("error")


def test_the_page_has_the_cure_folded_below_the_finding(
    stage: Stage, doctor: Doctor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fight(stage)
    doctor(stage)
    page = tmp_path / "page.html"

    main(["analyze", "--html", str(page), str(tmp_path / "capture.pcapng")])
    capsys.readouterr()

    _, _, card = page.read_text().partition("error D-02</span>")
    card, _, _ = card.partition("</div>")
    _, _, folded = card.partition("<details><summary>What to do</summary>")
    row = ROWS["D-02"]
    assert f"error, because: {row.ground('error')}" in unescape(card)
    assert row.meaning in unescape(folded)
    for cure in row.cures:
        assert "\n".join(cure.do) in unescape(folded), cure
    assert folded.endswith("</details>\n")
