"""Runs machines without I/O in real time on one interface.

::

    frame, kernel stamp -> decode -> machine.receive(decoded, stamp)
    machine.deadline_ns -> alarm  -> machine.poll(deadline) -> encode -> send -> lateness

All times given to a machine are monotonic nanoseconds (`clock.now_ns`), never going back. The
"now" of a message is when the kernel received it, not when it is read here: timers that expired
before are carried out first. A timer is carried out at its deadline, never before, and the machine
is told the deadline as "now": how late this process really was is in `lateness` alone.

The caller says how octets are read and made, because layers of one height do not know each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from mldkit.link import clock
from mldkit.link.account import Account
from mldkit.link.alarm import Alarm
from mldkit.link.crowd import Crowd
from mldkit.link.lateness import Lateness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mldkit.link.crowd import StateMachine
    from mldkit.link.device import PacketSocket
    from mldkit.link.rate_limit import RateLimit
    from mldkit.model.datagram import Datagram, Decoded, Frame

_FRAMES_AT_ONCE = 64
"""Frames that are read before due timers are looked at again."""
_MACHINES_AT_ONCE = 16
"""Machines that do something before anything is sent and the socket is read again."""


class Runner:
    """Drives one machine, or many, over one device until it is stopped.

    `device`    what it listens to and sends on; stays open. Its interface must be up.
    `machine`   what is driven: one `StateMachine` or a sequence of them (`mldkit.link.crowd`). The
                owner may change them between two runs (`host.sockets.join(..., runner.now_ns)`)
                and in callbacks of `watch`; elsewhere `refresh` makes it known.
    `decode`    frame to messages: `mldkit.wire.decoder.Decoder().decode`.
    `encode`    datagram to octets: `mldkit.wire.encode.encode_frame`.
    `audience`  message to the positions of the machines that hear it, those in a hurry first;
                without it all do.
    `on_frame`  called with every frame that is heard, own ones too (`Frame.outgoing`, with the
                stamp of leaving): captures are written from it.
    `on_message` called with (decoded, now_ns) of what the machines hear.
    `on_sent`   called with (sent, intended_ns, sent_ns) afterwards, `sent` the datagrams, each with
                its octets.
    `limit`     how much may be sent; without it everything is. What is beyond it is not sent, as if
                it were lost on the way, and counted by the limit: the machines do not know.
    `on_idle`   called with the next deadline, or None, when there is nothing to do until then;
                returns whether it did something, and is called again after a look around if so.

    What this machine sends (`Frame.outgoing`) is not given to the machines, as a kernel does not
    hear its own. Use::

        with PacketSocket("eth1") as device:
            with Runner(device, host, decode=Decoder().decode, encode=encode_frame) as runner:
                host.link_up(runner.now_ns)
                runner.run(runner.now_ns + 5 * SECOND)          # returns after five seconds
                host.sockets.join(group, (), runner.now_ns)
                runner.run()                                    # until stop() or an exception

    `run` raises `InterfaceDown`, `InterfaceRemoved` or `LinkError` when the link fails, and lets
    KeyboardInterrupt through; `lateness` and the machines are complete then as always.

    It has more attributes and methods than a class should, because its owner plugs in how octets
    are read and made, what is told of them and how much may be sent: those are eight of them.
    """

    def __init__(
        self,
        device: PacketSocket,
        machine: StateMachine | Sequence[StateMachine],
        *,
        decode: Callable[[Frame], Iterable[Decoded]],
        encode: Callable[[Datagram], bytes],
        audience: Callable[[Decoded], Sequence[int]] | None = None,
        on_frame: Callable[[Frame], None] | None = None,
        on_message: Callable[[Decoded, int], None] | None = None,
        on_sent: Callable[[list[tuple[Datagram, bytes]], int, int], None] | None = None,
        on_idle: Callable[[int | None], bool] | None = None,
        limit: RateLimit | None = None,
    ) -> None:
        self.lateness = Lateness()
        """Of every frame that was sent: from the deadline to the moment it was handed over."""
        self.on_frame = on_frame
        self.on_message = on_message
        self.on_sent = on_sent
        self.on_idle = on_idle
        self._device = device
        machines = machine if isinstance(machine, Sequence) else (machine,)
        self._crowd = Crowd(machines, audience)
        self._decode = decode
        self._encode = encode
        self._limit = limit
        self._reached_ns = 0
        self._folded = 0
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
        """The time for acts of the owner: the clock, but never before what the machines know."""
        return max(clock.now_ns(), self._reached_ns)

    @property
    def deadline_ns(self) -> int | None:
        """When the first machine has something to do, None when nothing is pending."""
        return self._crowd.next_ns

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call `callback` whenever `descriptor` is readable while `run` goes on."""
        self._callbacks[descriptor] = callback
        self._alarm.watch(descriptor)

    def refresh(self, positions: Iterable[int] | None = None) -> None:
        """Look at the deadlines of the machines again, all or some."""
        self._crowd.refresh(positions)

    def stop(self) -> None:
        """Let `run` return soon; may be called by a callback or a signal handler."""
        self._is_stopped = True
        self._alarm.ring()

    def run(self, until_ns: int | None = None) -> None:
        """Run until the monotonic time `until_ns`, or until `stop`; may be called again.

        What was due until `until_ns` has been carried out when it returns.
        """
        crowd = self._crowd
        crowd.refresh()
        while not self._is_stopped:
            self._hear()
            now_ns = clock.now_ns()
            self._reached_ns = max(self._reached_ns, crowd.poll(now_ns, _MACHINES_AT_ONCE))
            self._send()
            next_ns = crowd.next_ns
            if until_ns is not None and now_ns >= until_ns:
                if next_ns is None or next_ns > until_ns:
                    self._hear()  # what was just sent belongs into a capture too
                    break
            elif next_ns is None or next_ns > now_ns:
                self._rest(next_ns, until_ns)
                continue
            deadline_ns = crowd.deadline_ns
            if crowd.waiting and (deadline_ns is None or deadline_ns > now_ns):
                crowd.deliver(_MACHINES_AT_ONCE)
                self._send()
        self._is_stopped = False

    def end(self) -> Account:
        """Hear no more, take in what came before, and return what became of all frames.

        Nothing is sent any more. A frame at which an exception ended `run` is left.
        """
        self._device.stop()
        offset_ns, ended_ns = clock.wall_offset_ns(), clock.now_ns()
        for frame in self._device.rest():
            if (frame.time_ns or 0) + offset_ns <= ended_ns:
                self._fold(frame, offset_ns)
        while self._crowd.waiting:
            self._crowd.deliver(_MACHINES_AT_ONCE)
        counts = self._device.statistics()
        left = self._device.taken - self._folded
        return Account(counts.received, self._folded, counts.dropped, left)

    def _rest(self, wake_ns: int | None, until_ns: int | None) -> None:
        """Wait for a deadline, a frame or the end; whoever has other work may do it first."""
        if self.on_idle is not None and self.on_idle(wake_ns):
            return
        if until_ns is not None:
            wake_ns = until_ns if wake_ns is None else min(wake_ns, until_ns)
        for descriptor in self._alarm.wait(wake_ns):
            if descriptor in self._callbacks:
                self._callbacks[descriptor]()
                self._crowd.refresh()

    def _hear(self) -> None:
        """Take in what has arrived, each message at its own time."""
        offset_ns = None
        while self._crowd.waiting < _FRAMES_AT_ONCE:
            frame = self._device.take()
            if frame is None:
                return
            if offset_ns is None:
                offset_ns = clock.wall_offset_ns()
            self._fold(frame, offset_ns)

    def _fold(self, frame: Frame, offset_ns: int) -> None:
        if self.on_frame is not None:
            self.on_frame(frame)
        if not frame.outgoing:
            for decoded in self._decode(frame):
                self._take_in(decoded, (frame.time_ns or clock.wall_ns()) + offset_ns)
        self._folded += 1

    def _take_in(self, decoded: Decoded, stamp_ns: int) -> None:
        heard_ns = max(min(stamp_ns, clock.now_ns()), self._reached_ns)
        self._reached_ns = heard_ns
        self._crowd.hear(decoded, heard_ns)
        if self.on_message is not None:
            self.on_message(decoded, heard_ns)

    def _send(self) -> None:
        for due, intended_ns in self._crowd.sent():
            datagrams = due if self._limit is None else self._limit.admit(due, clock.now_ns())
            if not datagrams:
                continue
            left: list[tuple[Datagram, bytes]] = []
            self._device.send_many(self._encoded(datagrams, left))
            sent_ns = clock.now_ns()
            self.lateness.add(sent_ns - intended_ns, len(datagrams))
            if self.on_sent is not None:
                self.on_sent(left, intended_ns, sent_ns)

    def _encoded(
        self, datagrams: list[Datagram], left: list[tuple[Datagram, bytes]]
    ) -> Iterator[bytes]:
        """Give the octets one after the other, so that the first need not wait for the last."""
        for datagram in datagrams:
            octets = self._encode(datagram)
            left.append((datagram, octets))
            yield octets
