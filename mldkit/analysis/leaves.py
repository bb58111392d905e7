"""What the querier does when somebody leaves: the last-member queries.

::

    leave ----- Q(G) ----- Q(G) ----- . .          RV queries, 1 s apart, the first at once
      |<-------- LMQT = RV x 1 s -------->|

A leave, and a change that stops some sources, must be followed by Last Member Query Count (RV)
specific queries within the Last Member Query Time (RFC 9776 §6.4.2, §6.6.3, §8.8 to §8.10).

A switch with fast (immediate) leave asks nobody and takes the stream away from the port at once,
which is right where the port has one host. It shows in the data: they stop with the leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.delays import Delays
from mldkit.analysis.facts import (
    LAST_MEMBER_INTERVAL_NS,
    NEVER_NS,
    host_address,
)
from mldkit.analysis.limits import LEAVES
from mldkit.analysis.vantage import Subject
from mldkit.model.addresses import is_flooded, text
from mldkit.model.units import SECOND
from mldkit.model.words import delay_text
from mldkit.protocol.exchange import latest_ns
from mldkit.wire.rules import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from mldkit.analysis.facts import Host, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.memberships import Memberships
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.analysis.stays import Left
    from mldkit.analysis.streams import Streams
    from mldkit.analysis.vantage import Vantage
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Query

_SLACK_NS = latest_ns(LAST_MEMBER_INTERVAL_NS) - LAST_MEMBER_INTERVAL_NS
_PATIENCE_NS = 10 * SECOND
"""A query that comes later than that follows no leave; the Query Response Interval by default
(RFC 9776 §8.3)."""
_MOST_JUDGED = 16
"""Queries after one leave: each is held against all members of the group."""
_LEAST_PACKETS = 10
"""Packets of a stream in which it shows whether it stops."""
_LATE_PACKETS = 2
"""Gaps after which the next packet should have come at the latest."""
_MOST_COMPARED = 10_000_000
"""Streams that are looked at for leaves: a flood of both must not cost its square."""


class Unheeded(NamedTuple):
    """A leave that was asked about with queries that hosts must drop."""

    group: Address
    source: Address
    """Who asked."""
    rule: str
    """Which rule says that its queries must be dropped."""


@dataclass(frozen=True, slots=True)
class TallyFacts:
    """How many were heard, and how many of them were asked about."""

    heard: int
    """All of them."""
    count: int
    """Those that a querier, which was there, had to ask about."""
    asked: int


@dataclass(slots=True)
class Tally:
    """Counts leaves of one kind."""

    heard: int = 0
    count: int = 0
    asked: int = 0

    def seal(self) -> TallyFacts:
        """Return the counts."""
        return TallyFacts(self.heard, self.count, self.asked)


@dataclass(slots=True)
class _Pending:
    """Leaves of one group whose queries are awaited, by the first of them.

    It has more attributes than a class should, because it is one flat record of what followed.
    """

    left: Left
    mark: Mark
    wanted: int
    since_ns: int
    """Time of the first leave that no query followed yet."""
    waiting: list[int]
    """Leaves, and stops of sources, that no query followed yet."""
    is_overdue: bool = False
    """Whether the last member query time went by, and nobody reported in it."""
    is_needed: bool = True
    """Whether nobody had reported again when the first query came."""
    interval_ns: int = LAST_MEMBER_INTERVAL_NS
    queries: int = 0
    first_ns: int = 0
    due_ns: int = 0
    """When it is looked at next."""
    told_ns: int = 0
    """When somebody last told that he leaves: the state of the group begins anew with each."""
    dropped: Unheeded | None = None
    """The first query that hosts must drop."""

    @property
    def until_ns(self) -> int:
        """When there is something to judge."""
        if self.is_overdue and not self.queries:
            return self.mark.time_ns + _PATIENCE_NS + _SLACK_NS
        begun_ns = self.first_ns if self.queries else self.mark.time_ns
        return begun_ns + self.wanted * self.interval_ns + _SLACK_NS

    def other_reporter(self, memberships: Memberships, since_ns: int = 0) -> Host | None:
        """Return another member that has reported the group since the leave, or since later."""
        since_ns = max(since_ns, self.mark.time_ns)
        for host, row in memberships.groups.get(self.left.row.group, {}).items():
            if host != self.left.row.host and row.last_ns > since_ns:
                return host
        return None

    def is_wanted_again(self, memberships: Memberships) -> bool:
        """Return whether somebody reported since, be it who left: nobody has to be asked."""
        left = self.left
        members = memberships.groups.get(left.row.group, {})
        has_joined_again = not left.sources and left.row.host in members
        return has_joined_again or self.other_reporter(memberships) is not None


class Leaves:
    """The leaves of one link and family.

    It has more methods than a class should, because each thing that can follow a leave has one:
    questions, reports, data, silence, the end.
    """

    def __init__(
        self,
        room: LinkRoom,
        ledger: Ledger,
        memberships: Memberships,
        vantage: Vantage,
        streams: Streams,
    ) -> None:
        self._link = room.key
        self._streams = streams
        self._compared = 0
        self._ledger = ledger
        self._memberships = memberships
        self._vantage = vantage
        self._pending: Table[Address, _Pending] = room.table(LEAVES)
        self._due: list[tuple[int, Address]] = []
        """A heap of the times at which leaves may be judged; longer intervals put them off."""
        self.groups = Tally()
        """Hosts that left a group."""
        self.sources = Tally()
        """Hosts that stopped some sources of a group."""
        self.unheeded: list[Unheeded] = []
        """Leaves that were asked about with queries that hosts must drop, the first few."""
        self.delays = Delays()
        """Time from the leave to the first specific query."""

    def hear(self, left: Left) -> None:
        """Count a leave, whether somebody has to ask about it or not."""
        self._tally(left).heard += 1

    def left(self, left: Left, robustness: int, mark: Mark) -> None:
        """Take in a leave that a querier, which is there, must ask about."""
        group = left.row.group
        # Routers ignore BLOCK while an older host is member (RFC 9776 §7.3.2).
        if left.sources and self._has_older_member(group, mark):
            return
        self._tally(left).count += 1
        pending = self._pending.get(group)
        if pending is None:
            pending = _Pending(left, mark, robustness, mark.time_ns, [0, 0])
            self._pending.keep(group, pending)
            self._await(pending)
        elif not any(pending.waiting):
            # The queries that follow the leave before it ask about this one too.
            pending.since_ns = mark.time_ns
        pending.waiting[bool(left.sources)] += 1

    def _tally(self, left: Left) -> Tally:
        return self.sources if left.sources else self.groups

    def _has_older_member(self, group: Address, mark: Mark) -> bool:
        current = self._link.family.current_version
        members = self._memberships.groups.get(group, {})
        return any(
            row.version != current and row.deadline_ns >= mark.time_ns for row in members.values()
        )

    def leave_told(self, group: Address, mark: Mark) -> None:
        """Take in any leave, also a repeated one: routers lower their timers for each."""
        pending = self._pending.get(group)
        if pending is not None:
            pending.told_ns = mark.time_ns

    def query(self, query: Query, mark: Mark) -> None:
        """Take in an accepted specific query."""
        pending = self._pending.get(query.group)
        if pending is None:
            return
        pending.queries += 1
        if pending.queries == 1:
            pending.first_ns = mark.time_ns
            pending.is_needed = not pending.is_wanted_again(self._memberships)
            if mark.time_ns <= pending.mark.time_ns + LAST_MEMBER_INTERVAL_NS + _SLACK_NS:
                row = pending.left.row
                self._vantage.asked_about(row.mac or row.host, host_address(row.host))
        if any(pending.waiting):
            self.delays.add(mark.time_ns - pending.since_ns, late=False)
            self._count_asked(pending)
        pending.interval_ns = max(pending.interval_ns, query.max_response_ns)
        self._judge_flag(query, pending, mark)

    def drop(self, query: Query, source: Address, rule: str) -> None:
        """Take in a specific query that hosts must drop by a rule."""
        pending = self._pending.get(query.group)
        if pending is not None and pending.dropped is None:
            pending.dropped = Unheeded(query.group, source, rule)

    def pause(self) -> None:
        """Forget what is awaited: nobody saw whether it came."""
        self._pending.empty()
        self._due.clear()

    @property
    def due_ns(self) -> int:
        """When there is something to judge at the earliest."""
        return self._due[0][0] if self._due else NEVER_NS

    def poll(self, now_ns: int) -> None:
        """Judge the leaves whose time is over."""
        due = self._due
        while due and due[0][0] < now_ns:
            due_ns, group = heappop(due)
            pending = self._pending.get(group)
            if pending is None or pending.due_ns != due_ns:
                # What was awaited then made room for others.
                continue
            if pending.until_ns < now_ns and not self._is_put_off(pending):
                self._pending.drop(group)
                self._judge(pending)
            else:
                self._await(pending)

    def finish(self) -> None:
        """Judge the leaves of which the last member query time is over: nobody asked so far."""
        for pending in self._pending.values():
            if pending.is_overdue and not pending.queries:
                self._judge(pending)
        self.pause()

    def _await(self, pending: _Pending) -> None:
        """Note when to look at a leave."""
        pending.due_ns = pending.until_ns
        heappush(self._due, (pending.due_ns, pending.left.row.group))

    def _is_put_off(self, pending: _Pending) -> bool:
        """Return whether a query may still come, though the last member query time is over.

        Somebody who reports in it makes the question needless.
        """
        if pending.queries or pending.is_overdue:
            return False
        if pending.dropped is not None or pending.is_wanted_again(self._memberships):
            return False
        pending.is_overdue = True
        return True

    def _count_asked(self, pending: _Pending) -> None:
        self.groups.asked += pending.waiting[False]
        self.sources.asked += pending.waiting[True]
        pending.waiting[:] = 0, 0

    def _judge(self, pending: _Pending) -> None:
        """D-11: a remark where everybody was asked, a warning where too late, else an error."""
        after_ns = pending.first_ns - pending.mark.time_ns
        member_query_ns = pending.wanted * LAST_MEMBER_INTERVAL_NS
        if pending.queries:
            # Leaves while the questions about another one went on.
            self._count_asked(pending)
        if pending.queries == 0:
            if pending.dropped is not None and len(self.unheeded) < _MOST_JUDGED:
                self.unheeded.append(pending.dropped)
            if not pending.is_overdue:
                return
            # So does the Linux bridge (net/bridge/br_multicast.c:__br_multicast_send_query).
            detail = (
                "no specific query followed here (a switch asks at the port of the leaver alone)"
            )
            severity = ERROR
            if self._is_fast(pending):
                detail = (
                    "no specific query followed, and the stream stopped at once: fast (immediate)"
                    " leave, as at a port with one host"
                )
                severity = INFO
        elif not pending.is_needed:
            return
        elif after_ns > member_query_ns + _SLACK_NS:
            # Who snoops has dropped the members by then, or data went on for nobody.
            detail = f"asked about only after {delay_text(after_ns)}"
            severity = WARNING
        elif after_ns > LAST_MEMBER_INTERVAL_NS + _SLACK_NS:
            detail = f"asked about after {delay_text(after_ns)}, not at once"
            severity = INFO
        elif pending.queries < pending.wanted and not pending.is_wanted_again(self._memberships):
            # How often is a setting (RFC 9776 §8.9); one that is lost is not made up for.
            detail = f"{pending.queries} of {pending.wanted} specific queries followed"
            severity = INFO
        else:
            return
        self._tell(pending, detail, severity)

    def _is_fast(self, pending: _Pending) -> bool:
        """Return whether a stream from elsewhere stopped with the leave of the only member.

        The next packet had been due after it, and none came after the time within which nobody
        can have been asked.
        """
        group, left_ns = pending.left.row.group, pending.mark.time_ns
        if pending.left.sources or self._memberships.groups.get(group):
            return False
        self._compared += len(self._streams)
        if self._compared > _MOST_COMPARED:
            return False
        streams = [one for (to, _), one in self._streams.items() if to == group]
        return any(
            one.run_packets >= _LEAST_PACKETS
            and one.mac != pending.left.row.mac
            and left_ns - _LATE_PACKETS * one.gap_ns <= one.last_ns
            for one in streams
        ) and all(one.last_ns < left_ns + LAST_MEMBER_INTERVAL_NS for one in streams)

    def _tell(self, pending: _Pending, detail: str, severity: str) -> None:
        row, mark = pending.left.row, pending.mark
        group, host = row.group, host_address(row.host)
        if is_flooded(group):
            # Nothing ends with a leave (net/bridge/br_multicast.c:br_ip4_multicast_add_group).
            severity = INFO
            detail += "; this group is flooded, whoever is member"
        if severity != INFO:
            about = Subject("D-11", self._link, mark.capture, host, group, row.mac or row.host)
            severity = self._vantage.grade(about, severity)
        what = "stopped sources of" if pending.left.sources else "left"
        self._ledger.add(
            "D-11", self._link, mark, f"{text(host)} {what} {text(group)}: {detail}",
            host=host, group=group, severity=severity,
        )  # fmt: skip

    def _judge_flag(self, query: Query, pending: _Pending, mark: Mark) -> None:
        """D-13; only group queries, as those for sources come in pairs with and without it."""
        if query.interval_ns is None or query.sources or pending.left.sources:
            return
        if pending.queries > _MOST_JUDGED:
            return
        if query.suppress and pending.other_reporter(self._memberships) is None:
            detail = "S is set though nobody reported since the leave: other routers keep the group"
        elif (
            not query.suppress
            and pending.queries > 1
            and (reporter := pending.other_reporter(self._memberships, pending.told_ns)) is not None
        ):
            detail = f"S is not set though {text(host_address(reporter))} reported"
        else:
            return
        self._ledger.add(
            "D-13", self._link, mark, f"{text(query.group)}: {detail}", group=query.group
        )
