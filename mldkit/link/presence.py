"""An interface that is followed: up, down or missing, and what is heard of it.

::

            opened       went down, lost its carrier    gone
    start ---------> up  <--------------> down  ----------------> missing
                     ^        came back                              |
                     `-----------------------------------------------'
                          an interface of that name is there again

A socket outlives its interface going down, but not its removal; then the name is looked for
until there is an interface that has it. A carrier that goes is no error of the socket: the
interface is looked at after each time of listening.

As long as the interface is there it is followed itself, whatever it is called: a socket is bound
to its index. Once it was removed, the name that it had last is looked for.
"""

from __future__ import annotations

from enum import Enum, auto
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from mldkit.errors import LinkError
from mldkit.link import clock, interfaces
from mldkit.link.device import InterfaceDown, InterfaceRemoved, PacketSocket, Statistics
from mldkit.link.naming import NameChanges
from mldkit.model.units import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mldkit.link.interfaces import Interface
    from mldkit.link.socket_reserve import SocketReserve
    from mldkit.model.datagram import Frame

_LOOK_NS = 100 * MILLISECOND
AT_ONCE = 64
"""Frames that are given together."""
BUFFER_OCTETS = 64 << 20
"""Takes the reports of some seconds at 20,000 a second while other programs have the processor."""

UP, DOWN, MISSING = "up", "down", "missing"


class ListeningDevice(Protocol):
    """What is asked of a packet socket."""

    interface: Interface

    @property
    def taken(self) -> int:
        """How many frames were given so far."""

    def take(self) -> Frame | None:
        """Return a frame that waits already."""

    def receive(self, until_ns: int | None = None) -> Frame | None:
        """Return the next frame that came before `until_ns`, None when there is none."""

    def statistics(self) -> Statistics:
        """Return how many packets came and how many were lost."""

    def stop(self) -> None:
        """Hear nothing more; what waits can still be taken."""

    def rest(self) -> Iterator[Frame]:
        """Give what waits still."""

    def close(self) -> None:
        """Hear no more."""


class Machine(Protocol):
    """What is asked of the machine: its clocks, its interface, a socket on it."""

    def now_ns(self) -> int:
        """Return the monotonic time."""

    def boot_ns(self) -> int:
        """Return the time since the machine was started, also that in which it slept."""

    def wall_ns(self) -> int:
        """Return the time since the epoch."""

    def wait_ns(self, duration_ns: int) -> None:
        """Wait."""

    def interfaces(self) -> Iterable[Interface]:
        """Return all interfaces as they are now."""

    def open(self, name: str) -> ListeningDevice:
        """Return a socket on an interface; raise InterfaceDown or LinkError."""

    def names(self, index: int) -> list[tuple[int, str]]:
        """Return the names of an interface that were heard since the last call, with wall times."""


class ThisMachine:
    """The machine that this program runs on."""

    def __init__(self, reserve: SocketReserve | None = None) -> None:
        """Take the sockets for a program that may open none when it needs them."""
        self._reserve = reserve
        self.now_ns = clock.now_ns
        self.boot_ns = clock.boot_ns
        self.wall_ns = clock.wall_ns
        self.wait_ns = clock.wait_ns
        self.interfaces = interfaces.interfaces
        self._changes = NameChanges(clock.wall_ns)
        self.names = self._changes.take
        self.close = self._changes.close

    def open(self, name: str) -> ListeningDevice:
        """Return a socket on an interface; raise InterfaceDown or LinkError."""
        device = PacketSocket(name, buffer_octets=BUFFER_OCTETS, reserve=self._reserve)
        device.beside[self._changes.fileno()] = self._changes.hear
        return device


class _Sign(Enum):
    """What shows how the interface is."""

    OPENED_DOWN = auto()
    """It cannot be opened, because it is down."""
    WENT_DOWN = auto()
    NO_CARRIER = auto()
    GONE = auto()
    READY = auto()


_TRANSITIONS = {
    (UP, _Sign.OPENED_DOWN): (DOWN, "is down"),
    (UP, _Sign.WENT_DOWN): (DOWN, "went down"),
    (UP, _Sign.NO_CARRIER): (DOWN, "has no carrier"),
    (UP, _Sign.GONE): (MISSING, "was removed"),
    (DOWN, _Sign.GONE): (MISSING, "was removed"),
    (DOWN, _Sign.READY): (UP, "is up again"),
    (MISSING, _Sign.OPENED_DOWN): (DOWN, "is there again, but down"),
    (MISSING, _Sign.READY): (UP, "is there again"),
}
"""State and sign to the next state, in words; what is not here changes nothing."""


class Presence:
    """One interface, and the socket on it as long as there is one."""

    def __init__(
        self,
        name: str,
        machine: Machine,
        on_change: Callable[[str], None],
        on_rename: Callable[[str, int], None],
    ) -> None:
        """Take whom to tell of a new state, in words, and of a new name, with its wall time."""
        self.name = name
        """What it is called now, or was when it went."""
        self.state = UP
        """`up`, `down` or `missing`."""
        self.counts = Statistics(0, 0)
        """What the kernel has counted so far, over all sockets."""
        self.taken = 0
        """Frames that came out of the sockets, over all of them."""
        self.device: ListeningDevice | None = None
        self._before = self.counts
        """Of the sockets before this one."""
        self._taken_before = 0
        self._machine = machine
        self._on_change = on_change
        self._on_rename = on_rename

    def begin(self) -> None:
        """Open the interface; raise LinkError where there is none or we may not.

        An interface that is down is waited for.
        """
        try:
            self.device = self._machine.open(self.name)
        except InterfaceDown:
            self._see(_Sign.OPENED_DOWN)

    def hear(self, until_ns: int) -> Iterator[list[Frame]]:
        """Give the frames up to the monotonic time `until_ns`, those that wait together.

        It ends early when the interface goes.
        """
        device = self.device
        if device is None:
            self._find_again(until_ns)
            return
        try:
            while (frame := device.receive(until_ns)) is not None:
                frames = [frame]
                try:
                    while len(frames) < AT_ONCE and (following := device.take()) is not None:
                        frames.append(following)
                finally:
                    # Also where taking the next one failed: what was taken did come.
                    yield frames
        except InterfaceDown:
            self._see(_Sign.WENT_DOWN)
            return
        except InterfaceRemoved:
            sign = _Sign.GONE
        else:
            found = self._found(device.interface.index)
            if found is not None or self.state == UP:
                # What is up and still there is left to the socket, which tells of its end in order.
                self._check(found)
                return
            sign = _Sign.GONE
        yield from self.rest()
        self.close()
        self._see(sign)

    def look(self) -> None:
        """Ask the kernel for its counts, and whether the interface has another name."""
        if self.device is None:
            return
        counts, before = self.device.statistics(), self._before
        self.counts = Statistics(before.received + counts.received, before.dropped + counts.dropped)
        self.taken = self._taken_before + self.device.taken
        for time_ns, name in self._machine.names(self.device.interface.index):
            self._rename(name, time_ns)

    def rest(self) -> Iterator[list[Frame]]:
        """Let the socket hear no more, and give what waits in it."""
        if self.device is None:
            return
        self.device.stop()
        waiting = self.device.rest()
        while frames := list(islice(waiting, AT_ONCE)):
            yield frames

    def close(self) -> None:
        """Give up the socket."""
        if self.device is not None:
            self.look()
            self._before, self._taken_before = self.counts, self.taken
            self.device.close()
            self.device = None

    def _rename(self, name: str, time_ns: int) -> None:
        if name != self.name:
            self.name = name
            self._on_rename(name, time_ns)

    def _see(self, sign: _Sign) -> None:
        """Be in the state that follows, and tell of it if it is another one."""
        following = _TRANSITIONS.get((self.state, sign))
        if following is not None:
            self.state, words = following
            self._on_change(words)

    def _found(self, index: int) -> Interface | None:
        """Return the interface as it is now, whatever it is called."""
        found = next((one for one in self._machine.interfaces() if one.index == index), None)
        if found is not None:
            self.look()
            # Where nothing was told of it, or too much of other things.
            self._rename(found.name, self._machine.wall_ns())
        return found

    def _check(self, found: Interface | None) -> None:
        """Look whether the interface is up and has a carrier."""
        if found is None:
            return
        if self.state == DOWN and found.is_running:
            self._see(_Sign.READY)
        elif found.is_up and not found.is_running:
            self._see(_Sign.NO_CARRIER)

    def _find_again(self, until_ns: int) -> None:
        """Look for an interface of the name until there is one that is up."""
        machine = self._machine
        while True:
            if all(one.name != self.name for one in machine.interfaces()):
                self._see(_Sign.GONE)
            elif self._open():
                return
            left_ns = until_ns - machine.now_ns()
            if left_ns <= 0:
                return
            machine.wait_ns(min(left_ns, _LOOK_NS))

    def _open(self) -> bool:
        try:
            self.device = self._machine.open(self.name)
        except InterfaceDown:
            self._see(_Sign.OPENED_DOWN)
            return False
        except LinkError:
            # Gone again between the look and the opening, or not yet ready: look once more.
            return False
        self._see(_Sign.READY)
        return True
