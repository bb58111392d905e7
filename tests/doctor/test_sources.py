"""Sources against filters: who is asked for, who sends, and who gets nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import text

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor


def member(stage: Stage, kind: str, *sources: int, host: int = 1) -> None:
    for number in range(4):
        if host == 1:
            stage.query(125 * number)
        stage.report(125 * number + 2 + host, kind, 1, host=host, sources=sources)


def test_the_feed_moves_and_the_member_goes_on_asking_for_the_old_one(
    stage: Stage, doctor: Doctor
) -> None:
    member(stage, "IS_IN", 1)
    stage.stream(0, 180, 1, 1, source=1)
    stage.stream(180, 380, 1, 1, source=2)

    told = doctor(stage)

    old, new = text(stage.source(1)), text(stage.source(2))
    assert told.severity("D-43") == "warning"
    assert (
        f"asks for {old} in {text(stage.group(1))}, of which nothing came here since 22:16:19"
        in told.text
    )
    assert f"{new} sends since 22:16:20 UTC, and no member wants it" in told.text
    assert "D-12" not in told.ids, "the stop has its explanation"


def test_the_wanted_source_never_sends(stage: Stage, doctor: Doctor) -> None:
    member(stage, "IS_IN", 1)
    stage.stream(10, 380, 1, 1, source=2)

    told = doctor(stage)

    assert told.severity("D-43") == "warning"
    assert "of which nothing comes here; " in told.text


def test_a_second_feed_that_comes_along_is_remarked(stage: Stage, doctor: Doctor) -> None:
    member(stage, "IS_IN", 1)
    stage.stream(0, 380, 1, 1, source=1)
    stage.stream(0, 380, 1, 1, source=2)

    told = doctor(stage)

    assert told.severity("D-43") == "info"
    assert f"{text(stage.source(2))} sends to {text(stage.group(1))}, and no member" in told.text


@pytest.mark.parametrize("wanted", [(1, 2), (2,)])
def test_one_of_two_feeds_is_enough(stage: Stage, doctor: Doctor, wanted: tuple[int, ...]) -> None:
    member(stage, "IS_IN", *wanted)
    stage.stream(0, 380, 1, 1, source=2)

    assert doctor(stage).ids == set()


def test_another_member_wants_the_other_source(stage: Stage, doctor: Doctor) -> None:
    # Two channels in one source-specific group; one of them is off the air.
    member(stage, "IS_IN", 1)
    member(stage, "IS_IN", 2, host=2)
    stage.stream(0, 380, 1, 1, source=2)

    assert doctor(stage).severity("D-43") == "info"


def test_the_only_source_is_on_the_list_of_those_not_wanted(stage: Stage, doctor: Doctor) -> None:
    member(stage, "IS_EX", 1)
    stage.stream(0, 380, 1, 1, source=1)

    told = doctor(stage)

    assert told.severity("D-43") == "info"
    assert f"excludes {text(stage.source(1))}, the only source" in told.text


def test_a_list_of_those_not_wanted_may_name_one_of_two(stage: Stage, doctor: Doctor) -> None:
    member(stage, "IS_EX", 1)
    stage.stream(0, 380, 1, 1, source=2)

    assert doctor(stage).ids == set()


def test_the_old_source_for_a_moment_after_the_change(stage: Stage, doctor: Doctor) -> None:
    stage.query(0)
    stage.report(3, "IS_IN", 1, sources=(1,))
    stage.stream(3.5, 69, 2, 1, source=1)
    for at in (60, 60.5):
        stage.report(at, "ALLOW", 1, sources=(2,))
        stage.report(at + 0.01, "BLOCK", 1, sources=(1,))
    for at in (60.1, 61.1):
        stage.query(at, 1, sources=(1,), response=1)
    stage.stream(65, 100, 2, 1, source=2)

    assert "D-43" not in doctor(stage).ids


def test_a_wanted_source_that_sends_seldom_is_not_silent(stage: Stage, doctor: Doctor) -> None:
    member(stage, "IS_IN", 1)
    stage.stream(0, 380, 1 / 20, 1, source=1)
    stage.stream(0, 380, 1, 1, source=2)

    assert doctor(stage).severity("D-43") == "info"
