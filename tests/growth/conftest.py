"""Tests that count work take long, and the count is that of any Python: one runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, before those that are not wanted are left out."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.long)
