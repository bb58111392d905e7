"""Wheel and source archive are the same octets whoever builds them, where, under which umask."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_BUILD = (
    "import sys; made = sys.argv[1]; sys.path.insert(0, 'scripts'); import build_backend; "
    "build_backend.build_sdist(made); build_backend.build_wheel(made)"
)

pytestmark = pytest.mark.long


def environment(epoch: int | None = None) -> dict[str, str]:
    """Return what a build sees of the outside."""
    seen = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    seen["CFLAGS"] = "-O0"  # in a third of the time
    if epoch is not None:
        seen["SOURCE_DATE_EPOCH"] = str(epoch)
    return seen


def build(folder: Path, umask: int, epoch: int | None, *, core: bool = True) -> dict[str, Path]:
    """Build both archives from a copy of the checkout; return them by what their names end in.

    `core` says whether to compile what can be compiled here.
    """
    source, made = folder / "source", folder / "made"
    made.mkdir(parents=True)
    without = shutil.ignore_patterns("__pycache__", "*.so", "compiled.c")
    for name in ("mldkit", "labs", "scripts"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=without)
    compiles = ("setup.py",) if core else ()
    for name in ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", *compiles):
        shutil.copy(ROOT / name, source)
    for path in (source, *source.rglob("*")):
        if not path.is_symlink():
            # As git would have made it under this umask.
            path.chmod((0o777 if path.is_dir() or path.stat().st_mode & 0o100 else 0o666) & ~umask)
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, str(made)],
        cwd=source, env=environment(epoch), umask=umask, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {path.suffix: path for path in made.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], dict[str, Path]]:
    """Two builds of the same files, between which everything around them differs."""
    base = tmp_path_factory.mktemp("build")
    first = build(base / "here", 0o022, None)
    return first, build(base / "there" / "and deeper", 0o077, None)


@pytest.mark.parametrize("suffix", [".whl", ".gz"])
def test_an_archive_is_the_same_under_any_umask_and_in_any_folder(
    built: tuple[dict[str, Path], dict[str, Path]], suffix: str
) -> None:
    first, second = ({kind: path.read_bytes() for kind, path in made.items()} for made in built)

    assert set(first) == set(second) == {".whl", ".gz"}
    sums = [hashlib.sha256(octets[suffix]).hexdigest() for octets in (first, second)]
    assert sums[0] == sums[1]


def test_everybody_may_read_what_was_built_under_a_narrow_umask(
    built: tuple[dict[str, Path], dict[str, Path]],
) -> None:
    _, narrow = built

    with zipfile.ZipFile(narrow[".whl"]) as wheel:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in wheel.infolist()}
    assert set(modes.values()) <= {0o644, 0o755}
    assert modes["mldkit/__init__.py"] == 0o644
    with tarfile.open(narrow[".gz"]) as source:
        assert {member.mode for member in source} == {0o644, 0o755}
        assert {(member.uid, member.gid, member.uname) for member in source} == {(0, 0, "")}


def test_the_time_of_the_files_is_the_one_that_is_asked_for(tmp_path: Path) -> None:
    made = build(tmp_path, 0o022, 1_700_000_000, core=False)

    with zipfile.ZipFile(made[".whl"]) as wheel:
        assert {info.date_time for info in wheel.infolist()} == {(2023, 11, 14, 22, 13, 20)}
    with tarfile.open(made[".gz"]) as source:
        assert {member.mtime for member in source} == {1_700_000_000}


def test_a_source_archive_builds_the_same_wheel(
    built: tuple[dict[str, Path], dict[str, Path]], tmp_path: Path
) -> None:
    with tarfile.open(built[0][".gz"]) as source:
        source.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    subprocess.run(
        [sys.executable, "-c", _BUILD, str(tmp_path)],
        cwd=folder, env=environment(), check=True, capture_output=True,
    )  # fmt: skip

    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.read_bytes() == built[0][".whl"].read_bytes()
