"""The room of one analysis: what each link has of it, and for whom it is reserved.

A host that answered two General Queries of the acting querier has room that nobody else can take,
and so has the link that it is on. Reserved room is bounded too, first come, first served: who
answers from a thousand forged addresses takes what is free of it and nothing from those before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.analysis.limits import (
    ALL_CHANGES,
    MOST,
    MOST_RESERVED_OF_HOST,
    PAST_STAYS,
    RESERVED,
    RESERVED_HOSTS,
    RESERVED_LINKS,
    STAYS,
)
from mldkit.analysis.shelf import Shelf, Table
from mldkit.analysis.shortage import Shortages
from mldkit.analysis.stay_order import StayOrder, weight

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from mldkit.analysis.events import Listener
    from mldkit.analysis.facts import Host, LinkKey
    from mldkit.analysis.stays import Row


class Room:
    """What there is room for on all links together."""

    def __init__(self, most: Mapping[str, int] = MOST, listener: Listener = None) -> None:
        self.most = most
        self.shortages = Shortages(most, listener)
        self.stays = StayOrder(most[STAYS], self.shortages)
        self.past_stays = 0
        """Stays that are over and are kept."""
        self.open_specific = self.answers = 0
        """Specific queries that may be answered, and answers of hosts to all queries."""
        self.changes = 0
        """Weight of the changes of all stays that are kept."""
        self.reserved = self.reserved_hosts = self.reserved_links = 0
        """The weight of stays, and the hosts and links for which room is reserved."""
        self._shelves: dict[str, Shelf] = {}

    def shelf(self, what: str, beside: str) -> Shelf:
        """Return the shelf of a kind; one `beside` another holds what goes with that one."""
        name = what + beside
        shelf = self._shelves.get(name)
        if shelf is None:
            most = self.most[what]
            shelf = Shelf(what, most, self.shortages, is_told=not beside)
            self._shelves[name] = shelf
        return shelf

    def kept(self) -> dict[str, int]:
        """Return how many are kept of each kind, for who measures."""
        return {name: shelf.kept for name, shelf in self._shelves.items()}


class LinkRoom:
    """What one link has of the room.

    A table knows this no more than its link, so that nothing here makes a cycle.
    """

    __slots__ = ("_tables", "key", "reserved", "room")

    def __init__(self, key: LinkKey, room: Room) -> None:
        self.key = key
        self.room = room
        self.reserved: dict[Host, int] = {}
        """Hosts with reserved room, and for how many of their stays."""
        self._tables: dict[str, Table[Any, Any]] = {}

    def table(
        self,
        what: str,
        worth: Callable[[Container[Host], Any, Any], int] | None = None,
        *,
        beside: str = "",
    ) -> Table[Any, Any]:
        """Return the table of a kind on this link, empty; `beside` is what holds its siblings."""
        name = what + beside
        table = self._tables.get(name)
        if table is None:
            shelf = self.room.shelf(what, beside)
            table = self._tables[name] = Table(shelf, self.key, self.reserved, worth)
        table.empty()
        return table

    def leave_out(self, what: str, times: int = 1) -> None:
        """Take in that something found no room."""
        self.room.shortages.take(what, self.key, times)

    @property
    def is_reserved(self) -> bool:
        """Whether the link itself has reserved room."""
        return bool(self.reserved)

    def release(self) -> None:
        """Give everything back that tables hold: the link makes room for another one."""
        for table in self._tables.values():
            table.empty()

    def reserve(self, row: Row) -> bool:
        """Reserve room for a stay; return whether there is any."""
        room, host = self.room, row.host
        count = self.reserved.get(host, 0)
        if count >= MOST_RESERVED_OF_HOST or room.reserved + weight(row) > room.most[RESERVED]:
            return False
        if not count and not self._admits_host():
            return False
        self.reserved[host] = count + 1
        room.reserved += weight(row)
        row.is_reserved = True
        return True

    def free(self, row: Row) -> None:
        """Take in that a stay with reserved room ended, or its host has another address now."""
        room, host = self.room, row.host
        row.is_reserved = False
        room.reserved -= weight(row)
        self.reserved[host] -= 1
        if not self.reserved[host]:
            del self.reserved[host]
            room.reserved_hosts -= 1
            room.reserved_links -= not self.reserved

    def weigh(self, before: int, row: Row) -> None:
        """Take in that a stay has other sources, and how much it weighed before."""
        room = self.room
        if row.is_reserved:
            room.reserved += weight(row) - before
            if room.reserved > room.most[RESERVED]:
                self.free(row)
                room.stays.enter(row, is_new=False)
        room.stays.weigh(before, row)

    def _admits_host(self) -> bool:
        """Take in another host with reserved room, if there is any left."""
        room = self.room
        if room.reserved_hosts >= room.most[RESERVED_HOSTS]:
            return False
        if not self.reserved:
            if room.reserved_links >= room.most[RESERVED_LINKS]:
                return False
            room.reserved_links += 1
        room.reserved_hosts += 1
        return True

    def keeps_past(self, row: Row) -> bool:
        """Return whether a stay that is over is kept: those with reserved room have more."""
        room = self.room
        most = room.most[PAST_STAYS] + (room.most[RESERVED] if row.is_reserved else 0)
        if room.past_stays >= most:
            self.leave_out(PAST_STAYS)
            return False
        room.past_stays += 1
        return True

    @property
    def has_room_for_changes(self) -> bool:
        """Whether all changes that are kept are no more than there is room for."""
        return self.room.changes <= self.room.most[ALL_CHANGES]
