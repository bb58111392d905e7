"""What a record makes somebody write is bounded by its own octets, not by what came before."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from mldkit.analysis.engine import Analysis
from mldkit.model.datagram import Frame
from mldkit.render.analysis_json import MOST_SOURCES, event_json
from mldkit.render.terminal import json_text
from tests.growth import frames
from tests.growth.counting import allowed, instructions
from tests.growth.frames import ALLOW, BLOCK, GROUP, IS_IN
from tests.growth.link import EPOCH_NS, SOON_NS

if TYPE_CHECKING:
    from mldkit.analysis.events import Event


IN_A_FRAME = 190
"""Sources of one record."""
RECORDS = 118
"""Of one source each, as many as an octet counts in a frame."""
BASE = 0x0B000000


class Reader:
    """A live link of which every event is kept."""

    def __init__(self, before: int) -> None:
        """Let one host ask for so many sources."""
        self.events: list[Event] = []
        self._analysis = Analysis(listener=self.events.append, with_data=False)
        self._analysis.begin(EPOCH_NS)
        self._now_ns = EPOCH_NS
        for first in range(0, before, IN_A_FRAME):
            listed = range(first, min(first + IN_A_FRAME, before))
            sources = tuple(frames.address(number, BASE) for number in listed)
            self.hear(frames.report(1, [(ALLOW if first else IS_IN, GROUP, sources)]))

    def hear(self, octets: bytes) -> None:
        """Take one frame in."""
        self._now_ns += SOON_NS
        self._analysis.see(Frame(octets, self._now_ns, len(self.events) + 1, interface="eth0"))


def written(events: list[Event]) -> list[str]:
    """Return the lines of events."""
    return [json_text(event_json(event)) for event in events]


@pytest.mark.parametrize("kind", [ALLOW, BLOCK], ids=["more", "less"])
def test_a_change_of_many_sources_is_written_as_a_change_of_few(kind: int) -> None:
    first = 0x0C000000 if kind == ALLOW else BASE
    records = [(kind, GROUP, (frames.address(number, first),)) for number in range(RECORDS)]
    octets = frames.report(1, records)
    costs = []
    for before in (IN_A_FRAME, 2 * IN_A_FRAME):
        reader = Reader(before)
        known = len(reader.events)
        reader.hear(octets)
        told = reader.events[known:]
        assert sum(event.kind == "change" for event in told) == RECORDS
        assert all(len(event.sources) > MOST_SOURCES for event in told if event.kind == "change")
        costs.append(instructions(partial(written, told)))

    assert costs[1] <= 1.05 * costs[0]
    assert costs[1] <= allowed(len(octets))


def test_an_event_counts_the_sources_that_it_does_not_name() -> None:
    reader = Reader(MOST_SOURCES)
    exact = event_json(reader.events[-1])
    reader.hear(frames.report(1, [(ALLOW, GROUP, (frames.address(0, 0x0C000000),))]))
    more = event_json(reader.events[-1])

    assert "more_sources" not in exact
    assert len(exact["sources"]) == len(more["sources"]) == MOST_SOURCES
    assert more["sources"] == exact["sources"]
    assert more["more_sources"] == 1
