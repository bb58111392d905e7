"""When stays end, for who has to tell of it in time.

::

    deadline     ................................x        moves on with every report
    look         ......x.........x.........x.....x        a minute ahead at most, never behind it

A report moves the ends of all that it names, and nearly every report says what is known. So it is
noted when to look at a stay, no later than it ends, and a report touches nothing here: who looks
finds that the end is further away and notes the next time. Only where lifetimes are shorter than
that a report may bring an end forward.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.stays import Row

FAR_NS = 60 * SECOND
"""Stays that last longer are looked at again after that time."""
_NEAR_NS = 2 * SECOND
"""Stays that last no longer are looked at when they end."""


class Deadlines:
    """The stays of one link by the time at which to look at them."""

    def __init__(self) -> None:
        self._times: list[int] = []
        """A heap."""
        self._rows: dict[int, dict[Row, None]] = {}
        """The stays to look at from a time on."""
        self.over: list[Row] = []
        """Stays whose time is over, until somebody ends them."""

    def add(self, row: Row, now_ns: int) -> None:
        """Take in a stay, or that its end may have come nearer."""
        due_ns = row.deadline_ns
        if due_ns - now_ns > FAR_NS:
            due_ns = (now_ns + FAR_NS) // SECOND * SECOND
        elif due_ns - now_ns > _NEAR_NS:
            # At full seconds: what is left there when stays go early is little.
            due_ns = (due_ns - SECOND) // SECOND * SECOND
        if row.due_ns is not None:
            if row.due_ns <= due_ns:
                return
            self.remove(row)
        rows = self._rows.get(due_ns)
        if rows is None:
            rows = self._rows[due_ns] = {}
            heappush(self._times, due_ns)
        rows[row] = None
        row.due_ns = due_ns

    def add_all(self, rows: Iterable[Row], now_ns: int) -> None:
        """Take in that the ends of stays may have come nearer."""
        for row in rows:
            self.add(row, now_ns)

    def remove(self, row: Row) -> None:
        """Let go of a stay."""
        if row.due_ns is not None:
            # What is left empty goes when its time comes.
            self._rows[row.due_ns].pop(row, None)
            row.due_ns = None

    def take(self, now_ns: int, most: int | None = None) -> list[Row]:
        """Return stays whose time is over, in order of time; looks at so many, or at all."""
        times, found = self._times, []
        looked_at = 0
        while times and times[0] < now_ns and looked_at != most:
            rows = self._rows[times[0]]
            if not rows:
                del self._rows[heappop(times)]
                continue
            looked_at += 1
            row, _ = rows.popitem()
            row.due_ns = None
            if row.deadline_ns < now_ns:
                found.append(row)
            else:
                self.add(row, now_ns)
        found.sort(key=lambda row: (row.deadline_ns, row.group, row.host))
        self.over += found
        return found
