"""When the packets of one interface came, and when for long not one of any kind did.

::

    packets   | | | |  |                       | | | | |
                       from_ns                 until_ns
                       |<--------- gap ------->|<------>|
                                                followed

What fills a capture is mostly thrown away unread, yet it shows that somebody looked. A window of
packets is searched for gaps in halves: where its first and its last packet lie close together there
is none between them. Of the packets behind a gap a few are looked at, because what stops and goes
on together was not captured, and what stops alone has a reason of its own.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LEAST_GAP_NS = 60 * SECOND
_LEAST_STEP_NS = 3 * SECOND
"""What is shorter between two packets is no wait: a twentieth of the least gap."""
FOLLOWED = 64
"""Packets behind a gap that are looked at."""
_MOST_GAPS = 1 << 14
"""Gaps that wait for who asks about them; a window of small packets has no more."""

MESSAGE, TO_GROUP, OTHER = range(3)
"""What a packet is: it can hold a membership message, goes to a group, or is none of both."""


@dataclass(slots=True)
class Gap:
    """A time of at least a minute without a packet of an interface."""

    number: int
    """The first packet after it."""
    from_ns: int
    until_ns: int
    before: int
    """Packets of the interface before it."""
    last_ns: int
    """Time of the last packet behind it that was looked at."""
    waits: int = 0
    """Sum of the squares of the waits before it and among the packets behind it that were looked
    at, in ns²: divided by the time it is how long one waits for a packet, as a rule."""
    followed: int = 0
    """Packets behind it that were looked at."""
    to_groups: int = 0
    """Those of them that go to a group and hold no membership message."""
    others: int = 0
    """Those of them that are neither."""

    @property
    def length_ns(self) -> int:
        """How long nothing came."""
        return self.until_ns - self.from_ns


class Times:
    """When the packets of one interface came."""

    __slots__ = (
        "_all_following", "_following", "first", "first_ns", "gaps", "last_ns", "name", "packets",
        "waits",
    )  # fmt: skip

    def __init__(self, name: str | None, following: set[Times] | None = None) -> None:
        """Take where those stand of which packets behind a gap are still being looked at."""
        self._all_following = set() if following is None else following
        self.name = name
        """The interface; None where the capture gives no name."""
        self.packets = 0
        """Packets that have a time."""
        self.first = 0
        """Number of the first of them."""
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        """Time of the last packet in the order of the file."""
        self.gaps: deque[Gap] = deque(maxlen=_MOST_GAPS)
        """What nobody has asked about yet; who asks takes them away."""
        self.waits = 0
        """Sum of the squares of the times of some seconds between two packets, in ns²."""
        self._following: Gap | None = None

    def see(self, number: int, time_ns: int | None, kind: Callable[[int], int]) -> None:
        """Take in one packet; `kind` is asked what it is where that matters."""
        if time_ns is not None:
            self.look((0,), number, lambda _: time_ns, kind)

    def look(
        self,
        places: Sequence[int],
        first: int,
        time_at: Callable[[int], int],
        kind_at: Callable[[int], int],
    ) -> None:
        """Take in the packets of this interface in a window, whose packet 0 has number `first`.

        `places` are theirs in the window; `time_at` and `kind_at` tell of a packet by its place.
        """
        begun_ns, ended_ns = time_at(places[0]), time_at(places[-1])
        steps: list[tuple[int, int, int]] = []
        last_ns = self.last_ns
        if last_ns is None:
            self.first, self.first_ns = first + places[0], begun_ns
        elif begun_ns - last_ns >= _LEAST_STEP_NS:
            steps.append((0, last_ns, begun_ns))
        if ended_ns - begun_ns >= _LEAST_STEP_NS:
            steps += _steps(places, 0, len(places) - 1, time_at)
        found: list[tuple[int, Gap]] = []
        for at, from_ns, until_ns in steps:
            if until_ns - from_ns >= LEAST_GAP_NS:
                before = self.packets + at
                gap = Gap(first + places[at], from_ns, until_ns, before, until_ns, self.waits)
                found.append((at, gap))
            self.waits += (until_ns - from_ns) ** 2
        self.packets += len(places)
        self.last_ns = ended_ns
        if found or self._following is not None:
            self._follow(found, places, time_at, kind_at)

    def _follow(
        self,
        found: list[tuple[int, Gap]],
        places: Sequence[int],
        time_at: Callable[[int], int],
        kind_at: Callable[[int], int],
    ) -> None:
        """Look at the packets behind the gap before, and behind those that were found."""
        starts = [at for at, _ in found] + [len(places)]
        gap, begin = self._following, 0
        for number, end in enumerate(starts):
            if gap is not None:
                for place in places[begin : min(end, begin + FOLLOWED - gap.followed)]:
                    kind = kind_at(place)
                    gap.followed += 1
                    gap.to_groups += kind == TO_GROUP
                    gap.others += kind == OTHER
                    now_ns = time_at(place)
                    gap.waits += max(now_ns - gap.last_ns, 0) ** 2
                    gap.last_ns = now_ns
            if number < len(found):
                begin, gap = found[number]
                self.gaps.append(gap)
        self._following = gap if gap is not None and gap.followed < FOLLOWED else None
        if self._following is None:
            self._all_following.discard(self)
        else:
            self._all_following.add(self)


def _steps(
    places: Sequence[int], low: int, high: int, time_at: Callable[[int], int]
) -> Iterator[tuple[int, int, int]]:
    """Give the packets that were waited for: index in `places`, from, until."""
    pending = [(low, high, time_at(places[low]), time_at(places[high]))]
    while pending:
        low, high, from_ns, until_ns = pending.pop()
        if until_ns - from_ns < _LEAST_STEP_NS:
            continue
        if high - low == 1:
            yield high, from_ns, until_ns
            continue
        middle = (low + high) // 2
        middle_ns = time_at(places[middle])
        pending.append((middle, high, middle_ns, until_ns))
        pending.append((low, middle, from_ns, middle_ns))
