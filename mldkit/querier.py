"""The job `querier`: be a querier on a real link, and tell what happens there.

::

    listen a moment -> another querier? -> start -> queries, elections, memberships ... -> end

The rules are those of `mldkit.protocol.querier`, the time is that of `mldkit.link.runner`. What
happens comes as events in order; a query that left is one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeAlias

from mldkit.link import clock, interfaces
from mldkit.link.runner import Runner
from mldkit.model.addresses import is_unspecified
from mldkit.model.messages import Query
from mldkit.protocol.querier import Querier
from mldkit.protocol.querier_events import QuerierEvent
from mldkit.protocol.reception import accepted
from mldkit.protocol.variables import election_rank
from mldkit.wire.decoder import Decoder
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mldkit.link.account import Account
    from mldkit.link.device import PacketSocket
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram, Decoded, Frame
    from mldkit.model.family import Family
    from mldkit.protocol.querier_events import MembershipChanged
    from mldkit.protocol.querier_settings import QuerierSettings


MOST_HEARD = 64
"""Queriers that are named before the start; more are no link but a flood."""


@dataclass(frozen=True, slots=True)
class QuerySent:
    """A query was handed to the device."""

    time_ns: int
    family: Family
    source: Address
    query: Query


@dataclass(frozen=True, slots=True)
class AddressGone:
    """The interface has lost the address that queries come from; they go on as they were."""

    time_ns: int
    family: Family
    address: Address


@dataclass(frozen=True, slots=True)
class QuerierHeard:
    """Somebody else sent a query that a router accepts, before this one began."""

    family: Family
    own: Address
    address: Address

    @property
    def rank(self) -> str:
        """How it stands in the election to this one: `lower`, `higher`, `tie` or `none`."""
        if is_unspecified(self.address):
            return "none"
        other, own = election_rank(self.address), election_rank(self.own)
        if other == own:
            return "tie"
        return "lower" if other < own else "higher"


class Neighbours:
    """Who else queries before this one begins, for a group or for all of them."""

    def __init__(self, own: Mapping[Family, Address], *, is_first_enough: bool) -> None:
        self.is_first_enough = is_first_enough
        self.heard: dict[tuple[Family, Address], QuerierHeard] = {}
        self._own = own

    def hear(self, decoded: Decoded) -> bool:
        """Take a message of somebody else in; return whether it is a query that routers accept."""
        if not isinstance(accepted(decoded), Query):
            return False
        family, address = decoded.family, decoded.datagram.source
        if len(self.heard) < MOST_HEARD:
            entry = QuerierHeard(family, self._own[family], address)
            self.heard.setdefault((family, address), entry)
        return True


QuerierJobEvent: TypeAlias = QuerierEvent | QuerySent | AddressGone


@dataclass(frozen=True, slots=True)
class Standing:
    """How one family stands in the election."""

    family: Family
    own: Address
    elected: Address | None
    is_querier: bool
    version: int
    """Version of the own queries."""
    asked_ns: int | None = None
    """When the last General Query of this one left; None where none did."""


class QuerierJob:
    """A querier that runs on a device; use it as a context manager.

    It has more methods than a class should, because it is asked how things stand, for people and in
    documents, beside what it does.
    """

    def __init__(
        self,
        device: PacketSocket,
        addresses: Mapping[Address, QuerierSettings],
        tell: Callable[[QuerierJobEvent], None],
        on_frame: Callable[[Frame], None] | None = None,
    ) -> None:
        self.queries = 0
        """Queries that were sent."""
        self._tell = tell
        self._asked_ns: dict[Family, int] = {}
        self._own = {settings.family: address for address, settings in addresses.items()}
        self.settings = {settings.family: settings for settings in addresses.values()}
        self._interface = device.interface
        # What was never its own, a source that somebody asked for, cannot go.
        self._had = self._current() & set(addresses)
        self._neighbours: Neighbours | None = None
        self.querier = Querier(device.interface.mac, addresses, tell)
        self._runner = Runner(
            device,
            self.querier,
            decode=Decoder().decode,
            encode=encode_frame,
            on_frame=on_frame,
            on_message=self._hear,
            on_sent=self._sent,
        )
        self._wall_offset_ns = clock.wall_offset_ns()
        self.begun_ns = self._runner.now_ns

    def __enter__(self) -> Self:
        """Return the job itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release what it waits with; the device stays open."""
        self._runner.close()

    def wall_ns(self, time_ns: int) -> int:
        """Return the time since the epoch of an event."""
        return time_ns - self._wall_offset_ns

    def listen(self, duration_ns: int, *, to_the_end: bool) -> tuple[QuerierHeard, ...]:
        """Send nothing for so long; return who else queries, whatever the address.

        Unless `to_the_end`, the first of these ends it.
        """
        neighbours = self._neighbours = Neighbours(self._own, is_first_enough=not to_the_end)
        self._runner.run(self._runner.now_ns + duration_ns)
        self._neighbours = None
        return tuple(neighbours.heard.values())

    def run(self, duration_ns: int | None = None) -> None:
        """Be a querier for a time, or until an interrupt; raises LinkError when the link fails."""
        now_ns = self._runner.now_ns
        self.querier.start(now_ns)
        self._runner.run(None if duration_ns is None else now_ns + duration_ns)

    def stop(self) -> None:
        """Let `listen` or `run` return soon, between two messages; a signal handler may call it."""
        self._runner.stop()

    def end(self) -> Account:
        """Take in what came before, send nothing more, and return what became of all frames."""
        return self._runner.end()

    def standings(self) -> tuple[Standing, ...]:
        """Return how the elections stand."""
        querier, now_ns = self.querier, self._runner.now_ns
        return tuple(
            Standing(
                family,
                own,
                querier.elected(family),
                querier.is_querier(family),
                querier.version(family, now_ns),
                self._asked_ns.get(family),
            )
            for family, own in self._own.items()
        )

    def members(self) -> tuple[MembershipChanged, ...]:
        """Return the groups that somebody listens to."""
        return tuple(self.querier.members(self._runner.now_ns))

    @property
    def elapsed_ns(self) -> int:
        """How long it has been going on."""
        return self._runner.now_ns - self.begun_ns

    @property
    def now_ns(self) -> int:
        """The time now, as events have it."""
        return self._runner.now_ns

    def _hear(self, decoded: Decoded, _now_ns: int) -> None:
        neighbours = self._neighbours
        if neighbours is None or not self.querier.hears(decoded):
            return
        if neighbours.hear(decoded) and neighbours.is_first_enough:
            self._runner.stop()

    def _sent(self, sent: list[tuple[Datagram, bytes]], _intended_ns: int, sent_ns: int) -> None:
        for datagram, _ in sent:
            query = datagram.message
            if isinstance(query, Query):
                self.queries += 1
                if query.is_general:
                    self._asked_ns[query.family] = sent_ns
                self._tell(QuerySent(sent_ns, query.family, datagram.source, query))
                if query.is_general:
                    self._check(datagram.source, query.family, sent_ns)

    def _check(self, source: Address, family: Family, now_ns: int) -> None:
        """Say once that the interface has its address no longer."""
        if source in self._had and source not in self._current():
            self._had.discard(source)
            self._tell(AddressGone(now_ns, family, source))

    def _current(self) -> set[Address]:
        known = interfaces.addresses_by_index().get(self._interface.index, ())
        return {entry.address for entry in known}
