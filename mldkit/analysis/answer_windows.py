"""Queries that may still be answered, and which of them a report answers.

::

    General Queries   |--- window ---|
                         |--- window ---|              one exchange: closer than the response time
                                        ^ limit        closes; later answers are late
    specific query                         |- window -|

The rule is that of `mldkit.protocol.exchange`, in a form that forgets: an exchange closes when its
last window has passed, and what a host has answered is kept in its membership row.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.facts import NEVER_NS, host_address
from mldkit.analysis.limits import ANSWERS, EXCHANGES, MOST_OPEN, OPEN_SPECIFIC, SPECIFIC
from mldkit.model.units import MILLISECOND
from mldkit.protocol.exchange import late_limit_ns
from mldkit.protocol.variables import variables_of

if TYPE_CHECKING:
    from mldkit.analysis.facts import Host, Mark
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.stays import Row
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Query

_LEAST_OPEN = 16
"""Specific queries of one link that are open whatever others have."""
_PROOFS = 2
"""So many General Queries of the acting querier a host answers to have room of its own."""
_CLOSED_AT_ONCE = 64
_EARLY_RESPONSE_NS = 100 * MILLISECOND
"""An answer at once to a query that allows less time than that may be chance."""


class Asked(NamedTuple):
    """A query that may still be answered."""

    time_ns: int
    limit_ns: int
    """Until when answers are in time."""
    response_ns: int
    """The maximum response time."""
    early: bool
    """Whether an answer within a millisecond is suspicious."""


class Silent(NamedTuple):
    """A member that did not answer."""

    group: Address
    """One of its groups."""
    last_ns: int
    """When it was last heard."""
    station: bytes
    """Its hardware address, as far as it is known."""
    doubt: str
    """Why it may not be a member any more, in words; empty where it certainly was."""


@dataclass(slots=True)
class Exchange:
    """General Queries that one report of a host answers.

    It has more attributes than a class should, because it is one flat record of who asked and who
    answered.
    """

    number: int
    first: Mark
    last_ns: int
    queries: deque[Asked]
    limit_ns: int
    until_ns: int
    """Later reports answer a query that the capture does not have."""
    to_everybody: bool
    """Whether every host hears it: it went to all hosts."""
    robustness: int
    askers: set[Address] = field(default_factory=set)
    """The first so many, and the acting querier."""
    is_of_acting: bool = False
    """Whether the acting querier asked in it."""
    is_too_large: bool = False
    """Whether more hosts answered than are kept: then nobody is known to be silent."""
    answered: set[Host] = field(default_factory=set)
    silent: dict[Host, Silent] = field(default_factory=dict)
    """Members that answered nothing in time."""

    def join(
        self, asked: Asked, until_ns: int, source: Address, *, to_everybody: bool, is_acting: bool
    ) -> None:
        """Take in a further query."""
        if len(self.queries) >= MOST_OPEN:
            self.queries.pop()
        self.queries.append(asked)
        self.last_ns = asked.time_ns
        self.limit_ns = max(self.limit_ns, asked.limit_ns)
        self.until_ns = max(self.until_ns, until_ns)
        self.to_everybody |= to_everybody
        self.ask(source, is_acting=is_acting)

    def ask(self, source: Address, *, is_acting: bool) -> None:
        """Take in who asks."""
        self.is_of_acting |= is_acting
        if is_acting or len(self.askers) < MOST_OPEN:
            self.askers.add(source)


@dataclass(slots=True)
class Specific:
    """A query for one group."""

    asked: Asked
    group: Address
    mark: Mark
    has_sources: bool
    answered: set[Host] = field(default_factory=set)
    is_too_large: bool = False
    """Whether more hosts answered than are kept."""
    older_reporter: Address = b""


class AnswerWindows:
    """The queries of one link and family that may still be answered."""

    def __init__(self, room: LinkRoom, latest: int = -1) -> None:
        """Take the number of the last exchange so far: rows hold those that they answered."""
        self._room = room
        self._link = room.key
        self.latest = latest
        """Number of the last exchange of General Queries; rows hold it once they answered."""
        self.specific: dict[Address, deque[Specific]] = {}
        """Specific queries that may still be answered, by group."""
        self.asked_sources: dict[Address, int] = {}
        """Groups of which single sources are being asked for, with the number of queries."""
        self.closed: list[Exchange] = []
        """Exchanges that can no longer be answered in time, for who looks at them next."""
        self.expired: list[Specific] = []
        """Specific queries that can no longer be answered in time, for who looks at them next."""
        self.answerable_ns = NEVER_NS
        """Until when a report may be the answer, however late, to a question that was seen: twice
        the time that it allows. Before the first question anything may be an answer."""
        self._open: list[Exchange] = []
        self._latest: Exchange | None = None
        self._is_latest_over = False
        """Whether nobody wants to know any more who answered it."""
        self._specific_order: deque[Specific] | None = None
        """Those of all groups; made when one comes, for there are many links."""

    @property
    def due_ns(self) -> int:
        """When there is something to close at the earliest."""
        open_ns = self._open[0].limit_ns if self._open else NEVER_NS
        order = self._specific_order
        return min(open_ns, order[0].asked.limit_ns) if order else open_ns

    def query(
        self,
        query: Query,
        source: Address,
        mark: Mark,
        *,
        to_everybody: bool,
        is_acting: bool = False,
    ) -> None:
        """Take in an accepted query; `to_everybody` says that it went to all hosts."""
        now_ns = mark.time_ns
        limit_ns = now_ns + late_limit_ns(query)
        self.hear(query, now_ns)
        suspicious = (
            query.is_general
            and query.version == self._link.family.current_version
            and query.max_response_ns >= _EARLY_RESPONSE_NS
        )
        asked = Asked(now_ns, limit_ns, query.max_response_ns, suspicious)
        if not query.is_general:
            self._open_specific(Specific(asked, query.group, mark, bool(query.sources)))
            return
        variables = variables_of(query)
        until_ns = max(limit_ns, now_ns + variables.interval_ns)
        latest = self._latest
        if latest is not None and (
            now_ns - latest.last_ns < query.max_response_ns or len(self._open) >= MOST_OPEN
        ):
            if now_ns - latest.last_ns >= query.max_response_ns:
                self._room.leave_out(EXCHANGES)
            latest.join(asked, until_ns, source, to_everybody=to_everybody, is_acting=is_acting)
            if not self._open or self._open[-1] is not latest:
                self._open.append(latest)
            return
        self.latest += 1
        exchange = Exchange(
            self.latest, mark, now_ns, deque((asked,)), limit_ns, until_ns,
            to_everybody=to_everybody, robustness=variables.robustness,
        )  # fmt: skip
        exchange.ask(source, is_acting=is_acting)
        before, self._latest = self._latest, exchange
        if before is not None and self._is_latest_over:
            self.conclude(before)
        self._is_latest_over = False
        self._open.append(exchange)

    def hear(self, query: Query, now_ns: int) -> None:
        """Take in any question, also one that must be dropped: somebody may answer it."""
        before_ns = 0 if self.answerable_ns == NEVER_NS else self.answerable_ns
        self.answerable_ns = max(before_ns, now_ns + 2 * late_limit_ns(query))

    def advance(self, now_ns: int) -> None:
        """Close what can no longer be answered in time; to be called before each message.

        Of specific queries only some are closed at once.
        """
        while self._open and self._open[0].limit_ns < now_ns:
            self.closed.append(self._open.pop(0))
        order = self._specific_order
        for _ in range(_CLOSED_AT_ONCE):
            if not order or order[0].asked.limit_ns >= now_ns:
                break
            self.expired.append(self._close_specific(order))

    def pair(self, host: Host, row: Row, now_ns: int, *, older: bool) -> tuple[Asked, bool] | None:
        """Return the query that a report answers for a row, and whether it is late.

        `older` says that the report is of an older version.
        """
        best: Asked | None = None
        taken: Specific | None = None
        for exchange in self._open:
            if row.answered < exchange.number:
                queries = exchange.queries
                while queries[0].limit_ns < now_ns and len(queries) > 1:
                    queries.popleft()
                best = queries[0]
                chosen = exchange
                break
        if self.specific and (same := self.specific.get(row.group)):
            for specific in same:
                if older:
                    specific.older_reporter = host_address(host)
                if host not in specific.answered and specific.asked.limit_ns >= now_ns:
                    if best is None or specific.asked.time_ns < best.time_ns:
                        best, taken = specific.asked, specific
                    break
        if taken is not None:
            self._answer(taken, host)
            # Who joined after that query answers the General Query with it.
            for exchange in self._open:
                self._answer(exchange, host)
            return taken.asked, False
        if best is not None:
            row.answered = chosen.number
            self._answer(chosen, host)
            if chosen.is_of_acting:
                _prove(row)
            return best, False
        return self._pair_late(host, row, now_ns, older=older)

    def is_unasked(self, host: Host, now_ns: int) -> bool:
        """Return whether what a host says now answers no question that was seen.

        Queriers do not hear themselves: a bridge asks its ports and itself at different times.
        """
        latest = self._latest
        if now_ns <= self.answerable_ns or latest is None:
            return False
        return host not in latest.askers

    def is_older(self, row: Row) -> bool:
        """Return whether a stay is older than the last exchange: the host could have answered."""
        return self._latest is not None and row.from_ns < self._latest.first.time_ns

    def _pair_late(
        self, host: Host, row: Row, now_ns: int, *, older: bool
    ) -> tuple[Asked, bool] | None:
        """Return the last exchange if the row, older than it, has not answered it.

        Older reports are suppressed by those of others, and come unasked when a host joins
        again: only those soon after the window count.
        """
        latest = self._latest
        if latest is None or row.answered >= latest.number or row.from_ns >= latest.first.time_ns:
            return None
        if host in latest.askers:
            # It does not hear itself; a bridge asks its ports and itself at different times.
            return None
        asked = latest.queries[-1]
        until_ns = latest.until_ns
        if older:
            until_ns = min(until_ns, 2 * asked.limit_ns - asked.time_ns)
        if now_ns > until_ns:
            return None
        row.answered = latest.number
        self._answer(latest, host)
        return asked, True

    def _answer(self, asked: Exchange | Specific, host: Host) -> None:
        """Take in that a host answered."""
        if host in asked.answered:
            return
        room = self._room.room
        if room.answers >= room.most[ANSWERS]:
            asked.is_too_large = True
            self._room.leave_out(ANSWERS)
            return
        room.answers += 1
        asked.answered.add(host)

    def conclude(self, asked: Exchange | Specific) -> None:
        """Take in that nobody wants to know any more who answered."""
        if asked is self._latest:
            # A query that follows soon is one with it, and who answered has answered that too.
            self._is_latest_over = True
            return
        self._room.room.answers -= len(asked.answered)
        asked.answered.clear()

    def release(self) -> None:
        """Let go of everything."""
        latest, self._latest = self._latest, None
        for exchange in (*self._open, *self.closed):
            self.conclude(exchange)
        if latest is not None:
            self.conclude(latest)
        while self._specific_order:
            self.conclude(self._close_specific(self._specific_order))

    def _open_specific(self, specific: Specific) -> None:
        group, room = specific.group, self._room.room
        order = self._specific_order
        if order is None:
            order = self._specific_order = deque()
        if room.open_specific >= room.most[OPEN_SPECIFIC] and len(order) >= _LEAST_OPEN:
            self.conclude(self._close_specific(order))
            self._room.leave_out(OPEN_SPECIFIC)
        same = self.specific.get(group)
        if same is None:
            same = self.specific[group] = deque(maxlen=MOST_OPEN)
        if len(same) == MOST_OPEN:
            self._room.leave_out(SPECIFIC)
        same.append(specific)
        order.append(specific)
        room.open_specific += 1
        if specific.has_sources:
            self.asked_sources[group] = self.asked_sources.get(group, 0) + 1

    def _close_specific(self, order: deque[Specific]) -> Specific:
        """Take the specific query away that came first, and return it."""
        specific = order.popleft()
        self._room.room.open_specific -= 1
        group = specific.group
        same = self.specific[group]
        if same[0] is specific:
            same.popleft()
            if not same:
                del self.specific[group]
        if specific.has_sources:
            self.asked_sources[group] -= 1
            if not self.asked_sources[group]:
                del self.asked_sources[group]
        return specific


def _prove(row: Row) -> None:
    """Take in that a host answered the acting querier: after the second time it has room."""
    row.proofs += 1
    if row.proofs >= _PROOFS and not row.is_reserved and row.home is not None:
        row.home.secure(row)
