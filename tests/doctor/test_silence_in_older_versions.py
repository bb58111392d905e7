"""Members that answer nobody where the older versions are spoken, and those who need not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import text
from mldkit.model.family import IGMP
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from tests.doctor.conftest import Doctor


def older(stage: Stage) -> int:
    """Return the version before the current one: IGMPv2 and MLDv1."""
    return stage.family.current_version - 1


def asked(stage: Stage, rounds: int = 2, *, version: int | None = None, data: bool = True) -> None:
    """Let a querier ask every 125 s from 10 s on, and the data of the group come meanwhile."""
    for number in range(rounds):
        stage.query(10 + 125 * number, version=version or older(stage))
    for at in range(0, 10 + 125 * (rounds - 1) + 60, 5):
        stage.data(at, 1 if data else 200)


def test_the_last_reporter_that_answers_no_query_is_silent(stage: Stage, doctor: Doctor) -> None:
    stage.older_report(0, 1)
    asked(stage)

    told = doctor(stage)

    (silence,) = told.findings("D-07")
    assert silence["severity"] == "error"
    assert silence["host"] == text(stage.host())
    assert "did not answer 2 General Queries in a row" in silence["detail"]


def test_one_query_without_an_answer_is_a_warning(stage: Stage, doctor: Doctor) -> None:
    stage.older_report(0, 1)
    asked(stage, 1)

    assert doctor(stage).severity("D-07") == "warning"


def test_queries_of_the_current_version_are_answered_by_older_hosts_too(
    stage: Stage, doctor: Doctor
) -> None:
    stage.older_report(0, 1)
    asked(stage, version=stage.family.current_version)

    assert doctor(stage).severity("D-07") == "error"


def test_a_report_of_somebody_else_suppresses(stage: Stage, doctor: Doctor) -> None:
    stage.older_report(0, 1, host=2)
    stage.older_report(1, 1, host=1)
    asked(stage)
    for at in 13, 138:
        stage.older_report(at, 1, host=2)

    assert "D-07" not in doctor(stage).ids


def test_who_did_not_report_last_may_have_left_without_a_word(stage: Stage, doctor: Doctor) -> None:
    stage.older_report(0, 1, host=1)
    stage.older_report(1, 1, host=2)
    stage.leave(5, 1, host=2)
    asked(stage)

    assert "D-07" not in doctor(stage).ids


def test_who_left_is_not_silent(stage: Stage, doctor: Doctor) -> None:
    stage.older_report(0, 1)
    stage.leave(5, 1)
    asked(stage)

    assert "D-07" not in doctor(stage).ids


def test_who_answers_for_one_of_its_groups_is_there(stage: Stage, doctor: Doctor) -> None:
    stage.older_report(0, 1)
    stage.older_report(0.1, 2)
    asked(stage)
    for at in 14, 139:
        stage.older_report(at, 2)

    assert "D-07" not in doctor(stage).ids


def test_a_late_answer_is_no_silence(stage: Stage, doctor: Doctor) -> None:
    stage.older_report(0, 1)
    asked(stage, 1)
    stage.older_report(25, 1)

    assert "D-07" not in doctor(stage).ids


def test_a_capture_that_ends_in_the_window_shows_no_silence(stage: Stage, doctor: Doctor) -> None:
    stage.older_report(0, 1)
    stage.query(10, version=older(stage))
    for at in range(22):
        stage.data(at, 1)

    assert "D-07" not in doctor(stage).ids


def test_igmpv1_knows_no_leave_so_silence_is_a_remark(doctor: Doctor) -> None:
    stage = Stage(IGMP)
    stage.older_report(0, 1, version=1)
    asked(stage, version=1)

    told = doctor(stage)

    (silence,) = told.findings("D-07")
    assert silence["severity"] == "info"
    assert "it left, which IGMPv1 does not tell, or is silent" in silence["detail"]


def test_behind_a_switch_that_holds_reports_back_silence_is_a_remark(
    stage: Stage, doctor: Doctor
) -> None:
    stage.older_report(0, 1)
    asked(stage)

    assert doctor(stage, "--vantage", "router-port").severity("D-07") == "info"


@pytest.mark.parametrize("source", [True, False], ids=["zero", "router"])
def test_whoever_asks_is_to_be_answered(doctor: Doctor, source: bool) -> None:
    stage = Stage(IGMP)
    stage.older_report(0, 1)
    for at in 10, 135:
        if source:
            stage.query(at, version=2, source=bytes(4))
        else:
            stage.query(at, version=2)
    for at in range(0, 200, 5):
        stage.data(at, 1)

    assert doctor(stage).severity("D-07") == "error"


@pytest.mark.parametrize(("place", "severity"), [("auto", "info"), ("link", "error")])
def test_where_no_data_come_reports_may_not_come_here_either(
    stage: Stage, doctor: Doctor, place: str, severity: str
) -> None:
    # A snooping switch sends older reports to routers only, once it has heard one.
    stage.older_report(0, 1)
    asked(stage, data=False)

    told = doctor(stage, "--vantage", place)

    assert told.severity("D-07") == severity
    if severity == "info":
        assert "a switch does not let its reports come here any more" in told.text


def test_who_is_silent_while_another_one_reports_has_not_expired(
    stage: Stage, doctor: Doctor
) -> None:
    for round_ in range(8):
        stage.query(125 * round_, version=stage.family.current_version - 1)
        stage.older_report(125 * round_ + 3, 1, host=1 if round_ == 1 else 2)

    told = doctor(stage)

    assert "1 silent while others reported" in told.text
    assert "1 expired" not in told.text


def test_the_last_one_that_is_not_heard_any_more_has_expired(stage: Stage, doctor: Doctor) -> None:
    for round_ in range(8):
        stage.query(125 * round_, version=stage.family.current_version - 1)
        if round_ < 3:
            stage.older_report(125 * round_ + 3, 1, host=1 + round_ % 2)

    told = doctor(stage)

    assert "1 expired" in told.text
    assert "silent while others reported" in told.text
