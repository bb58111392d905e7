"""One querier: what it announces, when it acted, and the rhythm in which it asks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from mldkit.model.family import DEFAULT_QUERY_INTERVAL_NS
from mldkit.protocol.variables import election_rank, variables_of

if TYPE_CHECKING:
    from mldkit.analysis.facts import Mark
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Query
    from mldkit.protocol.variables import Variables

_MOST_GAPS = 1000


class Rhythm:
    """The intervals at which a querier asks.

    General Queries closer together than their maximum response time count once, and the first
    ones of a start come at a quarter of the interval (RFC 9776 §8.6), so they make none.
    """

    def __init__(self) -> None:
        self.gaps: deque[int] = deque(maxlen=_MOST_GAPS)
        """Times between rounds, in nanoseconds."""
        self._rounds = 0
        """Queries that do not follow another one within the response time."""
        self._round_ns = 0

    @property
    def observed_ns(self) -> int | None:
        """Median of the intervals between its General Queries."""
        return round(median(self.gaps)) if self.gaps else None

    def query(self, now_ns: int, since_last_ns: int, variables: Variables) -> None:
        """Take in a query to everybody, with the time since the one before."""
        if self._rounds and since_last_ns < variables.response_ns:
            return
        self._rounds += 1
        if self._rounds > variables.robustness + 1:
            self.gaps.append(now_ns - self._round_ns)
        self._round_ns = now_ns

    def restart(self) -> None:
        """Take in that the next queries are the first ones of a start."""
        self._rounds = 0


@dataclass(slots=True, eq=False)
class Querier:
    """One address that sends General Queries."""

    address: Address
    mac: bytes | None
    version: int | None
    first: Mark
    last_ns: int
    variables: Variables
    announced_ns: int | None = None
    """Query interval as announced; None where the version carries none."""
    general_queries: int = 0
    acting: list[tuple[int, int]] = field(default_factory=list)
    """When it was the acting one: from, to."""
    session_ns: int = 0
    """Since when it queries without a long silence."""
    in_session: int = 0
    """Queries since then."""
    rhythm: Rhythm = field(default_factory=Rhythm)

    @property
    def first_ns(self) -> int:
        """Time of its first query."""
        return self.first.time_ns

    @property
    def observed_ns(self) -> int | None:
        """Median of the intervals between its General Queries."""
        return self.rhythm.observed_ns

    def rank(self) -> tuple[bool, bytes]:
        """Return what the election compares; the lowest wins."""
        return election_rank(self.address)

    def query(self, query: Query, now_ns: int, *, to_everybody: bool) -> None:
        """Take in a General Query; one that was not sent to all hosts has no rhythm."""
        since_last_ns = now_ns - self.last_ns
        if since_last_ns > self.variables.other_querier_ns:
            self.session_ns, self.in_session = now_ns, 0
        if to_everybody and query.interval_ns is not None:
            self.rhythm.query(now_ns, since_last_ns, self.variables)
        self.general_queries += 1
        self.in_session += 1
        self.last_ns = now_ns
        self.version = query.version
        self.variables = variables_of(query)
        if query.interval_ns is not None:
            self.announced_ns = query.interval_ns or DEFAULT_QUERY_INTERVAL_NS
