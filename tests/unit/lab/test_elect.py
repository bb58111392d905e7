"""The lab `elect`: who takes over behind a forged query has not waited for the other querier."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from mldkit.model.units import SECOND

CHECK = Path(__file__).resolve().parents[3] / "labs" / "09-elect" / "check.py"


@pytest.mark.parametrize(
    ("queries", "holds"),
    [
        ([("q1", 0), ("q1", 2), ("q2", 6.5)], True),
        ([("q1", 0), ("q1", 2), ("q2", 5)], False),
        ([("q1", 0), ("q1", 2), ("h1", 3), ("q2", 7.5)], False),
        ([("q1", 0), ("q2", 4.5), ("q1", 5), ("h1", 6), ("q2", 10.5)], True),
    ],
)
def test_q2_waits_for_what_q1_has_announced(queries: list[tuple[str, float]], holds: bool) -> None:
    check: dict[str, Any] = runpy.run_path(str(CHECK))
    lasts_ns = 9 * SECOND // 2

    def asked(*_: object) -> list[Any]:
        return [
            check["Asked"](node, b"", int(at * SECOND), number, 2 * SECOND, lasts_ns)
            for number, (node, at) in enumerate(queries, start=1)
        ]

    check["waited"].__globals__["asked"] = asked
    assert check["waited"](6)(None).holds == holds
