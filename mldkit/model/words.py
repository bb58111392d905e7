"""Words that findings, tables and pictures share: numbers with nouns, times, lists of addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import text
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mldkit.model.addresses import Address

_MOST_NAMES = 3
_DAY_S = 86_400
_MARCH_OF_0_TO_1970 = 719_468
"""Days."""
_LONG_S = 999.5


def clock_text(time_ns: int) -> str:
    """Return date and time of day, UTC; who knows that all is of one day leaves the date out."""
    days, seconds = divmod(time_ns // SECOND, _DAY_S)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d} UTC"
    return f"{_date_text(days)} {clock}"


def _date_text(days: int) -> str:
    """Return the date so many days after 1970-01-01, however many a capture claims.

    `time.gmtime` refuses some of them. In years that begin in March the leap day is the last one;
    400 of them have 146,097 days, and five of their months 153.
    """
    eras, day = divmod(days + _MARCH_OF_0_TO_1970, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    year += 400 * eras + month // 10
    return f"{year:04d}-{(month + 2) % 12 + 1:02d}-{day + 1:02d}"


def seconds_text(value_ns: int) -> str:
    """Return a time in seconds to three digits, never as a power of ten: `0.25 s`, `31,744 s`."""
    value = value_ns / SECOND
    return f"{value:,.0f} s" if value >= _LONG_S else f"{value:.3g} s"


def length_text(value_ns: int) -> str:
    """Return how long something took, in days where there are many: `3,530 s`, `8 days`."""
    if value_ns >= 2 * _DAY_S * SECOND:
        return f"{value_ns / SECOND / _DAY_S:,.0f} days"
    return f"{value_ns / SECOND:,.0f} s"


def interval_text(value_ns: int) -> str:
    """Return how often something comes, not finer than a timer keeps it: `125 s`, `2.5 s`."""
    value = value_ns / SECOND
    if value < 1:
        return delay_text(value_ns)
    return f"{value:,.0f} s" if value >= 10 else f"{round(value, 1):g} s"


def delay_text(value_ns: int) -> str:
    """Return a short time, in milliseconds below a second."""
    if value_ns >= SECOND:
        return seconds_text(value_ns)
    return f"{max(value_ns / MILLISECOND, 0.1):.3g} ms"


def counted(count: int, noun: str, many: str | None = None) -> str:
    """Return a number with its noun: `1 host`, `2,000 hosts`; `many` where an s does not do it."""
    return f"{count} {noun}" if count == 1 else f"{count:,} {many or noun + 's'}"


def hosts_text(hosts: Iterable[tuple[bytes, bytes | None]]) -> str:
    """Return how many hosts there are, and on how many devices where that is another number.

    A host is an address, a device a MAC: IPv4 and IPv6 of one machine are two hosts on one device.
    """
    found = set(hosts)
    addresses = {host for host, _ in found}
    devices = {mac or host for host, mac in found}
    words = counted(len(addresses), "host")
    if len(devices) == len(addresses):
        return words
    return f"{words} on {counted(len(devices), 'device')}"


def named(addresses: Sequence[Address], most: int = _MOST_NAMES) -> str:
    """Return the first few addresses in words and how many more there are."""
    names = ", ".join(text(address) for address in addresses[:most])
    more = len(addresses) - most
    return f"{names} and {more:,} more" if more > 0 else names


def short_names(paths: Sequence[str]) -> list[str]:
    """Return what to call captures in a line: without their directory if that tells them apart."""
    names = [path.rpartition("/")[2] or path for path in paths]
    return names if len(set(names)) == len(names) else list(paths)
