"""Tables of links share the room for their kind, whatever is kept, dropped and crowded out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mldkit.analysis import limits
from mldkit.analysis.facts import LinkKey
from mldkit.analysis.limits import MOST, MOST_LIVE
from mldkit.analysis.room import LinkRoom, Room
from mldkit.analysis.shelf import NEEDED, USEFUL, USELESS, most_with_needed
from mldkit.model.family import IGMP

if TYPE_CHECKING:
    from collections.abc import Container

    from mldkit.analysis.shelf import Table

MOST_HERE = 20
PAGE = Path(__file__).resolve().parents[3] / "docs" / "limits.md"
OTHERWISE = {
    limits.LINKS, limits.STAYS, limits.PAST_STAYS, limits.ALL_CHANGES, limits.ANSWERS,
    limits.OPEN_SPECIFIC, limits.RESERVED, limits.RESERVED_HOSTS, limits.RESERVED_LINKS,
}  # fmt: skip
"""What is kept in other ways than tables, and has tests of its own."""


def by_value(_: Container[bytes], __: int, value: int) -> int:
    return value


def make(
    worth: bool = True, links: int = 2, most: int = MOST_HERE
) -> tuple[Room, list[Table[int, int]]]:
    room = Room({**MOST, limits.QUERIERS: most})
    tables = [
        LinkRoom(LinkKey(None, (number,), IGMP), room).table(
            limits.QUERIERS, by_value if worth else None
        )
        for number in range(links)
    ]
    return room, tables


def left_out(room: Room) -> int:
    return sum(item.count for item in room.shortages.seal())


@pytest.mark.parametrize("what", sorted(MOST.keys() - OTHERWISE))
@pytest.mark.parametrize("more", [0, 1])
def test_each_kind_has_as_much_room_as_it_says(what: str, more: int) -> None:
    room = Room({**MOST, what: 5})
    table = LinkRoom(LinkKey(None, (), IGMP), room).table(what)
    for number in range(5 + more):
        table.keep(number, number)

    assert list(table) == list(range(more, 5 + more))
    assert left_out(room) == more


def test_the_oldest_of_all_links_goes_first() -> None:
    _, (one, other) = make(worth=False)
    one.keep(1, 0)
    for number in range(MOST_HERE):
        other.keep(number, 0)

    assert not one
    assert len(other) == MOST_HERE


def test_what_is_useful_is_put_off_and_what_is_needed_stays() -> None:
    _, (table, _) = make()
    table.keep(1, USEFUL)
    table.keep(2, NEEDED)
    for number in range(3, 3 + 10 * MOST_HERE):
        table.keep(number, USELESS)

    assert {1, 2} <= table.keys()
    assert len(table) == MOST_HERE


def test_what_is_useful_goes_where_all_is() -> None:
    room, (table, _) = make()
    for number in range(10 * MOST_HERE):
        table.keep(number, USEFUL)

    assert len(table) == MOST_HERE
    assert left_out(room) == 9 * MOST_HERE


def test_what_is_needed_has_an_end_too() -> None:
    _, (table, _) = make()
    for number in range(10 * MOST_HERE):
        table.keep(number, NEEDED)

    assert len(table) == most_with_needed(MOST_HERE)


def test_room_that_is_given_back_is_room() -> None:
    room, (one, other) = make()
    for number in range(MOST_HERE):
        one.keep(number, USELESS)
    one.drop(3)
    other.keep(1, USELESS)
    assert left_out(room) == 0
    one.empty()
    for number in range(MOST_HERE):
        other.keep(number, USELESS)

    assert left_out(room) == 0
    assert len(other) == MOST_HERE


def test_keeping_what_is_there_takes_no_room() -> None:
    room, (table, _) = make()
    for _ in range(3 * MOST_HERE):
        table.keep(1, USELESS)

    assert room.kept() == {limits.QUERIERS: 1}


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["keep", "keep", "keep", "drop", "empty"]),
        st.integers(0, 2),
        st.integers(0, 40),
        st.sampled_from([USELESS, USELESS, USEFUL, NEEDED]),
    ),
    max_size=400,
)


@given(OPERATIONS)
def test_the_shelf_knows_how_much_its_tables_hold(
    operations: list[tuple[str, int, int, int]],
) -> None:
    room, tables = make(links=3)
    shelf = room.shelf(limits.QUERIERS, "")
    for what, number, key, worth in operations:
        table = tables[number]
        if what == "keep":
            table.keep(key, worth)
        elif what == "drop":
            table.drop(key)
        else:
            table.empty()
        assert shelf.kept == sum(map(len, tables))
        assert shelf.kept <= most_with_needed(MOST_HERE)
        # Places of what was dropped are let go of too.
        assert shelf.places <= 2 * shelf.kept + 200


def test_the_page_has_every_bound() -> None:
    page = PAGE.read_text()

    missing = {
        what
        for most in (MOST, MOST_LIVE)
        for what, count in most.items()
        if f"{count:,}" not in page and what not in (limits.RESERVED, limits.RESERVED_LINKS)
    }
    assert missing == set()
