"""A script in real time: lines at their moments, and everything that is heard on the link.

::

    line of a script, at its time --.--> host under test        sockets, settings, its link
                                    '--> frame of another node -> wire
    wire -> frame with the kernel's stamp -> event in script time

What really happened counts: a line began when its frame left, else when its call was made.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from mldkit.errors import UsageError
from mldkit.link import clock
from mldkit.link.device import InterfaceDown, InterfaceRemoved
from mldkit.model.datagram import Decoded, Frame
from mldkit.model.units import MILLISECOND
from mldkit.play.frames import data_frame, frame_of
from mldkit.play.performance import (
    STALL_NS,
    Performance,
    Played,
    ScriptStall,
    judge,
    refused,
)
from mldkit.protocol.script import DataAct, MessageAct
from mldkit.wire.decode import decode

if TYPE_CHECKING:
    from mldkit.link.device import PacketSocket
    from mldkit.play.acting_querier import ActingQuerier
    from mldkit.protocol.script import Act, Action, Script

TOLERANCE_NS = 8 * MILLISECOND
"""What an expected message may be later than its range where the script says nothing."""
LEAD_NS = 30 * MILLISECOND
"""From the last preparation to time 0."""
_ON_ITS_WAY_NS = 20 * MILLISECOND


class HostUnderTest(Protocol):
    """The host side of a target."""

    def act(self, act: Act) -> None:
        """Do what a line says, now; raise UsageError where it is refused."""

    def wait(self, until_ns: int) -> None:
        """Let the time pass until the monotonic time `until_ns`."""


def tolerance_of(script: Script) -> int:
    """Return how late an expected message may be in real time."""
    return TOLERANCE_NS if script.tolerance_ns is None else script.tolerance_ns


def next_zero_ns(after_ns: int, tick_ns: int, phase: float) -> int:
    """Return a moment soon after `after_ns` that lies `phase` behind the beginning of a tick."""
    first = (after_ns + LEAD_NS) // tick_ns + 1
    return first * tick_ns + int(phase * tick_ns)


class RealTime:
    """Plays one script at the end of a link that is not the host's."""

    def __init__(
        self, script: Script, device: PacketSocket, host: HostUnderTest, querier: ActingQuerier
    ) -> None:
        self._querier = querier
        self._script = script
        self._device = device
        self._host = host
        self._zero_ns = 0
        self._offset_ns = 0
        self._sent: list[tuple[bytes, str]] = []
        self._performance = Performance(script)

    def play(self, zero_ns: int) -> Performance:
        """Play the script with its time 0 at a monotonic time to come; judge what happened."""
        performance = self._performance
        self._offset_ns = clock.wall_offset_ns()
        self._zero_ns = zero_ns
        tolerance_ns = tolerance_of(self._script)
        self._querier.start(zero_ns)
        try:
            for action in self._script.actions:
                self._host.wait(zero_ns + action.time_ns)
                performance.began_ns.append(self._begin(action))
            self._host.wait(zero_ns + performance.end_ns(tolerance_ns) + _ON_ITS_WAY_NS)
            self._drain()
        except InterfaceRemoved as error:
            performance.broke_off = error.message
        except KeyboardInterrupt:
            performance.interrupted_ns = clock.now_ns() - zero_ns
            with suppress(InterfaceRemoved):
                self._drain()
        # What came before time 0 belongs to the preparation.
        performance.events = sorted(
            (event for event in performance.events if event.time_ns >= 0),
            key=lambda event: event.time_ns,
        )
        performance.outcomes = judge(performance, tolerance_ns)
        return performance

    def _begin(self, action: Action) -> int:
        act = action.act
        if isinstance(act, MessageAct):
            return self._send(frame_of(act), act.who)
        began_ns = clock.now_ns() - self._zero_ns
        if isinstance(act, DataAct):
            try:
                self._device.send(data_frame(act))
            except InterfaceDown:
                self._performance.lost_link = True
            return began_ns
        try:
            self._host.act(act)
        except UsageError as error:
            raise refused(self._script, action, error) from error
        done_ns = clock.now_ns() - self._zero_ns
        if done_ns - began_ns > STALL_NS:
            # Some time in between it really happened; other work held the lock that it needs.
            self._performance.stalls.append(ScriptStall(began_ns, done_ns))
        return began_ns

    def _send(self, frame: bytes, who: str) -> int:
        """Send a frame and return when it left."""
        began_ns = clock.now_ns() - self._zero_ns
        self._sent.append((frame, who))
        try:
            self._device.send(frame)
        except InterfaceDown:
            # The cable is out: it was sent, and nobody hears it.
            self._performance.lost_link = True
            self._sent.pop()
            self._record(frame, began_ns, who)
            return began_ns
        known = len(self._performance.events)
        self._drain()
        for event in self._performance.events[known:]:
            if event.decoded.frame.data == frame:
                return event.time_ns
        return began_ns

    def _drain(self) -> None:
        """Take in what has been heard so far."""
        while True:
            try:
                frame = self._device.take()
            except InterfaceDown:
                self._performance.lost_link = True
                continue  # told once; what was heard before is still there
            if frame is None:
                return
            time_ns = (frame.time_ns or 0) + self._offset_ns - self._zero_ns
            self._record(frame.data, time_ns, self._who(frame))

    def _who(self, frame: Frame) -> str:
        if not frame.outgoing:
            return "host" if frame.data[6:12] == self._script.hosts[0].mac else "other"
        for number, (data, who) in enumerate(self._sent):
            if data == frame.data:
                del self._sent[number]
                return who
        # What the machine at this end sends by itself is no querier's, though the MAC may be one.
        acts = self._script.acting is not None
        is_querier = acts and frame.data[6:12] == self._script.queriers[0].mac
        return "querier" if is_querier else "other"

    def _record(self, data: bytes, time_ns: int, who: str) -> None:
        number = len(self._performance.events) + 1
        decoded = decode(Frame(data, time_ns, number, interface=self._script.interface))
        if isinstance(decoded, Decoded):
            self._performance.events.append(Played(time_ns, who, decoded))
