"""Keys by their age: found in order, and let go of where others took their place."""

from __future__ import annotations

from random import Random

import pytest

from mldkit.analysis.ageing import Ageing


class Table:
    """A table that forgets the oldest where there are too many."""

    def __init__(self, most: int) -> None:
        self.seen: dict[int, int] = {}
        self.ages = Ageing[int](self.seen.get, self.seen.__len__)
        self._most = most

    def see(self, key: int, now: int) -> None:
        if key not in self.seen:
            if len(self.seen) >= self._most:
                del self.seen[min(self.seen, key=lambda one: self.seen[one])]
            self.ages.add(key, now)
        self.seen[key] = now

    def take(self, before: int, most: int) -> list[int]:
        found = self.ages.take(before, most)
        for key in found:
            assert self.seen.pop(key) < before
        return found


@pytest.mark.parametrize("seed", range(20))
def test_what_is_over_is_found_once_whatever_made_room_and_came_back(seed: int) -> None:
    rng = Random(seed)
    table = Table(30)
    for now in range(2000):
        table.see(rng.randrange(rng.choice((10, 60, 1000))), now)
        if rng.random() < 0.1:
            found = table.take(now - 25, 1000)
            assert len(found) == len(set(found))
            assert all(seen >= now - 25 for seen in table.seen.values())


@pytest.mark.parametrize("keys", [31, 45, 100_000])
def test_keys_that_made_room_are_let_go_of(keys: int) -> None:
    table = Table(30)
    longest = 0
    for now in range(20_000):
        table.see(now % keys, now)
        longest = max(longest, len(table.ages))
    assert longest < 5 * 30 + 200


def test_looking_at_some_finds_some() -> None:
    table = Table(100)
    for now in range(50):
        table.see(now, now)
    assert table.take(40, 10) == list(range(10))
    assert table.ages.oldest_ns() == 10
    assert table.take(40, 1000) == list(range(10, 40))
    assert table.take(1000, 1000) == list(range(40, 50))
    assert table.ages.oldest_ns() is None
