"""What has to be looked through now and then is looked through in pieces: no single act pays."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from mldkit.analysis.facts import LinkKey, Mark
from mldkit.analysis.feed import Feed
from mldkit.analysis.limits import IDENTITIES, MOST, TARGETS
from mldkit.analysis.room import LinkRoom, Room
from mldkit.analysis.solicitations import Solicitations
from mldkit.link.times import Times
from mldkit.model.addresses import solicited_node
from mldkit.model.family import MLD
from mldkit.model.units import SECOND
from tests.growth import frames
from tests.growth.counting import instructions

if TYPE_CHECKING:
    from mldkit.analysis.feed import Break
    from mldkit.analysis.source import Source

SIZE = 600
KEY = LinkKey("eth0", (), MLD)
SLACK = 100


def worst_of_table(size: int) -> int:
    """Return what the dearest change of a table costs where keys come and go."""
    room = LinkRoom(KEY, Room(dict(MOST) | {IDENTITIES: 4 * size}))
    table = room.table(IDENTITIES)
    worst = 0
    for number in range(size):
        table.keep(number, None)
    for number in range(10 * size):
        key = size + number % 7
        worst = max(worst, instructions(partial(table.keep, key, None)))
        worst = max(worst, instructions(partial(table.drop, key)))
    for number in range(1, size):
        worst = max(worst, instructions(partial(table.drop, number)))
    assert list(table) == [0]
    return worst


def test_no_change_of_a_table_pays_for_the_sweep_of_all() -> None:
    assert worst_of_table(2 * SIZE) <= worst_of_table(SIZE) + SLACK


def feed_of(parts: list[Times]) -> Feed:
    """Return what is known of an interface that a capture describes so often."""
    return Feed(0, "eth0", cast("Source", SimpleNamespace(times=parts)))


def _take(feed: Feed, number: int, breaks: list[Break]) -> None:
    breaks += feed.take_breaks(number, 0)


def worst_of_breaks(size: int) -> int:
    """Return what the dearest gap costs in a capture of many parts, one after the other."""
    parts: list[Times] = []
    feed = feed_of(parts)
    worst = found = 0
    for number in range(1, size):
        times = Times("eth0")
        parts.append(times)
        times.see(number, number * 100 * SECOND, lambda _: 0)
        breaks: list[Break] = []
        worst = max(worst, instructions(partial(_take, feed, number, breaks)))
        found += len(breaks)
        assert [one.before for one in breaks] == [number - 1][: number - 1]
    assert found == size - 2
    return worst


def test_no_gap_pays_for_all_parts_of_a_capture() -> None:
    assert worst_of_breaks(2 * SIZE) <= worst_of_breaks(SIZE) + SLACK


def test_parts_that_were_described_before_they_began_tell_of_their_gaps() -> None:
    parts = [Times("eth0") for _ in range(SIZE)]
    feed = feed_of(parts)
    found = 0
    for number, times in enumerate(parts, 1):
        times.see(number, number * 100 * SECOND, lambda _: 0)
        found += len(feed.take_breaks(number, 0))

    assert found == SIZE - 1


def worst_of_targets(size: int) -> int:
    """Return what the dearest look at the hosts costs that somebody asks for."""
    room = LinkRoom(KEY, Room(dict(MOST) | {TARGETS: 4 * size}))
    heard: dict[bytes, int] = {}
    found = Solicitations(lambda address: heard.get(address, 0), room)
    for number in range(size):
        target = frames.link_local(number)
        heard[target] = SECOND
        mark = Mark(0, number, SECOND + number)
        found.solicit(frames.link_local(9999), solicited_node(target), target, mark)
        heard[target] = 2 * SECOND
    return max(instructions(partial(found.poll, 100 * SECOND + number)) for number in range(size))


def test_no_message_pays_for_all_that_somebody_asks_for() -> None:
    assert worst_of_targets(2 * SIZE) <= worst_of_targets(SIZE) + SLACK
