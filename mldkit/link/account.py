"""What became of every frame that passed the filter of a packet socket.

::

    received = folded + dropped + left

The kernel counts what it received and what it dropped of that (PACKET_STATISTICS, packet(7)), and
the program what it folded and what it left. So the equation is a check: whatever is missing was
lost by nobody's count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mldkit.model.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.link.device import Statistics
    from mldkit.model.datagram import Frame


@dataclass(frozen=True, slots=True)
class Account:
    """The frames of one socket, or of several in turn."""

    received: int = 0
    """Those that passed the filter, by the kernel's count."""
    folded: int = 0
    """Those that were taken in."""
    dropped: int = 0
    """Those for which the kernel had no room."""
    left: int = 0
    """Those that were still waiting at the end, because they came after it or it was cut short."""

    def __str__(self) -> str:
        """Return the account in words."""
        return (
            f"{counted(self.received, 'packet')} received: {self.folded:,} folded,"
            f" {self.dropped:,} dropped by the kernel, {self.left:,} left at the end"
        )


class CountingDevice(Protocol):
    """What is asked of a packet socket."""

    @property
    def taken(self) -> int:
        """How many frames were given so far."""

    def stop(self) -> None:
        """Hear nothing more."""

    def rest(self) -> Iterator[Frame]:
        """Give what waits still."""

    def statistics(self) -> Statistics:
        """Return what the kernel counted."""


def close_account(device: CountingDevice) -> Account:
    """Let a socket hear no more and account for its frames: what was not taken so far is left."""
    device.stop()
    folded = device.taken
    left = sum(1 for _ in device.rest())
    counts = device.statistics()
    return Account(counts.received, folded, counts.dropped, left)
