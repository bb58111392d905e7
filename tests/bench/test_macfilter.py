"""How many verdicts a second the model gives, for every device of the table."""

from __future__ import annotations

import random
import sys

import pytest

from mldkit.link import clock
from mldkit.macfilter.devices import DEVICES
from mldkit.macfilter.receive_filter import ReceiveFilter
from mldkit.model.units import SECOND

pytestmark = pytest.mark.bench

COUNT = 50_000


def test_every_device_gives_a_hundred_thousand_verdicts_a_second() -> None:
    source = random.Random(1)
    listed = tuple(b"\x33\x33" + source.randbytes(4) for _ in range(100))
    macs = [b"\x01\x00\x5e" + source.randbytes(3) for _ in range(COUNT)]
    rates = {}
    for device in DEVICES:
        accepts = ReceiveFilter(device, listed, b"\x02" * 6).accepts
        best_ns = COUNT * SECOND
        for _ in range(3):
            start_ns = clock.now_ns()
            for mac in macs:
                accepts(mac)
            best_ns = min(best_ns, clock.now_ns() - start_ns)
        rates[device.id] = COUNT * SECOND // best_ns
    slowest = min(rates, key=rates.__getitem__)
    sys.stdout.write(f"\nverdicts: {rates[slowest]:,} a second on {slowest}, the slowest\n")
    assert rates[slowest] >= 100_000
