"""Clocks of captures that were set back, and packets that are out of order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.analysis.engine import Analysis
from mldkit.analysis.steady_clock import SteadyClock
from mldkit.model.datagram import Frame
from mldkit.model.units import SECOND
from mldkit.testing.stage import BEGIN_NS

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage


@pytest.mark.parametrize(
    ("times", "steady"),
    [
        ([0, 125, 250, -150, -25, 100, 300], [0, 125, 250, 250, 375, 500, 700]),
        ([10, 9.5, 10.2, 11], [10, 10, 10.2, 11]),
        # Set back twice.
        ([0, 100, 50, 60, 20, 30], [0, 100, 100, 110, 110, 120]),
        # Two clocks in turn: the one that is behind is held, and pushes the other no further.
        ([500, 100, 501, 101, 502], [500, 500, 501, 501, 502]),
        # One packet with a time of its own.
        ([0, 1000, 10, 20], [0, 1000, 1000, 1010]),
    ],
)
def test_time_runs_forwards_and_intervals_stay(times: list[float], steady: list[float]) -> None:
    clock = SteadyClock()
    read = []
    for time in times:
        clock.read(BEGIN_NS + round(time * SECOND))
        read.append((clock.now_ns - BEGIN_NS) / SECOND)

    assert read == steady


def test_a_clock_that_was_set_back_hides_nothing(stage: Stage) -> None:
    for number in range(8):
        stage.query(125 * number)
        stage.report(125 * number + 3, "IS_EX", 1)
        stage.report(125 * number + 4, "IS_EX", 2, host=2)
    analysis = Analysis()
    for frame in stage.frames():
        back_ns = 400 * SECOND if frame.number > 13 else 0
        analysis.see(Frame(frame.data, (frame.time_ns or 0) - back_ns, frame.number))

    result = analysis.finish()

    (found,) = result.findings
    assert (found.id, found.frames, found.count) == ("M-55", (14,), 1)
    (link,) = result.links
    assert link.delays.count == 16
    assert [capture.duplicates for capture in result.captures] == [0]
    (querier,) = link.queriers.known
    assert querier.observed_ns == 125 * SECOND


@pytest.mark.parametrize("count", [1, 3])
def test_packets_without_a_time_at_the_start_tell_of_no_silence(stage: Stage, count: int) -> None:
    for second in (0, 125, 250):
        stage.query(second)
        stage.report(second + 3, "IS_EX", 1)
    analysis = Analysis()
    for frame in stage.frames():
        time_ns = None if frame.number <= count else frame.time_ns
        analysis.see(Frame(frame.data, time_ns, frame.number))

    result = analysis.finish()

    assert result.findings == ()
    assert result.begun_ns == (stage.frames()[count].time_ns or 0)
