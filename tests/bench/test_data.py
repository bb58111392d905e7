"""What data to groups cost: a line with television, 40 streams and a few messages.

Ratios are of one run, CPU time of one process: reading the packets to groups out of the file, and
all of `analyze`. `MLDKIT_BENCH_PACKETS` changes the size (200,000).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.bench.processes import facts, workload

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.bench

PACKETS = int(os.environ.get("MLDKIT_BENCH_PACKETS", "200000"))
MOST_TIMES_READING = 4.5
MOST_MB_MORE = 8
"""For ten times the packets: nothing grows with them."""

PROGRAM = """
import gc, json, resource, sys, time
from mldkit.analysis.engine import Analysis, analyze
from mldkit.link.capture import open_capture

gc.disable()
begun = time.process_time()
with open_capture(sys.argv[1], data=True) as capture:
    packets = sum(1 for _ in capture.candidates())
read = time.process_time()
with open_capture(sys.argv[1], data=True) as capture:
    result = analyze([capture], Analysis())
analysed = time.process_time()
print(json.dumps({
    "packets": packets,
    "streams": sum(len(link.streams) for link in result.links),
    "read_us": (read - begun) / packets * 1e6,
    "analyze_us": (analysed - read) / packets * 1e6,
    "resident_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""


def measure(folder: Path, count: int) -> dict[str, float]:
    found = facts(PROGRAM, workload(folder, "w4", count))
    print(
        f"\n{found['packets']:,} packets: reading {found['read_us']:.2f} us each, analysis"
        f" {found['analyze_us']:.2f} us, {found['analyze_us'] / found['read_us']:.1f} times;"
        f" {found['streams']} streams, {found['resident_mb']:.0f} MB"
    )
    return found


def test_data_cost_a_few_times_reading_and_leave_nothing_behind(tmp_path: Path) -> None:
    small, large = measure(tmp_path, PACKETS // 10), measure(tmp_path, PACKETS)

    assert large["streams"] == 40
    assert large["analyze_us"] < MOST_TIMES_READING * large["read_us"]
    assert large["resident_mb"] < small["resident_mb"] + MOST_MB_MORE
