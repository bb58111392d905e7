"""Who queries the link: the start and the election.

::

                 start                    lower address heard
    (nothing) ---------> querier  --------------------------------> silent
                         General Queries:                           other-querier timer,
                         robustness times at QI/4,  <-------------  restarted by each
                         then every QI               timer ended    General Query heard

(RFC 9776 §6.6.2, RFC 9777 §7.6.2.) While silent the robustness and the interval are those of the
elected querier; a router that takes over goes back to its own. What is asked and when is in
`GeneralQueries`, in which version in `QuerierVersion`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mldkit.model.addresses import is_unspecified
from mldkit.protocol.general_queries import GeneralQueries
from mldkit.protocol.querier_events import Elected, OtherQuerier
from mldkit.protocol.querier_version import QuerierVersion
from mldkit.protocol.timer import Timer
from mldkit.protocol.variables import Variables, election_rank, variables_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.addresses import Address
    from mldkit.model.messages import Query
    from mldkit.protocol.querier_events import Observer
    from mldkit.protocol.querier_settings import QuerierSettings
    from mldkit.protocol.timer import Timers


class Election:
    """One family of a router that takes part in elections."""

    def __init__(
        self,
        settings: QuerierSettings,
        address: Address,
        timers: Timers,
        send: Callable[[Query, int], None],
        observe: Observer = None,
    ) -> None:
        self.settings = settings
        self.address = address
        self.is_querier = False
        self.elected: Address | None = None
        """The acting querier as far as is known; None before anything was heard or sent."""
        self.variables = self._own_variables
        """Those in force on the link."""
        self._timers = timers
        self._observe = observe
        self._version = QuerierVersion(settings, timers, observe)
        self._queries = GeneralQueries(settings, self._version, timers, send)
        self._other = Timer(settings.family, "other querier present", self._take_over)
        self._elected_until_ns = 0
        self._rival: Address | None = None

    def start(self, now_ns: int) -> None:
        """Begin as the querier; whoever has heard a lower address before stays silent instead."""
        if self.elected is None:
            self._queries.startup()
            self._win("start", now_ns)

    def version(self, now_ns: int) -> int:
        """Return the version of the queries that are sent now."""
        return self._version.at(now_ns)

    def hear(self, query: Query, source: Address, now_ns: int) -> None:
        """Take in a General Query of somebody else; one from 0.0.0.0 decides nothing."""
        if is_unspecified(source):
            return
        own, other = election_rank(self.address), election_rank(source)
        if other < own:
            self._yield(query, source, now_ns)
        elif source != self._rival:
            self._rival = source
            self._tell(OtherQuerier(now_ns, self.settings.family, source, is_tie=other == own))
        # The interval after which hosts themselves return to the current version.
        until_ns = now_ns + self.variables.older_host_ns
        self._version.hear(query.version, source, until_ns, now_ns)

    @property
    def _own_variables(self) -> Variables:
        return replace(self.settings.variables, response_ns=self.settings.response_ns)

    def _win(self, reason: str, now_ns: int) -> None:
        self.is_querier = True
        self.elected = self.address
        self.variables = self._own_variables
        self._tell(Elected(now_ns, self.settings.family, self.address, reason, is_own=True))
        self._queries.ask(now_ns)

    def _yield(self, query: Query, source: Address, now_ns: int) -> None:
        """Leave the link to a router with a lower address, or go on doing so."""
        self._queries.stop()
        is_best = (
            self.elected is None
            or self.is_querier
            or election_rank(source) <= election_rank(self.elected)
            or now_ns >= self._elected_until_ns
        )
        if is_best:
            self.variables = self._announced(query)
            self._elected_until_ns = now_ns + self.variables.other_querier_ns
        if is_best and source != self.elected:
            self.elected = source
            family = self.settings.family
            self._tell(Elected(now_ns, family, source, "lower address", is_own=False))
        self.is_querier = False
        self._timers.arm(self._other, self.variables.other_querier_ns, now_ns)

    def _announced(self, query: Query) -> Variables:
        """Return what a query says; older ones say no more than the response time."""
        if query.interval_ns is None:
            return replace(self.variables, response_ns=query.max_response_ns)
        return variables_of(query)

    def _take_over(self, now_ns: int) -> None:
        self._win("the other querier has gone", now_ns)

    def _tell(self, event: Elected | OtherQuerier) -> None:
        if self._observe is not None:
            self._observe(event)
