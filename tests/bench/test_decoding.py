"""What it costs to decode one message, and to start the command.

In-process CPU a message on W2, the median of several rounds, next to Scapy on the same frames;
and whole commands, whose start is most of what they cost on a small capture.
"""

from __future__ import annotations

import gc
import json
import shlex
import statistics
import sys
import time
from typing import TYPE_CHECKING

import pytest

from mldkit.link.capture import open_capture
from mldkit.model.datagram import Decoded, Frame
from mldkit.model.messages import Report
from mldkit.render.message_json import message_json
from mldkit.wire.decode import decode
from mldkit.wire.validity import find, judge
from tests.bench.processes import cost, workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

pytestmark = pytest.mark.bench

MESSAGES = 30_000
OF_SCAPY = 300
ROUNDS = 5


def _read(frame: Frame) -> Decoded:
    found = decode(frame)
    assert isinstance(found, Decoded)
    return found


def _judge(frame: Frame) -> None:
    find(_read(frame))


def _print(frame: Frame) -> None:
    json.dumps(message_json(judge(_read(frame))))


def _microseconds(job: Callable[[Frame], object], frames: Sequence[Frame]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for frame in frames:
            job(frame)
        rounds.append(time.process_time() - begun)
    return statistics.median(rounds) / len(frames) * 1e6


def test_the_cost_of_one_message(tmp_path: Path) -> None:
    from scapy.layers.l2 import Ether

    from mldkit.craft.convert import parse

    path = workload(tmp_path, "w2", MESSAGES)
    with open_capture(str(path)) as capture:
        frames = list(capture.frames())
    gc.collect()
    gc.freeze()
    few = frames[:OF_SCAPY]
    costs = {
        "decode, all records read": _microseconds(_read, frames),
        "decode and judge by the rules": _microseconds(_judge, frames),
        "decode, judge, JSON": _microseconds(_print, frames),
        "Scapy's Ether()": _microseconds(lambda frame: Ether(frame.data), few),
        "mldkit's Scapy layers": _microseconds(lambda frame: parse(frame.data), few),
    }
    first = costs["decode, all records read"]

    print(f"\n| one message of W2 ({len(frames)}) | us | decode = 1 |\n| --- | --- | --- |")
    for name, microseconds in costs.items():
        print(f"| {name} | {microseconds:.1f} | {microseconds / first:.1f} |")

    messages = [_read(frame).datagram.message for frame in frames]
    reports = [message for message in messages if isinstance(message, Report)]
    assert statistics.mean(len(report.records) for report in reports) > 9


def test_the_cost_of_starting(tmp_path: Path) -> None:
    small = workload(tmp_path, "w2", 20)
    jobs = {
        "python3 -c pass": [sys.executable, "-c", "pass"],
        "mldkit --help": [sys.executable, "-m", "mldkit", "--help"],
        "mldkit decode, 20 messages": [sys.executable, "-m", "mldkit", "decode", str(small)],
    }

    print("\n| start | CPU s |\n| --- | --- |")
    for name, command in jobs.items():
        costs = [cost(shlex.join(command)) for _ in range(ROUNDS)]
        print(f"| {name} | {statistics.median(one['cpu'] for one in costs):.3f} |")
