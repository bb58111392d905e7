"""What benchmarks run in processes of their own: the writer of captures, programs, commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def workload(folder: Path, name: str, count: int) -> Path:
    """Return a capture of `workloads.py`."""
    path = folder / f"{name}-{count}.pcap"
    program = [sys.executable, str(HERE / "workloads.py"), name, str(path), "--count", str(count)]
    subprocess.run(program, check=True)
    return path


def facts(program: str, capture: Path) -> dict[str, float]:
    """Return what a Python program prints of a capture as JSON; the capture is removed."""
    found: dict[str, float] = json.loads(_output("-c", program, str(capture)))
    capture.unlink()
    return found


def cost(command: str) -> dict[str, float]:
    """Return what a shell command costs once, as `measure.py` prints it; it must succeed."""
    found: dict[str, float] = json.loads(_output("-S", str(HERE / "measure.py"), command))
    assert found["status"] in (0, 1), command
    return found


def _output(*arguments: str) -> str:
    program = [sys.executable, *arguments]
    return subprocess.run(program, capture_output=True, text=True, check=True).stdout
