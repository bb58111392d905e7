"""The labs travel with the package: what a wheel holds is found and is the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a wheel that was built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    without = shutil.ignore_patterns("__pycache__")
    for name in ("mldkit", "labs", "scripts"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=without)
    for name in ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "No matching distribution" in built.stderr and os.environ.get("CI") != "true":
        pytest.skip("no network to get the build tool from")
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_labs_of_a_wheel_are_those_of_the_checkout(installed: Path) -> None:
    listed = subprocess.run(
        [sys.executable, "-P", "-m", "mldkit", "lab", "list", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=installed,
    )
    found = {lab["id"] for lab in json.loads(listed.stdout)["labs"]}

    folders = [path for path in (ROOT / "labs").iterdir() if path.is_dir()]
    assert found == {folder.name.partition("-")[2] for folder in folders}
    for folder in folders:
        for path in folder.iterdir():
            if path.is_file():
                copy = installed / "mldkit" / "lab" / "lessons" / folder.name / path.name
                assert copy.read_bytes() == path.read_bytes()
