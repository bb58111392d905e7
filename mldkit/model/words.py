"""Words that findings, tables and pictures share: numbers with nouns, times, lists of addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import text
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.model.addresses import Address

_MOST_NAMES = 3
_DAY_S = 86_400
_LONG_S = 999.5


def clock_text(time_ns: int) -> str:
    """Return the time of day, UTC."""
    seconds = time_ns // SECOND % _DAY_S
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d} UTC"


def seconds_text(value_ns: int) -> str:
    """Return a time in seconds to three digits, never as a power of ten: `0.25 s`, `31,744 s`."""
    value = value_ns / SECOND
    return f"{value:,.0f} s" if value >= _LONG_S else f"{value:.3g} s"


def interval_text(value_ns: int) -> str:
    """Return how often something comes, not finer than a timer keeps it: `125 s`, `2.5 s`."""
    value = value_ns / SECOND
    if value >= 10 or value < 1:
        return f"{value:,.0f} s" if value >= 10 else delay_text(value_ns)
    return f"{round(value, 1):g} s"


def delay_text(value_ns: int) -> str:
    """Return a short time, in milliseconds below a second."""
    if value_ns >= SECOND:
        return seconds_text(value_ns)
    return f"{max(value_ns / MILLISECOND, 0.1):.3g} ms"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: `1 host`, `2,000 hosts`."""
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"


def named(addresses: Sequence[Address]) -> str:
    """Return the first few addresses in words and how many more there are."""
    names = ", ".join(text(address) for address in addresses[:_MOST_NAMES])
    more = len(addresses) - _MOST_NAMES
    return f"{names} and {more} more" if more > 0 else names
