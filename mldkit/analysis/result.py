"""What an analysis gives, and what each capture contributed to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.analysis.steady_clock import SteadyClock

if TYPE_CHECKING:
    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.findings import Grouped
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.stays import Row
    from mldkit.analysis.traffic import Traffic
    from mldkit.model.datagram import Broken, Decoded, Frame
    from mldkit.wire.decoder import Decoder


@dataclass(slots=True)
class Part:
    """What one capture contributed."""

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


@dataclass(slots=True)
class Result:
    """What the captures show."""

    profile: str
    links: list[LinkState]
    traffic: dict[LinkKey, Traffic]
    rows: list[tuple[LinkKey, Row]]
    """The stays to tell of; who chooses some puts them here."""
    everybody: list[tuple[LinkKey, Row]]
    """All stays: what is said of streams depends on members whoever was asked about."""
    findings: list[Grouped]
    parts: dict[int, Part]
    duplicates: dict[int, int]
    begun_ns: int
    ended_ns: int
    left_out: list[str]
    """What found no room, in words."""
    tunnels: bool
    """Whether tunnels were looked into."""

    @property
    def tells_all(self) -> bool:
        """Whether all stays are told of: answers are counted for whole links only."""
        return len(self.rows) == len(self.everybody)
