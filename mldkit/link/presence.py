"""An interface that is followed by its name: up, down or missing, and what is heard of it.

::

            opened       went down, lost its carrier    gone
    start ---------> up  <--------------> down  ----------------> missing
                     ^        came back                              |
                     `-----------------------------------------------'
                          an interface of that name is there again

A socket outlives its interface going down, but not its removal; then the name is looked for
until there is an interface that has it. A carrier that goes is no error of the socket: the
interface is looked at after each time of listening.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from mldkit.errors import LinkError
from mldkit.link import clock, interfaces
from mldkit.link.device import InterfaceDown, InterfaceRemoved, PacketSocket
from mldkit.model.units import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.link.device import Statistics
    from mldkit.link.interfaces import Interface
    from mldkit.link.socket_reserve import SocketReserve
    from mldkit.model.datagram import Frame

_LOOK_NS = 100 * MILLISECOND
_AT_ONCE = 64
BUFFER_OCTETS = 64 << 20
"""Takes the reports of some seconds at 20,000 a second while other programs have the processor."""

UP, DOWN, MISSING = "up", "down", "missing"


class ListeningDevice(Protocol):
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

    def open(self) -> ListeningDevice:
        """Return a socket on the interface; raise InterfaceDown or LinkError."""


class ThisMachine:
    """The machine that this program runs on."""

    def __init__(self, interface: str, reserve: SocketReserve | None = None) -> None:
        """Take the name, and the sockets for a program that may open none when it needs them."""
        self._interface = interface
        self._reserve = reserve
        self.now_ns = clock.now_ns
        self.wall_ns = clock.wall_ns
        self.wait_ns = clock.wait_ns

    def look(self) -> Interface | None:
        """Return the interface as it is now, None where there is none of that name."""
        for each in interfaces.interfaces():
            if each.name == self._interface:
                return each
        return None

    def open(self) -> ListeningDevice:
        """Return a socket on the interface; raise InterfaceDown or LinkError."""
        return PacketSocket(self._interface, buffer_octets=BUFFER_OCTETS, reserve=self._reserve)


class _Sign(Enum):
    """What shows how the interface is."""

    OPENED_DOWN = auto()
    """It cannot be opened, because it is down."""
    WENT_DOWN = auto()
    NO_CARRIER = auto()
    GONE = auto()
    REPLACED = auto()
    """Another interface has its name."""
    READY = auto()


_TRANSITIONS = {
    (UP, _Sign.OPENED_DOWN): (DOWN, "is down"),
    (UP, _Sign.WENT_DOWN): (DOWN, "went down"),
    (UP, _Sign.NO_CARRIER): (DOWN, "has no carrier"),
    (UP, _Sign.GONE): (MISSING, "was removed"),
    (DOWN, _Sign.GONE): (MISSING, "was removed"),
    (DOWN, _Sign.REPLACED): (MISSING, "was removed, another one has its name"),
    (DOWN, _Sign.READY): (UP, "is up again"),
    (MISSING, _Sign.OPENED_DOWN): (DOWN, "is there again, but down"),
    (MISSING, _Sign.READY): (UP, "is there again"),
}
"""State and sign to the next state, in words; what is not here changes nothing."""


class Presence:
    """One interface by its name, and the socket on it as long as there is one."""

    def __init__(
        self, machine: Machine, on_change: Callable[[str], None], on_drops: Callable[[], None]
    ) -> None:
        """Take whom to tell of a new state, in words, and of packets that the kernel dropped."""
        self.state = UP
        """`up`, `down` or `missing`."""
        self.dropped = 0
        """Packets that the kernel has thrown away so far, over all sockets."""
        self.device: ListeningDevice | None = None
        self._dropped_before = 0
        self._machine = machine
        self._on_change = on_change
        self._on_drops = on_drops

    def begin(self) -> None:
        """Open the interface; raise LinkError where there is none or we may not.

        An interface that is down is waited for.
        """
        try:
            self.device = self._machine.open()
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
                    while len(frames) < _AT_ONCE and (following := device.take()) is not None:
                        frames.append(following)
                finally:
                    # Also where taking the next one failed: what was taken did come.
                    yield frames
        except InterfaceDown:
            self._see(_Sign.WENT_DOWN)
        except InterfaceRemoved:
            self._lose(device, _Sign.GONE)
        else:
            self._check(device)

    def count_drops(self) -> None:
        """Ask the kernel how many packets it had to throw away."""
        if self.device is None:
            return
        dropped = self._dropped_before + self.device.statistics().dropped
        if dropped > self.dropped:
            self.dropped = dropped
            self._on_drops()

    def close(self) -> None:
        """Hear no more."""
        if self.device is not None:
            self.device.close()
            self.device = None

    def _see(self, sign: _Sign) -> None:
        """Be in the state that follows, and tell of it if it is another one."""
        following = _TRANSITIONS.get((self.state, sign))
        if following is not None:
            self.state, words = following
            self._on_change(words)

    def _check(self, device: ListeningDevice) -> None:
        """Look whether the interface is up, has a carrier, is gone, or another one by now.

        What is up and still the same is left to the socket, which tells of its end in order.
        """
        found = self._machine.look()
        if self.state == UP:
            if found is not None and found.is_up and not found.is_running:
                self._see(_Sign.NO_CARRIER)
        elif found is None:
            self._lose(device, _Sign.GONE)
        elif found.index != device.interface.index:
            self._lose(device, _Sign.REPLACED)
        elif found.is_running:
            self._see(_Sign.READY)

    def _lose(self, device: ListeningDevice, sign: _Sign) -> None:
        self.count_drops()
        self._dropped_before = self.dropped
        device.close()
        self.device = None
        self._see(sign)

    def _find_again(self, until_ns: int) -> None:
        """Look for an interface of the name until there is one that is up."""
        machine = self._machine
        while True:
            found = machine.look()
            if found is None:
                self._see(_Sign.GONE)
            elif self._open():
                return
            left_ns = until_ns - machine.now_ns()
            if left_ns <= 0:
                return
            machine.wait_ns(min(left_ns, _LOOK_NS))

    def _open(self) -> bool:
        try:
            self.device = self._machine.open()
        except InterfaceDown:
            self._see(_Sign.OPENED_DOWN)
            return False
        except LinkError:
            # Gone again between the look and the opening, or not yet ready: look once more.
            return False
        self._see(_Sign.READY)
        return True
