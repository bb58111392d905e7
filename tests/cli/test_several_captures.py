"""Captures of one link that were taken one after the other, or on different days."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mldkit.cli.main import main
from mldkit.model.family import IGMP
from mldkit.testing.stage import BEGIN_NS, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from mldkit.model.datagram import Frame

    Capture = Callable[..., str]
    Output = pytest.CaptureFixture[str]


def document(output: Output) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(output.readouterr().out)
    return parsed


def at(seconds: int) -> str:
    return f"{BEGIN_NS // 10**9 + seconds}.000000000"


def two_days() -> tuple[list[Frame], list[Frame]]:
    """The same link on two days, sound on both."""
    days = []
    for day in (0, 86_400):
        stage = Stage(IGMP)
        for at in (0, 125, 250):
            stage.query(day + at)
            stage.report(day + at + 3, "IS_EX", 1)
            stage.report(day + at + 4, "IS_EX", 2, host=2)
        stage.data(day + 255, 1)
        days.append(stage.frames())
    return days[0], days[1]


def test_what_nobody_looked_at_between_two_captures_proves_nothing(
    capture: Capture, capsys: Output
) -> None:
    first, second = two_days()
    names = [capture("b.pcapng", second), capture("a.pcapng", first)]

    assert main(["analyze", "--json", *names]) == 0

    found = document(capsys)
    assert found["findings"] == []
    assert {row["ended_by"] for row in found["memberships"]} == {"capture-end"}
    assert [row["to"] for row in found["memberships"]] == [at(255)] * 2 + [at(86_655)] * 2
    (querier,) = found["queriers"]
    assert querier["acting"] == [[at(0), at(255)], [at(86_400), at(86_655)]]
    assert querier["interval_s"]["observed_median"] is None
    assert "querier is 10.9.0.1, IGMPv3, announces 125 s." in found["summary"][0]


def test_a_silence_within_one_of_two_captures_is_still_told(
    capture: Capture,
) -> None:
    first, second = two_days()
    stage = Stage(IGMP)
    stage.report(86_900, "IS_EX", 1)

    names = [capture("a.pcapng", first), capture("b.pcapng", [*second, *stage.frames()])]

    assert main(["analyze", "--json", *names]) == 0
    names[1] = capture("c.pcapng", [*second[:1], *stage.frames()])
    assert main(["analyze", "--json", *names]) == 1


def test_files_of_one_capture_that_was_cut_in_pieces_are_one_sitting(
    capture: Capture, capsys: Output
) -> None:
    stage = Stage(IGMP)
    for at_s in (0, 125, 250, 600):
        stage.query(at_s)
        stage.report(at_s + 3, "IS_EX", 1)
    stage.data(400, 1)
    frames = stage.frames()

    main(["analyze", "--json", capture("whole.pcapng", frames)])
    whole = document(capsys)
    main(["analyze", "--json", *(capture(f"{n}.pcapng", [f]) for n, f in enumerate(frames))])
    pieces = document(capsys)

    assert pieces["memberships"] == whole["memberships"]
    assert pieces["queriers"] == whole["queriers"]
    assert {item["id"] for item in pieces["findings"]} == {"D-01"}
