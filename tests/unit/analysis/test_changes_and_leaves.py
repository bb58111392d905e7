"""Repeated changes and the queries that follow a leave: what must be raised and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import parse
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import GroupRecord, RecordType
from mldkit.model.units import SECOND
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.analysis.conftest import Diagnosis

    Diagnose = Callable[..., Diagnosis]


@pytest.mark.parametrize(("times", "robustness", "raised"), [
    (1, 2, True), (2, 2, False), (3, 2, True), (3, 3, False),
])  # fmt: skip
def test_a_change_that_is_not_sent_robustness_times_is_d10(
    stage: Stage, diagnose: Diagnose, times: int, robustness: int, raised: bool
) -> None:
    stage.query(0, robustness=robustness)
    for number in range(times):
        stage.report(20 + 0.5 * number, "TO_EX", 1)

    diagnosis = diagnose(stage, 60)

    assert ("D-10" in diagnosis.ids) is raised
    if raised:
        assert diagnosis.finding("D-10").severity == "info"


def test_a_host_that_repeats_no_change_is_told_once_in_the_words_of_the_first(
    stage: Stage, diagnose: Diagnose
) -> None:
    for number in range(3):
        stage.report(10 + 4 * number, "TO_EX", number + 1)

    entry = diagnose(stage, 60).finding("D-10")

    assert entry.count == 3
    assert entry.frames == (1, 2, 3)
    assert "1) was sent once" in entry.detail


def test_repeats_further_apart_than_a_second_are_d10(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(20, "TO_EX", 1)
    stage.report(21.5, "TO_EX", 1)

    assert "D-10" in diagnose(stage, 60).ids


def test_a_change_during_the_repeats_mixes_with_them(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(20, "TO_EX", 1)
    stage.report(20.3, "TO_EX", 1, 2)
    stage.report(20.9, "TO_EX", 2)

    assert "D-10" not in diagnose(stage, 60).ids


@pytest.mark.parametrize(("each", "raised"), [(60, True), (40, False)])
def test_more_than_a_thousand_change_records_a_second_are_d17(
    stage: Stage, diagnose: Diagnose, each: int, raised: bool
) -> None:
    for number in range(20):
        stage.report(10 + number * 0.04, "TO_EX", *range(1, each + 1))

    assert ("D-17" in diagnose(stage, 30).ids) is raised


def test_answers_to_queries_are_no_flood(stage: Stage, diagnose: Diagnose) -> None:
    for number in range(20):
        stage.report(10 + number * 0.04, "IS_EX", *range(1, 61))

    assert "D-17" not in diagnose(stage, 30).ids


def join_and_leave(stage: Stage) -> None:
    """Group 1 with a querier; the host leaves at 20 s."""
    stage.query(0)
    stage.report(5, "TO_EX", 1)
    stage.report(5.5, "TO_EX", 1)
    stage.report(20, "TO_IN", 1)
    stage.report(20.5, "TO_IN", 1)


def test_a_leave_without_specific_queries_is_d11(stage: Stage, diagnose: Diagnose) -> None:
    join_and_leave(stage)

    finding = diagnose(stage, 60).finding("D-11")

    assert (finding.severity, finding.group, finding.frames) == ("error", stage.group(1), (4,))


@pytest.mark.parametrize(("queries", "raised"), [
    ((20.001, 21.001), False),
    ((20.001,), True),
    ((21.5, 22.1), True),
    ((), True),
])  # fmt: skip
def test_robustness_many_queries_must_follow_the_first_within_a_second(
    stage: Stage, diagnose: Diagnose, queries: tuple[float, ...], raised: bool
) -> None:
    join_and_leave(stage)
    for at in queries:
        stage.query(at, 1, response=1)

    assert ("D-11" in diagnose(stage, 60).ids) is raised


@pytest.mark.parametrize("case", ["no querier", "no member", "capture ends", "another reports"])
def test_neighbours_of_an_unanswered_leave_are_no_d11(
    stage: Stage, diagnose: Diagnose, case: str
) -> None:
    if case != "no querier":
        stage.query(0)
    if case != "no member":
        stage.report(5, "TO_EX", 1)
    stage.report(20, "TO_IN", 1)
    if case == "another reports":
        stage.report(20.4, "IS_EX", 1, host=2)

    assert "D-11" not in diagnose(stage, 21 if case == "capture ends" else 60).ids


def test_stopped_sources_must_be_asked_about_too(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    stage.report(5, "ALLOW", 1, sources=(1, 2))
    stage.report(20, "BLOCK", 1, sources=(1,))

    assert "D-11" in diagnose(stage, 60).ids


def test_older_leaves_must_be_asked_about(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0, version=stage.family.current_version - 1)
    stage.older_report(5, 1)
    stage.leave(20, 1)

    assert "D-11" in diagnose(stage, 60).ids


def test_an_igmpv1_querier_knows_no_leave(diagnose: Diagnose) -> None:
    stage = Stage(IGMP)
    stage.query(0, version=1)
    stage.older_report(5, 1)
    stage.leave(20, 1)

    assert "D-11" not in diagnose(stage, 60).ids


def test_suppress_after_a_leave_is_d13(stage: Stage, diagnose: Diagnose) -> None:
    join_and_leave(stage)
    stage.query(20.001, 1, response=1, suppress=True)
    stage.query(21.001, 1, response=1)

    finding = diagnose(stage, 60).finding("D-13")

    assert (finding.severity, finding.count) == ("info", 1)


def test_suppress_after_another_member_reported_is_right(stage: Stage, diagnose: Diagnose) -> None:
    join_and_leave(stage)
    stage.report(5, "TO_EX", 1, host=2)
    stage.query(20.001, 1, response=1)
    stage.report(20.6, "IS_EX", 1, host=2)
    stage.query(21.001, 1, response=1, suppress=True)

    assert "D-13" not in diagnose(stage, 60).ids


def test_no_suppress_after_another_member_reported_is_d13(stage: Stage, diagnose: Diagnose) -> None:
    join_and_leave(stage)
    stage.report(5, "TO_EX", 1, host=2)
    stage.query(20.001, 1, response=1)
    stage.report(20.6, "IS_EX", 1, host=2)
    stage.query(21.001, 1, response=1)

    assert diagnose(stage, 60).finding("D-13").count == 1


def test_a_leave_that_is_told_again_begins_the_question_anew(
    stage: Stage, diagnose: Diagnose
) -> None:
    # The group timer, which the report had raised, is lowered again (RFC 9776 §6.4.2, §6.6.3.1).
    join_and_leave(stage)
    stage.report(5, "TO_EX", 1, host=2)
    stage.query(20.001, 1, response=1)
    stage.report(20.6, "IS_EX", 1, host=2)
    stage.report(20.9, "TO_IN", 1)
    stage.query(20.901, 1, response=1)

    assert "D-13" not in diagnose(stage, 60).ids


def test_the_time_from_a_leave_to_the_first_query_is_measured(
    stage: Stage, diagnose: Diagnose
) -> None:
    join_and_leave(stage)
    stage.query(20.25, 1, response=1)
    stage.query(21.25, 1, response=1)
    stage.report(40, "TO_EX", 2)
    stage.report(45, "TO_IN", 2)

    (link,) = diagnose(stage, 60).result.links

    assert link.leaves.count == 2
    assert (link.leaves.delays.count, link.leaves.delays.longest_ns) == (1, 250_000_000)


def test_an_older_querier_ends_the_repeats(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    stage.report(20, "TO_EX", 1)
    stage.query(20.3, version=stage.family.current_version - 1)

    assert "D-10" not in diagnose(stage, 60).ids


def test_a_member_whose_time_is_over_excuses_no_missing_query(
    stage: Stage, diagnose: Diagnose
) -> None:
    for second in (0, 125, 250, 375):
        stage.query(second)
        stage.report(second + 2, "IS_IN", 1, sources=(1, 2))
    stage.older_report(5, 1, host=2)
    stage.report(380, "BLOCK", 1, sources=(2,))

    assert "D-11" in diagnose(stage, 400).ids

    # Its version counts as long as it is a member (RFC 9776 §7.3.2).
    stage.older_report(377, 1, host=2)
    assert "D-11" not in diagnose(stage, 400).ids


def test_data_go_on_though_the_only_other_member_is_over(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    stage.report(2, "IS_EX", 1, host=2)
    for second in (100, 225, 350):
        stage.query(second)
        stage.report(second + 2, "IS_EX", 1)
    for second in range(1, 400):
        stage.data(second, 1)
    stage.report(380, "TO_IN", 1)
    stage.query(380.01, 1, response=1)
    stage.query(381.01, 1, response=1)

    assert diagnose(stage, 400).finding("D-12").weight > 15 * SECOND

    # Somebody who comes again before that is not over.
    stage.report(381, "TO_EX", 1, host=2)
    assert "D-12" not in diagnose(stage, 400).ids


@pytest.mark.parametrize(("group", "severity"), [
    ("224.0.0.251", "info"), ("224.0.1.1", "error"),
    ("ff01::5", "info"), ("ff02::fb", "error"), ("ff05::fb", "error"),
])  # fmt: skip
def test_a_group_that_switches_flood_need_not_be_asked_about(
    diagnose: Diagnose, group: str, severity: str
) -> None:
    address = parse(group)
    stage = Stage(IGMP if len(address) == 4 else MLD)
    stage.query(0)
    stage.records(2, [GroupRecord(RecordType.IS_EX, address)])
    stage.records(20, [GroupRecord(RecordType.TO_IN, address)])

    found = diagnose(stage, 60).finding("D-11")

    assert found.severity == severity
    assert ("is flooded" in found.detail) == (severity == "info")
