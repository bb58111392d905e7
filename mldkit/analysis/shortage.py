"""What found no room: how much of it, since when, and when that was over.

::

    left out   x xx  x xxx x                              x x
               |<--- one shortage --->|<-- a minute -->|  |<--- another one
               told at once                       told again
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.analysis.events import Event
from mldkit.analysis.facts import NEVER_NS
from mldkit.analysis.limits import MOST_OF_ONE, LeftOut
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mldkit.analysis.events import Listener
    from mldkit.analysis.facts import LinkKey

QUIET_NS = 60 * SECOND
"""So long after the last one that was left out a shortage is over."""


@dataclass(slots=True)
class _Shortage:
    """Things of one kind that found no room."""

    link: LinkKey
    since_ns: int
    last_ns: int
    is_on_several_links: bool = False
    is_over: bool = False
    count: int = 0
    """Of all shortages of this kind."""


class Shortages:
    """What found no room in one analysis."""

    def __init__(self, most: Mapping[str, int], listener: Listener) -> None:
        """Take how many of what there is room for."""
        self._most = most
        self._listener = listener
        self._known: dict[str, _Shortage] = {}
        self.now_ns = 0
        """The time of the message that is being looked at."""
        self.due_ns = NEVER_NS
        """When a shortage may be over at the earliest."""

    def take(self, what: str, link: LinkKey, times: int = 1) -> None:
        """Take in that something found no room, or that something else made room for it."""
        now_ns = self.now_ns
        one = self._known.get(what)
        if one is not None and not one.is_over and now_ns > one.last_ns + QUIET_NS:
            self._end(what, one)
        is_new = one is None or one.is_over
        if one is None:
            one = self._known[what] = _Shortage(link, now_ns, now_ns)
        elif one.is_over:
            one.since_ns, one.is_over = now_ns, False
        one.count += times
        one.last_ns = now_ns
        if link != one.link:
            one.is_on_several_links = True
        if is_new:
            self.due_ns = min(self.due_ns, now_ns + QUIET_NS)
            self._tell(what, one, now_ns)

    def poll(self, now_ns: int) -> None:
        """Notice that nothing was left out any more."""
        self.now_ns = max(self.now_ns, now_ns)
        if now_ns <= self.due_ns:
            return
        self.due_ns = NEVER_NS
        for what, one in self._known.items():
            if one.is_over:
                continue
            if now_ns > one.last_ns + QUIET_NS:
                self._end(what, one)
            else:
                self.due_ns = min(self.due_ns, one.last_ns + QUIET_NS)

    def seal(self) -> tuple[LeftOut, ...]:
        """Return what was left out so far."""
        return tuple(self._facts(what, one) for what, one in self._known.items())

    def _end(self, what: str, one: _Shortage) -> None:
        one.is_over = True
        self._tell(what, one, one.last_ns + QUIET_NS)

    def _facts(self, what: str, one: _Shortage) -> LeftOut:
        link = None if one.is_on_several_links else one.link
        most = MOST_OF_ONE.get(what) or self._most[what]
        return LeftOut(link, one.count, what, most, one.since_ns, one.last_ns, one.is_over)

    def _tell(self, what: str, one: _Shortage, now_ns: int) -> None:
        if self._listener is not None:
            self._listener(Event("left-out", now_ns, one.link, left_out=self._facts(what, one)))
