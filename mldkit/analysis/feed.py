"""What one capture has of one of its interfaces, and the clock of that interface.

In a capture of several interfaces the packets of each are in order of time, but not those of one
beside those of another: they are written in batches, or one interface after the other. So each
interface has a clock of its own, and what is late or silent is judged by it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.steady_clock import SteadyClock
from mldkit.link.times import LEAST_GAP_NS, Gap

if TYPE_CHECKING:
    from mldkit.analysis.source import Source
    from mldkit.link.times import Times

_MOST_QUIET = 1000
_MOST_OPEN = 256
"""Descriptions of one interface that may still tell of gaps. Captures that were put together have
one after the other, and nothing more comes of those that are so far back."""


@dataclass(slots=True)
class Feed:
    """What was taken in of one interface, beside what its capture tells of all its packets.

    It has more attributes than a class should, because beside what is known it holds the sums of
    the parts of a capture that are over.
    """

    capture: int
    interface: str | None
    source: Source | None = None
    """The capture; None on a live link."""
    clock: SteadyClock = field(default_factory=SteadyClock)
    frames: int = 0
    """Those that were looked at; the others can hold neither messages nor data to groups."""
    messages: int = 0
    """Frames that held messages."""
    since_ns: int = 0
    """Since when somebody looks again after the last pause."""
    quiet: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_MOST_QUIET))
    """Times of a minute and more without a packet, whatever the reason: from, to."""
    paused: deque[int] = field(default_factory=lambda: deque(maxlen=_MOST_QUIET))
    """Lengths of those in which nobody looked."""
    _times: list[Times] = field(default_factory=list)
    _closed: int = 0
    """Descriptions, the first ones, that tell of nothing more, and what they told together: their
    packets, their waits and when the last one came."""
    _closed_packets: int = 0
    _closed_waits: int = 0
    _closed_last_ns: int | None = None
    _looked_at: int = 0
    """Descriptions of interfaces that were looked at for this one."""

    @property
    def times(self) -> list[Times]:
        """When its packets came, for each description of it so far."""
        if self.source is not None:
            described = self.source.times
            for number in range(self._looked_at, len(described)):
                if described[number].name == self.interface:
                    self._times.append(described[number])
            self._looked_at = len(described)
        return self._times

    @property
    def packets(self) -> int:
        """All its packets so far that have a time."""
        return sum(times.packets for times in self.times)

    @property
    def waits(self) -> int:
        """Sum of the squares of all waits for a packet so far, in ns²."""
        return sum(times.waits for times in self.times)

    @property
    def first_ns(self) -> int | None:
        """Time of its first packet."""
        return next((times.first_ns for times in self.times if times.first_ns is not None), None)

    @property
    def last_ns(self) -> int | None:
        """Time of its last packet so far, by its steady clock."""
        lasts = [times.last_ns for times in self.times if times.last_ns is not None]
        return lasts[-1] + self.clock.shift_ns if lasts else None

    def take_breaks(self, number: int | None, shift_ns: int) -> list[Break]:
        """Take away the gaps in front of packets up to a number, None for all."""
        found = []
        before, waits, last_ns = self._closed_packets, self._closed_waits, self._closed_last_ns
        for times in islice(self.times, self._closed, None):
            if times.first and (number is None or times.first <= number):
                found += self._border(times, before, last_ns, shift_ns)
            while times.gaps and (number is None or times.gaps[0].number <= number):
                gap = times.gaps.popleft()
                gap.waits += waits
                counts = before + gap.before, self.frames, self.messages
                found.append(Break(self, gap, *counts, shift_ns))
            before += times.packets
            waits += times.waits
            last_ns = times.last_ns if times.last_ns is not None else last_ns
        self._close()
        return found

    def _close(self) -> None:
        """Look no more at descriptions that are far back and have told of all their gaps."""
        described = self._times
        while len(described) - self._closed > _MOST_OPEN:
            times = described[self._closed]
            if not times.packets or times.first or times.gaps:
                return
            self._closed += 1
            self._closed_packets += times.packets
            self._closed_waits += times.waits
            if times.last_ns is not None:
                self._closed_last_ns = times.last_ns

    def _border(self, times: Times, before: int, last_ns: int | None, shift_ns: int) -> list[Break]:
        """Return the gap between two descriptions of the interface, once."""
        begun_ns = times.first_ns
        times.first = 0
        if last_ns is None or begun_ns is None or begun_ns - last_ns < LEAST_GAP_NS:
            return []
        gap = Gap(0, last_ns, begun_ns, before, begun_ns)
        return [Break(self, gap, before, self.frames, self.messages, shift_ns, is_border=True)]

    def went_on(self, from_ns: int, until_ns: int) -> bool:
        """Return whether packets came between two moments, by what is known of gaps."""
        first_ns, last_ns = self.first_ns, self.last_ns
        if first_ns is None or last_ns is None or first_ns >= until_ns or last_ns <= from_ns:
            return False
        # The last packets before a pause are as far apart as packets usually are.
        slack_ns = (until_ns - from_ns) // 10
        shift_ns = self.clock.shift_ns
        waiting = (
            (gap.from_ns + shift_ns, gap.until_ns + shift_ns)
            for times in self.times
            for gap in times.gaps
        )
        return not any(
            begin_ns <= from_ns + slack_ns and end_ns >= until_ns - slack_ns
            for begin_ns, end_ns in chain(self.quiet, waiting)
        )


class Break(NamedTuple):
    """A gap in a feed, with what had come before it."""

    feed: Feed
    gap: Gap
    before: int
    """Packets."""
    frames: int
    """Those that were looked at."""
    messages: int
    """Those that held messages."""
    shift_ns: int
    """By how much the clock of the capture was behind the steady one."""
    is_border: bool = False
    """Whether the capture ended there, and another part of it began later."""

    @property
    def from_ns(self) -> int:
        """When it began, by the steady clock."""
        return self.gap.from_ns + self.shift_ns

    @property
    def until_ns(self) -> int:
        """When it ended, by the steady clock."""
        return self.gap.until_ns + self.shift_ns
