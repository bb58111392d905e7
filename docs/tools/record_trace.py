"""Record what the tracer of a kernel writes: `MLDKIT_KERNEL=... python -m docs.tools.record_trace`.

The guest does its acts (`mldkit trace --on qemu`) and what was observed is kept in docs/measured.
Some of many MACs are enough here.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from mldkit.trace.machine import tour

PLACE = Path(__file__).resolve().parents[1] / "measured/trace"
_SOME = 24


def record() -> Path:
    """Boot the kernel, and return the file that was written."""
    run = tour(many=_SOME)
    version = re.match(r"\d+\.\d+", run.release)
    path = PLACE / f"linux-{version[0] if version else run.release}.jsonl.gz"
    lines = "".join(f"{line}\n" for line in run.report["observations"])
    # Without a time, so that the same recording is the same file.
    path.write_bytes(gzip.compress(lines.encode(), mtime=0))
    return path


if __name__ == "__main__":
    print(record())
