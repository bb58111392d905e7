"""The job `join`: be a member of groups with sockets of this kernel, and take in what arrives.

::

    what is asked for -> wishes -> HeldMemberships -> held until the time is over -> left
                                       |
                     datagrams of these groups and wanted sources, where they are received

The kernel announces the memberships and answers queries; nothing is sent from here.
"""

from __future__ import annotations

import select
from contextlib import ExitStack
from dataclasses import dataclass
from socket import AF_INET, AF_INET6
from typing import TYPE_CHECKING, Self

from mldkit.link import clock, datagrams
from mldkit.link.interfaces import find
from mldkit.link.link_watch import LinkWatch
from mldkit.link.membership import HeldMemberships, Wish
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence

    from mldkit.link.datagrams import Received
    from mldkit.model.addresses import Address
    from mldkit.model.notation import GroupSpec


SILENCE_NS = 3 * SECOND
"""After so long without a datagram something may be wrong."""


@dataclass(frozen=True, slots=True)
class JoinPlan:
    """What is to be joined, and whether its data are received."""

    interface: str
    groups: Sequence[GroupSpec]
    blocked: Sequence[Address] = ()
    """Sources that are not wanted, in the groups of their family that are joined from any."""
    receives: bool = False
    port: int | None = None
    """UDP port to receive on; None is every port, for which a raw socket is needed."""

    def blocked_in(self, spec: GroupSpec) -> tuple[Address, ...]:
        """Return the sources that are not wanted in some groups."""
        return tuple(s for s in dict.fromkeys(self.blocked) if concerns(s, spec))

    def wishes(self) -> Iterator[Wish]:
        """Give what is to be joined, group by group."""
        for spec in self.groups:
            sources = tuple(dict.fromkeys(spec.sources))
            blocked = self.blocked_in(spec)
            for group in spec.groups:
                yield Wish(group, sources, blocked)


def concerns(blocked: Address, spec: GroupSpec) -> bool:
    """Return whether a source can be blocked in groups: those of its family joined from any."""
    return not spec.sources and len(spec.groups[0]) == len(blocked)


class Member:
    """The memberships of this program on one interface, joined when it is made.

    Raise `LinkError` where there is no such interface, no permission, or a limit of the kernel.
    """

    def __init__(self, plan: JoinPlan) -> None:
        opener = None if plan.port is None else datagrams.of_port(plan.port)
        with ExitStack() as opened:
            interface = find(plan.interface)
            self._link = opened.enter_context(LinkWatch(interface))
            self._memberships = opened.enter_context(HeldMemberships(interface, opener))
            for wish in plan.wishes():
                self._memberships.join(wish)
            receivers = _receivers(plan, self._memberships)
            self._receivers = [opened.enter_context(receiver) for receiver in receivers]
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        """Return the member itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the groups."""
        self._opened.close()

    @property
    def sockets(self) -> int:
        """How many sockets hold the memberships."""
        return len(list(self._memberships.sockets()))

    def hold(
        self,
        duration_ns: int | None,
        on_change: Callable[[bool], None],
        on_silence: Callable[[], None] | None = None,
    ) -> Iterator[Received]:
        """Give what arrives until the time is over; None is for ever.

        `on_change` is told whether the interface carries frames, whenever that changes, and
        `on_silence` once, where nothing has arrived for three seconds. Raise `LinkError` when the
        interface is gone.
        """
        silent_ns = None if on_silence is None else clock.now_ns() + SILENCE_NS
        # poll, because select takes no more than 1,024 sockets; a signal ends it too.
        descriptors = select.poll()
        by_number = {receiver.fileno(): receiver for receiver in self._receivers}
        for number in (*by_number, self._link.fileno()):
            descriptors.register(number, select.POLLIN)
        buffer = datagrams.header_buffer()
        end_ns = None if duration_ns is None else clock.now_ns() + duration_ns
        while end_ns is None or clock.now_ns() < end_ns:
            if on_silence is not None and silent_ns is not None and clock.now_ns() >= silent_ns:
                silent_ns = None
                on_silence()
            moments = [moment for moment in (end_ns, silent_ns) if moment is not None]
            left_ns = min(moments) - clock.now_ns() if moments else None
            # Rounded up: a poll that ends too early would be asked for again and again.
            left_ms = None if left_ns is None else max(left_ns, 0) // MILLISECOND + 1
            for number, _ in descriptors.poll(left_ms):
                if number == self._link.fileno():
                    for is_ready in self._link.changes():
                        on_change(is_ready)
                    continue
                received = datagrams.read(by_number[number], buffer)
                if received is not None and self._wants(received):
                    silent_ns = None
                    yield received

    def _wants(self, received: Received) -> bool:
        return self._memberships.wants(received.group, received.source)


def _receivers(plan: JoinPlan, memberships: HeldMemberships) -> list[socket.socket]:
    """Return the sockets to read: those that joined, or one a family that gets every port."""
    if not plan.receives:
        return []
    if plan.port is not None:
        return list(memberships.sockets())
    families = {AF_INET if len(spec.groups[0]) == 4 else AF_INET6 for spec in plan.groups}
    return [datagrams.of_every_port(family, plan.interface) for family in sorted(families)]
