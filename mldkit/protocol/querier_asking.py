"""The last-listener process: whether anybody is left, for a group or for some sources of it.

::

    left -> timers lowered to LMQT -> query, and again every LMQI, RV times in all
                                      |
             nobody reports: the timers end, and what was asked for is given up

A query with the S flag tells other routers to leave their timers alone: it is set for what
somebody has reported meanwhile. Queries for sources are two messages therefore, of those still
wanted and of those in doubt (RFC 9776 §6.6.3, RFC 9777 §7.6.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.protocol.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mldkit.model.addresses import Address
    from mldkit.model.messages import Query
    from mldkit.protocol.election import Election
    from mldkit.protocol.querier_filter import DueQueries, RouterFilter
    from mldkit.protocol.timer import Timers


class LastMemberAsking:
    """The queries for one group that are still to be sent."""

    __slots__ = (
        "_election", "_given_ns", "_group", "_group_left", "_group_timer", "_send", "_source_timer",
        "_sources_left", "_timers", "filter",
    )  # fmt: skip

    def __init__(
        self,
        group: Address,
        filter: RouterFilter,
        election: Election,
        timers: Timers,
        send: Callable[[Query, int], None],
    ) -> None:
        self.filter = filter
        self._group = group
        self._election = election
        self._timers = timers
        self._send = send
        family = election.settings.family
        self._group_timer = Timer(family, "group query", self._ask_group, group)
        self._source_timer = Timer(family, "source query", self._ask_sources, group)
        self._group_left = 0
        self._given_ns = 0
        """When the filter timer ends by the last question; reports move it further."""
        self._sources_left: dict[Address, int] = {}

    @property
    def _last_member_ns(self) -> int:
        """Last Member Query Time, in MLD Last Listener Query Time."""
        election = self._election
        return election.variables.robustness * election.settings.last_member_interval_ns

    def asks_for_sources(self, now_ns: int) -> bool:
        """Return whether this is the querier, and its version can say so."""
        return self._may_ask(now_ns) and self._names_sources(now_ns)

    def begin(self, asked: DueQueries, now_ns: int) -> None:
        """Ask, if this is the querier and its version can say so."""
        if not self._may_ask(now_ns):
            return
        if asked.sources and self._names_sources(now_ns):
            self._begin_sources(asked.sources, now_ns)
        if asked.group:
            self._begin_group(now_ns)

    def stop(self) -> None:
        """Ask no more."""
        self._group_left = 0
        self._sources_left.clear()
        self._timers.stop(self._group_timer)
        self._timers.stop(self._source_timer)

    def _may_ask(self, now_ns: int) -> bool:
        """Return whether group queries are ours; IGMPv1 has none (RFC 9776 §7.3.1)."""
        election = self._election
        family = election.settings.family
        return election.is_querier and (family.ip_version == 6 or election.version(now_ns) > 1)

    def _names_sources(self, now_ns: int) -> bool:
        election = self._election
        return election.version(now_ns) == election.settings.family.current_version

    def _begin_group(self, now_ns: int) -> None:
        if self.filter.ends_ns == self._given_ns:
            # Hosts tell a change several times; the question has been put, its time is running.
            return
        self.filter.lower(now_ns + self._last_member_ns)
        self._given_ns = self.filter.ends_ns
        self._group_left = self._election.variables.robustness
        self._ask_group(now_ns)

    def _begin_sources(self, sources: Collection[Address], now_ns: int) -> None:
        until_ns = now_ns + self._last_member_ns
        fresh = self.filter.ask(until_ns, sources)
        if not fresh:
            return
        self._sources_left.update(dict.fromkeys(fresh, self._election.variables.robustness))
        self._ask_sources(now_ns)

    def _ask_group(self, now_ns: int) -> None:
        if not self._may_ask(now_ns):
            self.stop()
            return
        election = self._election
        suppress = self.filter.ends_ns > now_ns + self._last_member_ns
        version = election.version(now_ns)
        self._send(election.settings.group_query(version, self._group, suppress=suppress), now_ns)
        self._group_left -= 1
        if self._group_left:
            interval_ns = election.settings.last_member_interval_ns
            self._timers.arm(self._group_timer, interval_ns, now_ns)

    def _ask_sources(self, now_ns: int) -> None:
        if not self.asks_for_sources(now_ns):
            self._sources_left.clear()
            return
        ends = self.filter.sources
        until_ns = now_ns + self._last_member_ns
        asked = [source for source in self._sources_left if ends.get(source)]
        wanted = [source for source in asked if ends[source] > until_ns]
        doubtful = [source for source in asked if ends[source] <= until_ns]
        self._send_sources(wanted, now_ns, suppress=True)
        self._send_sources(doubtful, now_ns, suppress=False)
        self._sources_left = {
            source: self._sources_left[source] - 1
            for source in asked
            if self._sources_left[source] > 1
        }
        if self._sources_left:
            interval_ns = self._election.settings.last_member_interval_ns
            self._timers.arm(self._source_timer, interval_ns, now_ns)

    def _send_sources(self, sources: list[Address], now_ns: int, *, suppress: bool) -> None:
        settings = self._election.settings
        step = settings.most_sources
        for begin in range(0, len(sources), step):
            part = sources[begin : begin + step]
            query = settings.group_query(
                settings.family.current_version, self._group, part, suppress=suppress
            )
            self._send(query, now_ns)
