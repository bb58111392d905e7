"""The material that several projects share: a folder beside the checkout, and no part of a clone.

Tests that read it carry the marker `shared`, by the fixture of that name or by their files; where
the folder is not there they are left out, and the run says how many.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

SHARED = Path(__file__).resolve().parents[2] / "shared"
_ABSENT = SHARED / "absent"


def shared_files(*patterns: str) -> list[ParameterSet]:
    """Return the files of the shared material that match as marked parameters of a test.

    Where the material is not there, one parameter stands for all of them, so that the test is
    counted among those that are left out.
    """
    files = sorted(path for pattern in patterns for path in SHARED.glob(pattern))
    if not SHARED.is_dir():
        files = [_ABSENT]
    return [pytest.param(path, marks=pytest.mark.shared) for path in files]
