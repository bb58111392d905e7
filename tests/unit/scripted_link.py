"""A machine whose clock, interface and frames are a list: the loop of `watch` runs on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.link.device import InterfaceDown, InterfaceRemoved, Statistics
from mldkit.link.interfaces import Interface
from mldkit.model.units import SECOND
from mldkit.testing.story import EPOCH_NS
from mldkit.watch import SLICE_NS, LinkEvent, Watch

if TYPE_CHECKING:
    from mldkit.model.datagram import Frame
    from mldkit.watch import WatchEvent

NAME = "eth1"


def interface(index: int, *, is_up: bool, has_carrier: bool = True, kind: str = "") -> Interface:
    runs = is_up and has_carrier
    return Interface(index, NAME, bytes(6), 1500, 1, is_up, runs, is_multicast=True, kind=kind)


@dataclass
class Scripted:
    """A machine whose interface lives by a list: second, and what it is from then on.

    `None` is no interface, else index and whether it is up.
    """

    states: list[tuple[float, tuple[int, bool] | None]]
    frames: list[Frame] = field(default_factory=list)
    drops: list[tuple[float, int]] = field(default_factory=list)
    unplugged: tuple[float, float] = (0, 0)
    """From and until when the cable is out."""
    kind: str = ""
    monotonic_ns: int = 0
    opened: int = 0
    closed: int = 0

    def now_ns(self) -> int:
        return self.monotonic_ns

    def wall_ns(self) -> int:
        return EPOCH_NS + self.monotonic_ns

    def wait_ns(self, duration_ns: int) -> None:
        self.monotonic_ns += duration_ns

    def at(self, time_ns: int) -> tuple[int, bool] | None:
        found = None
        for second, state in self.states:
            if second * SECOND <= time_ns:
                found = state
        return found

    def look(self) -> Interface | None:
        found = self.at(self.monotonic_ns)
        if found is None:
            return None
        begun, ended = self.unplugged
        plugged = not begun * SECOND <= self.monotonic_ns < ended * SECOND
        return interface(found[0], is_up=found[1], has_carrier=plugged, kind=self.kind)

    def open(self) -> ScriptedDevice:
        found = self.look()
        if found is None:
            raise LinkError(f"{NAME}: no such interface")
        if not found.is_up:
            raise InterfaceDown(f"{NAME}: the interface is down")
        self.opened += 1
        return ScriptedDevice(self, found)


@dataclass
class ScriptedDevice:
    """A socket as the kernel makes them: one error at each change, silence while down."""

    machine: Scripted
    interface: Interface
    was_up: bool = True

    def take(self) -> Frame | None:
        return self.receive(self.machine.monotonic_ns)

    def receive(self, until_ns: int | None = None) -> Frame | None:
        machine = self.machine
        assert until_ns is not None
        while True:
            frames = machine.frames
            next_ns = (frames[0].time_ns or 0) - EPOCH_NS if frames else until_ns + 1
            changes = [
                round(second * SECOND)
                for second, _ in machine.states
                if machine.monotonic_ns < second * SECOND <= min(until_ns, next_ns)
            ]
            machine.monotonic_ns = max(machine.monotonic_ns, min([*changes, next_ns, until_ns]))
            state = machine.at(machine.monotonic_ns)
            if state is None or state[0] != self.interface.index:
                raise InterfaceRemoved(NAME)
            if self.was_up and not state[1]:
                self.was_up = False
                raise InterfaceDown(NAME)
            self.was_up = state[1]
            if machine.monotonic_ns >= until_ns and next_ns > until_ns:
                return None
            if next_ns <= machine.monotonic_ns:
                frame = frames.pop(0)
                if state[1]:
                    return frame

    def statistics(self) -> Statistics:
        second = self.machine.monotonic_ns / SECOND
        return Statistics(0, sum(count for at, count in self.machine.drops if at <= second))

    def close(self) -> None:
        self.machine.closed += 1


def follow(machine: Scripted, seconds: float) -> tuple[Watch, list[WatchEvent]]:
    """Watch a machine for some time, slice by slice."""
    told: list[WatchEvent] = []
    watch = Watch(NAME, machine, told.append)
    slices = 0
    while machine.monotonic_ns < seconds * SECOND:
        watch.listen(machine.monotonic_ns + SLICE_NS)
        slices += 1
    # A slice may end early where something happens, but never again and again.
    assert slices <= seconds * SECOND / SLICE_NS + 2 * len(machine.states)
    return watch, told


def brief(events: list[WatchEvent]) -> list[tuple[float, str]]:
    """Return second and kind of the events; link events by their state."""
    return [
        (
            round((event.time_ns - EPOCH_NS) / SECOND, 3),
            event.state if isinstance(event, LinkEvent) else event.kind,
        )
        for event in events
    ]


def found_in(events: list[WatchEvent]) -> list[str]:
    """Return the rules that were broken, in the order in which that was told."""
    findings = [event.finding for event in events if not isinstance(event, LinkEvent)]
    return [finding.id for finding in findings if finding is not None]


ALWAYS_UP: list[tuple[float, tuple[int, bool] | None]] = [(0, (3, True))]
