"""Which reports answer which query, after how long, and who stays silent.

The rule is that of `mldkit.protocol.exchange`, in a form that forgets: General Queries closer
together than their maximum response time are one exchange, an exchange closes when its last
window has passed, and what a host has answered is kept in its membership row. Answers that come
after every window are late, up to the time at which the next query is due.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.facts import NEVER_NS, Mark, host_address
from mldkit.analysis.limits import EXCHANGES, MOST_OPEN, SPECIFIC
from mldkit.model.addresses import text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.model.words import clock_text
from mldkit.protocol.exchange import late_limit_ns
from mldkit.protocol.variables import variables_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.compatibility import Compatibility
    from mldkit.analysis.delays import Delays
    from mldkit.analysis.facts import Host, LinkKey
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.memberships import Memberships
    from mldkit.analysis.stays import Row
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Query

_EARLY_NS = MILLISECOND
_EARLY_RESPONSE_NS = 100 * MILLISECOND
_EARLY_TIMES = 3
_ROWS_PER_MESSAGE, _ROWS_AT_LEAST = 100, 1_000_000
"""Rows looked at for silent members: a flood of queries must not cost its square."""
_ROWS_PER_SILENT = 20
"""Telling of one costs as much as looking at so many rows."""
_ANSWERS_OTHERS = 1 << 20
"""That a host answers another querier says more than how often it is silent."""


class Asked(NamedTuple):
    """A query that may still be answered."""

    time_ns: int
    limit_ns: int
    """Until when answers are in time."""
    early: bool
    """Whether an answer within a millisecond is suspicious."""


@dataclass(slots=True)
class Exchange:
    """General Queries that one report of a host answers."""

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
    answered: set[Host] = field(default_factory=set)
    silent: dict[Host, tuple[Address, int]] = field(default_factory=dict)
    """Members that answered nothing in time, with one of their groups and their last report."""


@dataclass(slots=True)
class Specific:
    """A query for one group."""

    asked: Asked
    group: Address
    mark: Mark
    sources: tuple[Address, ...]
    answered: set[Host] = field(default_factory=set)
    older_reporter: Address = b""


class Responses:
    """Queries and answers of one link and family."""

    def __init__(self, link: LinkKey, ledger: Ledger, delays: Delays, number: int = 0) -> None:
        """Take the number of the first exchange: rows hold those of the exchanges before it."""
        self._link = link
        self._ledger = ledger
        self.delays = delays
        self.left_out: Counter[str] = Counter()
        """What found no room: words of `limits`."""
        self._open: list[Exchange] = []
        self._latest: Exchange | None = None
        self._numbers = number
        self.specific: dict[Address, deque[Specific]] = {}
        """Specific queries that may still be answered, by group."""
        self._specific_order: deque[Specific] = deque()
        self.asked_sources: dict[Address, int] = {}
        """Groups of which single sources are being asked for, with the number of queries."""
        self._awaiting: list[Exchange] = []
        """Exchanges that can only be answered late."""
        self._closed: list[Exchange] = []
        self._expired: list[Specific] = []
        self._looked_at = 0
        self._early: dict[Host, int] = {}
        self._silent: dict[Host, int] = {}
        self._askers: set[Address] = set()
        self._heard_from: dict[Host, set[Address]] = {}
        """Whose queries each host answers, from the second querier on."""

    def query(self, query: Query, source: Address, mark: Mark, *, to_everybody: bool) -> None:
        """Take in an accepted query; `to_everybody` says that it went to all hosts."""
        now_ns = mark.time_ns
        limit_ns = now_ns + late_limit_ns(query)
        suspicious = (
            query.is_general
            and query.version == self._link.family.current_version
            and query.max_response_ns >= _EARLY_RESPONSE_NS
        )
        asked = Asked(now_ns, limit_ns, suspicious)
        if not query.is_general:
            specific = Specific(asked, query.group, mark, query.sources)
            same = self.specific.get(query.group)
            if same is None:
                same = self.specific[query.group] = deque(maxlen=MOST_OPEN)
            if len(same) == MOST_OPEN:
                self.left_out[SPECIFIC] += 1
            same.append(specific)
            self._specific_order.append(specific)
            if query.sources:
                asked_before = self.asked_sources.get(query.group, 0)
                self.asked_sources[query.group] = asked_before + 1
            return
        variables = variables_of(query)
        until_ns = max(limit_ns, now_ns + variables.interval_ns)
        latest = self._latest
        if latest is not None and (
            now_ns - latest.last_ns < query.max_response_ns or len(self._open) >= MOST_OPEN
        ):
            if now_ns - latest.last_ns >= query.max_response_ns:
                self.left_out[EXCHANGES] += 1
            latest.queries.append(asked)
            latest.last_ns = now_ns
            latest.limit_ns = max(latest.limit_ns, limit_ns)
            latest.until_ns = max(latest.until_ns, until_ns)
            latest.to_everybody |= to_everybody
            latest.askers.add(source)
            if not self._open or self._open[-1] is not latest:
                self._open.append(latest)
            return
        exchange = Exchange(
            self._numbers, mark, now_ns, deque((asked,)), limit_ns, until_ns,
            to_everybody=to_everybody, robustness=variables.robustness,
        )  # fmt: skip
        exchange.askers.add(source)
        self._numbers += 1
        self._latest = exchange
        self._open.append(exchange)

    @property
    def latest(self) -> int:
        """Number of the last exchange of General Queries; rows hold it once they answered."""
        return self._numbers - 1

    @property
    def due_ns(self) -> int:
        """When there is something to close at the earliest."""
        open_ns = self._open[0].limit_ns if self._open else NEVER_NS
        order = self._specific_order
        return min(open_ns, order[0].asked.limit_ns) if order else open_ns

    def advance(self, now_ns: int) -> None:
        """Close what can no longer be answered in time; to be called before each message."""
        while self._open and self._open[0].limit_ns < now_ns:
            self._closed.append(self._open.pop(0))
        order = self._specific_order
        while order and order[0].asked.limit_ns < now_ns:
            specific = order.popleft()
            same = self.specific[specific.group]
            if same[0] is specific:
                same.popleft()
                if not same:
                    del self.specific[specific.group]
            if specific.sources:
                self.asked_sources[specific.group] -= 1
                if not self.asked_sources[specific.group]:
                    del self.asked_sources[specific.group]
            self._expired.append(specific)

    def conclude(self) -> None:
        """Give up late answers: the next General Query is here, or the end of the capture."""
        for exchange in self._awaiting:
            self._tell_silent(exchange)
        self._awaiting.clear()

    def resumed(self) -> Responses:
        """Return what goes on after a time in which nothing was heard: no query is open."""
        self.conclude()
        after = Responses(self._link, self._ledger, self.delays, self._numbers)
        after.left_out = self.left_out
        return after

    def report(
        self, host: Host, rows: Iterable[Row], version: int | None, mark: Mark
    ) -> int | None:
        """Take in the rows that a report refreshed; return the delay of the answer."""
        found: tuple[Asked, bool] | None = None
        older = version != self._link.family.current_version
        latest = self.latest
        specific = self.specific
        for row in rows:
            if row.answered == latest and row.group not in specific:
                continue
            pairing = self._pair(host, row, mark, older=older)
            if pairing is not None:
                row.delay_ns = mark.time_ns - pairing[0].time_ns
            if found is None:
                found = pairing
        if found is None:
            return None
        asked, late = found
        delay_ns = mark.time_ns - asked.time_ns
        self.delays.add(delay_ns, late=late)
        if self.delays.trace is not None:
            self.delays.trace.delay(delay_ns, asked.limit_ns - asked.time_ns)
        if late:
            self._tell_late(host, asked, delay_ns, mark)
        elif asked.early and delay_ns < _EARLY_NS:
            self._tell_early(host, mark)
        return delay_ns

    def close(self, memberships: Memberships, compatibility: Compatibility, messages: int) -> None:
        """Look for members that answered nothing in time in what has closed.

        `messages` is the number of all messages so far, which bounds the search.
        """
        for exchange in self._closed:
            older = compatibility.is_older(exchange.first.time_ns)
            is_judged = exchange.to_everybody and not older
            if is_judged and self._looked_at <= _ROWS_AT_LEAST + _ROWS_PER_MESSAGE * messages:
                self._find_silent(exchange, memberships)
            self._awaiting.append(exchange)
        self._closed.clear()
        for specific in self._expired:
            older = compatibility.is_older(specific.asked.time_ns)
            if specific.older_reporter and not older:
                self._find_suppressed(specific, memberships)
        self._expired.clear()

    @property
    def has_closed(self) -> bool:
        """Whether `close` has something to do."""
        return bool(self._closed or self._expired)

    def _pair(self, host: Host, row: Row, mark: Mark, *, older: bool) -> tuple[Asked, bool] | None:
        now_ns = mark.time_ns
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
                if host not in specific.answered:
                    if best is None or specific.asked.time_ns < best.time_ns:
                        best, taken = specific.asked, specific
                    break
        if taken is not None:
            taken.answered.add(host)
            return taken.asked, False
        if best is not None:
            row.answered = chosen.number
            chosen.answered.add(host)
            return best, False
        return self._pair_late(host, row, now_ns, older=older)

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
        latest.answered.add(host)
        return asked, True

    def _tell_late(self, host: Host, asked: Asked, delay_ns: int, mark: Mark) -> None:
        """D-08, after the window."""
        limit_s = (asked.limit_ns - asked.time_ns) / SECOND
        detail = f"answered after {delay_ns / SECOND:.3f} s, the limit is {limit_s:.3f} s"
        self._ledger.add("D-08", self._link, mark, detail, host=host_address(host), weight=delay_ns)

    def _tell_early(self, host: Host, mark: Mark) -> None:
        """D-08, without the random delay."""
        times = self._early[host] = self._early.get(host, 0) + 1
        if times >= _EARLY_TIMES:
            detail = f"answered within 1 ms {times} times: no random delay"
            self._ledger.add("D-08", self._link, mark, detail, host=host_address(host))

    def _find_silent(self, exchange: Exchange, memberships: Memberships) -> None:
        """Note the members that have not answered; one that did for some group is there.

        A querier that is a member too does not hear itself: the Linux bridge joins the group of
        router discovery, and its own IPv4 stack drops what comes from its own address.
        """
        begun_ns = exchange.first.time_ns
        current = self._link.family.current_version
        self._looked_at += sum(map(len, memberships.groups.values()))
        for row in memberships.rows():
            host = row.host
            if host in exchange.answered or host in exchange.askers or row.version != current:
                continue
            if row.from_ns < begun_ns and row.deadline_ns >= exchange.limit_ns:
                group, last_ns = exchange.silent.get(host, (row.group, 0))
                exchange.silent[host] = group, max(last_ns, row.last_ns)
        self._looked_at += _ROWS_PER_SILENT * len(exchange.silent)

    def _tell_silent(self, exchange: Exchange) -> None:
        """D-07; a late answer is an answer."""
        self._askers |= exchange.askers
        for host in exchange.answered:
            self._silent.pop(host, None)
        if 1 < len(self._askers) <= MOST_OPEN:
            for host in exchange.answered:
                self._heard_from.setdefault(host, set()).update(exchange.askers)
        for host, (group, last_ns) in exchange.silent.items():
            if host in exchange.answered:
                continue
            times = self._silent[host] = self._silent.get(host, 0) + 1
            detail = f"{text(host_address(host))} is member of {text(group)} and did not answer"
            severity = None
            if times >= exchange.robustness:
                severity = "error"
                detail += f" {times} General Queries in a row"
            others = self._heard_from.get(host, set()) - exchange.askers
            if others:
                asked, answered = _listed(exchange.askers), _listed(others)
                detail += f" when asked by {asked}, though it answers {answered}"
            # Who reports all the same is deaf; who is not heard any more may have gone.
            detail += f"; last heard at {clock_text(last_ns)}"
            self._ledger.add(
                "D-07", self._link, exchange.first, detail,
                host=host_address(host), severity=severity,
                weight=times + (_ANSWERS_OTHERS if others else 0),
            )  # fmt: skip

    def _find_suppressed(self, specific: Specific, memberships: Memberships) -> None:
        """D-18."""
        current = self._link.family.current_version
        for row in memberships.groups.get(specific.group, {}).values():
            asked_ns, limit_ns = specific.asked.time_ns, specific.asked.limit_ns
            was_member = row.from_ns < asked_ns and row.deadline_ns >= limit_ns
            if row.version == current and was_member and row.host not in specific.answered:
                detail = (
                    f"{text(host_address(row.host))} did not answer for {text(row.group)} after"
                    f" the older report of {text(specific.older_reporter)}"
                )
                self._ledger.add(
                    "D-18", self._link, specific.mark, detail,
                    host=host_address(row.host), group=row.group,
                )  # fmt: skip


def _listed(addresses: set[Address]) -> str:
    return " and ".join(map(text, sorted(addresses)))
