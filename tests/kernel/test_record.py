"""`captures/record.py` against this kernel: it still sends what the stored recordings hold."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Ordinary

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
SCRIPT = CAPTURES / "record.py"


def without_times(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the messages, but for when they came."""
    return [{**message, "time": None} for message in document["messages"]]


def told(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the steps, but for when they were taken."""
    return [{**step, "at_s": None} for step in document["steps"]]


def recorded(folder: Path, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return document


@pytest.mark.netns
@pytest.mark.parametrize(
    "name", ["07-igmpv3-specific-queries", "15-vlan", "18-mldv2-router", "22-mldv2-ignored-queries"]
)
def test_this_kernel_sends_the_recorded_messages_again(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--output", str(tmp_path), name]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)

    assert (done.returncode, done.stderr) == (0, "")
    again, before = recorded(tmp_path, name), recorded(CAPTURES, name)
    assert without_times(again) == without_times(before)
    assert told(again) == told(before)
    assert again["messages"][0]["time"] > before["messages"][0]["time"]
    assert (tmp_path / f"{name}.pcapng").stat().st_size == (
        CAPTURES / f"{name}.pcapng"
    ).stat().st_size


@pytest.mark.netns
def test_an_ordinary_user_can_record_too(ordinary: Ordinary) -> None:
    name = "21-igmpv3-unusual-queries"
    home = ordinary.python.parents[2]
    shutil.copytree(CAPTURES / "recording", home / "captures" / "recording")
    shutil.copy(SCRIPT, home / "captures")
    (home / "made").mkdir()
    (home / "made").chmod(0o777)

    done = ordinary.run(
        ordinary.python, home / "captures" / SCRIPT.name, "--output", home / "made", name
    )

    assert (done.returncode, done.stderr) == (0, "")
    again, before = recorded(home / "made", name), recorded(CAPTURES, name)
    assert without_times(again) == without_times(before)


@pytest.mark.netns
def test_a_kernel_that_does_otherwise_is_told(tmp_path: Path) -> None:
    shutil.copytree(CAPTURES / "recording", tmp_path / "captures" / "recording")
    shutil.copy(SCRIPT, tmp_path / "captures")
    story = tmp_path / "captures" / "recording" / "igmp.py"
    text = story.read_text()
    assert text.count('f"IS_EX({GROUP})")\n\n\nSCENARIOS') == 1
    story.write_text(text.replace('IS_EX({GROUP})")\n\n\nS', 'IS_IN({GROUP})")\n\n\nS'))

    done = subprocess.run(
        [sys.executable, str(tmp_path / "captures" / SCRIPT.name), "21-igmpv3-unusual-queries"],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip

    assert done.returncode == 1
    assert "expected ['IS_IN(239.1.2.3)'], got ['IS_EX(239.1.2.3)']" in done.stdout
    assert not (tmp_path / "captures" / "21-igmpv3-unusual-queries.json").exists()
