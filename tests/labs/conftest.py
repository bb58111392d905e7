"""A lab of the tests' own, and a student who can start it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.labs.student import LAB_TOML, Student

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Student]:
    """A student with a state folder and a catalogue of the test's own."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(state))
    for number, name in enumerate(("one", "two"), start=1):
        folder = tmp_path / "labs" / f"0{number}-{name}"
        folder.mkdir(parents=True)
        (folder / "lab.toml").write_text(LAB_TOML)
        (folder / "README.md").write_text("a lesson\n")
        (folder / "check.py").write_text("CHECKS = ()\n")
    monkeypatch.setenv("MLDKIT_LABS", str(tmp_path / "labs"))
    yield Student(state)
    Student(state).lab("stop", "--all")
