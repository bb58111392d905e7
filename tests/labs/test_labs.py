"""Every lab is solvable and not solved already, as root and as an ordinary user."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from mldkit.lab import catalogue
from tests.labs.student import Student, assert_gone, state_folders

if TYPE_CHECKING:
    from tests.conftest import Ordinary

pytestmark = pytest.mark.netns

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
        assert set(student.statuses(lab).values()) == {"pass"}

        student.must("reset", lab)
        assert_gone(processes)
        processes = student.processes(lab)
        assert student.statuses(lab) == before
    finally:
        student.must("stop", lab)
    assert_gone(processes)
    assert student.running(lab) is None


@pytest.mark.parametrize("lab", LABS)
def test_a_lab_can_be_solved_and_is_not_solved_already(lab: str, ordinary: Ordinary) -> None:
    with ThreadPoolExecutor(2) as pool:
        results = [
            pool.submit(work_through, student, lab) for student in (Student(), Student(ordinary))
        ]
    for result in results:
        result.result()
    for folder in state_folders():
        assert not list(folder.glob(f"{lab}*"))
