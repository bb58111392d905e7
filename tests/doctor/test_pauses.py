"""The capture stands still for a time: nobody looked, which is no silence of anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.family import IGMP, MLD
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from tests.doctor.conftest import Doctor

HOUR = 3600
DAY = 24 * HOUR


def rounds(stage: Stage, begin: float, count: int, *, answered: bool = True) -> None:
    """Let the querier ask every 125 s, and the host answer."""
    for number in range(count):
        stage.query(begin + 125 * number)
        if answered:
            stage.report(begin + 125 * number + 2, "IS_EX", 1)


def paused(stage: Stage, length: float, *, every: float = 10) -> Stage:
    """Tell of a link that is looked at for 200 s, then not at all for a time, then again."""
    for begin in (0, 200 + length):
        rounds(stage, begin, 2)
        stage.chatter(begin + 1, begin + 200, every=every)
    return stage


def test_an_hour_without_a_packet_of_any_kind_is_no_silence_of_the_querier(
    stage: Stage, doctor: Doctor
) -> None:
    told = doctor(paused(stage, HOUR))

    assert told.code == 0
    assert told.ids == {"D-40"}
    assert told.severity("D-40") == "info"
    assert "Nothing at all was captured from 22:16:31 UTC to 23:16:40 UTC (3,609 s)" in told.text
    assert "nobody queried" not in told.text


def test_nothing_expires_by_a_pause_and_no_interval_is_measured_across_it(
    stage: Stage, doctor: Doctor
) -> None:
    told = doctor(paused(stage, HOUR))

    assert {row["ended_by"] for row in told.document["memberships"]} == {"capture-end"}
    (querier,) = told.document["queriers"]
    assert querier["interval_s"]["observed_median"] in (None, 125)
    assert querier["general_queries"] == 4


def test_a_member_stays_the_same_one_through_a_short_pause(stage: Stage, doctor: Doctor) -> None:
    told = doctor(paused(stage, 100, every=1))

    assert told.ids == {"D-40"}
    (row,) = told.document["memberships"]
    assert (row["reports"], row["ended_by"]) == (4, "capture-end")


@pytest.mark.parametrize(
    ("every", "length", "is_told"),
    [(10, 150, False), (10, 200, True), (1, 50, False), (1, 70, True)],
    ids=["16 times", "21 times", "less than a minute", "more than a minute"],
)
def test_a_gap_counts_from_a_minute_on_and_when_it_is_twenty_times_the_usual_spacing(
    stage: Stage, doctor: Doctor, every: float, length: float, is_told: bool
) -> None:
    told = doctor(paused(stage, length, every=every))

    assert ("D-40" in told.ids) is is_told


def test_a_querier_that_falls_silent_while_others_talk_is_missed(
    stage: Stage, doctor: Doctor
) -> None:
    rounds(stage, 0, 2)
    stage.report(900, "TO_EX", 2)
    stage.chatter(0, 1000)

    told = doctor(stage)

    assert "D-01" in told.ids
    assert "D-40" not in told.ids


def test_what_talks_only_before_a_gap_may_have_ended_by_itself(
    stage: Stage, doctor: Doctor
) -> None:
    rounds(stage, 0, 2)
    stage.chatter(1, 200)
    rounds(stage, HOUR, 4)

    told = doctor(stage)

    assert "D-01" in told.ids


def test_of_membership_messages_alone_nobody_knows_whether_somebody_looked(
    stage: Stage, doctor: Doctor
) -> None:
    rounds(stage, 0, 4)
    rounds(stage, 3900, 1)

    told = doctor(stage)

    assert "D-01" in told.ids
    assert "whether anybody looked is not known" in told.text


def test_membership_messages_that_come_as_seldom_as_ever_are_not_worth_a_word(
    stage: Stage, doctor: Doctor
) -> None:
    rounds(stage, 0, 6)

    told = doctor(stage)

    assert told.ids == set()


def streaming(stage: Stage, begin: float, end: float) -> None:
    for tenth in range(round((end - begin) * 2)):
        stage.data(begin + tenth / 2, 1)


def test_data_that_stop_together_with_a_living_querier_show_a_pause(
    stage: Stage, doctor: Doctor
) -> None:
    for begin in (0, HOUR):
        rounds(stage, begin, 2)
        streaming(stage, begin + 2.5, begin + 200)

    told = doctor(stage)

    assert "D-01" not in told.ids
    assert "D-40" in told.ids


def test_data_that_stop_because_the_querier_is_missed_show_none(
    stage: Stage, doctor: Doctor
) -> None:
    # The last report comes at 127 s; a snooping switch forgets the member 260 s later.
    rounds(stage, 0, 2)
    streaming(stage, 2.5, 387)
    stage.report(2 * HOUR, "TO_EX", 1)
    streaming(stage, 2 * HOUR + 1, 2 * HOUR + 60)

    told = doctor(stage)

    assert "D-01" in told.ids
    assert "D-40" not in told.ids
    assert "your stream to" in told.text


def test_after_a_day_without_a_packet_nobody_looked_whatever_the_capture_holds(
    stage: Stage, doctor: Doctor
) -> None:
    stage.report(0, "IS_EX", 1)
    stage.report(DAY + 1, "IS_EX", 1)

    told = doctor(stage)

    assert told.ids == {"D-40"}


def test_a_query_every_day_of_the_week_is_seven_looks_at_a_link(
    stage: Stage, doctor: Doctor
) -> None:
    for day in range(7):
        stage.query(day * DAY * 2)
        stage.report(day * DAY * 2 + 3, "IS_EX", 1)

    told = doctor(stage)

    assert told.code == 0
    assert told.ids == {"D-40"}
    assert told.findings("D-40")[0]["count"] == 6


def test_what_comes_in_bursts_has_gaps_that_are_usual(stage: Stage, doctor: Doctor) -> None:
    for begin in range(0, 9000, 300):
        stage.chatter(begin, begin + 1, every=0.05)
    stage.report(100, "IS_EX", 1)
    stage.report(8000, "IS_EX", 1)

    told = doctor(stage)

    # A few gaps like these are pauses, one after the other is not.
    assert "D-01" in told.ids


def test_hosts_that_talk_by_fits_and_starts_are_not_looked_at_by_fits_and_starts(
    stage: Stage, doctor: Doctor
) -> None:
    # Somebody tries something now and then: after a wait of two minutes as after one of one.
    begins = (0, 40, 110, 160, 280, 330, 440, 560, 660, 780, 850)
    for begin in begins:
        stage.chatter(begin, begin + 2, every=0.1)
    stage.query(1)
    stage.report(4, "IS_EX", 1)

    told = doctor(stage)

    assert "D-40" not in told.ids


def test_a_link_of_both_families_pauses_once(doctor: Doctor) -> None:
    told = doctor([paused(Stage(IGMP), HOUR), paused(Stage(MLD), HOUR)])

    assert told.ids == {"D-40"}
    assert told.findings("D-40")[0]["count"] == 1


def test_a_link_that_is_first_heard_after_a_pause_is_looked_at_from_then_on(
    stage: Stage, doctor: Doctor
) -> None:
    stage.chatter(0, 200)
    stage.chatter(HOUR, HOUR + 200)
    stage.report(HOUR + 100, "IS_EX", 1)

    told = doctor(stage)

    assert "D-01" not in told.ids
    assert "no General Query in 1" in told.text


def test_a_pause_that_no_message_follows_is_one_too(stage: Stage, doctor: Doctor) -> None:
    rounds(stage, 0, 2)
    stage.chatter(1, 200)
    stage.chatter(HOUR, HOUR + 200)

    told = doctor(stage)

    assert "D-01" not in told.ids
    assert "D-40" in told.ids
