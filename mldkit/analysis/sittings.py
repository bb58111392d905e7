"""Several captures as one: in order of time, and with the times in which nobody looked.

::

    capture A  |------------|
    capture B                 |------|                     one sitting: B goes on where A ended
    capture C                                |---------|   another one

What happened between two sittings is unknown: silence there proves nothing, and nobody is blamed
for what was not seen. A border counts as seen while it is shorter than the time after which a
querier would be missed, because captures of membership messages alone are silent for long.
"""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING, Protocol

from mldkit.protocol.variables import Variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mldkit.model.datagram import Frame

_SEEN_NS = Variables().other_querier_ns


class Source(Protocol):
    """What is asked of a capture."""

    @property
    def name(self) -> str:
        """What to call it."""

    @property
    def first_ns(self) -> int | None:
        """Time of the first packet."""

    @property
    def last_ns(self) -> int | None:
        """Time of the last packet so far."""

    def candidates(self) -> Iterator[Frame]:
        """Give the packets that matter."""


class Sittings:
    """The frames of captures in order of time."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._started: set[int] = set()
        self._ended: set[int] = set()

    def frames(self) -> Iterable[tuple[int, Frame]]:
        """Give the frames, each with the number of its capture.

        Inside one capture the order is that of the file, whatever its clock says.
        """
        sources = self._sources
        if len(sources) == 1:
            return ((0, frame) for frame in sources[0].candidates())
        timed = merge(*(self._timed(number) for number in range(len(sources))), key=_time)
        return ((number, frame) for _, number, frame in timed)

    def unseen_before(self, number: int) -> tuple[int, int] | None:
        """Return the time that no capture saw right before the first frame of this one."""
        if number in self._started:
            return None
        self._started.add(number)
        begin_ns = self._sources[number].first_ns
        before = [
            other
            for other, source in enumerate(self._sources)
            if other != number
            and begin_ns is not None
            and source.first_ns is not None
            and source.first_ns <= begin_ns
        ]
        if begin_ns is None or not self._ended.issuperset(before):
            return None
        ends_ns = [end for other in before if (end := self._sources[other].last_ns) is not None]
        if not ends_ns or begin_ns - max(ends_ns) <= _SEEN_NS:
            return None
        return max(ends_ns), begin_ns

    def _timed(self, number: int) -> Iterator[tuple[int, int, Frame]]:
        last_ns = 0
        for frame in self._sources[number].candidates():
            last_ns = max(last_ns, frame.time_ns or 0)
            yield last_ns, number, frame
        self._ended.add(number)


def _time(item: tuple[int, int, Frame]) -> int:
    return item[0]
