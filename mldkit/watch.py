"""The job `watch`: the folds of the analysis on a live link, whatever becomes of its interface.

::

            opened       went down, lost its carrier    gone
    start ---------> up  <--------------> down  ----------------> missing
                     ^        came back                              |
                     `-----------------------------------------------'
                          an interface of that name is there again

A socket outlives its interface going down, but not its removal; then the name is looked for
until there is an interface that has it. A carrier that goes is no error of the socket: the
interface is looked at after each slice. Each change is a `LinkEvent`, and so is a moment at
which the kernel had to throw packets away. What nobody could hear meanwhile proves nothing:
the folds are told of each such time.

Time comes in two forms. Waiting is on the monotonic clock. Events carry wall time, as frames
do; expiry is judged only up to an instant before which every frame has been taken in, so a
report that waits in the socket's buffer is never overtaken by the expiry it prevents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from mldkit.analysis.engine import Analysis
from mldkit.analysis.events import Event
from mldkit.analysis.glance import Glance, MemberLine, glance, members
from mldkit.analysis.vantage import AUTO
from mldkit.errors import LinkError
from mldkit.link import clock, interfaces
from mldkit.link.device import InterfaceDown, InterfaceRemoved, PacketSocket
from mldkit.model.units import MILLISECOND
from mldkit.protocol.variables import DEFAULT_PROFILE
from mldkit.wire.rules import ERROR

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.analysis.result import AnalysisResult
    from mldkit.link.device import Statistics
    from mldkit.link.interfaces import Interface
    from mldkit.model.datagram import Frame

SLICE_NS = 250 * MILLISECOND
"""How long one look at the link lasts; what stands still is noticed after that time."""
_LOOK_NS = 100 * MILLISECOND
_AT_ONCE = 64
BUFFER_OCTETS = 64 << 20
"""Takes the reports of some seconds at 20,000 a second while other programs have the processor."""

UP, DOWN, MISSING = "up", "down", "missing"


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """Something happened to the interface, or packets were lost."""

    time_ns: int
    interface: str
    state: str
    """`up`, `down` or `missing`."""
    dropped: int
    """Packets that the kernel has thrown away since the start of the watch."""
    text: str
    """The same in words."""


WatchEvent: TypeAlias = "Event | LinkEvent"


class Device(Protocol):
    """What is asked of a packet socket."""

    interface: Interface

    def take(self) -> Frame | None:
        """Return a frame that waits already."""

    def receive(self, until_ns: int | None = None) -> Frame | None:
        """Return the next frame that came before `until_ns`, None when there is none."""

    def statistics(self) -> Statistics:
        """Return how many packets came and how many were lost."""

    def close(self) -> None:
        """Hear no more."""


class Machine(Protocol):
    """What is asked of the machine: its clocks, its interface, a socket on it."""

    def now_ns(self) -> int:
        """Return the monotonic time."""

    def wall_ns(self) -> int:
        """Return the time since the epoch."""

    def wait_ns(self, duration_ns: int) -> None:
        """Wait."""

    def look(self) -> Interface | None:
        """Return the interface as it is now, None where there is none of that name."""

    def open(self) -> Device:
        """Return a socket on the interface; raise InterfaceDown or LinkError."""


class ThisMachine:
    """The machine that this program runs on."""

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self.now_ns = clock.now_ns
        self.wall_ns = clock.wall_ns
        self.wait_ns = clock.wait_ns

    def look(self) -> Interface | None:
        """Return the interface as it is now, None where there is none of that name."""
        for each in interfaces.interfaces():
            if each.name == self._interface:
                return each
        return None

    def open(self) -> Device:
        """Return a socket on the interface; raise InterfaceDown or LinkError."""
        return PacketSocket(self._interface, buffer_octets=BUFFER_OCTETS)


class Watch:
    """Follows one interface by its name and feeds what it hears to the folds."""

    def __init__(
        self,
        interface: str,
        machine: Machine,
        listener: Callable[[WatchEvent], None],
        *,
        profile: str = DEFAULT_PROFILE,
        vantage: str = AUTO,
        on_frame: Callable[[Frame], None] | None = None,
    ) -> None:
        """Open the interface; raise LinkError where there is none or we may not.

        An interface that is down is waited for.
        """
        self.interface = interface
        self.state = UP
        self.errors = 0
        """Findings of severity error so far."""
        self.events = 0
        self._machine = machine
        self._listener = listener
        self._on_frame = on_frame
        self._dropped = self._dropped_before = 0
        self._deaf_since_ns: int | None = None
        """Wall time since which nothing can be heard."""
        self.analysis = Analysis(profile, self._take, with_data=False, vantage=vantage)
        self.analysis.intake.begun_ns = self.begun_ns = machine.wall_ns()
        self._device: Device | None = None
        try:
            self._device = machine.open()
        except InterfaceDown:
            self._enter(DOWN, "is down")

    @property
    def notes(self) -> tuple[str, ...]:
        """What the socket had to do without and what is not heard here, one line each."""
        notes = tuple(getattr(self._device, "notes", ()))
        if self._device is not None and self._device.interface.kind == "bridge":
            # net/bridge/br_multicast.c:__br_multicast_send_query sends to one port.
            notes += (
                f"{self.interface} is a bridge, which asks each of its ports by itself: what it"
                " asks there is not heard here: watch a port, or say --vantage bridge",
            )
        return notes

    @property
    def messages(self) -> int:
        """Messages so far, whatever they were."""
        return sum(part.messages for part in self.analysis.parts.values())

    @property
    def dropped(self) -> int:
        """Packets that the kernel has thrown away so far, over all sockets."""
        return self._dropped

    def glance(self) -> Glance:
        """Return who queries, and how many groups and hosts there are now."""
        return glance(self.analysis.links.values())

    def members(self, room: int) -> tuple[list[MemberLine], int]:
        """Return the members that fit into so many lines, and how many do not."""
        return members(self.analysis.links.values(), room)

    def listen(self, until_ns: int) -> None:
        """Take in everything up to the monotonic time `until_ns`, and let time pass till then."""
        device = self._device
        if device is None:
            self._find_again(until_ns)
        else:
            self._hear(device, until_ns)
        self._count_drops()
        self._let_pass(until_ns)

    def finish(self) -> AnalysisResult:
        """Hear no more, judge what only the end shows, and return everything."""
        self._count_drops()
        if self._device is not None:
            self._device.close()
            self._device = None
        result = self.analysis.finish(self._machine.wall_ns())
        # By now it may be known that some of it is not seen from here.
        self.errors = sum(entry.severity == ERROR for entry in result.findings)
        return result

    def _hear(self, device: Device, until_ns: int) -> None:
        try:
            while (frame := device.receive(until_ns)) is not None:
                self._see_waiting(device, frame)
        except InterfaceDown:
            self._enter(DOWN, "went down")
        except InterfaceRemoved:
            self._lose(device, "was removed")
        else:
            self._check(device)

    def _see_waiting(self, device: Device, frame: Frame) -> None:
        """Take in a frame and those that wait behind it: many at once cost less."""
        frames = [frame]
        try:
            while len(frames) < _AT_ONCE and (following := device.take()) is not None:
                frames.append(following)
        finally:
            if self._on_frame is not None:
                for one in frames:
                    self._on_frame(one)
            self.analysis.see_all((0, one) for one in frames)

    def _check(self, device: Device) -> None:
        """Look whether the interface is up, has a carrier, is gone, or another one by now.

        What is up and still the same is left to the socket, which tells of its end in order.
        """
        found = self._machine.look()
        if self.state == UP:
            if found is not None and found.is_up and not found.is_running:
                self._enter(DOWN, "has no carrier")
            return
        if found is None:
            self._lose(device, "was removed")
        elif found.index != device.interface.index:
            self._lose(device, "was removed, another one has its name")
        elif found.is_running:
            self._enter(UP, "is up again")

    def _lose(self, device: Device, words: str) -> None:
        self._count_drops()
        self._dropped_before = self._dropped
        device.close()
        self._device = None
        self._enter(MISSING, words)

    def _find_again(self, until_ns: int) -> None:
        """Look for an interface of the name until there is one that is up."""
        machine = self._machine
        while True:
            found = machine.look()
            if found is not None and self._open():
                return
            if found is None and self.state == DOWN:
                self._enter(MISSING, "was removed")
            left_ns = until_ns - machine.now_ns()
            if left_ns <= 0:
                return
            machine.wait_ns(min(left_ns, _LOOK_NS))

    def _open(self) -> bool:
        words = "is there again" if self.state == MISSING else "is up again"
        try:
            self._device = self._machine.open()
        except InterfaceDown:
            if self.state == MISSING:
                self._enter(DOWN, "is there again, but down")
            return False
        except LinkError:
            # Gone again between the look and the opening, or not yet ready: look once more.
            return False
        self._enter(UP, words)
        return True

    def _count_drops(self) -> None:
        if self._device is None:
            return
        dropped = self._dropped_before + self._device.statistics().dropped
        if dropped > self._dropped:
            self._dropped = dropped
            now_ns = self._machine.wall_ns()
            self.analysis.pause(now_ns, now_ns)
            self._tell(f"the kernel dropped packets, {dropped} so far")

    def _let_pass(self, until_ns: int) -> None:
        """Judge expiry up to `until_ns`, before which no frame is left to be read."""
        machine = self._machine
        passed_ns = min(until_ns, machine.now_ns())
        self.analysis.poll(machine.wall_ns() - (machine.now_ns() - passed_ns))
        self.analysis.forget()

    def _enter(self, state: str, words: str) -> None:
        if state == self.state:
            return
        now_ns = self._machine.wall_ns()
        # Whoever did not answer or ask before the end may have done so after it.
        if self._deaf_since_ns is None:
            self._deaf_since_ns = now_ns
        self.analysis.pause(self._deaf_since_ns, now_ns)
        if state == UP:
            self._deaf_since_ns = None
        self.state = state
        self._tell(words)

    def _tell(self, words: str) -> None:
        self.events += 1
        self._listener(
            LinkEvent(self._machine.wall_ns(), self.interface, self.state, self._dropped, words)
        )

    def _take(self, event: Event) -> None:
        self.events += 1
        if event.finding is not None and event.finding.severity == ERROR:
            self.errors += 1
        self._listener(event)
