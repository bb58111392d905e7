"""Which labs there are: the folders `NN-name` that came with this mldkit.

They lie at the top of the repository and travel inside the package, where `lessons` leads to
them; `MLDKIT_LABS` names another folder for labs that somebody writes.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.errors import LabError, UsageError

if TYPE_CHECKING:
    from mldkit.lab.topology import Topology

FOLDER_VARIABLE = "MLDKIT_LABS"
_FOLDER = re.compile(r"([0-9]{2})-([a-z][a-z0-9-]*)")


@dataclass(frozen=True, slots=True)
class LabEntry:
    """One lab of the catalogue."""

    id: str
    number: int
    folder: Path

    @property
    def readme(self) -> str:
        """The lesson."""
        try:
            return (self.folder / "README.md").read_text(encoding="utf-8")
        except OSError as error:
            raise LabError(f"{self.folder.name}/README.md: {error.strerror}") from error

    def topology(self) -> Topology:
        """Read the lab's `lab.toml`."""
        from mldkit.lab import topology

        return topology.load(self.folder)


def entries() -> tuple[LabEntry, ...]:
    """Return all labs, by number."""
    root = Path(os.environ.get(FOLDER_VARIABLE) or Path(__file__).with_name("lessons"))
    try:
        folders = sorted(path for path in root.iterdir() if path.is_dir())
    except OSError as error:
        raise LabError(f"{root}: no labs here: {(error.strerror or '').lower()}") from error
    found = []
    for folder in folders:
        match = _FOLDER.fullmatch(folder.name)
        if match:
            found.append(LabEntry(match[2], int(match[1]), folder.resolve()))
    return tuple(found)


def find(name: str) -> LabEntry:
    """Return the lab with this id, folder name or number; raise `UsageError` that lists them."""
    for entry in entries():
        # As text: Python refuses to read a number of thousands of digits.
        if name.isdecimal() and name.lstrip("0") == str(entry.number):
            return entry
        if name in (entry.id, entry.folder.name):
            return entry
    known = " ".join(entry.id for entry in entries())
    raise UsageError(f"LAB {name!r}: no such lab", hint=f"labs: {known}")
