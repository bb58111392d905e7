"""One querier: what it announces, when it acted, and the rhythm in which it asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.model.units import SECOND
from mldkit.protocol.variables import Variables, election_rank, variables_of

if TYPE_CHECKING:
    from mldkit.analysis.facts import Mark
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Query

_MOST_GAPS = 1000
_MOST_ACTING = 10_000
"""Times as the acting one that are kept."""
_STEADY_QUERIES, _STEADY_NS = 3, 60 * SECOND
"""Who asks again after so long is no passing address."""
_MOST_REPEATS = 4
"""Queries of which all but one may be repeats: starts have RV of them, mirrored ports two."""
LEAST_INTERVALS = 3
"""Fewer prove nothing about an interval."""


class Rhythm:
    """The intervals at which a querier asks.

    General Queries that follow another one within the response time, or within half the interval
    where that is shorter, repeat it: a start, a change of the topology, a copy. They make no
    interval of their own, unless the querier asks like that all the time. Nor do the first ones of
    a start, which come at a quarter of the interval (RFC 9776 §8.6).
    """

    def __init__(self) -> None:
        self._rounds: list[int] = []
        """Times between queries that repeat no other, in nanoseconds."""
        self._gaps: list[int] = []
        """Times between all queries."""
        self._queries = self._asked = 0
        """Queries since the start, all and without the repeated ones."""
        self._last_ns = self._round_ns = 0
        self._variables = Variables()

    @property
    def intervals(self) -> list[int]:
        """The intervals that can be judged, in nanoseconds."""
        variables = self._variables
        burst_ns = LEAST_INTERVALS * _repeat_limit_ns(variables)
        is_rhythm = self._queries > _MOST_REPEATS * self._asked and sum(self._gaps) > burst_ns
        gaps = self._gaps if is_rhythm else self._rounds
        # What is longer is a silence and no interval, unless the querier always asks like that.
        usual = [gap for gap in gaps if gap <= variables.other_querier_ns]
        if 2 * len(usual) >= len(gaps):
            return usual
        return list(gaps) if len(gaps) >= LEAST_INTERVALS else []

    @property
    def observed_ns(self) -> int | None:
        """Median of the intervals, in nanoseconds; None where there are none.

        Where half of them and more are as announced, that is the interval: the others are those of
        a restart, or of a change of the topology.
        """
        intervals = self.intervals
        interval_ns = self._variables.interval_ns
        kept = [one for one in intervals if is_about(one, interval_ns)]
        if 2 * len(kept) >= len(intervals):
            intervals = kept
        return sorted(intervals)[(len(intervals) - 1) // 2] if intervals else None

    def query(self, now_ns: int, variables: Variables) -> None:
        """Take in a query to everybody, and what its querier announced."""
        since_last_ns, self._last_ns = now_ns - self._last_ns, now_ns
        self._variables = variables
        self._queries += 1
        # The first RV ones are those of a start, and so is the interval that the next one ends.
        if self._queries > variables.robustness + 1:
            _append(self._gaps, since_last_ns)
        if self._asked and since_last_ns < _repeat_limit_ns(variables):
            return
        self._asked += 1
        if self._asked > variables.robustness + 1:
            _append(self._rounds, now_ns - self._round_ns)
        self._round_ns = now_ns

    def restart(self) -> None:
        """Take in that the next queries are the first ones of a start."""
        self._queries = self._asked = 0


@dataclass(slots=True, eq=False)
class Querier:
    """One address that sends General Queries.

    It has more attributes than a class should, because it is one flat record of what it announces
    and when it asked.
    """

    address: Address
    mac: bytes | None
    version: int | None
    first: Mark
    last_ns: int
    variables: Variables
    announced_ns: int | None = None
    """Query interval as announced, 0 for none; None where the version carries none."""
    general_queries: int = 0
    acting: list[tuple[int, int]] = field(default_factory=list)
    """When it was the acting one: from, to."""
    is_acting: bool = False
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

    @property
    def is_steady(self) -> bool:
        """Whether it asks again and again."""
        is_long = self.last_ns - self.first_ns >= _STEADY_NS
        return is_long and self.general_queries >= _STEADY_QUERIES

    def acted(self, from_ns: int, to_ns: int) -> None:
        """Take in that its time as the acting one is over."""
        self.is_acting = False
        if len(self.acting) >= _MOST_ACTING:
            del self.acting[: _MOST_ACTING // 2]
        self.acting.append((from_ns, to_ns))

    def rank(self) -> tuple[bool, bytes]:
        """Return what the election compares; the lowest wins."""
        return election_rank(self.address)

    def query(self, query: Query, now_ns: int, *, to_everybody: bool) -> None:
        """Take in a General Query; one that was not sent to all hosts has no rhythm."""
        since_last_ns = now_ns - self.last_ns
        if since_last_ns > self.variables.other_querier_ns:
            self.session_ns, self.in_session = now_ns, 0
        if to_everybody and query.interval_ns is not None:
            self.rhythm.query(now_ns, self.variables)
        self.general_queries += 1
        self.in_session += 1
        self.last_ns = now_ns
        self.version = query.version
        self.variables = variables_of(query)
        if query.interval_ns is not None:
            self.announced_ns = query.interval_ns


def is_about(observed_ns: int, announced_ns: int) -> bool:
    """Return whether an interval is as announced: no more than a tenth away."""
    return abs(observed_ns - announced_ns) * 10 <= announced_ns


def _append(gaps: list[int], gap_ns: int) -> None:
    """Add a gap to the last ones."""
    if len(gaps) >= _MOST_GAPS:
        del gaps[0]
    gaps.append(gap_ns)


def _repeat_limit_ns(variables: Variables) -> int:
    """Return how soon after another one a query may come to repeat it."""
    return min(variables.response_ns, variables.interval_ns // 2)
