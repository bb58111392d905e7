"""Keys by when they were seen last, so that what is over is found without a look at all others.

A key that is seen again moves nothing: who comes upon it finds when it was seen last, and puts it
back to that time. Nor does one that makes room for others: where most keys are not kept any more,
each one that comes clears two away, so no frame pays for all of them.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")


_SLACK = 64
_CLEARED_AT_ONCE = 2


class Ageing(Generic[K]):
    """The keys of one table."""

    def __init__(self, last_ns: Callable[[K], int | None], kept: Callable[[], int]) -> None:
        """Take what says when a key was seen last (None: not kept any more), and how many are."""
        self._last_ns = last_ns
        self._kept = kept
        self._heap: list[tuple[int, int, K]] = []
        self._old: list[tuple[int, int, K]] = []
        """A heap that is cleared from its end, which leaves it one."""
        self._numbers = count()
        self._current: dict[K, int] = {}
        """The entry of each key that counts: one that made room may come back."""

    def add(self, key: K, now_ns: int) -> None:
        """Take in a key that is kept from now on."""
        self._push(key, now_ns)
        if self._old:
            self._clear()
        elif len(self._heap) > 2 * self._kept() + _SLACK:
            self._old, self._heap = self._heap, []

    def _push(self, key: K, seen_ns: int) -> None:
        number = self._current[key] = next(self._numbers)
        heappush(self._heap, (seen_ns, number, key))

    def _seen_ns(self, number: int, key: K) -> int | None:
        """Return when the key of an entry was seen last; None, and forget it, if it is gone."""
        if self._current.get(key) != number:
            return None
        seen_ns = self._last_ns(key)
        if seen_ns is None:
            del self._current[key]
        return seen_ns

    def _clear(self) -> None:
        """Let go of some keys that are not kept any more."""
        for entry in self._old[-_CLEARED_AT_ONCE:]:
            if self._seen_ns(*entry[1:]) is not None:
                heappush(self._heap, entry)
        del self._old[-_CLEARED_AT_ONCE:]

    def _oldest(self) -> list[tuple[int, int, K]]:
        """Return the heap with the key that was seen longest ago, an empty one for none."""
        heap, old = self._heap, self._old
        return old if old and (not heap or old[0] < heap[0]) else heap

    def oldest_ns(self) -> int | None:
        """Return a time before which no key was seen last, None where there are none."""
        heap = self._oldest()
        return heap[0][0] if heap else None

    def take(self, before_ns: int, most: int) -> list[K]:
        """Take away keys that were seen last before a time; looks at so many."""
        found = []
        for _ in range(most):
            heap = self._oldest()
            if not heap or heap[0][0] >= before_ns:
                break
            _, number, key = heappop(heap)
            seen_ns = self._seen_ns(number, key)
            if seen_ns is None:
                continue
            if seen_ns < before_ns:
                found.append(key)
                del self._current[key]
            else:
                self._push(key, seen_ns)
        return found

    def __len__(self) -> int:
        return len(self._heap) + len(self._old)
