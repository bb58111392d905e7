"""How much may be sent: so many at once, so many a second in the long run.

A bucket that leaks: each message fills it a little, time empties it. No clock; times are
nanoseconds of the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")


class RateLimit:
    """`at_once` messages in a burst, `per_second` in the long run."""

    def __init__(self, per_second: int, at_once: int) -> None:
        self.per_second = per_second
        self.at_once = at_once
        self.refused = 0
        """Messages that `admit` found no room for."""
        self._each_ns = SECOND // per_second
        self._empty_ns = 0
        """When the bucket will be empty again."""

    def take(self, count: int, now_ns: int) -> int:
        """Return how many of `count` messages may be sent now, and take them for sent."""
        filled_ns = max(self._empty_ns - now_ns, 0)
        room = self.at_once - -(-filled_ns // self._each_ns)
        granted = max(min(count, room), 0)
        self._empty_ns = now_ns + filled_ns + granted * self._each_ns
        return granted

    def admit(self, items: list[Item], now_ns: int) -> list[Item]:
        """Return those of the items that may be sent now, the first ones; the rest is counted."""
        granted = self.take(len(items), now_ns)
        self.refused += len(items) - granted
        return items if granted == len(items) else items[:granted]

    def room_ns(self, now_ns: int) -> int:
        """Return when the next message may be sent; `now_ns` if that is now."""
        return max(now_ns, self._empty_ns - (self.at_once - 1) * self._each_ns)


def paced(
    items: Iterable[Item],
    limit: RateLimit,
    now_ns: Callable[[], int],
    wait_ns: Callable[[int], None],
) -> Iterator[Item]:
    """Give the items as the limit lets them, waiting in between; none is left out."""
    for item in items:
        while not limit.take(1, now := now_ns()):
            wait_ns(limit.room_ns(now) - now)
        yield item
