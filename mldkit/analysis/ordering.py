"""Packets of one capture in order of time, as far as they are out of it by a little.

::

    as written    a1 a2 a4 | b1 b2 b3 | a3 a5 | b4         each letter an interface or a queue
    given         a1 b1 a2 b2 b3 a3 a4 b4 a5

Queues of a device and interfaces of a capture are written in batches. What is out of order by no
more than a second, and by no more packets than are held, is sorted. A clock that was set back by
more is left alone, and so are interfaces that stand one after the other: those have clocks of their
own (`mldkit.analysis.feed`).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from mldkit.analysis.steady_clock import STEP_NS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.datagram import Frame

_HELD = 256
"""Packets that wait for those that belong in front of them."""


def in_order(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Give packets in order of time, those without a time behind the one before them."""
    held: list[Frame] = []
    while more := list(islice(frames, _HELD)):
        held = _sorted(held + more)
        yield from held[:-_HELD]
        held = held[-_HELD:]
    yield from held


def _sorted(frames: list[Frame]) -> list[Frame]:
    times = [frame.time_ns or 0 for frame in frames]
    if 0 in times:
        for number, time_ns in enumerate(times):
            times[number] = time_ns or times[number - 1] if number else time_ns
    if sorted(times) == times:
        return frames
    found: list[Frame] = []
    begin, latest_ns = 0, times[0]
    for number, time_ns in enumerate([*times, -STEP_NS]):
        if time_ns < latest_ns - STEP_NS or number == len(times):
            places = sorted(range(begin, number), key=times.__getitem__)
            found += [frames[place] for place in places]
            begin, latest_ns = number, time_ns
        latest_ns = max(latest_ns, time_ns)
    return found
