"""A machine whose clock, interface and frames are a list: the loop of `watch` runs on it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.link.device import InterfaceDown, InterfaceRemoved, Statistics
from mldkit.link.interfaces import Interface
from mldkit.model.units import SECOND
from mldkit.testing.story import EPOCH_NS
from mldkit.watch import SLICE_NS, LinkEvent, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.model.datagram import Frame
    from mldkit.watch import WatchEvent

NAME = "eth1"


def interface(
    index: int, name: str, *, is_up: bool, has_carrier: bool = True, kind: str = ""
) -> Interface:
    runs = is_up and has_carrier
    return Interface(index, name, bytes(6), 1500, 1, is_up, runs, is_multicast=True, kind=kind)


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
    called: list[tuple[float, str]] = field(default_factory=lambda: [(0, NAME)])
    """Second, and the name from then on."""
    tells_names: bool = True
    clock_set: list[tuple[float, float]] = field(default_factory=list)
    """Second, and by how many seconds the wall clock is set forward then."""
    slept: list[tuple[float, float]] = field(default_factory=list)
    """Second, and for how many seconds the machine sleeps then."""
    monotonic_ns: int = 0
    opened: int = 0
    closed: int = 0

    def now_ns(self) -> int:
        return self.monotonic_ns

    def boot_ns(self) -> int:
        return self.monotonic_ns + self._sum(self.slept, self.monotonic_ns)

    def wall_ns(self) -> int:
        return self.stamp_ns(self.monotonic_ns)

    def stamp_ns(self, monotonic_ns: int) -> int:
        """Return what the wall clock says at a time."""
        changes = self.clock_set + self.slept
        return EPOCH_NS + monotonic_ns + self._sum(changes, monotonic_ns)

    @staticmethod
    def _sum(changes: list[tuple[float, float]], monotonic_ns: int) -> int:
        return sum(round(by * SECOND) for at, by in changes if at * SECOND <= monotonic_ns)

    def wait_ns(self, duration_ns: int) -> None:
        self.monotonic_ns += duration_ns

    def at(self, time_ns: int) -> tuple[int, bool] | None:
        found = None
        for second, state in self.states:
            if second * SECOND <= time_ns:
                found = state
        return found

    def interfaces(self) -> list[Interface]:
        found = self.at(self.monotonic_ns)
        if found is None:
            return []
        begun, ended = self.unplugged
        plugged = not begun * SECOND <= self.monotonic_ns < ended * SECOND
        name = self._name()
        return [interface(found[0], name, is_up=found[1], has_carrier=plugged, kind=self.kind)]

    def _name(self) -> str:
        return next(name for at, name in self.called[::-1] if at * SECOND <= self.monotonic_ns)

    def names(self, index: int) -> list[tuple[int, str]]:
        del index
        return [(self.wall_ns(), self._name())] if self.tells_names else []

    def open(self, name: str) -> ScriptedDevice:
        found = next((one for one in self.interfaces() if one.name == name), None)
        if found is None:
            raise LinkError(f"{name}: no such interface")
        if not found.is_up:
            raise InterfaceDown(f"{name}: the interface is down")
        self.opened += 1
        return ScriptedDevice(self, found)


@dataclass
class ScriptedDevice:
    """A socket as the kernel makes them: one error at each change, silence while down."""

    machine: Scripted
    interface: Interface
    was_up: bool = True
    taken: int = 0

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
                    self.taken += 1
                    return replace(frame, time_ns=machine.stamp_ns(next_ns))

    def statistics(self) -> Statistics:
        second = self.machine.monotonic_ns / SECOND
        return Statistics(0, sum(count for at, count in self.machine.drops if at <= second))

    def stop(self) -> None:
        pass

    def rest(self) -> Iterator[Frame]:
        machine = self.machine
        frames = machine.frames
        while frames and (frames[0].time_ns or 0) - EPOCH_NS <= machine.monotonic_ns:
            frame = frames.pop(0)
            self.taken += 1
            yield replace(frame, time_ns=machine.stamp_ns((frame.time_ns or 0) - EPOCH_NS))

    def close(self) -> None:
        self.machine.closed += 1


def follow(
    machine: Scripted, seconds: float, on_frame: Callable[[Frame], None] | None = None
) -> tuple[Watch, list[WatchEvent]]:
    """Watch a machine for some time, slice by slice."""
    told: list[WatchEvent] = []
    watch = Watch(NAME, machine, told.append, on_frame=on_frame)
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
