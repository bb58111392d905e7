"""What a capture at one port of a snooping switch cannot show, and how a port is known.

::

    host 1 --- port 1 --- switch, querier --- port 2 --- host 2
                  capture

The switch asks each port at its own times; reports of host 2 come to port 1, the questions that
they answer do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mldkit.model.addresses import text
from mldkit.model.family import IGMP, MLD
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from tests.doctor.conftest import Doctor, Told

ABOUT_OTHERS = ("D-07", "D-08", "D-11")


def port(stage: Stage, rounds: int = 3) -> None:
    """Let host 1 be asked here and answer, host 2 be asked elsewhere."""
    for number in range(rounds):
        stage.query(125 * number)
        stage.report(125 * number + 4, "IS_EX", 1, host=1)
        stage.report(125 * number + 60, "IS_EX", 2, host=2)


def end(stage: Stage, at: float = 400) -> None:
    stage.data(at, 200)


def vantage(told: Told) -> dict[str, Any]:
    """Return what was assumed for the one link of the stage."""
    assumed: dict[str, Any]
    (assumed,) = told.document["vantage"]
    return assumed


def test_what_others_are_asked_is_no_fault_at_a_port(stage: Stage, doctor: Doctor) -> None:
    port(stage)
    stage.report(330, "TO_IN", 2, host=2)
    end(stage)

    told = doctor(stage)

    assert told.code == 0
    assert [told.severity(rule) for rule in ABOUT_OTHERS] == [None, "info", "info"]
    assert vantage(told)["assumed"] == "port"
    assert "is taken for a port of a snooping switch" in told.text
    assert f"{text(stage.host(2))} told its state 3 times when nobody asked here" in told.text


def test_who_is_asked_here_is_judged_at_a_port_too(stage: Stage, doctor: Doctor) -> None:
    port(stage)
    stage.report(330, "TO_IN", 1, host=1)
    end(stage)

    told = doctor(stage)

    assert vantage(told)["assumed"] == "port"
    assert told.severity("D-11") == "error"
    assert {finding["host"] for finding in told.findings("D-11")} == {text(stage.host(1))}


def test_the_silence_of_a_host_here_is_a_fault_at_a_port_too(stage: Stage, doctor: Doctor) -> None:
    port(stage)
    stage.query(375)
    stage.query(500)
    end(stage, 600)

    told = doctor(stage)

    worst = {finding["host"]: finding["severity"] for finding in told.findings("D-07")}
    assert worst[text(stage.host(1))] == "error"
    assert worst.get(text(stage.host(2)), "info") == "info"


def test_both_families_of_a_host_show_the_port_together(doctor: Doctor) -> None:
    stages = Stage(IGMP), Stage(MLD)
    for stage in stages:
        for at in 0, 125:
            stage.query(at)
        stage.report(60, "IS_EX", 2, host=2)
        stage.report(150, "TO_IN", 2, host=2)
        end(stage, 200)

    told = doctor(stages)

    assert {one["assumed"] for one in told.document["vantage"]} == {"port"}
    assert {told.severity(rule) for rule in ABOUT_OTHERS} <= {None, "info"}


def test_one_report_without_a_question_shows_no_port(stage: Stage, doctor: Doctor) -> None:
    stage.report(0, "TO_EX", 1)
    stage.query(10)
    stage.report(70, "IS_EX", 1)
    end(stage, 130)

    told = doctor(stage)

    assert vantage(told)["assumed"] == "link"
    assert told.severity("D-08") == "warning"


def test_a_host_that_also_answers_shows_no_port(stage: Stage, doctor: Doctor) -> None:
    stage.query(0)
    stage.report(4, "IS_EX", 1)
    stage.report(60, "IS_EX", 1)
    stage.query(125)
    stage.report(190, "IS_EX", 1)
    end(stage, 250)

    told = doctor(stage)

    assert vantage(told)["assumed"] == "link"
    assert told.severity("D-08") == "warning"


def test_missing_specific_queries_alone_show_no_port(stage: Stage, doctor: Doctor) -> None:
    stage.query(0)
    for number in range(1, 7):
        stage.report(1 + number, "IS_EX", number, host=number)
        stage.report(20 + 3 * number, "TO_IN", number, host=number)
    end(stage, 60)

    told = doctor(stage)

    assert vantage(told)["assumed"] == "link"
    assert (told.severity("D-11"), told.code) == ("error", 1)


def test_a_slow_host_is_not_behind_another_port(stage: Stage, doctor: Doctor) -> None:
    for number in range(4):
        stage.query(125 * number)
        stage.report(125 * number + 15, "IS_EX", 1)
    end(stage)

    told = doctor(stage)

    assert vantage(told)["assumed"] == "link"
    assert told.severity("D-08") == "warning"


def test_who_answers_questions_that_must_be_dropped_is_not_behind_another_port(
    doctor: Doctor,
) -> None:
    # Linux answers MLD queries without Router Alert, which RFC 9777 §7.4 lets receivers drop.
    stage = Stage(MLD)
    stage.query(0)
    for at in 60, 185:
        stage.query(at, router_alert=None)
        stage.report(at + 4, "IS_EX", 1)
    end(stage)

    assert vantage(doctor(stage))["assumed"] == "link"


def test_joins_in_the_words_of_answers_show_no_port(stage: Stage, doctor: Doctor) -> None:
    # Some hosts join with IS_EX, twice, and answer when they are asked.
    stage.query(0)
    stage.report(60, "IS_EX", 1)
    stage.report(61, "IS_EX", 1)
    end(stage, 110)

    assert vantage(doctor(stage))["assumed"] == "link"


def test_reports_before_the_first_question_may_answer_an_earlier_one(
    stage: Stage, doctor: Doctor
) -> None:
    stage.report(1, "IS_EX", 1)
    stage.report(2, "IS_EX", 2)
    stage.query(100)
    end(stage, 120)

    told = doctor(stage)

    assert vantage(told)["assumed"] == "link"
    assert told.severity("D-07") == "warning"


@pytest.mark.parametrize(
    ("place", "severity"),
    [("auto", "error"), ("link", "error"), ("router-port", "error"), ("port", "info"),
     ("bridge", "info")],
)  # fmt: skip
def test_the_user_knows_where_the_capture_was_taken(
    stage: Stage, doctor: Doctor, place: str, severity: str
) -> None:
    stage.query(0)
    stage.report(20, "TO_EX", 1)
    stage.report(30, "TO_IN", 1)
    end(stage, 60)

    told = doctor(stage, "--vantage", place)

    assert told.severity("D-11") == severity
    assert told.code == (severity == "error")
    assert vantage(told)["said"] == (place != "auto")
    assert ("is taken for" in told.text) == (place != "auto")


def test_on_the_own_interface_of_a_bridge_nobody_is_blamed(stage: Stage, doctor: Doctor) -> None:
    for number in range(3):
        stage.query(125 * number)
        stage.report(125 * number + 4, "IS_EX", 1, host=1)
        stage.report(125 * number + 60, "IS_EX", 1, host=2)
    stage.report(330, "TO_IN", 1, host=1)
    end(stage)

    told = doctor(stage, "--vantage", "bridge")

    assert told.code == 0
    assert {told.severity(rule) for rule in ABOUT_OTHERS} <= {None, "info"}


def test_a_link_that_is_said_to_be_one_shows_its_faults(stage: Stage, doctor: Doctor) -> None:
    port(stage)
    end(stage)

    told = doctor(stage, "--vantage", "link")

    assert told.severity("D-08") == "warning"
