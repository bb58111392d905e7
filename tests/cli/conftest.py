"""Captures that tests of the command line write for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.link.capture_writer import CaptureWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mldkit.model.datagram import Frame

    Capture = Callable[..., str]


@pytest.fixture(autouse=True)
def _keeps_its_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands that run in the process of the tests leave it what the next tests need."""
    monkeypatch.setattr("mldkit.link.rights.give_up", lambda *_, **__: None)


@pytest.fixture
def capture(tmp_path: Path) -> Capture:
    """Write frames to a file and return its name."""

    def write(name: str, frames: list[Frame]) -> str:
        path = tmp_path / name
        with CaptureWriter(str(path)) as writer:
            for frame in frames:
                writer.write(frame)
        return str(path)

    return write
