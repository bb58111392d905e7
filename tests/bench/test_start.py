"""What it costs to start: the help, and an empty capture, beside Python that does nothing.

Ratios of one run; the commands take turns.
"""

from __future__ import annotations

import shlex
import statistics
import struct
import sys
from typing import TYPE_CHECKING

import pytest

from tests.bench.processes import cost

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.bench

ROUNDS = 15
NOTHING = "python -c pass"
MOST_TIMES_NOTHING = 10


def cpu(command: str) -> float:
    facts = cost(command)
    assert facts["status"] == 0, command
    return facts["cpu"]


def test_a_start_costs_a_few_times_that_of_python(tmp_path: Path) -> None:
    file = tmp_path / "empty.pcap"
    file.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
    mldkit = f"{sys.executable} -m mldkit"
    jobs = {
        NOTHING: f"{sys.executable} -c pass",
        "mldkit --help": f"{mldkit} --help",
        "mldkit decode": f"{mldkit} decode {shlex.quote(str(file))}",
        "mldkit analyze": f"{mldkit} analyze {shlex.quote(str(file))}",
    }
    runs: dict[str, list[float]] = {name: [] for name in jobs}

    for _ in range(ROUNDS):
        for name, command in jobs.items():
            runs[name].append(cpu(command))

    medians = {name: statistics.median(costs) for name, costs in runs.items()}
    print()
    for name, median in medians.items():
        print(f"{name:<16} {median:.3f} s, {median / medians[NOTHING]:.1f} times")
    assert medians["mldkit analyze"] < MOST_TIMES_NOTHING * medians[NOTHING]
