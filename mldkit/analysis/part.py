"""The part that one capture has in an analysis: its decoder, its interfaces, its counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.model.datagram import Broken, Unread

if TYPE_CHECKING:
    from mldkit.analysis.feed import Feed
    from mldkit.model.datagram import Decoded, Frame
    from mldkit.wire.decoder import Decoder


@dataclass(slots=True)
class Part:
    """What one capture contributes."""

    decoder: Decoder
    messages: int = 0
    broken: int = 0
    """Frames that ended or contradicted themselves before their protocol was known."""
    unread: Counter[Unread] = field(default_factory=Counter)
    """Frames that were not looked into, by what they are in."""
    feeds: dict[str | None, Feed] = field(default_factory=dict)
    """What it has of each of its interfaces, by name."""

    def read(self, frame: Frame) -> tuple[Decoded, ...] | Broken:
        """Return the messages of a frame, or where it broke before its protocol was known."""
        found = self.decoder.read(frame)
        if isinstance(found, Unread):
            self.unread[found] += 1
            return ()
        if isinstance(found, Broken):
            self.broken += 1
        return found
