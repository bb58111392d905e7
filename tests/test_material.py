"""Tests that need the shared material are left out of a clone, and counted; beside it all run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = """
import pytest
from tests.material import shared_files

def test_of_a_clone(): pass
def test_by_the_fixture(shared): assert (shared / "one.txt").read_text() == "1"
@pytest.mark.parametrize("path", shared_files("*.txt", "*.md"))
def test_by_files(path): assert path.read_text() == "1"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    (folder / "tests").mkdir(parents=True)
    for name in ("setup.cfg", "tests/conftest.py", "tests/material.py"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "tests/test_some.py").write_text(TESTS)
    return folder


def ran(clone: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(clone)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_without_the_material_they_are_left_out_and_counted(clone: Path) -> None:
    output = ran(clone, "-n", "2")

    assert re.search(r"shared is not here, and these tests need it: 2$", output, re.MULTILINE)
    assert "1 passed" in output
    assert "skipped" not in output


def test_only_those_that_were_asked_for_are_counted(clone: Path) -> None:
    assert "need it: 1\n" in ran(clone, "-k", "clone or fixture")


def test_beside_the_material_nothing_is_left_out(clone: Path) -> None:
    shared = clone.parent / "shared"
    shared.mkdir()
    for name in ("one.txt", "two.txt", "three.md"):
        (shared / name).write_text("1")

    output = ran(clone)

    assert "5 passed" in output
    assert "left out" not in output
    assert f"shared material: {shared}" in output


def test_a_list_of_files_that_is_not_marked_is_an_error(clone: Path) -> None:
    test = "import pytest\n@pytest.mark.parametrize('path', [])\ndef test_it(path): pass\n"
    (clone / "tests/test_some.py").write_text(test)

    with pytest.raises(AssertionError, match="Empty parameter set"):
        ran(clone)
