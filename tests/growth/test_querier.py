"""No frame costs a querier more than its octets allow, whatever was reported before."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from mldkit.model.datagram import Frame
from mldkit.model.family import IGMP
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.protocol.querier import Querier
from mldkit.protocol.querier_settings import QuerierSettings
from mldkit.wire.decoder import Decoder
from tests.growth import frames
from tests.growth.counting import MOST_OF_A_FRAME, OCTETS_OF_A_FRAME, instructions
from tests.growth.frames import ALLOW, BLOCK, GROUP, IS_EX, IS_IN, OLD, TO_EX, TO_IN
from tests.growth.link import LATER_NS, SOON_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.model.datagram import Decoded
    from mldkit.protocol.querier_events import QuerierEvent
    from tests.growth.link import Heard


SIZE = 400
"""Twice as many are less than the 1,024 sources that are kept of a group."""
MOST_GROWTH, SLACK = 1.25, 6000
RECORDS = 118
"""Of one source each, as many as an octet counts in a frame."""
IN_A_RECORD = 100
KNOWN, OTHER = 0x0B000000, 0x0C000000
OWN = frames.address(0, 0x0A0000FE)
LOWER = frames.address(0, 0x0A000001)


def source(number: int, base: int = KNOWN) -> bytes:
    """Return one of many sources."""
    return frames.address(number, base)


def listed(size: int, kind: int = ALLOW, to: bytes = GROUP) -> Iterator[Heard]:
    """Tell of so many sources."""
    for first in range(0, size, IN_A_RECORD):
        named = tuple(map(source, range(first, first + IN_A_RECORD)))
        yield SOON_NS, frames.report(1, [(kind, to, named)])


def one_by_one(kind: int, base: int = KNOWN, start: int = 0) -> bytes:
    """Tell of one source in each record."""
    records = [(kind, GROUP, (source(start + number, base),)) for number in range(RECORDS)]
    return frames.report(1, records)


def sources_that_are_wanted_again(size: int) -> Iterator[Heard]:
    """Many sources, and records that name one each."""
    yield from listed(size)
    for _ in range(5):
        yield LATER_NS, one_by_one(IS_IN)


def sources_that_are_blocked(size: int) -> Iterator[Heard]:
    """Many sources, of which some are given up one by one."""
    yield from listed(size)
    for number in range(3):
        yield LATER_NS, one_by_one(BLOCK, start=RECORDS * number)
    yield 10 * SECOND, one_by_one(ALLOW)


def more_and_more_sources(size: int) -> Iterator[Heard]:
    """Many sources, and others one by one, which are events."""
    yield from listed(size)
    yield LATER_NS, one_by_one(ALLOW, OTHER)


def sources_in_doubt(size: int) -> Iterator[Heard]:
    """A group that all sources but some are wanted of, and what changes that."""
    yield SOON_NS, frames.report(1, [(TO_EX, GROUP, ())])
    yield from listed(size)
    for _ in range(5):
        yield LATER_NS, frames.report(1, [(TO_IN, GROUP, ())] * RECORDS)
        yield LATER_NS, one_by_one(BLOCK, OTHER)
        yield LATER_NS, one_by_one(TO_IN)


def sources_that_nobody_wants(size: int) -> Iterator[Heard]:
    """A group of which many sources are excluded, and then asked for one by one."""
    sources = tuple(map(source, range(min(size, 360))))
    yield SOON_NS, frames.report(1, [(IS_EX, GROUP, sources)])
    for number in range(3):
        yield LATER_NS, one_by_one(ALLOW, start=RECORDS * number)


def another_querier(size: int) -> Iterator[Heard]:
    """Many sources, and another router that asks for them, and hosts that stop them."""
    yield from listed(size)
    yield LATER_NS, frames.query(source=LOWER)
    for _ in range(5):
        yield LATER_NS, frames.query(source=LOWER, about=GROUP, sources=[source(0)], response=10)
        yield LATER_NS, frames.report(1, [(TO_IN, GROUP, (source(1),))] * RECORDS)


def an_older_querier(size: int) -> Iterator[Heard]:
    """Many sources, and a router of an older version."""
    yield from listed(size)
    yield LATER_NS, frames.query(OLD, source=frames.address(0, 0x0A0000FF))
    for _ in range(5):
        yield LATER_NS, frames.report(1, [(TO_IN, GROUP, ())] * RECORDS)


def many_groups(size: int) -> Iterator[Heard]:
    """Ever other groups that hosts join and leave."""
    for number in range(size):
        yield SOON_NS, frames.report(number, [(IS_EX, frames.group(number), ())])
    for number in range(size):
        yield SOON_NS, frames.report(number, [(TO_IN, frames.group(number), ())])
    for number in range(size):
        yield 5 * MILLISECOND, frames.older(number, frames.group(number))


def many_queriers(size: int) -> Iterator[Heard]:
    """General Queries of ever other routers, lower and higher ones."""
    for number in range(size):
        sender = frames.address(number, 0x0A000001 if number % 2 else 0x0A010000)
        yield SOON_NS, frames.query(2 + number % 2, source=sender)


HISTORIES = [
    sources_that_are_wanted_again,
    sources_that_are_blocked,
    more_and_more_sources,
    sources_in_doubt,
    sources_that_nobody_wants,
    another_querier,
    an_older_querier,
    many_groups,
    many_queriers,
]


def worst(history: Iterator[Heard]) -> tuple[int, int]:
    """Return what the dearest frame costs for each 1,500 octets, and how many events there were."""
    events: list[QuerierEvent] = []
    querier = Querier(
        frames.mac(0xFFFFFE), {OWN: QuerierSettings(IGMP, frames.CURRENT)}, events.append
    )
    querier.start(0)
    decoder = Decoder()
    now_ns = most = 0
    for after_ns, octets in history:
        now_ns += after_ns
        # What time does by itself is not the frame's.
        while (due_ns := querier.deadline_ns) is not None and due_ns <= now_ns:
            querier.poll(due_ns)
        messages = list(decoder.decode(Frame(octets, now_ns)))
        ran = instructions(partial(_hear, querier, messages, now_ns))
        most = max(most, ran // -(-len(octets) // OCTETS_OF_A_FRAME))
    return most, len(events)


def _hear(querier: Querier, messages: list[Decoded], now_ns: int) -> None:
    for decoded in messages:
        querier.receive(decoded, now_ns)
    querier.poll(now_ns)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.__name__)
def test_no_frame_costs_a_querier_more_because_of_what_was_reported_before(
    history: Callable[[int], Iterator[Heard]],
) -> None:
    few, events = worst(history(SIZE))
    many, _ = worst(history(2 * SIZE))

    assert events
    assert many <= MOST_GROWTH * few + SLACK
    assert many <= MOST_OF_A_FRAME
