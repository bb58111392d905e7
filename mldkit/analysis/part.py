"""The part that one capture has in an analysis: its decoder, its interfaces, its counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mldkit.analysis.feed import Feed
    from mldkit.model.datagram import Broken, Decoded, Frame, Unread
    from mldkit.wire.decoder import Decoder


@dataclass(slots=True)
class Part:
    """What one capture contributes."""

    decoder: Decoder
    messages: int = 0
    broken: int = 0
    feeds: dict[str | None, Feed] = field(default_factory=dict)
    """What it has of each of its interfaces, by name."""

    @property
    def unread(self) -> tuple[tuple[Unread, int], ...]:
        """What frames are in that were not looked into, the most first."""
        return tuple(self.decoder.unread.most_common())

    def read(self, frame: Frame) -> tuple[Decoded, ...] | Broken:
        """Return the messages of a frame, or where it broke before its protocol was known."""
        decoder = self.decoder
        found = decoder.decode(frame)
        if not found and decoder.broken != self.broken:
            self.broken = decoder.broken
            broken, decoder.first_broken = decoder.first_broken, None
            if broken is not None:
                return broken
        return found
