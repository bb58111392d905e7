"""The part that one capture has in an analysis: its decoder, its clock, its counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.analysis.steady_clock import SteadyClock

if TYPE_CHECKING:
    from mldkit.model.datagram import Broken, Decoded, Frame
    from mldkit.wire.decoder import Decoder


@dataclass(slots=True)
class Part:
    """What one capture contributes."""

    decoder: Decoder
    messages: int = 0
    broken: int = 0
    clock: SteadyClock = field(default_factory=SteadyClock)

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
