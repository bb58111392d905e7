"""What a router knows of one group: filter mode, timers, and how a record changes them.

::

    INCLUDE (A)     A: sources that somebody listens to, each with a timer
    EXCLUDE (X,Y)   everything but Y is listened to; X: sources in doubt, each with a timer;
                    the filter timer says how long the mode lasts

`RouterFilter.apply` is the table of RFC 9776 §6.4 and RFC 9777 §7.4. Two numbers stand for all
timers: when a timer ends, and 0 for one that does not run, which marks the sources of Y.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from mldkit.model.messages import RecordType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.addresses import Address

_STOPPED = 0


class DueQueries(NamedTuple):
    """What a record makes the querier ask: Q(G), Q(G,sources), both or nothing."""

    group: bool = False
    sources: tuple[Address, ...] = ()


NOTHING = DueQueries()


@dataclass(slots=True)
class RouterFilter:
    """The state of one group; a new one is INCLUDE without sources, as an unknown group is."""

    exclude: bool = False
    ends_ns: int = 0
    """When the filter timer ends, in EXCLUDE mode."""
    sources: dict[Address, int] = field(default_factory=dict)
    """When the timer of each source ends; 0 for the sources of Y."""

    @property
    def is_empty(self) -> bool:
        """Whether nobody listens: such a state need not be kept."""
        return not self.exclude and not self.sources

    @property
    def running(self) -> tuple[Address, ...]:
        """The sources whose timer runs: A, or X."""
        return tuple(source for source, ends_ns in self.sources.items() if ends_ns)

    @property
    def stopped(self) -> tuple[Address, ...]:
        """The sources whose timer does not run: Y."""
        return tuple(source for source, ends_ns in self.sources.items() if not ends_ns)

    @property
    def next_end_ns(self) -> int:
        """When the first timer of the group ends."""
        ends = [ends_ns for ends_ns in self.sources.values() if ends_ns]
        if self.exclude:
            ends.append(self.ends_ns)
        return min(ends)

    def expire(self, now_ns: int) -> None:
        """Carry out the timers that have ended (RFC 9776 §6.3, §6.5; RFC 9777 §7.2.3, §7.5)."""
        sources = self.sources
        ended = [source for source, ends_ns in sources.items() if _STOPPED < ends_ns <= now_ns]
        for source in ended:
            if self.exclude:
                sources[source] = _STOPPED
            else:
                del sources[source]
        if self.exclude and self.ends_ns <= now_ns:
            self.exclude, self.ends_ns = False, 0
            self.sources = {source: ends_ns for source, ends_ns in sources.items() if ends_ns}

    def lower(self, until_ns: int, sources: Iterable[Address] | None = None) -> None:
        """Let timers end at `until_ns` at the latest: of the sources, or of the filter mode.

        (RFC 9776 §6.6.1, RFC 9777 §7.6.1)
        """
        if sources is None:
            self.ends_ns = min(self.ends_ns, until_ns)
            return
        for source in sources:
            if self.sources.get(source, 0) > until_ns:
                self.sources[source] = until_ns

    def apply(
        self, kind: int, sources: Iterable[Address], now_ns: int, lifetime_ns: int
    ) -> DueQueries:
        """Take in one record and return what is to be asked; other types change nothing."""
        listed = dict.fromkeys(sources)
        until_ns = now_ns + lifetime_ns
        match kind:
            case RecordType.IS_IN | RecordType.ALLOW:
                self._want(listed, until_ns)
                return NOTHING
            case RecordType.TO_IN:
                return self._to_include(listed, until_ns)
            case RecordType.IS_EX | RecordType.TO_EX:
                return self._exclude(listed, until_ns, is_change=kind == RecordType.TO_EX)
            case RecordType.BLOCK:
                return self._block(listed)
        return NOTHING

    def _want(self, listed: Iterable[Address], until_ns: int) -> None:
        """A+B or EXCLUDE (X+A,Y-A), and the timers of all in the record anew."""
        for source in listed:
            self.sources[source] = until_ns

    def _to_include(self, listed: dict[Address, None], until_ns: int) -> DueQueries:
        """Ask for A-B, or X-A and the group: somebody else may still want them."""
        doubtful = tuple(source for source in self.running if source not in listed)
        self._want(listed, until_ns)
        return DueQueries(self.exclude, doubtful)

    def _exclude(
        self, listed: dict[Address, None], until_ns: int, *, is_change: bool
    ) -> DueQueries:
        """INCLUDE: EXCLUDE (A*B,B-A). EXCLUDE: EXCLUDE (A-Y,Y*A), new sources in doubt."""
        known = self.sources
        fresh_ns = _STOPPED
        if self.exclude:
            fresh_ns = self.ends_ns if is_change else until_ns
        self.sources = {source: known.get(source, fresh_ns) for source in listed}
        self.exclude, self.ends_ns = True, until_ns
        return DueQueries(sources=self.running) if is_change else NOTHING

    def _block(self, listed: dict[Address, None]) -> DueQueries:
        """Ask for A*B, or A-Y, of which new ones are in doubt from now on."""
        if self.exclude:
            for source in listed:
                self.sources.setdefault(source, self.ends_ns)
        return DueQueries(sources=tuple(source for source in listed if self.sources.get(source)))
