"""Answers, late and early ones, silence, and versions: what must be raised and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.analysis.delays import DelayFacts, Delays
from mldkit.model.addresses import text
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.testing.stage import Stage
    from tests.unit.analysis.conftest import Diagnosis

    Diagnose = Callable[..., Diagnosis]


def delays(diagnosis: Diagnosis) -> DelayFacts:
    (link,) = diagnosis.result.links
    return link.delays


def test_an_answer_is_paired_with_its_query(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    stage.report(3.25, "IS_EX", 1, 2)

    found = delays(diagnose(stage, 20))

    assert (found.count, found.late, found.longest_ns) == (1, 0, 3250 * MILLISECOND)


def test_changes_answer_nothing(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    stage.report(3.25, "TO_EX", 1)

    assert delays(diagnose(stage, 20)).count == 0


def test_queries_within_the_response_time_are_one_exchange(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.query(0)
    stage.query(4)
    stage.report(5, "IS_EX", 1)
    stage.report(9, "IS_EX", 1)

    found = delays(diagnose(stage, 20))

    assert (found.count, found.longest_ns) == (1, 5 * SECOND)


def test_a_specific_query_has_its_own_answer(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(0, "TO_EX", 1)
    stage.query(10, 1, response=1)
    stage.report(10.5, "IS_EX", 1)
    stage.query(20, 2, response=1)
    stage.report(20.5, "IS_EX", 1)

    found = delays(diagnose(stage, 30))

    assert (found.count, found.longest_ns) == (1, 500 * MILLISECOND)


# 1.127 x 10 s + 30 ms = 11.3 s
@pytest.mark.parametrize(("delay", "late"), [(11.299, False), (11.301, True)])
def test_answers_past_the_late_limit_are_d08(
    stage: Stage, diagnose: Diagnose, delay: float, late: bool
) -> None:
    stage.report(0, "TO_EX", 1)
    stage.query(5)
    stage.report(5 + delay, "IS_EX", 1)

    diagnosis = diagnose(stage, 60)

    assert ("D-08" in diagnosis.ids) is late
    assert "D-07" not in diagnosis.ids, "a late answer is an answer"
    assert delays(diagnosis).late == int(late)


def test_a_join_between_queries_is_no_late_answer(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    stage.older_report(60, 1)
    stage.report(61, "IS_EX", 2)

    assert "D-08" not in diagnose(stage, 100).ids


@pytest.mark.parametrize(("times", "delay", "raised"), [
    (3, 0.0005, True), (2, 0.0005, False), (3, 0.002, False),
])  # fmt: skip
def test_three_answers_within_a_millisecond_are_d08(
    stage: Stage, diagnose: Diagnose, times: int, delay: float, raised: bool
) -> None:
    for number in range(times):
        stage.query(125 * number)
        stage.report(125 * number + delay, "IS_EX", 1)

    assert ("D-08" in diagnose(stage, 125 * times).ids) is raised


def test_immediate_answers_to_a_query_that_asks_for_them_are_no_d08(
    stage: Stage, diagnose: Diagnose
) -> None:
    for number in range(4):
        stage.query(125 * number, 1, response=0.1)
        stage.report(125 * number + 0.0005, "IS_EX", 1)

    assert "D-08" not in diagnose(stage, 500).ids


def test_a_member_that_does_not_answer_is_d07(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(0, "TO_EX", 1)
    stage.query(10)

    finding = diagnose(stage, 30).finding("D-07")

    assert (finding.severity, finding.host, finding.frames) == ("warning", stage.host(1), (2,))


def test_an_answer_in_the_window_of_a_specific_query_before_the_join_is_no_silence(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.query(10, 1, response=1)
    stage.report(10.2, "TO_EX", 1)
    stage.query(10.4, response=1)
    stage.report(10.9, "IS_EX", 1)

    assert "D-07" not in diagnose(stage, 30).ids


def test_after_robustness_many_queries_silence_is_an_error(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.report(0, "TO_EX", 1)
    stage.query(10)
    stage.query(135)

    finding = diagnose(stage, 160).finding("D-07")

    assert (finding.severity, finding.count) == ("error", 2)


def test_an_answer_in_between_starts_the_count_again(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(0, "TO_EX", 1)
    stage.query(10)
    stage.query(135)
    stage.report(140, "IS_EX", 1)
    stage.query(260)

    assert diagnose(stage, 280).finding("D-07").severity == "warning"


@pytest.mark.parametrize("case", ["answers", "leaves", "capture ends", "joins later"])
def test_neighbours_of_silence_are_no_d07(stage: Stage, diagnose: Diagnose, case: str) -> None:
    stage.query(10)
    if case == "joins later":
        stage.report(12, "TO_EX", 1)
    else:
        stage.report(0, "TO_EX", 1)
    if case == "answers":
        stage.report(19, "IS_EX", 1)
    if case == "leaves":
        stage.report(12, "TO_IN", 1)
        stage.query(12.1, 1, response=1)
        stage.query(13.1, 1, response=1)

    assert "D-07" not in diagnose(stage, 20 if case == "capture ends" else 40).ids


def test_who_is_silent_since_an_older_query_lowered_it_may_have_left(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.report(0, "TO_EX", 1)
    stage.query(10, version=stage.family.current_version - 1)

    assert diagnose(stage, 40).finding("D-07").severity == "info"


def test_who_was_suppressed_since_an_older_query_lowered_it_is_not_silent(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.report(0, "TO_EX", 1)
    stage.report(1, "TO_EX", 1, host=2)
    stage.query(10, version=stage.family.current_version - 1)
    stage.older_report(12, 1, host=2)

    assert "D-07" not in diagnose(stage, 40).ids


@pytest.mark.parametrize(("at", "raised"), [(15, False), (40, True), (250, True), (290, False)])
def test_a_newer_report_in_an_older_mode_is_d09(
    stage: Stage, diagnose: Diagnose, at: float, raised: bool
) -> None:
    # Held from 10 s for RV x QI + QRI = 260 s by the older formula, the shorter one; the first
    # response time is left out because Linux still sends what it owes.
    stage.query(10, version=stage.family.current_version - 1)
    stage.report(at, "TO_EX", 1)

    assert ("D-09" in diagnose(stage, 300).ids) is raised


@pytest.mark.parametrize(("at", "raised"), [(24, True), (40, False)])
def test_the_older_mode_lasts_as_long_as_the_querier_announced(
    stage: Stage, diagnose: Diagnose, at: float, raised: bool
) -> None:
    # 2 x 10 s + 1 s from 10 s on.
    stage.query(0, interval=10, response=1)
    stage.query(10, version=stage.family.current_version - 1, response=1)
    stage.report(at, "TO_EX", 1)

    assert ("D-09" in diagnose(stage, 60).ids) is raised


def test_a_specific_older_query_changes_no_mode(stage: Stage, diagnose: Diagnose) -> None:
    # RFC 9776 §7.2.1: only General Queries do.
    stage.query(10, 1, version=stage.family.current_version - 1)
    stage.report(60, "TO_EX", 1)

    assert "D-09" not in diagnose(stage, 100).ids


def test_an_older_report_that_silences_a_member_is_d18(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(0, "TO_EX", 1, host=1)
    stage.query(10, 1, response=4)
    stage.older_report(10.5, 1, host=2)

    finding = diagnose(stage, 30).finding("D-18")

    assert (finding.severity, finding.host) == ("info", stage.host(1))


def test_a_member_that_answers_all_the_same_is_no_d18(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(0, "TO_EX", 1, host=1)
    stage.query(10, 1, response=4)
    stage.older_report(10.5, 1, host=2)
    stage.report(11, "IS_EX", 1, host=1)

    assert "D-18" not in diagnose(stage, 30).ids


def test_percentiles_are_by_nearest_rank_and_memory_is_bounded() -> None:
    found = Delays()
    for number in range(200_000):
        found.add(number, late=False)

    assert len(found.kept) <= 65_537
    facts = found.seal()
    assert facts.count == 200_000
    assert (facts.shortest_ns, facts.longest_ns) == (0, 199_999)
    assert abs((facts.median_ns or 0) - 100_000) < 10
    assert abs((facts.p95_ns or 0) - 190_000) < 10


def test_a_querier_need_not_answer_itself(stage: Stage, diagnose: Diagnose) -> None:
    # The Linux bridge joins the group of router discovery and drops IPv4 from its own address.
    for at in (0, 125, 250):
        stage.query(at, source=stage.host(1))
    stage.report(10, "TO_EX", 1)
    stage.report(20, "TO_EX", 2, host=2)

    diagnosis = diagnose(stage, 300)

    assert diagnosis.finding("D-07").host == stage.host(2)


def test_a_host_that_answers_one_querier_only_is_told_so(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(0, "TO_EX", 1)
    for number in range(4):
        stage.query(50 + 125 * number, router=1)
        stage.report(53 + 125 * number, "IS_EX", 1)
        stage.query(100 + 125 * number, router=2)

    finding = diagnose(stage, 520).finding("D-07")

    first, second = text(stage.router(1)), text(stage.router(2))
    assert f"when asked by {second}, though it answers {first}" in finding.detail
    assert (finding.severity, finding.count) == ("warning", 4)


def test_an_older_querier_may_report_in_its_own_version(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0, version=stage.family.current_version - 1, source=stage.host(1))
    stage.older_report(3, 1, host=2)
    stage.report(40, "TO_EX", 1)
    stage.report(60, "TO_EX", 1, host=2)

    assert diagnose(stage, 100).finding("D-09").host == stage.host(2)


def test_d18_is_not_for_members_whose_time_is_over(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    stage.report(2, "IS_EX", 1)
    for second in (200, 300):
        stage.query(second)
    stage.query(350, 1, response=1)
    stage.older_report(350.5, 1, host=2)

    assert "D-18" not in diagnose(stage, 400).ids

    stage.report(302, "IS_EX", 1)
    assert "D-18" in diagnose(stage, 400).ids


def test_d07_tells_the_longest_silence_and_when_the_member_was_last_heard(
    stage: Stage, diagnose: Diagnose
) -> None:
    for second in (0, 125, 200, 250):
        stage.query(second)
    for second in (3, 128):
        stage.report(second, "IS_EX", 1)
    stage.report(1, "IS_EX", 1, host=2)
    stage.report(60, "ALLOW", 2, host=2, sources=(1,))

    found = diagnose(stage, 268).result.findings

    gone, deaf = (
        next(item.detail for item in found if item.id == "D-07" and item.host == stage.host(host))
        for host in (1, 2)
    )
    said = "did not answer"
    assert gone.endswith(
        f"{said} 2 General Queries in a row; last heard at 2023-11-14 22:15:28 UTC"
    )
    assert deaf.endswith(
        f"{said} 3 General Queries in a row; last heard at 2023-11-14 22:14:20 UTC"
    )


def test_a_querier_that_is_a_member_is_never_late(stage: Stage, diagnose: Diagnose) -> None:
    """The Linux bridge asks its ports, and itself, at different times."""
    for second in (0, 125, 250):
        stage.query(second, response=2)
        for host in (1, 2):
            source = {"source": stage.router()} if host == 2 else {}
            stage.report(second + 9, "IS_EX", 1, host=host, **source)

    diagnosis = diagnose(stage, 300)

    assert diagnosis.finding("D-08").host == stage.host(1)
    (link,) = diagnosis.result.links
    assert link.delays.late == 2
