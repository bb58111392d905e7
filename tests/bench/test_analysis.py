"""What a full analysis costs beside decoding alone, and what it remembers.

The capture is W2 with 2,000 hosts of 20 groups each. Ratios are of one run, CPU time of this
process and of one like it: `MLDKIT_BENCH_MESSAGES` changes the size (300,000).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.bench

HERE = Path(__file__).parent
MESSAGES = int(os.environ.get("MLDKIT_BENCH_MESSAGES", "300000"))
MOST_TIMES_DECODING = 3.0
MOST_GROWTH = 1.3
LARGEST_RESIDENT_MB = 600

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
    path = folder / f"w2h-{count}.pcap"
    program = [sys.executable, str(HERE / "workloads.py"), "w2h", str(path), "--count", str(count)]
    subprocess.run(program, check=True)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=True
    )
    path.unlink()
    found: dict[str, float] = json.loads(done.stdout)
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
