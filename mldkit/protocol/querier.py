"""A querier: one router's side of IGMP and MLD on one interface, in both families.

A machine without I/O and clock, driven like `mldkit.protocol.host.Host`::

    start(now_ns)                 the first queries are due; it may have listened before
    receive(decoded, now_ns)      a message arrived
    poll(now_ns) -> datagrams     carry out what is due, return what is to be sent
    deadline_ns                   when poll should be called next; None: nothing is pending

Calls come in the order of time. A querier leaves nothing to chance, and its timers are exact:
they run in nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.model.datagram import Datagram
from mldkit.model.messages import Leave, LegacyReport, Query, Report
from mldkit.model.units import SECOND
from mldkit.protocol.election import Election
from mldkit.protocol.querier_groups import Groups
from mldkit.protocol.querier_room import ROOM, Room
from mldkit.protocol.reception import accepted, is_accepted
from mldkit.protocol.timer import Grid, Timer, Timers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Decoded
    from mldkit.model.family import Family
    from mldkit.protocol.querier_events import MembershipChanged, Observer
    from mldkit.protocol.querier_settings import QuerierSettings


@dataclass(frozen=True, slots=True)
class _Side:
    """One family."""

    election: Election
    groups: Groups


class _NoChance:
    """Timers of a querier draw nothing."""

    def below(self, limit: int, timer: Timer, now_ns: int) -> int:  # noqa: ARG002 (as Chance)
        """Return 0."""
        return 0


class Querier:
    """A router with one interface that knows who listens and takes part in the election."""

    def __init__(
        self,
        mac: bytes,
        addresses: Mapping[Address, QuerierSettings],
        observe: Observer = None,
        room: Room = ROOM,
    ) -> None:
        """Make a querier that asks from each of `addresses`, one of a family at most."""
        self.mac = mac
        self._timers = Timers(Grid(SECOND, wheel=False), _NoChance())
        self._outbox: list[Datagram] = []
        self._oldest_ns = 0
        self._sides: dict[Family, _Side] = {}
        for address, settings in addresses.items():
            election = Election(settings, address, self._timers, self._send, observe)
            groups = Groups(election, self._timers, self._send, observe, room)
            self._sides[settings.family] = _Side(election, groups)

    @property
    def families(self) -> tuple[Family, ...]:
        """The families that it asks in."""
        return tuple(self._sides)

    @property
    def deadline_ns(self) -> int | None:
        """When `poll` has something to do."""
        return self._oldest_ns if self._outbox else self._timers.deadline_ns

    def start(self, now_ns: int) -> None:
        """Begin as the querier of the link, where no lower address has been heard before."""
        for side in self._sides.values():
            side.election.start(now_ns)

    def hears(self, decoded: Decoded) -> bool:
        """Whether a message is of this link and of somebody else, who is known by the MAC."""
        datagram = decoded.datagram
        # Another VLAN is another link; id 0 marks a priority and names none (IEEE 802.1Q).
        is_foreign = datagram.link_source == self.mac or any(datagram.vlan)
        return decoded.family in self._sides and not is_foreign

    def receive(self, decoded: Decoded, now_ns: int) -> None:
        """Take in a message that arrived at `now_ns`; own messages are known by their MAC."""
        if not self.hears(decoded):
            return
        side, datagram = self._sides[decoded.family], decoded.datagram
        message = accepted(decoded)
        groups, host = side.groups, datagram.source
        if isinstance(message, Query):
            if message.is_general:
                side.election.hear(message, host, now_ns)
            else:
                groups.hear_query(message, now_ns)
        elif isinstance(message, Report):
            for record in message.records:
                if is_accepted(record):
                    groups.record(record, host, now_ns)
        elif isinstance(message, LegacyReport):
            groups.older_report(message, host, now_ns)
        elif isinstance(message, Leave):
            groups.leave(message, host, now_ns)

    def poll(self, now_ns: int) -> list[Datagram]:
        """Carry out the timers that are due and return what is to be sent, in order."""
        self._timers.run(now_ns)
        sent, self._outbox = self._outbox, []
        return sent

    def elected(self, family: Family) -> Address | None:
        """Return who queries the link as far as is known, None where nothing is."""
        return self._sides[family].election.elected

    def is_querier(self, family: Family) -> bool:
        """Return whether this router is the one that queries."""
        return self._sides[family].election.is_querier

    def version(self, family: Family, now_ns: int) -> int:
        """Return the version of the queries at `now_ns`."""
        return self._sides[family].election.version(now_ns)

    def members(self, now_ns: int) -> Iterator[MembershipChanged]:
        """Give the state of every group of both families."""
        for side in self._sides.values():
            yield from side.groups.members(now_ns)

    @property
    def left_out(self) -> int:
        """How many groups made room for others, and records had more sources than are kept."""
        return sum(side.groups.left_out for side in self._sides.values())

    def _send(self, query: Query, now_ns: int) -> None:
        family = query.family
        source = self._sides[family].election.address
        destination = family.all_hosts if query.is_general else query.group
        if not self._outbox:
            self._oldest_ns = now_ns
        self._outbox.append(
            Datagram(
                source,
                destination,
                query,
                traffic_class=family.traffic_class,
                link_source=self.mac,
            )
        )
