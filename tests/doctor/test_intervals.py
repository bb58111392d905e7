"""How often a querier asks, and what it says about that."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor


def _ask(stage: Stage, every: int, *, interval: int, response: int = 10, times: int = 12) -> None:
    for number in range(times):
        stage.query(every * number, interval=interval, response=response)
        stage.report(every * number + 1, "IS_EX", 1)


def test_an_interval_as_long_as_the_response_time_is_told_as_it_is(
    stage: Stage, doctor: Doctor
) -> None:
    _ask(stage, 10, interval=10)

    told = doctor(stage)

    assert "announces 10 s, asks every 10 s" in told.first
    assert "D-04" not in told.ids
    assert told.severity("D-05") == "warning"


def test_another_interval_than_is_announced_is_a_warning(stage: Stage, doctor: Doctor) -> None:
    _ask(stage, 60, interval=125)

    told = doctor(stage)

    assert "announces 125 s, asks every 60 s" in told.first
    assert told.severity("D-04") == "warning"


def test_an_interval_of_0_is_what_is_on_the_wire(stage: Stage, doctor: Doctor) -> None:
    _ask(stage, 60, interval=0)

    told = doctor(stage)

    assert "announces no interval (QQIC 0, taken for 125 s), asks every 60 s" in told.first
    assert told.document["queriers"][0]["interval_s"]["announced"] == 0
    assert told.severity("D-05") == "info"
    assert "D-04" not in told.ids


@pytest.mark.parametrize(
    ("gaps", "every"),
    [
        # A start, a restart in the middle of an interval, a change of the topology.
        ((31.25, 125, 125, 18.75, 31.25, 125), None),
        ((125, 125, 125, 50, 75, 125, 125), None),
        ((125, 125, 125, 60, 60, 125), None),
        ((125, 125, 125, 60, 60, 60, 125), "60 s"),
    ],
)
def test_a_restart_in_between_is_no_other_interval(
    stage: Stage, doctor: Doctor, gaps: tuple[float, ...], every: str | None
) -> None:
    for at in (0, *accumulate(gaps)):
        stage.query(at)
        stage.report(at + 1, "IS_EX", 1)

    told = doctor(stage)

    assert ("D-04" in told.ids) == (every is not None)
    assert f"asks every {every or '125 s'}" in told.first
