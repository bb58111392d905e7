"""The build backend: setuptools, and archives whose octets depend on the files alone.

setuptools writes down who built, where, when and under which umask: owners, modes and times of the
files. A wheel that was built under umask 077 holds files that nobody but their owner can read. Here
both archives are written again: sorted, owned by nobody, mode 644 or 755, all of one time, which is
SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/) or the first day that
an archive of this kind can tell. So the same files give the same octets, with the same zlib.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

_FIRST_DAY = 315_532_800
"""1980-01-01, before which no zip file can tell a time."""


def build_wheel(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build the wheel (PEP 517) and return its name."""
    name: str = build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)
    _write_wheel_again(Path(wheel_directory, name))
    return name


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """Build the source archive (PEP 517) and return its name."""
    name: str = build_meta.build_sdist(sdist_directory, config_settings)
    _write_sdist_again(Path(sdist_directory, name))
    return name


def _epoch() -> int:
    return max(_FIRST_DAY, int(os.environ.get("SOURCE_DATE_EPOCH", _FIRST_DAY)))


def _mode(mode: int) -> int:
    """Return the mode that a file has everywhere: whether it is a program is all that it tells."""
    return 0o755 if mode & 0o100 else 0o644


def _write_wheel_again(path: Path) -> None:
    day = time.gmtime(_epoch())[:6]
    with zipfile.ZipFile(path) as archive:
        found = {info.filename: (info, archive.read(info)) for info in archive.infolist()}
    # What describes the package comes last (PEP 427), and its record at the very end.
    order = sorted(found, key=lambda name: (".dist-info/" in name, name.endswith("RECORD"), name))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in order:
            info, octets = found[name]
            again = zipfile.ZipInfo(name, day)
            again.create_system = 3
            again.compress_type = zipfile.ZIP_DEFLATED
            again.external_attr = (0o100000 | _mode(info.external_attr >> 16)) << 16
            archive.writestr(again, octets)


def _write_sdist_again(path: Path) -> None:
    with tarfile.open(path) as archive:
        members = sorted(archive.getmembers(), key=lambda member: member.name)
        files = [(member, archive.extractfile(member)) for member in members]
        held = [(member, file.read() if file is not None else b"") for member, file in files]
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=_epoch()) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member, octets in held:
            again = tarfile.TarInfo(member.name)
            again.type, again.linkname, again.size = member.type, member.linkname, len(octets)
            again.mode = 0o755 if member.isdir() else _mode(member.mode)
            again.mtime = _epoch()
            archive.addfile(again, io.BytesIO(octets))
