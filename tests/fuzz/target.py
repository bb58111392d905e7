"""What every target has: an entry that states its invariant, seeds, and words of its notation.

An entry takes any octets and returns how many things it read in them (frames, captures, lines). It
raises nothing, whatever the octets are, but `BrokenInvariantError` where the invariant does not
hold. An exception of the code under test is left as it is: it is what is looked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class BrokenInvariantError(AssertionError):
    """An input for which the invariant of its target does not hold."""


@dataclass(frozen=True)
class Target:
    """One door through which octets of others come in."""

    name: str
    one_input: Callable[[bytes], int]
    seeds: Callable[[], Iterable[bytes]]
    dictionary: tuple[bytes, ...]
    """Words that mutation alone would hardly find."""
    unit: str
    """What an input holds, in the plural."""
    most_octets: int = 4096
    """Longest input that is tried."""


def hold(condition: object, statement: str) -> None:
    """Raise `BrokenInvariantError` unless the condition holds."""
    if not condition:
        raise BrokenInvariantError(statement)


def same(first: object, second: object, statement: str) -> None:
    """Raise `BrokenInvariantError` unless both are equal; the message has both."""
    if first != second:
        raise BrokenInvariantError(f"{statement}\n  {first!r:.2000}\n  {second!r:.2000}")
