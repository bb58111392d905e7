"""Keys by when they were seen last, so that what is over is found without a look at all others.

A key that is seen again moves nothing: who comes upon it finds when it was seen last, and puts it
back to that time.
"""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")
_LET_GO_AT_ONCE = 4


class Ageing(Generic[K]):
    """The keys of one table."""

    def __init__(self, last_ns: Callable[[K], int | None]) -> None:
        """Take what says when a key was seen last, None where it is not kept any more."""
        self._last_ns = last_ns
        self._heap: list[tuple[int, int, K]] = []
        self._numbers = count()

    def add(self, key: K, now_ns: int) -> None:
        """Take in a key that is kept from now on."""
        heap = self._heap
        heappush(heap, (now_ns, next(self._numbers), key))
        for _ in range(_LET_GO_AT_ONCE):
            # What made room for others is mostly the oldest.
            if self._last_ns(heap[0][2]) is not None:
                break
            heappop(heap)

    def oldest_ns(self) -> int | None:
        """Return a time before which no key was seen last, None where there are none."""
        return self._heap[0][0] if self._heap else None

    def take(self, before_ns: int, most: int) -> list[K]:
        """Take away keys that were seen last before a time; looks at so many."""
        heap, found = self._heap, []
        for _ in range(most):
            if not heap or heap[0][0] >= before_ns:
                break
            key = heappop(heap)[2]
            seen_ns = self._last_ns(key)
            if seen_ns is None:
                continue
            if seen_ns < before_ns:
                found.append(key)
            else:
                self.add(key, seen_ns)
        return found

    def __len__(self) -> int:
        return len(self._heap)
