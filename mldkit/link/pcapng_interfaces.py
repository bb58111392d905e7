"""The interfaces that a pcapng file describes: units of their times, and their names.

An interface may be described again in a later section, or beside itself: captures that were cut in
pieces are put together like that, and captures of the same time too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mldkit.link.times import Times

_MOST_COMPARED = 1000
"""Descriptions among which the same name is looked for."""


class DescribedInterface(NamedTuple):
    """An interface description block."""

    name: str | None
    link_type: int
    snaplen: int
    limit: int
    """Packets that claim more octets are damage."""
    resolution: int
    """if_tsresol: units are 10^-n s, or 2^-n s with the top bit set."""
    offset_ns: int
    times: Times

    def time_ns(self, ticks: int) -> int:
        """Return nanoseconds since the epoch."""
        exponent = self.resolution & 0x7F
        if self.resolution & 0x80:
            return (ticks * SECOND >> exponent) + self.offset_ns
        if exponent <= 9:
            return int(ticks * 10 ** (9 - exponent)) + self.offset_ns
        return int(ticks // 10 ** (exponent - 9)) + self.offset_ns


def name_apart(
    name: str | None, begun_ns: int, described: Sequence[Times], before: Mapping[int, int]
) -> str | None:
    """Return the name of an interface whose first packet is here, beside others of that name.

    It is one of its own, `eth0 (2)`, if the packet is older than the last one that has its name:
    then the two were captured at the same time. Otherwise the same capture goes on. `before` has
    the times of the last packets in front of it that `described` does not have yet, by identity.
    """
    described = described[-_MOST_COMPARED:]
    lasts_ns = [
        last_ns
        for times in described
        if times.name == name and (last_ns := before.get(id(times), times.last_ns)) is not None
    ]
    if not lasts_ns or begun_ns >= lasts_ns[-1] - SECOND:
        return name
    names = {times.name for times in described}
    number = 2
    while (own := f"{name or 'interface'} ({number})") in names:
        number += 1
    return own
