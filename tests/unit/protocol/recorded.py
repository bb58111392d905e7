"""What this kernel did, as material for the host machine: scripts and an oracle for its draws.

A recording tells when a timer expired but not what was drawn. `Oracle` looks ahead to the frame
that a timer must have sent and returns a draw whose wheel bucket is the moment of that frame. If
there is none the frame comes at another time than recorded, and the comparison fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.model.messages import LegacyReport, RecordType, Report
from mldkit.model.units import MICROSECOND, MILLISECOND

if TYPE_CHECKING:
    from mldkit.model.datagram import Decoded
    from mldkit.protocol.timer import Grid, Timer

TICK_NS = 4 * MILLISECOND
_STATE = (RecordType.IS_IN, RecordType.IS_EX)


@dataclass(frozen=True)
class HostFrame:
    """A message of the host with its time in the script."""

    time_ns: int
    decoded: Decoded


@dataclass
class Oracle:
    """Draws that lead to the recorded moments; `missed` names timers without a legal draw."""

    frames: list[HostFrame]
    grid: Grid
    late_ns: int = TICK_NS
    """A busy machine runs a timer a tick after its bucket."""
    _claims: dict[int, int] = field(default_factory=dict)

    def below(self, limit: int, timer: Timer, now_ns: int) -> int:
        self._claims.pop(id(timer), None)
        if not self.frames:
            return limit - 1
        extra = 0 if timer.name == "group answer" and timer.family.ip_version == 6 else 2
        if timer.name == "address detection":
            return self._detection(limit, now_ns)
        # A run that sends nothing leaves no trace: soon for changes, late for answers.
        ends_ns = self.frames[-1].time_ns
        if now_ns < self.frames[0].time_ns - 4 * TICK_NS and timer.name == "state change":
            # Told to nobody: the link is down.
            return 0
        soon = timer.name in ("state change", "initial state") and ends_ns > now_ns + 2 * TICK_NS
        found = 0 if soon else limit - 1
        for index, frame in enumerate(self.frames):
            # A report leaves a little after its timer, which is armed again in that moment.
            if frame.time_ns <= now_ns + (TICK_NS if extra else 0):
                continue
            if not _sends(timer, frame.decoded):
                continue
            if index in self._claims.values():
                continue
            ticks = (frame.time_ns - now_ns) // TICK_NS + 1 - extra
            # The wheel rounds up by an eighth at most.
            for draw in range(max(0, ticks - ticks // 7 - 12), min(limit, ticks + 1)):
                if self._hits(draw + extra, now_ns, frame.time_ns):
                    self._claims[id(timer)] = index
                    return draw
            break
        return found

    def _hits(self, ticks: int, now_ns: int, frame_ns: int) -> bool:
        base = self.grid.tick(now_ns)
        fires_ns = now_ns if not ticks else self.grid.expires_ns(base + ticks, now_ns)
        return 0 <= frame_ns - fires_ns < self.late_ns

    def _detection(self, limit: int, now_ns: int) -> int:
        """Return the delay after which a probe and one second lead to the first valid report."""
        for frame in self.frames:
            source = frame.decoded.datagram.source
            if frame.time_ns <= now_ns or len(source) == 4 or not any(source):
                continue
            for draw in range(1, limit):
                probe_ns = self.grid.expires_ns(self.grid.tick(now_ns) + draw, now_ns)
                if self._hits(250, probe_ns, frame.time_ns):
                    return draw
        return limit - 1


def _sends(timer: Timer, decoded: Decoded) -> bool:
    """Return whether the end of `timer` can be what sent a message."""
    message = decoded.datagram.message
    if decoded.family is not timer.family:
        return False
    if isinstance(message, LegacyReport):
        return timer.name == "group answer" and message.group == timer.subject
    if not isinstance(message, Report):
        return False
    states = {record.type in _STATE for record in message.records}
    if timer.name == "general answer":
        return states == {True}
    if timer.name == "group answer":
        return states == {True} and {r.group for r in message.records} == {timer.subject}
    tentative = not any(decoded.datagram.source)
    return states == {False} and not (timer.name == "initial state" and tentative)


def phase_of(frames: list[HostFrame]) -> int:
    """Return how far into its tick time 0 lies, from when timers of the host sent."""
    residues = sorted(frame.time_ns % TICK_NS for frame in frames)
    best, best_span = 0, TICK_NS
    for residue in residues:
        span = sorted((other - residue) % TICK_NS for other in residues)[len(residues) * 3 // 4]
        if span < best_span:
            best, best_span = residue, span
    # Frames leave some tens of microseconds after the edge.
    return (TICK_NS - (best - 40 * MICROSECOND)) % TICK_NS
