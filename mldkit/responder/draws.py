"""Random delays of many hosts, each with a sequence of its own, known one draw ahead.

The next number of every host stands in a list before it is needed. Hosts in the order of these
numbers are in the order in which they will answer a query, so that those in a hurry can be served
first. The generator is SplitMix64 (Steele, Lea, Flood 2014): a host's state is one number, where
one of Python's generators takes 2.5 KiB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.protocol.timer import Timer

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_WIDTH = 32


def _mixed(state: int) -> int:
    mixed = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
    return mixed ^ mixed >> 31


class DrawTable:
    """The sequences of `count` hosts; the same seed gives the same ones, however many hosts."""

    def __init__(self, seed: int, count: int) -> None:
        base = _mixed(seed & _MASK)
        self._states = [_mixed(base ^ _mixed(index + 1)) for index in range(count)]
        self._next = [0] * count
        for index in range(count):
            self._advance(index)

    def of_host(self, index: int) -> HostDraws:
        """Return the chance of one host."""
        return HostDraws(self, index)

    def by_hurry(self, hosts: Iterable[int]) -> list[int]:
        """Return some hosts by their next draw, the smallest first."""
        return sorted(hosts, key=self._next.__getitem__)

    def take(self, index: int) -> int:
        """Return the next number of a host, below 2**32, and draw another."""
        number = self._next[index]
        self._advance(index)
        return number

    def _advance(self, index: int) -> None:
        state = self._states[index] = self._states[index] + _STEP & _MASK
        self._next[index] = _mixed(state) >> 64 - _WIDTH


class HostDraws:
    """The `Chance` of one host."""

    __slots__ = ("_index", "_table")

    def __init__(self, table: DrawTable, index: int) -> None:
        self._table = table
        self._index = index

    def below(self, limit: int, timer: Timer, now_ns: int) -> int:  # noqa: ARG002 (as Chance)
        """Return a number from 0 to `limit` - 1, scaled like get_random_u32_below."""
        return self._table.take(self._index) * limit >> _WIDTH
