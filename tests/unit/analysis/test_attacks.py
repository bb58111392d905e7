"""Two hundred thousand forged messages with the bounds of a watch: its memory, and what it hears.

Ten millions take a quarter of an hour: `python -m tests.unit.analysis.flood KINDS 10000000`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[3]
COUNT = 200_000
MOST_MB = 256
MOST_MB_MORE = 20
"""In the second half: by then a flood has taken what it takes, but for what allocators do."""
BLIND = "general_query"
# Hosts drop an MLD report with another hop limit, so that nobody is member by it.
GONE = "general_query,unknown_type,bad_report,join_and_leave"


def flood(kinds: str, family: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.unit.analysis.flood", kinds, str(COUNT), family]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize(("kinds", "family"), [(BLIND, "igmp"), (GONE, "mld")])
def test_the_next_join_is_told_and_memory_stays(kinds: str, family: str) -> None:
    found = flood(kinds, family)

    assert found["messages"] == COUNT
    assert found["joins"] == 1
    assert found["later_joins"] == [1] * 8
    assert found["members_kept"]
    assert max(found["resident_mb"]) < MOST_MB
    assert found["resident_mb"][3] < found["resident_mb"][1] + MOST_MB_MORE
    assert "queriers" in found["left_out"]
