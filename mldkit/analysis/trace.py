"""Single queries, reports and delays of one link, for pictures: bounded, and only on request.

The folds keep what answers need, which is little. A picture shows each query and each report at
its time. What comes after a store is full is left out, and `is_complete` says so.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.facts import Host
    from mldkit.model.addresses import Address
    from mldkit.model.messages import GroupRecord, Query

MOST_QUERIES = 20_000
MOST_REPORTS = 200_000
MOST_DELAYS = 50_000


class Asking(NamedTuple):
    """One accepted query."""

    time_ns: int
    source: Address
    group: Address
    """Empty in a General Query."""


class ReportTimes(NamedTuple):
    """When a host reported a group."""

    group: Address
    host: Host
    times_ns: tuple[int, ...]


class AnswerDelays(NamedTuple):
    """Delays of the answers to queries of one maximum response time."""

    response_ns: int
    delays_ns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TraceFacts:
    """What was seen, one by one, in order of time."""

    queries: tuple[Asking, ...]
    reports: tuple[ReportTimes, ...]
    delays: tuple[AnswerDelays, ...]
    is_complete: bool
    """Whether the store was large enough."""


class Trace:
    """What is seen, one by one."""

    def __init__(self) -> None:
        self.queries: list[Asking] = []
        self.reports: dict[tuple[Address, Host], array[int]] = {}
        """Times at which a host reported a group."""
        self.delays: dict[int, array[int]] = {}
        """Delays of the answers by the maximum response time of what they answer."""
        self.is_complete = True
        self._reports = self._delays = 0

    def query(self, query: Query, source: Address, now_ns: int) -> None:
        """Take in an accepted query."""
        if len(self.queries) >= MOST_QUERIES:
            self.is_complete = False
            return
        self.queries.append(Asking(now_ns, source, b"" if query.is_general else query.group))

    def report(self, host: Host, records: Iterable[GroupRecord], now_ns: int) -> None:
        """Take in the records of an accepted report."""
        for record in records:
            if self._reports >= MOST_REPORTS:
                self.is_complete = False
                return
            self._reports += 1
            self.reports.setdefault((record.group, host), array("q")).append(now_ns)

    def delay(self, delay_ns: int, response_ns: int) -> None:
        """Take in the delay of an answer, and the maximum response time of what it answers."""
        if self._delays >= MOST_DELAYS:
            self.is_complete = False
            return
        self._delays += 1
        self.delays.setdefault(response_ns, array("q")).append(delay_ns)

    def seal(self) -> TraceFacts:
        """Return what was seen."""
        return TraceFacts(
            tuple(self.queries),
            tuple(ReportTimes(*who, tuple(times)) for who, times in self.reports.items()),
            tuple(AnswerDelays(asked_ns, tuple(found)) for asked_ns, found in self.delays.items()),
            self.is_complete,
        )
