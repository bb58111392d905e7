"""What a full analysis costs beside decoding alone, and what it remembers.

The captures are W2 with 2,000 hosts of 20 groups each, and W5 with many members. Ratios are of one
run, of this process and of one like it: `MLDKIT_BENCH_MESSAGES` changes the size (300,000).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.bench.processes import cost, facts, workload

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.bench

MESSAGES = int(os.environ.get("MLDKIT_BENCH_MESSAGES", "300000"))
MOST_TIMES_DECODING = 3.0
MOST_GROWTH = 1.3
LARGEST_RESIDENT_MB = 600
MOST_FOR_A_DOCUMENT = 1.1

PROGRAM = """
import gc, json, resource, sys, time
from mldkit.analysis.engine import Analysis, analyze
from mldkit.link.capture import open_capture
from mldkit.wire.decoder import Decoder

gc.disable()
begun = time.process_time()
decoder = Decoder()
with open_capture(sys.argv[1]) as capture:
    messages = sum(len(decoder.decode(frame)) for frame in capture.candidates())
decoded = time.process_time()
with open_capture(sys.argv[1], data=True) as capture:
    result = analyze([capture], Analysis())
analysed = time.process_time()
print(json.dumps({
    "messages": messages,
    "rows": len(result.rows),
    "decode_us": (decoded - begun) / messages * 1e6,
    "analyze_us": (analysed - decoded) / messages * 1e6,
    "resident_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}))
"""


def measure(folder: Path, count: int) -> dict[str, float]:
    found = facts(PROGRAM, workload(folder, "w2h", count))
    print(
        f"\n{found['messages']:,} messages: decoding {found['decode_us']:.1f} us each, analysis"
        f" {found['analyze_us']:.1f} us, {found['analyze_us'] / found['decode_us']:.2f} times;"
        f" {found['rows']:,} stays, {found['resident_mb']:.0f} MB"
    )
    return found


def test_analysis_costs_a_few_times_decoding_and_remembers_hosts_not_packets(
    tmp_path: Path,
) -> None:
    small, large = measure(tmp_path, MESSAGES // 10), measure(tmp_path, MESSAGES)

    assert large["analyze_us"] < MOST_TIMES_DECODING * large["decode_us"]
    assert large["analyze_us"] < MOST_GROWTH * small["analyze_us"]
    assert large["resident_mb"] < LARGEST_RESIDENT_MB


def test_the_document_of_many_members_costs_no_more_memory_than_the_text(tmp_path: Path) -> None:
    hosts = MESSAGES // 15
    path = workload(tmp_path, "w5", hosts)
    peaks = {}
    for output in ("text", "json"):
        command = f"{sys.executable} -m mldkit analyze --format {output} {path}"
        peaks[output] = cost(command)["resident_mb"]
    print(f"\n{hosts} hosts: {peaks['text']:.0f} MB as text, {peaks['json']:.0f} MB as JSON")

    assert peaks["json"] < MOST_FOR_A_DOCUMENT * peaks["text"]
