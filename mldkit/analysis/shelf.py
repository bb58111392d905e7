"""What is kept for senders: tables of links, which share the room that there is for their kind.

::

    all links   a1 a2 b1 a3 b2 b3 b4        in the order in which they came
                ^                   ^
                goes first          the last one

What came first goes first, unless its table holds it for more useful than what comes: that is put
off some times. What its table holds for needed stays, as long as that is not most of all.

Places of what was given back stay in the order until they are swept away, some at each change, so
that no single one pays for all::

    swept | not yet looked at
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.shortage import Shortages

K = TypeVar("K")
V = TypeVar("V")

_MOST_PUT_OFF = 16
"""Times that something more useful is put off before something goes all the same."""
_MOST_OVER = 4
"""By which part more is kept at most than there is room for, where all of it is needed."""
_LEAST_SWEPT = 64
_AT_ONCE = 16
"""Places that are looked at at one change, while the order is swept."""
_MISSING: Any = object()

USELESS, USEFUL, NEEDED = 0, 1, 2
"""How much what is kept is worth: it goes in its turn, it is put off, it stays."""


class Table(dict[K, V], Generic[K, V]):
    """A dict of one link with room for as much as its kind has on all links together."""

    __slots__ = ("_shelf", "_worth", "link", "reserved")

    def __init__(
        self,
        shelf: Shelf,
        link: LinkKey,
        reserved: Container[Any],
        worth: Callable[[Container[Any], K, V], int] | None = None,
    ) -> None:
        """Take who has reserved room, and what says how much something is worth."""
        self._shelf = shelf
        self.link = link
        self.reserved = reserved
        self._worth = worth

    def keep(self, key: K, value: V) -> V:
        """Keep something new or in place of what was there; return it."""
        is_new = key not in self
        self[key] = value
        if is_new:
            self._shelf.take(self, key)
        return value

    def drop(self, key: K) -> V | None:
        """Let go of something; return it, None where it was not there."""
        value = self.pop(key, _MISSING)
        if value is _MISSING:
            return None
        self._shelf.give_back(1)
        found: V = value
        return found

    def empty(self) -> None:
        """Let go of everything."""
        if self:
            count = len(self)
            self.clear()
            self._shelf.give_back(count)

    def crowd_out(self, *, is_urgent: bool) -> list[tuple[K, V]]:
        """Let go of what is worth least, to make room; return it, none if all is needed.

        Where it `is_urgent`, what is needed goes too.
        """
        return self._shelf.crowd_out(is_urgent=is_urgent)

    def worth(self, key: K) -> int:
        """Return how much something is worth."""
        return USELESS if self._worth is None else self._worth(self.reserved, key, self[key])


class Shelf:
    """The room for one kind on all links together."""

    __slots__ = (
        "_is_told", "_looked_at", "_most", "_order", "_seen", "_shortages", "_swept", "_what",
        "kept",
    )  # fmt: skip

    def __init__(self, what: str, most: int, shortages: Shortages, *, is_told: bool = True) -> None:
        """Take how many there is room for; what only goes with something else is not told."""
        self._what = what
        self._most = most
        self._shortages = shortages
        self._is_told = is_told
        self._order: deque[Any] = deque()
        """A table and a key, one after the other; also of what was given back since."""
        self._swept: deque[Any] = deque()
        """The same in front of those, as far as it was swept."""
        self._seen: set[tuple[int, object]] | None = None
        """What is in `_swept`, while the order is swept."""
        self._looked_at: set[tuple[int, object]] = set()
        """The same of the time before, let go of piece by piece."""
        self.kept = 0

    @property
    def places(self) -> int:
        """How many are in order, those that were given back since included."""
        return (len(self._swept) + len(self._order)) // 2

    def take(self, table: Table[Any, Any], key: object) -> None:
        """Take in that a table has something new."""
        order = self._order
        order.append(table)
        order.append(key)
        self.kept += 1
        if self._seen is not None or self._looked_at:
            self._sweep()
        if self.kept > self._most:
            self.crowd_out(is_urgent=self.kept > most_with_needed(self._most))

    def give_back(self, count: int) -> None:
        """Take in that a table let go of so many."""
        self.kept -= count
        for _ in range(_AT_ONCE):
            table, key = self._first()
            if table is None or key in table:
                break
            self._take_first()
        if self._seen is None and len(self._order) > 4 * (self.kept + _LEAST_SWEPT):
            self._seen = set()
        if self._seen is not None or self._looked_at:
            self._sweep()

    def crowd_out(self, *, is_urgent: bool) -> list[Any]:
        """Let go of what is worth least; return keys and values, none where all is needed."""
        order = self._order
        for number in range(2 * _MOST_PUT_OFF):
            table, key = self._take_first()
            while key not in table:
                table, key = self._take_first()
            worth = table.worth(key)
            is_in_turn = worth == USELESS or (worth == USEFUL and number >= _MOST_PUT_OFF)
            if is_in_turn or is_urgent:
                break
            order.append(table)
            order.append(key)
        else:
            return []
        gone = [(key, table.pop(key))]
        self.kept -= 1
        if self._is_told:
            self._shortages.take(self._what, table.link)
        return gone

    def _first(self) -> tuple[Any, Any]:
        """Return what is first in order, None where nothing is."""
        order = self._swept or self._order
        return (order[0], order[1]) if order else (None, None)

    def _take_first(self) -> tuple[Any, Any]:
        """Take out what is first in order."""
        order = self._swept or self._order
        table, key = order.popleft(), order.popleft()
        if self._seen is not None:
            self._seen.discard((id(table), key))
        return table, key

    def _sweep(self) -> None:
        """Let go of some places of what was given back."""
        order, swept, seen = self._order, self._swept, self._seen
        for _ in range(_AT_ONCE):
            if self._looked_at:
                self._looked_at.pop()
            if not order or seen is None:
                break
            table, key = order.popleft(), order.popleft()
            place = id(table), key
            if key in table and place not in seen:
                seen.add(place)
                swept.append(table)
                swept.append(key)
        if not order and seen is not None:
            self._order, self._swept = swept, deque()
            self._looked_at, self._seen = seen, None


def most_with_needed(most: int) -> int:
    """Return how many are kept where so many have room, and all of them are needed."""
    return most + most // _MOST_OVER
