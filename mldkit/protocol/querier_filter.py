"""What a router knows of one group: filter mode, timers, and how a record changes them.

::

    INCLUDE (A)     A: sources that somebody listens to, each with a timer
    EXCLUDE (X,Y)   everything but Y is listened to; X: sources in doubt, each with a timer;
                    the filter timer says how long the mode lasts

`RouterFilter.apply` is the table of RFC 9776 §6.4 and RFC 9777 §7.4. Two numbers stand for all
timers: when a timer ends, and 0 for one that does not run, which marks the sources of Y.

A stranger puts a hundred records into a frame, each about one of a thousand sources. So a record
costs what it names: who listens stands in order beside the timers, what a record changed is noted,
and nothing looks at all timers before one of them can have ended.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from mldkit.model.messages import RecordType

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from mldkit.model.addresses import Address

_STOPPED = 0
_NEVER_NS = 1 << 63


class DueQueries(NamedTuple):
    """What a record makes the querier ask: Q(G), Q(G,sources), both or nothing."""

    group: bool = False
    sources: tuple[Address, ...] = ()


NOTHING = DueQueries()


class Seen(NamedTuple):
    """What there is to be told of a filter: whoever forwards data asks for no more."""

    exclude: bool
    running: tuple[Address, ...]
    """The sources whose timer runs, in order: A, or X."""
    stopped: tuple[Address, ...]
    """The sources whose timer does not run, in order: Y."""


@dataclass(slots=True)
class RouterFilter:
    """The state of one group; a new one is INCLUDE without sources, as an unknown group is.

    It has more methods than a class should, because the table has one for each kind of record, and
    all that they change has to stay in step.
    """

    exclude: bool = False
    ends_ns: int = 0
    """When the filter timer ends, in EXCLUDE mode."""
    sources: dict[Address, int] = field(default_factory=dict)
    """When the timer of each source ends; 0 for the sources of Y. Others only read it."""
    _running: list[Address] = field(default_factory=list)
    _stopped: list[Address] = field(default_factory=list)
    _first_ns: int = _NEVER_NS
    """No timer of a source ends before."""
    _unasked: dict[Address, None] = field(default_factory=dict)
    """Sources that were not asked for since somebody wanted them; the others need no question."""
    _was_exclude: bool = False
    _was: dict[Address, int | None] = field(default_factory=dict)
    """The timers, before `mark`, of sources that are otherwise since; None for unknown ones."""

    @property
    def is_empty(self) -> bool:
        """Whether nobody listens: such a state need not be kept."""
        return not self.exclude and not self.sources

    @property
    def next_end_ns(self) -> int:
        """No timer of the group ends before; the first one may end later."""
        return min(self._first_ns, self.ends_ns) if self.exclude else self._first_ns

    @property
    def seen(self) -> Seen:
        """What there is to be told now."""
        return Seen(self.exclude, tuple(self._running), tuple(self._stopped))

    def mark(self) -> None:
        """Begin to note what changes."""
        self._was_exclude = self.exclude
        self._was.clear()

    @property
    def is_changed(self) -> bool:
        """Whether there is something else to be told than at the mark."""
        known = self.sources.get
        return self.exclude is not self._was_exclude or any(
            _state(known(source)) is not _state(before) for source, before in self._was.items()
        )

    @property
    def seen_before_the_end(self) -> Seen:
        """What there was to be told at the mark, of a filter that is empty now."""
        was = sorted(self._was.items())
        running = tuple(source for source, ends_ns in was if ends_ns)
        stopped = tuple(source for source, ends_ns in was if ends_ns == _STOPPED)
        return Seen(self._was_exclude, running, stopped)

    def expire(self, now_ns: int) -> None:
        """Carry out the timers that have ended (RFC 9776 §6.3, §6.5; RFC 9777 §7.2.3, §7.5)."""
        sources = self.sources
        if self._first_ns <= now_ns:
            ended = [source for source, ends_ns in sources.items() if _STOPPED < ends_ns <= now_ns]
            for source in ended:
                if self.exclude:
                    self._set(source, _STOPPED)
                else:
                    self._drop(source)
            self._first_ns = min(filter(None, sources.values()), default=_NEVER_NS)
        if self.exclude and self.ends_ns <= now_ns:
            self.exclude, self.ends_ns = False, 0
            for source in tuple(self._stopped):
                self._drop(source)

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
                self._first_ns = min(self._first_ns, until_ns)

    def ask(self, until_ns: int, sources: Collection[Address]) -> list[Address]:
        """Lower the timers of sources that the querier asks for; return those that ran longer.

        Whoever asks again lowers them no further, as long as nobody wants them anew.
        """
        longer = [source for source in sources if self.sources.get(source, 0) > until_ns]
        for source in sources:
            self._unasked.pop(source, None)
        self.lower(until_ns, longer)
        return longer

    def apply(
        self,
        kind: int,
        sources: Iterable[Address],
        now_ns: int,
        lifetime_ns: int,
        *,
        may_ask: bool = True,
    ) -> DueQueries:
        """Take in one record and return what is to be asked; other types change nothing.

        Unless this router `may_ask` for sources it is not looked for all that is in doubt.
        """
        listed = dict.fromkeys(sources)
        until_ns = now_ns + lifetime_ns
        match kind:
            case RecordType.IS_IN | RecordType.ALLOW:
                self._want(listed, until_ns)
                return NOTHING
            case RecordType.TO_IN:
                return self._to_include(listed, until_ns, may_ask=may_ask)
            case RecordType.IS_EX | RecordType.TO_EX:
                return self._exclude(listed, until_ns, is_change=kind == RecordType.TO_EX)
            case RecordType.BLOCK:
                return self._block(listed)
        return NOTHING

    def _want(self, listed: Iterable[Address], until_ns: int) -> None:
        """A+B or EXCLUDE (X+A,Y-A), and the timers of all in the record anew."""
        for source in listed:
            self._set(source, until_ns)

    def _to_include(
        self, listed: dict[Address, None], until_ns: int, *, may_ask: bool
    ) -> DueQueries:
        """Ask for A-B, or X-A and the group: somebody else may still want them."""
        doubtful: tuple[Address, ...] = ()
        if may_ask:
            doubtful = tuple(source for source in self._unasked if source not in listed)
        self._want(listed, until_ns)
        return DueQueries(self.exclude, doubtful)

    def _exclude(
        self, listed: dict[Address, None], until_ns: int, *, is_change: bool
    ) -> DueQueries:
        """INCLUDE: EXCLUDE (A*B,B-A). EXCLUDE: EXCLUDE (A-Y,Y*A), new sources in doubt."""
        fresh_ns = _STOPPED
        if self.exclude:
            fresh_ns = self.ends_ns if is_change else until_ns
        for source in [known for known in self.sources if known not in listed]:
            self._drop(source)
        for source in listed:
            if source not in self.sources:
                self._set(source, fresh_ns)
        self.exclude, self.ends_ns = True, until_ns
        if not is_change:
            return NOTHING
        return DueQueries(sources=tuple(source for source in listed if self.sources[source]))

    def _block(self, listed: dict[Address, None]) -> DueQueries:
        """Ask for A*B, or A-Y, of which new ones are in doubt from now on."""
        if self.exclude:
            for source in listed:
                if source not in self.sources:
                    self._set(source, self.ends_ns)
        return DueQueries(sources=tuple(source for source in listed if self.sources.get(source)))

    def _set(self, source: Address, ends_ns: int) -> None:
        before = self.sources.get(source)
        self._was.setdefault(source, before)
        if _state(before) is not _state(ends_ns):
            self._take_out(source, before)
            insort(self._running if ends_ns else self._stopped, source)
        self.sources[source] = ends_ns
        if ends_ns:
            self._unasked[source] = None
            self._first_ns = min(self._first_ns, ends_ns)
        else:
            self._unasked.pop(source, None)

    def _drop(self, source: Address) -> None:
        before = self.sources.pop(source)
        self._was.setdefault(source, before)
        self._take_out(source, before)
        self._unasked.pop(source, None)

    def _take_out(self, source: Address, ends_ns: int | None) -> None:
        if ends_ns is not None:
            order = self._running if ends_ns else self._stopped
            del order[bisect_left(order, source)]


def _state(ends_ns: int | None) -> bool | None:
    """Return whether a timer runs; None where there is none."""
    return None if ends_ns is None else ends_ns != _STOPPED
