"""What has to be looked through now and then is looked through in pieces: no single act pays."""

from __future__ import annotations

from functools import partial

from mldkit.analysis.facts import LinkKey, Mark
from mldkit.analysis.limits import IDENTITIES, MOST, TARGETS
from mldkit.analysis.room import LinkRoom, Room
from mldkit.analysis.solicitations import Solicitations
from mldkit.model.addresses import solicited_node
from mldkit.model.family import MLD
from mldkit.model.units import SECOND
from tests.growth import frames
from tests.growth.counting import instructions

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
