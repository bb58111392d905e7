"""Runs a machine without I/O in real time on one interface.

::

    frame, kernel stamp -> decode -> machine.receive(decoded, stamp)
    machine.deadline_ns -> alarm  -> machine.poll(deadline) -> encode -> send -> lateness

All times given to the machine are monotonic nanoseconds (`clock.now_ns`), never going back. The
"now" of a message is when the kernel received it, not when it is read here: timers that expired
before are carried out first. A timer is carried out at its deadline, never before, and the machine
is told the deadline as "now": how late this process really was is in `lateness` alone.

The caller says how octets are read and made, because layers of one height do not know each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from mldkit.link import clock
from mldkit.link.alarm import Alarm
from mldkit.link.lateness import Lateness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mldkit.link.device import PacketSocket
    from mldkit.model.datagram import Datagram, Decoded, Frame

_FRAMES_AT_ONCE = 64
"""Frames that are read before due timers are looked at again."""
_POLLS_AT_ONCE = 16


class Machine(Protocol):
    """Rules over time: `mldkit.protocol.host.Host` is one, a querier another."""

    @property
    def deadline_ns(self) -> int | None:
        """When `poll` has something to do; None: nothing is pending."""

    def receive(self, decoded: Decoded, now_ns: int) -> None:
        """Take in a message that arrived at `now_ns`."""

    def poll(self, now_ns: int) -> list[Datagram]:
        """Carry out what is due, or a part of it, and return what is to be sent, in order."""


class Runner:
    """Drives one machine over one device until it is stopped.

    `device`    what it listens to and sends on; stays open. Its interface must be up.
    `machine`   what is driven. Its deadline is asked for after every call, so the owner may change
                it between two runs (`host.sockets.join(..., now_ns)`), or from a callback.
    `decode`    frame to messages: `mldkit.wire.decoder.Decoder().decode`.
    `encode`    datagram to octets: `mldkit.wire.encode.encode_frame`.
    `on_frame`  called with every frame that is heard, own ones too (`Frame.outgoing`, with the
                stamp of leaving): captures are written from it.
    `on_sent`   called with (datagrams, intended_ns, sent_ns) after they were sent.

    What this machine sends (`Frame.outgoing`) is not given to the machine, as a kernel does not
    hear its own. Use::

        with PacketSocket("eth1") as device:
            with Runner(device, host, decode=Decoder().decode, encode=encode_frame) as runner:
                host.link_up(runner.now_ns)
                runner.run(runner.now_ns + 5 * SECOND)          # returns after five seconds
                host.sockets.join(group, (), runner.now_ns)
                runner.run()                                    # until stop() or an exception

    `run` raises `InterfaceDown`, `InterfaceRemoved` or `LinkError` when the link fails, and lets
    KeyboardInterrupt through; `lateness` and the machine are complete then as always.
    """

    def __init__(
        self,
        device: PacketSocket,
        machine: Machine,
        *,
        decode: Callable[[Frame], Iterable[Decoded]],
        encode: Callable[[Datagram], bytes],
        on_frame: Callable[[Frame], None] | None = None,
        on_sent: Callable[[list[Datagram], int, int], None] | None = None,
    ) -> None:
        self.lateness = Lateness()
        """Of every frame that was sent: from the deadline to the moment it was handed over."""
        self.on_frame = on_frame
        self.on_sent = on_sent
        self._device = device
        self._machine = machine
        self._decode = decode
        self._encode = encode
        self._reached_ns = 0
        self._is_stopped = False
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._alarm = Alarm()
        self._alarm.watch(device.fileno())

    def __enter__(self) -> Self:
        """Return the runner itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it; the device stays open."""
        self.close()

    def close(self) -> None:
        """Close what it waits with."""
        self._alarm.close()

    @property
    def now_ns(self) -> int:
        """The time for acts of the owner: the clock, but never before what the machine knows."""
        return max(clock.now_ns(), self._reached_ns)

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call `callback` whenever `descriptor` is readable while `run` goes on."""
        self._callbacks[descriptor] = callback
        self._alarm.watch(descriptor)

    def stop(self) -> None:
        """Let `run` return soon; may be called by a callback or a signal handler."""
        self._is_stopped = True
        self._alarm.ring()

    def run(self, until_ns: int | None = None) -> None:
        """Run until the monotonic time `until_ns`, or until `stop`; may be called again.

        What was due until `until_ns` has been carried out when it returns.
        """
        while not self._is_stopped:
            self._hear()
            now_ns = clock.now_ns()
            self._carry_out(now_ns, _POLLS_AT_ONCE)
            wake_ns = self._machine.deadline_ns
            if wake_ns is not None and wake_ns <= now_ns:
                continue
            if until_ns is not None:
                if now_ns >= until_ns:
                    break
                wake_ns = until_ns if wake_ns is None else min(wake_ns, until_ns)
            for descriptor in self._alarm.wait(wake_ns):
                if descriptor in self._callbacks:
                    self._callbacks[descriptor]()
        self._is_stopped = False

    def _hear(self) -> None:
        """Give the machine what has arrived, each message at its own time."""
        offset_ns = None
        for _ in range(_FRAMES_AT_ONCE):
            frame = self._device.take()
            if frame is None:
                return
            if self.on_frame is not None:
                self.on_frame(frame)
            if frame.outgoing:
                continue
            for decoded in self._decode(frame):
                if offset_ns is None:
                    offset_ns = clock.wall_offset_ns()
                now_ns = clock.now_ns()
                stamp_ns = min(frame.time_ns + offset_ns, now_ns) if frame.time_ns else now_ns
                self._carry_out(stamp_ns)
                self._reached_ns = max(self._reached_ns, stamp_ns)
                self._machine.receive(decoded, self._reached_ns)

    def _carry_out(self, until_ns: int, polls: int | None = None) -> None:
        """Carry out what is due until `until_ns`, with no more than so many calls."""
        machine = self._machine
        while (deadline_ns := machine.deadline_ns) is not None and deadline_ns <= until_ns:
            if polls is not None:
                if not polls:
                    return
                polls -= 1
            self._reached_ns = max(self._reached_ns, deadline_ns)
            datagrams = machine.poll(deadline_ns)
            if datagrams:
                self._send(datagrams, deadline_ns)

    def _send(self, datagrams: list[Datagram], intended_ns: int) -> None:
        self._device.send_many(map(self._encode, datagrams))
        sent_ns = clock.now_ns()
        self.lateness.add(sent_ns - intended_ns, len(datagrams))
        if self.on_sent is not None:
            self.on_sent(datagrams, intended_ns, sent_ns)
