"""Members that a switch forgot: kept silent by the reports of others, or silent by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import text

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor


def port_of_a_leaky_switch(stage: Stage, *, stops: float, again: float, until: float = 700) -> None:
    """Let host 2 report in time all the time, host 1 at 5 s and at 400 s only.

    Data come twice a second, but not from `stops` to `again`.
    """
    version = stage.family.current_version - 1
    for number in range(6):
        stage.query(125 * number, version=version)
        if number:
            stage.older_report(125 * number + 3, 1, host=2)
    stage.older_report(4, 1, host=2)
    stage.older_report(5, 1, host=1)
    stage.older_report(400, 1, host=1)
    for half in range(int(until * 2)):
        if not stops < half / 2 < again:
            stage.data(half / 2, 1)


def test_data_that_stop_and_come_back_with_the_report_of_a_silenced_host(
    stage: Stage, doctor: Doctor
) -> None:
    port_of_a_leaky_switch(stage, stops=265, again=400.2)

    told = doctor(stage)

    (finding,) = told.findings("D-41")
    assert (finding["severity"], finding["host"]) == ("warning", text(stage.host(1)))
    assert f"while {text(stage.host(2))} did, and 260 s after its last report" in finding["detail"]
    assert "to go on with its next one" in finding["detail"]


@pytest.mark.parametrize(
    ("stops", "again"),
    [(200, 400.2), (265, 420), (1000, 1000)],
    ids=["too soon", "comes back by itself", "never"],
)
def test_other_pauses_are_not_those_of_a_silenced_host(
    stage: Stage, doctor: Doctor, stops: float, again: float
) -> None:
    port_of_a_leaky_switch(stage, stops=stops, again=again)

    assert doctor(stage).severity("D-41") in (None, "info")


def test_who_reports_itself_was_not_silenced(stage: Stage, doctor: Doctor) -> None:
    port_of_a_leaky_switch(stage, stops=265, again=400.2)
    stage.older_report(130, 1, host=1)

    assert "D-41" not in doctor(stage).ids


def test_the_stop_of_the_stream_is_told_with_the_silence(stage: Stage, doctor: Doctor) -> None:
    for at in range(0, 300, 60):
        stage.query(at + 10, version=stage.family.current_version - 1)
    stage.older_report(0, 1)
    for half in range(538):
        stage.data(half / 2, 1)
    stage.data(300, 200)

    told = doctor(stage)

    (silence,) = told.findings("D-07")
    assert silence["severity"] == "error"
    assert f"the stream to {text(stage.group(1))} stopped 268 s after that" in silence["detail"]
