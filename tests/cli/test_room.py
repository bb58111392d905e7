"""`--room`: what finds none is said in every form, and with more room it finds some."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mldkit.analysis import limits
from mldkit.analysis.limits import MOST
from mldkit.cli import analyze
from mldkit.cli.main import main
from mldkit.testing.story import Story

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SAID = "2 memberships not followed any more"


@pytest.fixture
def flood(capture: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A capture of seven memberships, and room for five."""
    monkeypatch.setattr(analyze, "MOST", {**MOST, limits.STAYS: 5})
    story = Story("eth0")
    for number in range(7):
        story.report(number, f"10.0.0.{number + 2}", f"TO_EX(239.1.2.{number})")
    return capture("flood.pcapng", story.in_order())


def test_the_text_has_a_note(flood: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["analyze", flood])

    output = capsys.readouterr()
    (note,) = [line for line in output.err.splitlines() if SAID in line]
    assert note.startswith("note: IGMP on eth0, since ")
    assert "--room N" in note
    assert "239.1.2.0" not in output.out


def test_the_document_has_it(flood: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["analyze", "--json", flood])

    document = json.loads(capsys.readouterr().out)
    assert [SAID in line for line in document["left_out"]] == [True]


def test_the_page_has_it(flood: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page = tmp_path / "page.html"
    main(["analyze", "--html", str(page), flood])

    assert "Left out: IGMP on eth0, since " in page.read_text()


def test_events_have_it_where_it_happens(flood: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["analyze", "--format", "ndjson", flood])

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [event["event"] for event in events if event["event"] in ("join", "left-out")]
    # The sixth membership is told like the others.
    assert kinds == ["join"] * 5 + ["left-out", "join", "join"]


def test_with_more_room_nothing_is_left_out(flood: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["analyze", "--json", "--room", "2", flood])

    document = json.loads(capsys.readouterr().out)
    assert document["left_out"] == []
    assert len(document["memberships"]) == 7


@pytest.mark.parametrize("verb", [["analyze", "a.pcap"], ["watch", "-i", "lo"]])
@pytest.mark.parametrize("room", ["0", "101", "much"])
def test_room_is_a_whole_number(
    verb: list[str], room: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([*verb, "--room", room])

    assert end.value.code == 2
    assert "--room" in capsys.readouterr().err
