"""A cable between two ports of one switch: every frame goes around until somebody pulls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import text
from mldkit.model.family import IGMP
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from tests.doctor.conftest import Doctor


def around(stage: Stage, times: int, every: float) -> None:
    """Let each message of a quiet link come some times."""
    for number in range(3):
        for turn in range(times):
            stage.query(125 * number + turn * every)
            stage.report(125 * number + 3 + turn * every, "IS_EX", 1)


@pytest.mark.parametrize("every", [0.0002, 0.0004, 0.005, 0.01])
def test_each_message_comes_sixty_times(stage: Stage, doctor: Doctor, every: float) -> None:
    around(stage, 60, every)

    told = doctor(stage)

    (querier,) = told.document["queriers"]
    assert told.code == 1
    assert told.ids == {"D-34"}
    assert "a loop or a storm" in told.text
    assert "the same octets came 60 times within" in told.text
    assert {one["host"] for one in told.findings("D-34")} == {
        text(stage.router()),
        text(stage.host()),
    }
    assert querier["general_queries"] == 3
    assert told.document["responses"]["count"] == 3


def test_what_goes_around_fast_is_counted_once(stage: Stage, doctor: Doctor) -> None:
    around(stage, 60, 0.0004)

    told = doctor(stage)

    (querier,), (row,) = told.document["queriers"], told.document["memberships"]
    assert querier["general_queries"] == 3
    assert row["reports"] == 3
    assert told.document["captures"][0]["duplicates"] == 6 * 59


@pytest.mark.parametrize(
    ("times", "every", "raised"),
    [(10, 0.011, True), (9, 0.011, False), (10, 0.012, False), (2, 0.0005, False)],
    ids=("ten in 100 ms", "nine", "ten in more", "a span port"),
)
def test_ten_frames_within_100_ms_make_a_storm(
    stage: Stage, doctor: Doctor, times: int, every: float, raised: bool
) -> None:
    around(stage, times, every)

    assert ("D-34" in doctor(stage).ids) is raised


def test_a_span_port_of_many_ports_has_all_copies_at_once(stage: Stage, doctor: Doctor) -> None:
    # A report that goes out of 23 ports, all of which are mirrored to one.
    around(stage, 24, 0.00002)

    told = doctor(stage)

    assert told.code == 0
    assert told.ids == {"M-56"}


def test_a_host_that_tells_its_change_again_is_no_loop(stage: Stage, doctor: Doctor) -> None:
    stage.query(0, robustness=3)
    for at in (20, 20.02, 20.05):
        stage.report(at, "TO_EX", 1)
    stage.query(60, robustness=3)
    stage.report(63, "IS_EX", 1)

    told = doctor(stage)

    assert told.ids == set()
    assert told.document["memberships"][0]["reports"] == 4


def slow_loop(numbers: list[int], others: list[int]) -> Stage:
    """A querier's packets with these identifications, and a host; others come in between."""
    stage = Stage(IGMP)
    for place, number in enumerate(others):
        stage.query(40 * place, identification=number)
        stage.report(40 * place + 4, "IS_EX", 1)
    for place, number in enumerate(numbers):
        stage.query(200.5 + 0.3 * place, identification=number)
    stage.report(206, "IS_EX", 1)
    return stage


def test_one_packet_that_comes_again_and_again_is_a_loop(doctor: Doctor) -> None:
    told = doctor(slow_loop([77] * 12, [1, 2, 3, 4]))

    assert told.code == 1
    assert "one packet, by its identification, came 12 times in 3.3 s" in told.text
    assert told.document["queriers"][0]["general_queries"] == 5


@pytest.mark.parametrize(
    ("numbers", "others"),
    [([77] * 5, [1, 2, 3, 4]), ([77] * 12, [77] * 4), ([0] * 12, [1, 2, 3, 4]),
     (list(range(70, 82)), [1, 2, 3, 4])],
    ids=("seldom", "all of a device alike", "none, as Linux sends it", "all different"),
)  # fmt: skip
def test_a_packet_is_told_by_its_identification_where_that_says_something(
    doctor: Doctor, numbers: list[int], others: list[int]
) -> None:
    assert "D-34" not in doctor(slow_loop(numbers, others)).ids
