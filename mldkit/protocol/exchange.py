"""Which reports answer which query, and after how long.

A report says nothing about the query behind it, so the pairing is a rule: a delay belongs to the
earliest query of the family that asks for the group, whose window contains the report, and which
this host has not yet answered for the group. General Queries closer together than their maximum
response time are one exchange: Linux may answer several of them with one report.

The window ends at the late limit. Linux answers come later than the maximum response time: two
jiffies are added to each draw and the timer wheel rounds up by as much as an eighth
(net/ipv6/mcast.c:mld_gq_start_work, kernel/time/timer.c), hence 1.127 times plus 30 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mldkit.model.messages import GroupRecord, LegacyReport, Query, RecordType, Report
from mldkit.model.units import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mldkit.model.addresses import Address
    from mldkit.model.messages import Message

LATE_MARGIN_NS = 30 * MILLISECOND
_BURST_NS = 5 * MILLISECOND
_CURRENT_STATE = (RecordType.IS_IN, RecordType.IS_EX)


def latest_ns(within_ns: int) -> int:
    """Return how long after its start a timer may run that is to run within a time.

    Those of a kernel run late by as much as an eighth (timer wheel).
    """
    return within_ns * 1127 // 1000 + LATE_MARGIN_NS


def late_limit_ns(query: Query) -> int:
    """Return the delay from which an answer to `query` counts as late."""
    return latest_ns(query.max_response_ns)


def current_state(message: Message | None) -> Iterator[GroupRecord]:
    """Give the records of a message that can answer a query.

    An older report is the record IS_EX without sources (RFC 9776 §7.3.2, RFC 9777 §8.3.2).
    """
    if isinstance(message, Report):
        for record in message.records:
            if record.type in _CURRENT_STATE:
                yield record
    elif isinstance(message, LegacyReport):
        yield GroupRecord(RecordType.IS_EX, message.group)


class Pairing(NamedTuple):
    """The query that a report answers."""

    query: int
    """Position of the query in the order in which they were asked."""
    delay_ns: int
    late: bool


@dataclass(slots=True)
class _Asked:
    query: Query
    time_ns: int
    exchange: int


class Exchanges:
    """Queries of one link and the answers to them; feed both in order of time."""

    def __init__(self) -> None:
        self._asked: list[_Asked] = []
        self._of_group: dict[Address, list[int]] = {}
        """Positions of the queries for a group; the unspecified one stands for all."""
        self._answered: set[tuple[bytes, Address, int]] = set()
        self._latest: dict[bytes, tuple[Pairing, int]] = {}

    def ask(self, query: Query, time_ns: int) -> int:
        """Take in a query that went over the link; return its position."""
        position = exchange = len(self._asked)
        known = self._of_group.setdefault(query.group, [])
        if known and query.is_general:
            earlier = self._asked[known[-1]]
            if time_ns - earlier.time_ns < query.max_response_ns:
                exchange = earlier.exchange
        self._asked.append(_Asked(query, time_ns, exchange))
        known.append(position)
        return position

    def answer(self, host: bytes, message: Message | None, time_ns: int) -> Pairing | None:
        """Return the query that `message` answers, None when it answers none.

        Every group of the message counts as answered by `host` from then on.
        """
        first = None
        for record in current_state(message):
            found = self._pair(host, record.group, time_ns)
            if first is None:
                first = found
        if first is None:
            return self._continued(host, time_ns)
        self._latest[host] = (first, time_ns)
        return first

    def _continued(self, host: bytes, time_ns: int) -> Pairing | None:
        """Return the pairing of the packet right before, which this one continues.

        A source list that does not fit goes on in the next packet under the same group.
        """
        pairing, before_ns = self._latest.get(host, (None, 0))
        if pairing is None or time_ns - before_ns > _BURST_NS:
            return None
        return pairing._replace(delay_ns=pairing.delay_ns + time_ns - before_ns)

    def _pair(self, host: bytes, group: Address, time_ns: int) -> Pairing | None:
        late = None
        # A report names hundreds of groups, and hundreds may have been asked for.
        for position in self._asking_for(group):
            asked = self._asked[position]
            delay_ns = time_ns - asked.time_ns
            if delay_ns < 0:
                continue
            key = (host, group, asked.exchange)
            if key in self._answered:
                continue
            if delay_ns <= late_limit_ns(asked.query):
                self._answered.add(key)
                return Pairing(position, delay_ns, late=False)
            late = (key, Pairing(position, delay_ns, late=True))
        if late is None:
            return None
        self._answered.add(late[0])
        return late[1]

    def _asking_for(self, group: Address) -> Sequence[int]:
        """Return the queries that ask for a group, those for all among them."""
        everything = self._of_group.get(bytes(len(group)), ())
        only = self._of_group.get(group, ()) if any(group) else ()
        return sorted((*everything, *only)) if only else everything
