"""Hosts that leave a group and join it again and again, and viewers who change channels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import main
from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.addresses import text

if TYPE_CHECKING:
    from pathlib import Path

    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor


def leaves_again_and_again(
    stage: Stage, times: int, period: float, *, away: float = 0.0002, older: bool = False
) -> None:
    """Let host 1 leave group 1 and join it again, a querier ask each time, and host 2 stay."""
    stage.query(0)
    stage.report(1, "IS_EX", 1, host=1)
    stage.report(2, "IS_EX", 1, host=2)
    for number in range(times):
        at = 20 + number * period
        if older:
            stage.leave(at, 1)
            stage.older_report(at + away, 1)
        else:
            stage.report(at, "TO_IN", 1)
            stage.report(at + away, "TO_EX", 1)
        stage.query(at + 0.001, 1, response=1)
    stage.data(20 + times * period + 40, 200)


@pytest.mark.parametrize("older", [False, True], ids=["current", "older"])
def test_it_is_one_finding_with_host_group_count_and_period(
    stage: Stage, doctor: Doctor, older: bool
) -> None:
    leaves_again_and_again(stage, 60, 1.1, older=older)

    told = doctor(stage)

    (finding,) = told.findings("D-45")
    who, group = text(stage.host(1)), text(stage.group(1))
    assert (finding["severity"], finding["host"], finding["group"]) == ("warning", who, group)
    assert finding["count"] == 60
    line = f"{who} leaves {group} and joins again at once, 60 times, every 1.1 s"
    assert line in finding["detail"]


def test_its_stays_are_one_line_of_the_table_and_all_in_the_document(
    stage: Stage, doctor: Doctor
) -> None:
    leaves_again_and_again(stage, 60, 1.1)

    told = doctor(stage)

    lines = told.text.split("memberships\n")[1].split("\n\n")[0].splitlines()
    assert len(lines) == 3, "the heading, the host that comes and goes, the host that stays"
    assert any("60 leaves" in line for line in lines)
    assert len(told.document["memberships"]) == 62


def test_all_counts_of_leaves_agree(stage: Stage, doctor: Doctor) -> None:
    leaves_again_and_again(stage, 60, 1.1)

    told = doctor(stage)

    (leaves,) = told.document["leaves"]
    assert (leaves["count"], leaves["asked"], leaves["heard"]) == (60, 60, 60)
    assert "60 left" in told.text
    assert "all 60 leaves were asked about" in told.text


@pytest.mark.parametrize(
    ("times", "period", "told"),
    [(10, 1.1, True), (9, 1.1, False), (10, 10, True), (10, 10.5, False)],
)
def test_it_takes_ten_times_and_at_most_ten_seconds_between_two(
    stage: Stage, doctor: Doctor, times: int, period: float, told: bool
) -> None:
    leaves_again_and_again(stage, times, period)

    assert ("D-45" in doctor(stage).ids) is told


def test_how_long_the_host_is_away_is_said(stage: Stage, doctor: Doctor) -> None:
    leaves_again_and_again(stage, 20, 4, away=2)

    (finding,) = doctor(stage).findings("D-45")

    assert "joins again within 2 s, 20 times, every 4 s" in finding["detail"]


def test_who_zaps_through_five_channels_in_a_minute_does_nothing_wrong(
    stage: Stage, doctor: Doctor
) -> None:
    stage.query(0)
    stage.report(1, "TO_EX", 1)
    for number in range(25):
        at, now, then = 20 + 12 * number, 1 + number % 5, 1 + (number + 1) % 5
        stage.report(at, "TO_IN", now)
        stage.query(at + 0.01, now, response=1)
        stage.query(at + 1.01, now, response=1)
        stage.report(at + 0.2, "TO_EX", then)
        stage.report(at + 0.7, "TO_EX", then)

    assert "D-45" not in doctor(stage).ids


def test_ten_hosts_that_leave_one_after_the_other_do_nothing_wrong(
    stage: Stage, doctor: Doctor
) -> None:
    stage.query(0)
    for host in range(1, 13):
        stage.report(host / 10, "IS_EX", 1, host=host)
        stage.report(20 + host, "TO_IN", 1, host=host)
        stage.query(20.001 + host, 1, response=1)

    assert "D-45" not in doctor(stage).ids


def test_every_leave_is_an_event_and_its_repeats_are_none(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.query(0)
    stage.report(1, "IS_EX", 1)
    for at in 20, 20.5:
        stage.report(at, "TO_IN", 1)
    for at in 30, 30.5:
        stage.report(at, "TO_IN", 2, host=2)
    stage.leave(40, 3, host=3)
    path = tmp_path / "capture.pcapng"
    with CaptureWriter(str(path)) as writer:
        for frame in stage.frames():
            writer.write(frame)

    main(["analyze", "--format", "ndjson", str(path)])

    events = map(json.loads, capsys.readouterr().out.splitlines())
    left = [(event["host"], event["group"]) for event in events if event["event"] == "leave"]
    assert left == [(text(stage.host(number)), text(stage.group(number))) for number in (1, 2, 3)]
