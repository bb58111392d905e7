"""Every lab is solvable and not solved already, as root and as an ordinary user."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from mldkit.lab import catalogue
from tests.labs.student import Student, assert_gone, enrolled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Ordinary

pytestmark = pytest.mark.netns

SIDE_BY_SIDE = 5
LABS = [entry.id for entry in catalogue.entries()]


def work_through(student: Student, lab: str) -> None:
    """Start, fail, solve, pass, reset, fail, stop; nothing is left."""
    student.must("start", lab)
    try:
        processes = student.processes(lab)
        before = student.statuses(lab)
        assert "pass" not in {status for name, status in before.items() if "answer" in name}
        assert {"fail"} <= set(before.values())

        student.must("solution", lab, "--run")
        assert [check for check in student.checks(lab) if check["status"] != "pass"] == []

        student.must("reset", lab)
        assert_gone(processes)
        processes = student.processes(lab)
        assert student.statuses(lab) == before
    finally:
        student.must("stop", lab)
    assert_gone(processes)
    assert not {lab, f"{lab}.lock"} & {path.name for path in student.folder.iterdir()}


@pytest.fixture(scope="module")
def attempts(
    request: pytest.FixtureRequest, ordinary: Ordinary
) -> Iterator[dict[tuple[str, str], Future[None]]]:
    """The labs of this run by both users, some side by side: half of their time is waiting."""
    chosen = " ".join(item.nodeid for item in request.session.items)
    with enrolled() as root, enrolled(ordinary) as other, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        students = {"root": root, "ordinary": other}
        yield {
            (lab, user): pool.submit(work_through, student, lab)
            for lab in LABS
            for user, student in students.items()
            if f"[{lab}-{user}]" in chosen
        }


@pytest.mark.parametrize("user", ["root", "ordinary"])
@pytest.mark.parametrize("lab", LABS)
def test_a_lab_can_be_solved_and_is_not_solved_already(
    lab: str, user: str, attempts: dict[tuple[str, str], Future[None]]
) -> None:
    attempts[lab, user].result()
