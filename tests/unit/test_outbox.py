"""Text that waits for a slow reader, and what becomes of it when the reader goes."""

from __future__ import annotations

import os
import subprocess
import sys

from mldkit.render.outbox import Outbox


def test_a_reader_that_has_gone_is_no_error_and_is_told() -> None:
    program = """
import os, sys
from mldkit.render.outbox import Outbox
from mldkit.render.streams import reader_has_gone
near, far = os.pipe()
os.dup2(far, 1); os.close(far)
outbox = Outbox(1)
assert outbox.put("somebody reads\\n") and not reader_has_gone()
os.close(near)
outbox.put("x" * 100_000)
assert reader_has_gone() and outbox.is_empty
assert outbox.put("y") and outbox.is_empty
sys.stderr.write("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr == "done"


def test_text_for_which_there_is_no_room_is_left_out_and_counted() -> None:
    near, far = os.pipe()
    outbox = Outbox(far, most_octets=200_000)
    for _ in range(10):
        outbox.put("x" * 100_000)
    assert outbox.left_out > 0
    assert outbox.waiting + outbox.left_out <= 10

    taken = bytearray()
    while not outbox.is_empty:
        taken += os.read(near, 1 << 16)
        outbox.flush()
    outbox.close()
    os.close(far)
    while octets := os.read(near, 1 << 16):
        taken += octets
    os.close(near)
    assert len(taken) == 100_000 * (10 - outbox.left_out)
