"""What this kernel did, as material for the host machine: scripts and an oracle for its draws.

A recording tells when a timer expired but not what was drawn. `Oracle` looks ahead for the frames
that a timer may have sent and offers draws whose wheel bucket is the tick of such a frame.
`explained` plays a script again and again until every frame comes out in its turn, octet by octet,
in the bucket that was recorded; it goes back to the last draw that could have been another one.

Not recorded is the number of the tick at the beginning. What shows it are the steps of the wheel:
most timers of more than 63 ticks end in a tick that is a multiple of 8.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.model.messages import LegacyReport, RecordType, Report
from mldkit.model.units import MICROSECOND, MILLISECOND
from mldkit.play import ZERO_TICK_MULTIPLE, simulate
from mldkit.protocol.timer import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.model.datagram import Decoded
    from mldkit.play import Performance, Played
    from mldkit.protocol.script import Script
    from mldkit.protocol.timer import Timer

TICK_NS = 4 * MILLISECOND
_STATE = (RecordType.IS_IN, RecordType.IS_EX)
_PROBE_TICKS = 250
_MOST_ATTEMPTS = 80
"""Performances of one script with one origin before giving it up."""


@dataclass(frozen=True)
class HostFrame:
    """A message of the host with its time in the script."""

    time_ns: int
    decoded: Decoded


@dataclass(frozen=True)
class Option:
    """A draw, and the recorded frame that it leads to; None: it sends nothing of its own."""

    draw: int
    frame: int | None = None


@dataclass
class Choice:
    """One draw: what could be drawn, the likeliest first, and which of it is."""

    now_ns: int
    options: list[Option]
    taken: int = 0


@dataclass
class Oracle:
    """Draws that lead to the recorded moments; `choices` are those of the performance so far."""

    frames: list[HostFrame]
    grid: Grid
    allowed: Callable[[int], int]
    """By how many ticks the machine may have run late at a frame."""
    choices: list[Choice] = field(default_factory=list)
    _turn: int = 0
    _claims: dict[int, tuple[int, int]] = field(default_factory=dict)
    """The frame of each timer, and when the timer expires."""
    _spent: set[int] = field(default_factory=set)

    def below(self, limit: int, timer: Timer, now_ns: int) -> int:
        """Return the next draw: one chosen before, or the likeliest one."""
        frame, fires_ns = self._claims.pop(id(timer), (-1, 0))
        if fires_ns <= now_ns:
            self._spent.add(frame)
        if self._turn == len(self.choices):
            self.choices.append(Choice(now_ns, self._options(limit, timer, now_ns)))
        choice = self.choices[self._turn]
        self._turn += 1
        option = choice.options[choice.taken]
        if option.frame is not None:
            bucket = self._bucket(option.draw + _extra(timer), now_ns)
            self._claims[id(timer)] = option.frame, self.grid.begin_ns(bucket)
        return option.draw

    def try_another(self, failed_ns: int) -> bool:
        """Change the last choice that was made before a failure; return whether there is one."""
        self._turn = 0
        self._claims.clear()
        self._spent.clear()
        while self.choices:
            last = self.choices[-1]
            if last.now_ns <= failed_ns and last.taken + 1 < len(last.options):
                last.taken += 1
                return True
            self.choices.pop()
        return False

    def _options(self, limit: int, timer: Timer, now_ns: int) -> list[Option]:
        # A run that sends nothing leaves no trace, nor does one that is put off or cancelled.
        nothing = [Option(limit - 1), Option(0)]
        if timer.name == "address detection":
            return [*map(Option, self._detections(limit, now_ns)), *nothing]
        taken = self._spent | {frame for frame, _ in self._claims.values()}
        hits = [
            [Option(draw, index) for draw in self._hits(limit, timer, now_ns, index)]
            for index, frame in enumerate(self.frames)
            if index not in taken and frame.time_ns >= now_ns and _sends(timer, frame.decoded)
        ]
        if timer.name == "general answer":
            # One record is rather the answer to a query for its group.
            hits.sort(key=lambda options: bool(options) and self._is_single(options[0]))
        firsts = [option for options in hits for option in options[:1]]
        lasts = [option for options in hits for option in options[1:]]
        return [*firsts, *lasts, *nothing]

    def _is_single(self, option: Option) -> bool:
        message = self.frames[option.frame or 0].decoded.datagram.message
        return isinstance(message, Report) and len(message.records) == 1

    def _hits(self, limit: int, timer: Timer, now_ns: int, index: int) -> tuple[int, ...]:
        """Return the first and the last draw for the tick of a frame, or for one just before it."""
        extra = _extra(timer)
        base, sent = self.grid.tick(now_ns), self.grid.tick(self.frames[index].time_ns)
        first = sent - self.allowed(index)
        # The wheel rounds up by an eighth at most.
        low = max(0, (first - base) * 6 // 7 - 12 - extra)
        buckets = {
            draw: bucket
            for draw in range(low, min(limit, sent - base + 1))
            if first <= (bucket := self._bucket(draw + extra, now_ns)) <= sent
        }
        latest = max(buckets.values(), default=0)
        hits = [draw for draw, bucket in buckets.items() if bucket == latest]
        return (hits[0], hits[-1]) if hits else ()

    def _bucket(self, ticks: int, now_ns: int) -> int:
        base = self.grid.tick(now_ns)
        return self.grid.tick(self.grid.expires_ns(base + ticks, now_ns)) if ticks else base

    def _detections(self, limit: int, now_ns: int) -> Iterator[int]:
        """Give the delays after which a probe and one second lead to a first valid report."""
        for frame in self.frames:
            source = frame.decoded.datagram.source
            if frame.time_ns <= now_ns or len(source) == 4 or not any(source):
                continue
            sent = self.grid.tick(frame.time_ns)
            for draw in range(1, limit):
                probe_ns = self.grid.begin_ns(self._bucket(draw, now_ns))
                if 0 <= sent - self._bucket(_PROBE_TICKS, probe_ns) <= 1:
                    yield draw
            return


def _extra(timer: Timer) -> int:
    """Return the ticks that are added to the draw of a timer."""
    is_group = timer.name == "group answer" and timer.family.ip_version == 6
    return 0 if is_group or timer.name == "address detection" else 2


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
    return (TICK_NS - (best - 100 * MICROSECOND)) % TICK_NS


@dataclass
class Explanation:
    """The performance that comes closest to a recording."""

    performance: Performance
    played: list[Played]
    """What the host sent in it."""
    late: list[int]
    """Ticks from the bucket of each frame to the tick in which it was recorded."""
    agreed: int
    """Frames that agree in octets and time before the first that does not."""


def explained(
    script: Script,
    frames: list[HostFrame],
    allowed: Callable[[int], int],
    *,
    begin_ns: int = 0,
) -> Explanation:
    """Play `script` so that the host sends `frames`; the phase of the script is set already.

    No frame was sent before its bucket, nor more than the `allowed` ticks after it. What the host
    sends before `begin_ns` was not recorded.
    """
    best: Explanation | None = None
    for origin in _origins(frames, script.phase):
        script.jiffies = ZERO_TICK_MULTIPLE + origin
        grid = Grid(script.hz, script.jiffies, int(script.phase * TICK_NS))
        oracle = Oracle(frames, grid, allowed)
        for _ in range(_MOST_ATTEMPTS):
            performance = simulate(script, chance=oracle)
            played = [
                event
                for event in performance.events
                if event.who == "host" and event.time_ns >= begin_ns
            ]
            late = [
                grid.tick(frame.time_ns) - grid.tick(event.time_ns)
                for frame, event in zip(frames, played, strict=False)
            ]
            found = Explanation(performance, played, late, 0)
            failed_ns = _compare(found, frames, allowed)
            if best is None or found.agreed > best.agreed:
                best = found
            if failed_ns is None:
                return found
            if not oracle.try_another(failed_ns):
                break
    assert best is not None
    return best


def _origins(frames: list[HostFrame], phase: float) -> list[int]:
    """Return the numbers that the first tick may have, modulo the step of the second level."""

    def fits(origin: int) -> int:
        grid = Grid(250, origin, int(phase * TICK_NS))
        ticks = [grid.tick(frame.time_ns) for frame in frames]
        return sum((tick % 8 == 0) + (tick % 64 == 0) for tick in ticks)

    return sorted(range(64), key=fits, reverse=True)


def _compare(
    found: Explanation, frames: list[HostFrame], allowed: Callable[[int], int]
) -> int | None:
    """Count the frames that agree; return when the first difference shows, None without one."""
    for number, late in enumerate(found.late):
        frame, event = frames[number], found.played[number]
        same = event.decoded.frame.data == frame.decoded.frame.data
        if not (same and 0 <= late <= allowed(number)):
            return min(frame.time_ns, event.time_ns)
        found.agreed = number + 1
    missing = [frame.time_ns for frame in frames[found.agreed :]]
    beyond = [event.time_ns for event in found.played[found.agreed :]]
    return min([*missing, *beyond], default=None)
