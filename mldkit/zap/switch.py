"""What one switch from a channel to another one cost, and many of them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.model.addresses import Address
    from mldkit.zap.channel import Viewing


@dataclass(slots=True)
class Switch:
    """One switch; times are those of the kernel's stamps, None where something did not happen."""

    before: Address
    after: Address
    left_ns: int | None = None
    """When the leave of the old channel went out."""
    reported_ns: int | None = None
    """When the first report of the new channel went out."""
    was_there: bool = False
    """The new channel arrived before anybody here asked for it."""
    ended_ns: int | None = None
    """The last datagram of the old channel; None: it goes on, or never came."""
    is_shared: bool = False
    """Another viewer here watched the old channel meanwhile: nothing is known of the leave."""
    goes_on: bool = False
    """The old channel still came when it was looked at last."""
    viewing: Viewing | None = None

    @property
    def join_delay_ns(self) -> int | None:
        """From the first report to the first datagram."""
        first_ns = None if self.viewing is None else self.viewing.first_ns
        if self.was_there or first_ns is None or self.reported_ns is None:
            return None
        return max(first_ns - self.reported_ns, 0)

    @property
    def leave_delay_ns(self) -> int | None:
        """From the leave to the last datagram."""
        if self.ended_ns is None or self.left_ns is None:
            return None
        return max(self.ended_ns - self.left_ns, 0)

    @property
    def overlap_ns(self) -> int | None:
        """How long both channels came."""
        first_ns = None if self.viewing is None else self.viewing.first_ns
        if first_ns is None or self.ended_ns is None:
            return None
        return max(self.ended_ns - first_ns, 0)

    @property
    def key_frame_ns(self) -> int | None:
        """From the first report to the first packet with which a decoder can begin."""
        key_ns = None if self.viewing is None else self.viewing.key_ns
        if self.reported_ns is None or key_ns is None:
            return None
        return max(key_ns - self.reported_ns, 0)


@dataclass(frozen=True, slots=True)
class Spread:
    """The delays of many switches."""

    min_ns: int
    median_ns: int
    p95_ns: int
    max_ns: int

    @classmethod
    def of(cls, delays: Sequence[int | None]) -> Spread | None:
        """Return how delays spread, those that are known; None where none is."""
        known = sorted(delay for delay in delays if delay is not None)
        if not known:
            return None
        return cls(known[0], _share(known, 50), _share(known, 95), known[-1])


def _share(ordered: Sequence[int], percent: int) -> int:
    """Return the smallest value that so many of 100 do not exceed (nearest rank)."""
    return ordered[-(-len(ordered) * percent // 100) - 1]
