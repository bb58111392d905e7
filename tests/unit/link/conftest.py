"""Other people's capture tools as judges."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def wireshark_tool() -> Callable[..., str]:
    """Give a function that runs tshark or one of its companions and returns what it printed."""
    if shutil.which("tshark") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("tshark is not installed")
        pytest.skip("tshark is not installed")

    def run(*argv: object) -> str:
        return subprocess.run(
            [str(word) for word in argv], capture_output=True, text=True, check=True
        ).stdout

    return run


@pytest.fixture
def tshark_frames() -> Callable[[Path], list[list[str]]]:
    """Give a function that lists number, time, captured and original length, and interface.

    tshark ends with an error where a file is damaged; what it printed before counts.
    """
    if shutil.which("tshark") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("tshark is not installed")
        pytest.skip("tshark is not installed")
    names = ("number", "time_epoch", "cap_len", "len", "interface_name")
    fields = [word for name in names for word in ("-e", f"frame.{name}")]

    def read(path: Path) -> list[list[str]]:
        done = subprocess.run(
            ["tshark", "-n", "-r", str(path), "-T", "fields", *fields],
            capture_output=True,
            text=True,
            check=False,
        )
        return [line.split("\t") for line in done.stdout.splitlines()]

    return read
