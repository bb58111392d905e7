"""Two set-top boxes behind one port: one is switched off, and the other one goes dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import text

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor


def two_boxes(stage: Stage, *dark: tuple[float, float]) -> None:
    """Let host 1 leave at 200 s, while host 2 stays; the data do not come in the times given."""
    for number in range(4):
        stage.query(125 * number)
        stage.report(125 * number + 5, "IS_EX", 1, host=2)
        if number < 2:
            stage.report(125 * number + 2, "IS_EX", 1)
    for at in (200, 200.4):
        stage.report(at, "TO_IN", 1)
    begin = 0.0
    for end, again in (*dark, (395.0, 395.0)):
        stage.stream(begin, end, 2, 1)
        begin = again


@pytest.mark.parametrize("stops", [200, 200.5, 201])
def test_the_stream_of_the_box_that_stays_stops_at_the_leave_of_the_other(
    stage: Stage, doctor: Doctor, stops: float
) -> None:
    two_boxes(stage, (stops, 255))

    told = doctor(stage)

    assert told.severity("D-46") == "warning"
    left, stays = text(stage.host(1)), text(stage.host(2))
    assert (
        f"stopped at the leave of {left}, at 22:16:40 UTC, though {stays} is a member" in told.text
    )
    assert f"with the next report of {stays}" in told.text
    assert "D-12" not in told.ids


def test_a_stop_that_a_querier_had_time_to_ask_about_is_no_fast_leave(
    stage: Stage, doctor: Doctor
) -> None:
    two_boxes(stage, (202.5, 255))

    told = doctor(stage)

    assert "D-46" not in told.ids
    assert told.severity("D-12") == "warning"


def test_a_programme_that_ends_when_somebody_leaves_may_be_a_coincidence(
    stage: Stage, doctor: Doctor
) -> None:
    two_boxes(stage, (200.5, 395))

    told = doctor(stage)

    assert "D-46" not in told.ids
    assert told.severity("D-12") == "info"


def test_a_stream_that_goes_on_for_the_other_box_is_sound(stage: Stage, doctor: Doctor) -> None:
    two_boxes(stage)

    assert doctor(stage).ids & {"D-12", "D-46"} == set()
