"""Many machines on one link: who is due next, and who has not heard a message yet.

::

    hear(message, stamp) -> waiting list -> deliver: some machines, in the order of their hurry
    deadlines            -> heap         -> poll: some machines that are due at one moment

Handing a query to ten thousand machines takes a tenth of a second; the first of them must answer
after a hundredth. So a message waits for its hearers: `audience` names those in a hurry first, and
a machine that falls due is brought up to date before anything else. Each machine sees its own
messages and timers in the order of time, whatever the others have seen by then.

No I/O and no clock: `Runner` owns one and calls it.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mldkit.model.datagram import Datagram, Decoded


class StateMachine(Protocol):
    """Rules over time: `mldkit.protocol.host.Host` is one, a querier another."""

    @property
    def deadline_ns(self) -> int | None:
        """When `poll` has something to do; None: nothing is pending."""

    def receive(self, decoded: Decoded, now_ns: int) -> None:
        """Take in a message that arrived at `now_ns`."""

    def poll(self, now_ns: int) -> list[Datagram]:
        """Carry out what is due, or a part of it, and return what is to be sent, in order."""


class _Waiting:
    """A message and the machines that have not heard it."""

    def __init__(self, decoded: Decoded, time_ns: int, hearers: Sequence[int]) -> None:
        self.decoded = decoded
        self.time_ns = time_ns
        self.order: Iterator[int] = iter(hearers)
        self.left = set(hearers)


class Crowd:
    """The machines of one runner; they are known by their position."""

    def __init__(
        self,
        machines: Sequence[StateMachine],
        audience: Callable[[Decoded], Sequence[int]] | None = None,
    ) -> None:
        self._machines = tuple(machines)
        self._everybody = range(len(self._machines))
        self._audience = audience
        self._waiting: deque[_Waiting] = deque()
        self._queue: list[tuple[int, int]] = []
        self._scheduled: list[int | None] = [None] * len(self._machines)
        self._sent: list[tuple[list[Datagram], int]] = []

    def refresh(self, positions: Iterable[int] | None = None) -> None:
        """Look at deadlines again, all or some: their owner has changed machines."""
        for index in self._everybody if positions is None else positions:
            self._schedule(index)

    @property
    def deadline_ns(self) -> int | None:
        """When the first machine has something to do."""
        queue, scheduled = self._queue, self._scheduled
        while queue:
            deadline_ns, index = queue[0]
            if scheduled[index] == deadline_ns:
                return deadline_ns
            heapq.heappop(queue)
        return None

    @property
    def waiting(self) -> int:
        """How many messages somebody has not heard yet."""
        return len(self._waiting)

    @property
    def next_ns(self) -> int | None:
        """When the first thing to do was or will be, a message to hand over included."""
        deadline_ns = self.deadline_ns
        if not self._waiting:
            return deadline_ns
        heard_ns = self._waiting[0].time_ns
        return heard_ns if deadline_ns is None else min(heard_ns, deadline_ns)

    def hear(self, decoded: Decoded, time_ns: int) -> None:
        """Let a message wait for its hearers."""
        hearers = self._everybody if self._audience is None else self._audience(decoded)
        if hearers:
            self._waiting.append(_Waiting(decoded, time_ns, hearers))

    def deliver(self, count: int) -> None:
        """Hand the oldest message to the next `count` of its hearers."""
        message = self._waiting[0]
        for index in message.order:
            if index in message.left:
                message.left.discard(index)
                self._give(index, message)
                count -= 1
                if not count:
                    break
        if not message.left:
            self._waiting.popleft()

    def poll(self, until_ns: int, count: int) -> int:
        """Let up to `count` machines that are due at the earliest moment do what is due then.

        Return that moment, 0 if it lies after `until_ns`.
        """
        first_ns = self.deadline_ns
        if first_ns is None or first_ns > until_ns:
            return 0
        datagrams: list[Datagram] = []
        queue, scheduled, machines = self._queue, self._scheduled, self._machines
        # Hundreds of machines may be due at this moment: each look at an attribute delays the last.
        while count and queue and queue[0][0] == first_ns:
            deadline_ns: int | None
            deadline_ns, index = heapq.heappop(queue)
            if scheduled[index] != deadline_ns:
                continue
            scheduled[index] = None
            machine = machines[index]
            if self._waiting:
                # What it hears now may put off what it was going to do.
                self._catch_up(index, first_ns)
                deadline_ns = machine.deadline_ns
            if deadline_ns is not None and deadline_ns <= first_ns:
                datagrams += machine.poll(first_ns)
            self._schedule(index)
            count -= 1
        if datagrams:
            self._sent.append((datagrams, first_ns))
        return first_ns

    def sent(self) -> list[tuple[list[Datagram], int]]:
        """Return what is to be sent since the last call, each with the moment it was due."""
        sent, self._sent = self._sent, []
        return sent

    def _catch_up(self, index: int, until_ns: int) -> None:
        """Hand one machine what it has not heard of the time until `until_ns`."""
        for message in self._waiting:
            if message.time_ns > until_ns:
                break
            if index in message.left:
                message.left.discard(index)
                self._give(index, message)

    def _give(self, index: int, message: _Waiting) -> None:
        """Hand over one message, after what the machine had to do before it."""
        machine = self._machines[index]
        while (deadline_ns := machine.deadline_ns) is not None and deadline_ns <= message.time_ns:
            datagrams = machine.poll(deadline_ns)
            if datagrams:
                self._sent.append((datagrams, deadline_ns))
        machine.receive(message.decoded, message.time_ns)
        self._schedule(index)

    def _schedule(self, index: int) -> None:
        deadline_ns = self._machines[index].deadline_ns
        if deadline_ns != self._scheduled[index]:
            self._scheduled[index] = deadline_ns
            if deadline_ns is not None:
                heapq.heappush(self._queue, (deadline_ns, index))
