"""Sound networks: nothing is said of them that is not so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor


def test_a_link_with_a_querier_and_a_member_that_answers_has_nothing_wrong(
    stage: Stage, doctor: Doctor
) -> None:
    for round_ in range(4):
        stage.query(125 * round_)
        stage.report(125 * round_ + 3, "IS_EX", 1)

    told = doctor(stage)

    assert told.code == 0
    assert told.ids == set()
    assert "No errors and no warnings." in told.text
