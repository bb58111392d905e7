"""Several captures as one: in order of time, and who looked at which link when.

::

    capture A  |------------|
    capture B                 |------|                     one sitting: B goes on where A ended
    capture C                                |---------|   another one
    capture D        |-------------|                       of another link

A capture looks at a link from its first packet to its last if it has a frame of it. One that
begins where another ended, as files of a capture that was cut in pieces do, goes on with the same
links, unless it names its interfaces and theirs is not among them. What happened while nobody
looked is unknown: silence there proves nothing, and nobody is blamed for what was not seen. A
border counts as seen while it is shorter than the time after which a querier would be missed,
because captures of membership messages alone are silent for long.
"""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING, TypeAlias

from mldkit.analysis.facts import LATEST_NS, believable
from mldkit.analysis.ordering import in_order
from mldkit.analysis.steady_clock import SteadyClock
from mldkit.model.units import SECOND
from mldkit.protocol.variables import Variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence, Set

    from mldkit.analysis.source import Source
    from mldkit.model.datagram import Frame

Cut: TypeAlias = "Callable[[Iterator[Frame]], Iterator[Frame]]"

_SEEN_NS = Variables().other_querier_ns
OVERLAP_NS = SECOND
"""Pieces of one capture overlap by no more."""


class Sittings:
    """The frames of captures in order of time."""

    def __init__(self, sources: Sequence[Source], cut: Cut = iter) -> None:
        """Take the captures, and what ends the packets of one early when a person wants it to.

        It stands before the packets are put in order, so that those which wait there are given.
        """
        self._sources = sources
        self._cut = cut
        self._numbers: Sequence[int] = range(len(sources))
        self._ended: set[int] = set()

    def among(self, numbers: Sequence[int]) -> Sittings:
        """Return the sittings of some of the captures, which are read together with the others."""
        some = Sittings(self._sources)
        some._numbers, some._ended = numbers, self._ended
        return some

    def at(self, time_ns: int) -> tuple[int, ...]:
        """Return the captures that look at a moment, or the last one that began before it."""
        begun = [
            (first_ns, last_ns, number)
            for number in self._numbers
            if (first_ns := self._sources[number].first_ns) is not None
            and (last_ns := self._sources[number].last_ns) is not None
            and first_ns <= time_ns
        ]
        looking = tuple(number for _, last_ns, number in begun if last_ns >= time_ns)
        return (
            looking
            or tuple(number for *_, number in sorted(begun)[-1:])
            or tuple(self._numbers[:1])
        )

    def frames(self) -> Iterable[tuple[int, Frame]]:
        """Give the frames, each with the number of its capture.

        Inside one capture what is out of order by a little is sorted. Otherwise the order is that
        of the file, whatever its clock says.
        """
        sources = self._sources
        if len(sources) == 1:
            return ((0, frame) for frame in in_order(self._cut(sources[0].candidates())))
        timed = merge(*(self._timed(number) for number in range(len(sources))), key=_time)
        return ((number, frame) for _, number, frame in timed)

    def begin_ns(self, number: int, interface: str | None) -> int | None:
        """Return since when a link is looked at without a break, up to the start of a capture."""
        begin_ns = self._sources[number].first_ns
        if begin_ns is None or begin_ns >= LATEST_NS:
            return None
        for other, first_ns, last_ns in reversed(self._spans(interface)):
            if first_ns < begin_ns and other in self._ended and _follows(last_ns, begin_ns):
                begin_ns = first_ns
        return begin_ns

    def end_ns(self, captures: Set[int], interface: str | None) -> int | None:
        """Return until when a link is looked at without a break by these captures and what follows.

        None as long as one of them is being read.
        """
        if not self._ended.issuperset(captures):
            return None
        ends_ns = believable(self._sources[number].last_ns for number in captures)
        end_ns = max(ends_ns, default=0)
        for other, first_ns, last_ns in self._spans(interface):
            if other in self._ended and last_ns > end_ns and _follows(end_ns, first_ns):
                end_ns = last_ns
        return end_ns

    def is_alone(self, number: int, captures: Set[int]) -> bool:
        """Return whether all others of these captures have ended."""
        return self._ended.issuperset(captures - {number})

    def _spans(self, interface: str | None) -> list[tuple[int, int, int]]:
        """Return number, first and last time of the captures that may see an interface."""
        spans = []
        for number in self._numbers:
            source = self._sources[number]
            names = source.interfaces
            may_see = interface is None or interface in names or not any(names)
            times = believable((source.first_ns, source.last_ns))
            if may_see and times:
                spans.append((number, times[0], times[-1]))
        return sorted(spans, key=lambda span: span[1])

    def _timed(self, number: int) -> Iterator[tuple[int, int, Frame]]:
        clocks: dict[str | None, SteadyClock] = {}
        for frame in in_order(self._cut(self._sources[number].candidates())):
            clock = clocks.setdefault(frame.interface, SteadyClock())
            if frame.time_ns is not None and frame.time_ns < LATEST_NS:
                clock.read(frame.time_ns)
            yield clock.now_ns, number, frame
        self._ended.add(number)


def is_break(end_ns: int, begin_ns: int) -> bool:
    """Return whether nobody looked between the end of a sitting and the start of the next."""
    return begin_ns - end_ns > _SEEN_NS


def _follows(end_ns: int, begin_ns: int) -> bool:
    """Return whether what begins then goes on where something ended."""
    return -OVERLAP_NS <= begin_ns - end_ns <= _SEEN_NS


def _time(item: tuple[int, int, Frame]) -> int:
    return item[0]
