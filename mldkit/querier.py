"""The job `querier`: be a querier on a real link, and tell what happens there.

::

    listen a moment -> a lower querier? -> start -> queries, elections, memberships ... -> end

The rules are those of `mldkit.protocol.querier`, the time is that of `mldkit.link.runner`. What
happens comes as events in order; a query that left is one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeAlias

from mldkit.link import clock, interfaces
from mldkit.link.runner import Runner
from mldkit.model.messages import Query
from mldkit.protocol.querier import Querier
from mldkit.protocol.querier_events import Elected, QuerierEvent
from mldkit.wire.decoder import Decoder
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mldkit.link.device import PacketSocket
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram, Frame
    from mldkit.model.family import Family
    from mldkit.protocol.querier_events import MembershipChanged
    from mldkit.protocol.querier_settings import QuerierSettings


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


class QuerierJob:
    """A querier that runs on a device; use it as a context manager."""

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
        self._ends_with_election = False
        self._own = {settings.family: address for address, settings in addresses.items()}
        self._interface = device.interface
        # What was never its own, a source that somebody asked for, cannot go.
        self._had = self._current() & set(addresses)
        self.querier = Querier(device.interface.mac, addresses, self._observe)
        self._runner = Runner(
            device,
            self.querier,
            decode=Decoder().decode,
            encode=encode_frame,
            on_frame=on_frame,
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

    def listen(self, duration_ns: int, *, to_the_end: bool) -> tuple[Standing, ...]:
        """Send nothing for so long; return the families in which a lower address queries.

        Unless `to_the_end`, the first of these ends it.
        """
        self._ends_with_election = not to_the_end
        self._runner.run(self._runner.now_ns + duration_ns)
        self._ends_with_election = False
        return tuple(one for one in self.standings() if one.elected is not None)

    def run(self, duration_ns: int | None = None) -> None:
        """Be a querier for a time, or until an interrupt; raises LinkError when the link fails."""
        now_ns = self._runner.now_ns
        self.querier.start(now_ns)
        self._runner.run(None if duration_ns is None else now_ns + duration_ns)

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

    def _observe(self, event: QuerierEvent) -> None:
        self._tell(event)
        if self._ends_with_election and isinstance(event, Elected):
            self._runner.stop()

    def _sent(self, sent: list[tuple[Datagram, bytes]], _intended_ns: int, sent_ns: int) -> None:
        for datagram, _ in sent:
            query = datagram.message
            if isinstance(query, Query):
                self.queries += 1
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
