"""Leaves that are asked about: at once, late, never, or in a way that hosts must drop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import parse, parse_mac, text
from mldkit.model.family import MLD
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from tests.doctor.conftest import Doctor


def left(stage: Stage, at: float = 20, group: int = 1, host: int = 1) -> None:
    """Let a host that is asked and answers leave a group."""
    stage.report(at, "TO_IN", group, host=host)


def link_with_a_member(stage: Stage) -> None:
    stage.query(0)
    stage.report(3, "IS_EX", 1)


def asked(stage: Stage, *times: float) -> None:
    for at in times:
        stage.query(at, 1, response=1)


def lasts(stage: Stage, until: float = 60) -> None:
    stage.data(until, 200)


def test_a_leave_that_is_asked_about_at_once_and_again_is_as_it_should_be(
    stage: Stage, doctor: Doctor
) -> None:
    link_with_a_member(stage)
    left(stage)
    asked(stage, 20.001, 21.001)
    lasts(stage)

    told = doctor(stage)

    assert "D-11" not in told.ids
    assert "the leave was asked about after 1 ms" in told.text


@pytest.mark.parametrize(
    ("after", "severity"),
    [(1.0, None), (1.2, "info"), (2.1, "info"), (2.3, "warning"), (8, "warning")],
)
def test_late_questions_are_a_remark_and_after_the_last_member_query_time_a_warning(
    stage: Stage, doctor: Doctor, after: float, severity: str | None
) -> None:
    link_with_a_member(stage)
    left(stage)
    asked(stage, 20 + after, 21 + after)
    lasts(stage)

    told = doctor(stage)

    assert told.severity("D-11") == severity
    assert told.code == 0
    assert "no specific query followed" not in told.text
    if severity:
        assert f"asked about {'only ' * (severity == 'warning')}after {after:.3g} s" in told.text


def test_nobody_who_asks_is_an_error(stage: Stage, doctor: Doctor) -> None:
    link_with_a_member(stage)
    left(stage)
    lasts(stage)

    told = doctor(stage)

    assert (told.severity("D-11"), told.code) == ("error", 1)
    assert "no specific query followed here" in told.text


def test_soon_before_the_end_of_the_capture_it_is_an_error_too(
    stage: Stage, doctor: Doctor
) -> None:
    link_with_a_member(stage)
    left(stage)
    lasts(stage, 22.5)

    assert doctor(stage).severity("D-11") == "error"


def test_a_capture_that_ends_within_the_last_member_query_time_shows_nothing(
    stage: Stage, doctor: Doctor
) -> None:
    link_with_a_member(stage)
    left(stage)
    lasts(stage, 22)

    assert "D-11" not in doctor(stage).ids


def test_an_answer_that_comes_later_does_not_make_up_for_the_question(
    stage: Stage, doctor: Doctor
) -> None:
    link_with_a_member(stage)
    stage.report(4, "IS_EX", 1, host=2)
    left(stage)
    stage.query(26)
    stage.report(27, "IS_EX", 1, host=2)
    lasts(stage)

    assert doctor(stage).severity("D-11") == "error"


def test_once_where_it_should_be_twice_is_a_remark(stage: Stage, doctor: Doctor) -> None:
    link_with_a_member(stage)
    left(stage)
    asked(stage, 20.001)
    lasts(stage)

    told = doctor(stage)

    assert told.severity("D-11") == "info"
    assert "1 of 2 specific queries followed" in told.text


def test_who_joins_again_at_once_need_not_be_asked_about(stage: Stage, doctor: Doctor) -> None:
    link_with_a_member(stage)
    left(stage)
    stage.report(20.5, "TO_EX", 1)
    lasts(stage)

    assert "D-11" not in doctor(stage).ids


def test_questions_that_hosts_must_drop_are_told_as_that(doctor: Doctor) -> None:
    stage = Stage(MLD)
    link_with_a_member(stage)
    left(stage)
    for at in 20.1, 21.1:
        stage.query(at, 1, response=1, source=parse("2001:db8::1"))
    lasts(stage)

    told = doctor(stage)

    assert told.severity("V-06") == "error"
    assert "D-11" not in told.ids
    who, group = "2001:db8::1", text(stage.group(1))
    assert (
        f"{who} asked who is left in {group}, but hosts must drop its queries (V-06)" in told.text
    )


def test_each_leave_counts(stage: Stage, doctor: Doctor) -> None:
    link_with_a_member(stage)
    stage.report(4, "IS_EX", 1, host=2)
    stage.report(5, "IS_EX", 1, host=3)
    left(stage, 20, host=1)
    asked(stage, 20.001, 21.001)
    left(stage, 20.5, host=2)
    left(stage, 21.9, host=3)
    lasts(stage)

    told = doctor(stage)

    (leaves,) = told.document["leaves"]
    ended = [row["ended_by"] for row in told.document["memberships"]]
    assert (leaves["heard"], leaves["asked"], ended.count("leave")) == (3, 3, 3)
    assert "all 3 leaves were asked about" in told.text


def test_leaves_without_a_querier_are_counted_and_not_asked_about(
    stage: Stage, doctor: Doctor
) -> None:
    stage.report(0, "TO_EX", 1, 2)
    left(stage, 5, group=2)
    stage.query(10)
    stage.report(12, "IS_EX", 1)
    left(stage)
    asked(stage, 20.001, 21.001)
    lasts(stage)

    told = doctor(stage)

    assert "2 left" in told.text
    assert "1 of 2 leaves were asked about" in told.text


def test_beside_the_stays_of_one_host_the_leaves_of_all_are_not_counted(
    stage: Stage, doctor: Doctor
) -> None:
    link_with_a_member(stage)
    stage.report(4, "IS_EX", 1, host=2)
    left(stage, 20, host=2)
    asked(stage, 20.001, 21.001)
    lasts(stage)

    assert "asked about" not in doctor(stage, "--host", text(stage.host(1))).text


def streamed(stage: Stage, until: float, *, from_router: bool = True) -> None:
    mac = parse_mac("02:00:00:00:00:01" if from_router else "02:00:00:00:00:64")
    stage.stream(3, until, 25, 1, link_source=mac)


@pytest.mark.parametrize(
    ("until", "severity"), [(19.95, "info"), (20.5, "info"), (19.5, "error"), (21.5, "error")]
)
def test_a_stream_that_stops_with_the_leave_of_the_only_member_is_fast_leave(
    stage: Stage, doctor: Doctor, until: float, severity: str
) -> None:
    link_with_a_member(stage)
    streamed(stage, until)
    left(stage)
    lasts(stage)

    told = doctor(stage)

    assert told.severity("D-11") == severity
    assert ("fast (immediate) leave" in told.findings("D-11")[0]["detail"]) == (severity == "info")


def test_where_another_one_is_a_member_nobody_may_take_the_stream_away(
    stage: Stage, doctor: Doctor
) -> None:
    link_with_a_member(stage)
    stage.report(4, "IS_EX", 1, host=2)
    streamed(stage, 20)
    left(stage)
    lasts(stage)

    assert doctor(stage).severity("D-11") == "error"


def test_what_the_leaver_sent_itself_stops_by_itself(stage: Stage, doctor: Doctor) -> None:
    link_with_a_member(stage)
    streamed(stage, 20, from_router=False)
    left(stage)
    lasts(stage)

    assert doctor(stage).severity("D-11") == "error"


def test_a_few_packets_show_no_fast_leave(stage: Stage, doctor: Doctor) -> None:
    link_with_a_member(stage)
    stage.stream(19.7, 20, 25, 1, link_source=parse_mac("02:00:00:00:00:01"))
    left(stage)
    lasts(stage)

    assert doctor(stage).severity("D-11") == "error"
