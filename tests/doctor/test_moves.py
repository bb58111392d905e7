"""A host goes on at another interface when its own goes down: a bond, or a cable that is moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from tests.doctor.conftest import Doctor

DOWN = 200
NAMES = ("eth1", "eth2")


def first_half(stage: Stage) -> Stage:
    """Tell of an interface that goes down after 200 s."""
    for at in (0, 125):
        stage.query(at)
        stage.report(at + 3, "IS_EX", 1)
    stage.stream(0, DOWN, 2, 1)
    stage.chatter(0, DOWN)
    return stage


def second_half(stage: Stage, reported: float = 253) -> Stage:
    """Tell of the other one, on which the host reports after a time, and its stream comes."""
    for at in (0, 125, 250, 375):
        stage.query(at)
    stage.report(reported, "IS_EX", 1)
    stage.report(378, "IS_EX", 1)
    stage.stream(reported + 0.5, 400, 2, 1)
    return stage


def test_a_host_that_reports_elsewhere_only_when_it_is_asked_was_without_its_stream(
    stage: Stage, doctor: Doctor
) -> None:
    told = doctor([first_half(stage), second_half(Stage(stage.family))], interfaces=NAMES)

    assert told.code == 0
    assert told.ids == {"D-40", "D-44"}
    assert told.severity("D-44") == "warning"
    (finding,) = told.findings("D-44")
    host = f"{finding['host']} moved from eth1 to eth2: it reported there 53.5 s after eth1"
    assert finding["detail"].startswith(host)
    assert "was away for 54.0 s" in finding["detail"]


def test_a_host_that_reports_at_once_moved_without_harm(stage: Stage, doctor: Doctor) -> None:
    told = doctor([first_half(stage), second_half(Stage(stage.family), 200.2)], interfaces=NAMES)

    assert told.severity("D-44") == "info"
    assert "was away" not in told.findings("D-44")[0]["detail"]


def test_a_host_that_is_on_both_interfaces_stays_on_the_other(stage: Stage, doctor: Doctor) -> None:
    other = Stage(stage.family)
    for at in (0, 125, 250, 375):
        other.query(at)
        other.report(at + 3, "IS_EX", 1)

    told = doctor([first_half(stage), other], interfaces=NAMES)

    assert told.ids == {"D-40"}


def test_nobody_moved_while_both_interfaces_go_on(stage: Stage, doctor: Doctor) -> None:
    for at in (250, 375):
        stage.query(at)
    stage.chatter(DOWN, 400)

    told = doctor([first_half(stage), second_half(Stage(stage.family))], interfaces=NAMES)

    assert "D-44" not in told.ids


def test_a_pause_of_the_capture_moves_nobody(stage: Stage, doctor: Doctor) -> None:
    # Both interfaces have the host; one is still down when somebody looks again.
    other = Stage(stage.family)
    for one in (stage, other):
        for at in (0, 125):
            one.query(at)
            one.report(at + 3, "IS_EX", 1)
        one.chatter(0, DOWN, every=2)
    for at in (1000, 1125):
        other.query(at)
        other.report(at + 3, "IS_EX", 1)
    other.chatter(1000, 1200, every=2)

    told = doctor([stage, other], interfaces=NAMES)

    assert told.ids == {"D-40"}
