"""The stays that last on all links, in the order in which they make room for others.

::

    oldest <-> . . <-> . . <-> newest        stays without reserved room, a chain of rows

A stay of many sources takes as much room as several: some octets for each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.limits import STAYS

if TYPE_CHECKING:
    from mldkit.analysis.shortage import Shortages
    from mldkit.analysis.stays import Row

SOURCES_PER_STAY = 8
"""As many sources take as much memory as a stay."""


class StayOrder:
    """The stays that last, on all links together."""

    def __init__(self, most: int, shortages: Shortages) -> None:
        self._most = most
        self._shortages = shortages
        self._oldest: Row | None = None
        self._newest: Row | None = None
        self.taken = 0
        """Room that is taken, in stays without sources."""

    def enter(self, row: Row, *, is_new: bool = True) -> None:
        """Take in a stay without reserved room; older ones make room where there is none."""
        row.older = self._newest
        if self._newest is None:
            self._oldest = row
        else:
            self._newest.newer = row
        self._newest = row
        if is_new:
            self.taken += weight(row)
            if self.taken > self._most:
                self._make_room(row)

    def weigh(self, before: int, row: Row) -> None:
        """Take in that the sources of a stay are others, and how much it weighed before."""
        self.taken += weight(row) - before
        if self.taken > self._most:
            self._make_room(row)

    def _make_room(self, keeping: Row) -> None:
        """Let stays end for want of room, the oldest first, but for one of them."""
        while self.taken > self._most and self._oldest is not None:
            row = self._oldest
            if row is keeping:
                if row.newer is None:
                    return
                row = row.newer
            home = row.home
            if home is None:
                return
            home.crowd_out(row)
            self._shortages.take(STAYS, home.link)

    def reserve(self, row: Row) -> None:
        """Take a stay out of the order: it has room of its own from now on."""
        self._unlink(row)

    def leave(self, row: Row) -> None:
        """Take in that a stay ended."""
        self.taken -= weight(row)
        if not row.is_reserved:
            self._unlink(row)

    def _unlink(self, row: Row) -> None:
        older, newer = row.older, row.newer
        if older is None:
            self._oldest = newer
        else:
            older.newer = newer
        if newer is None:
            self._newest = older
        else:
            newer.older = older
        row.older = row.newer = None


def weight(row: Row) -> int:
    """Return how much room a stay takes, in stays without sources."""
    return 1 + len(row.sources) // SOURCES_PER_STAY
