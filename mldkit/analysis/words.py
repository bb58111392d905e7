"""Words that answers, tables and pictures share: links, times of day, lists of addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import text
from mldkit.model.family import IGMP
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.analysis.facts import LinkKey
    from mldkit.model.addresses import Address

_MOST_NAMES = 3
_DAY_S = 86_400
_LONG_S = 999.5


def place(link: LinkKey) -> str:
    """Return a link in words: `IGMP on eth0, VLAN 20`, with a stack `VLAN 5 in 100`."""
    name = link.family.name.upper()
    where = [link.interface] if link.interface else []
    if link.vlan:
        # The outer tag comes first in a frame.
        where.append("VLAN " + " in ".join(map(str, reversed(link.vlan))))
    return f"{name} on {', '.join(where)}" if where else name


def clock_text(time_ns: int) -> str:
    """Return the time of day, UTC."""
    seconds = time_ns // SECOND % _DAY_S
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d} UTC"


def seconds_text(value_ns: int) -> str:
    """Return a time in seconds to three digits, never as a power of ten: `0.25 s`, `31,744 s`."""
    value = value_ns / SECOND
    return f"{value:,.0f} s" if value >= _LONG_S else f"{value:.3g} s"


def delay_text(value_ns: int) -> str:
    """Return a short time, in milliseconds below a second."""
    if value_ns >= SECOND:
        return seconds_text(value_ns)
    return f"{max(value_ns / MILLISECOND, 0.1):.3g} ms"


def family_name(link: LinkKey) -> str:
    """Return `ipv4` or `ipv6`."""
    return "ipv4" if link.family is IGMP else "ipv6"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: `1 host`, `2,000 hosts`."""
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"


def named(addresses: Sequence[Address]) -> str:
    """Return the first few addresses in words and how many more there are."""
    names = ", ".join(text(address) for address in addresses[:_MOST_NAMES])
    more = len(addresses) - _MOST_NAMES
    return f"{names} and {more} more" if more > 0 else names


def frames_text(frames: Sequence[int], most: int, capture: str | None) -> str:
    """Return the first few frames in words: `frames 3, 7, ... of b.pcapng`; empty for none."""
    if not frames:
        return ""
    shown = ", ".join(map(str, frames[:most])) + (", ..." if len(frames) > most else "")
    behind = f" of {capture}" if capture is not None else ""
    return f"{'frames' if len(frames) > 1 else 'frame'} {shown}{behind}"


def short_names(paths: Sequence[str]) -> list[str]:
    """Return what to call captures in a line: without their directory if that tells them apart."""
    names = [path.rpartition("/")[2] or path for path in paths]
    return names if len(set(names)) == len(names) else list(paths)
