"""Events in order of time: folds notice some things late, such as the end of a membership.

A bounded number of events waits, so that one that comes late is put in front of those that came
after it. What is later than that stands where it was noticed.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.analysis.events import Event

MOST_WAITING = 20_000


class EventOrder:
    """Takes events as they are noticed and gives them on in order of time."""

    def __init__(self, give: Callable[[Event], None], most: int = MOST_WAITING) -> None:
        """Take whom to give them to and how many may wait; 0 gives each at once."""
        self._give = give
        self._most = most
        self._waiting: list[tuple[int, int, Event]] = []
        self._count = 0
        """Events of one moment stay in the order in which they were noticed."""

    def take(self, event: Event) -> None:
        """Take in the next event."""
        heappush(self._waiting, (event.time_ns, self._count, event))
        self._count += 1
        if len(self._waiting) > self._most:
            self._give(heappop(self._waiting)[2])

    def finish(self) -> None:
        """Give all that waits: nothing comes any more."""
        while self._waiting:
            self._give(heappop(self._waiting)[2])
