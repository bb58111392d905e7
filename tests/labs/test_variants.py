"""The lab that is broken in one of several ways: each of them is solved by the same solution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.lab import catalogue
from tests.labs.student import Student, enrolled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Ordinary

pytestmark = pytest.mark.netns

VARIANTS = [variant.name for variant in catalogue.find("path").topology().variants]


@pytest.fixture(params=["root", "ordinary"])
def student(request: pytest.FixtureRequest, ordinary: Ordinary) -> Iterator[Student]:
    with enrolled(ordinary if request.param == "ordinary" else None) as student:
        yield student


def test_there_are_five() -> None:
    assert VARIANTS == ["card", "bridge", "reverse-path", "source-filter", "socket"]


@pytest.mark.parametrize("seed", range(5))
def test_each_is_broken_found_and_mended(student: Student, seed: int) -> None:
    student.must("start", "path", "--seed", str(seed))
    before = student.statuses("path")
    assert before == {"sends": "pass", "shown": "fail", "answer-stage": "fail"}
    student.must("solution", "path", "--run")
    checks = {check["id"]: check for check in student.checks("path")}
    assert {check["status"] for check in checks.values()} == {"pass"}
    assert checks["answer-stage"]["got"] == VARIANTS[seed]
    student.must("reset", "path")
    assert student.statuses("path") == before
    wrong = VARIANTS[(seed + 1) % len(VARIANTS)]
    student.must("answer", "stage", wrong)
    assert student.statuses("path")["answer-stage"] == "fail"


def test_the_commands_are_those_of_the_seed(student: Student) -> None:
    shown = [student.must("start", "path", "--dry-run", "--seed", str(seed)) for seed in range(10)]
    assert len(set(shown)) == len(VARIANTS)
    assert shown[0] == shown[5]
    assert "rp_filter=1" in shown[2]
