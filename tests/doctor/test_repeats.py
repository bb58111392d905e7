"""Changes that are told as often as they should be, too seldom, or too slowly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor


def lasts(stage: Stage, until: float) -> None:
    """Let the capture last: data of somebody else come until then, and tell nothing."""
    stage.data(0, 200)
    stage.data(until, 200)


@pytest.mark.parametrize("after", [5.4, 1.2, 3.1, 9.9])
def test_a_repeat_that_comes_late_is_told_with_its_time(
    stage: Stage, doctor: Doctor, after: float
) -> None:
    stage.report(20, "TO_EX", 1)
    stage.report(20 + after, "TO_EX", 1)
    lasts(stage, 60)

    (finding,) = doctor(stage).findings("D-10")

    assert finding["severity"] == "info"
    assert f"was repeated after {after:.1f} s instead of within 1 s" in finding["detail"]


def test_a_change_at_the_start_of_the_capture_is_repeated_late_all_the_same(
    stage: Stage, doctor: Doctor
) -> None:
    stage.report(0, "TO_EX", 1)
    stage.report(5.4, "TO_EX", 1)
    lasts(stage, 60)

    told = doctor(stage)

    assert "repeated after 5.4 s" in told.text
    assert "sent once" not in told.text


@pytest.mark.parametrize("after", [0.004, 0.5, 1.0])
def test_a_repeat_within_a_second_is_as_it_should_be(
    stage: Stage, doctor: Doctor, after: float
) -> None:
    stage.report(20, "TO_EX", 1)
    stage.report(20 + after, "TO_EX", 1)
    lasts(stage, 60)

    assert "D-10" not in doctor(stage).ids


def test_what_is_told_again_after_more_than_ten_seconds_is_told_anew(
    stage: Stage, doctor: Doctor
) -> None:
    stage.report(20, "TO_EX", 1)
    stage.report(32, "TO_EX", 1)
    lasts(stage, 60)

    (finding,) = doctor(stage).findings("D-10")

    assert (finding["count"], "sent once" in finding["detail"]) == (2, True)


def test_leaving_and_joining_again_is_no_repeat(stage: Stage, doctor: Doctor) -> None:
    for at in 20, 26:
        stage.report(at, "TO_EX", 1)
        stage.report(at + 0.5, "TO_EX", 1)
        stage.report(at + 3, "TO_IN", 1)
        stage.report(at + 3.5, "TO_IN", 1)
    lasts(stage, 60)

    assert "D-10" not in doctor(stage).ids


def test_a_change_that_is_complete_and_comes_again_is_another_one(
    stage: Stage, doctor: Doctor
) -> None:
    for at in 20, 20.5, 25, 25.5:
        stage.report(at, "TO_EX", 1)
    lasts(stage, 60)

    assert "D-10" not in doctor(stage).ids


def test_the_repeats_of_one_group_do_not_hide_those_of_another(
    stage: Stage, doctor: Doctor
) -> None:
    stage.report(20, "TO_EX", 1)
    stage.report(24, "TO_EX", 2)
    stage.report(25.4, "TO_EX", 1)
    stage.report(29.5, "TO_EX", 2)
    lasts(stage, 60)

    (finding,) = doctor(stage).findings("D-10")

    assert finding["count"] == 2
    assert "was repeated after" in finding["detail"]


def test_a_report_may_repeat_one_change_and_tell_another(stage: Stage, doctor: Doctor) -> None:
    stage.report(20, "TO_EX", 1)
    stage.report(20.6, "TO_EX", 1, 2)
    stage.report(21.2, "TO_EX", 2)
    lasts(stage, 60)

    assert "D-10" not in doctor(stage).ids


def test_near_the_end_of_the_capture_it_is_said_how_long_nothing_came(
    stage: Stage, doctor: Doctor
) -> None:
    stage.report(20, "TO_EX", 1)
    lasts(stage, 25)

    assert "was sent once in the 5.0 s after it, robustness is 2" in doctor(stage).text


def test_a_capture_that_ends_within_three_seconds_shows_nothing(
    stage: Stage, doctor: Doctor
) -> None:
    stage.report(20, "TO_EX", 1)
    lasts(stage, 22.9)

    assert "D-10" not in doctor(stage).ids
