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
from typing import TYPE_CHECKING

from mldkit.analysis.delays import Delays
from mldkit.analysis.facts import (
    LAST_MEMBER_INTERVAL_NS,
    NEVER_NS,
    host_address,
)
from mldkit.analysis.limits import LEAVES
from mldkit.analysis.pending_leave import SLACK_NS, PendingLeave, Unheeded
from mldkit.analysis.streams import MOST_TO_GROUP
from mldkit.analysis.vantage import Subject
from mldkit.model.addresses import is_flooded, text
from mldkit.model.words import delay_text
from mldkit.wire.rules import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.facts import Host, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.memberships import Memberships
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.analysis.stays import Left, Row
    from mldkit.analysis.streams import Streams
    from mldkit.analysis.vantage import Vantage
    from mldkit.model.addresses import Address
    from mldkit.model.messages import GroupRecord, Query

_MOST_JUDGED = 16
"""Queries after one leave of which the flag is looked at."""
_LEAST_PACKETS = 10
"""Packets of a stream in which it shows whether it stops."""
_LATE_PACKETS = 2
"""Gaps after which the next packet should have come at the latest."""
_JUDGED_AT_ONCE = 32
"""Leaves that are judged when a message comes: others wait for the next one."""


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
        self._ledger = ledger
        self._memberships = memberships
        self._vantage = vantage
        self.awaited: Table[Address, PendingLeave] = room.table(LEAVES)
        """Leaves of which it is awaited who asks or reports, by group."""
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
        if left.sources and self._memberships.older_members.are_in(group, mark.time_ns):
            return
        self._tally(left).count += 1
        pending = self.awaited.get(group)
        if pending is None:
            pending = PendingLeave(left, mark, robustness, mark.time_ns, [0, 0])
            self.awaited.keep(group, pending)
            self._await(pending)
        elif not any(pending.waiting):
            # The queries that follow the leave before it ask about this one too.
            pending.since_ns = mark.time_ns
        pending.waiting[bool(left.sources)] += 1

    def _tally(self, left: Left) -> Tally:
        return self.sources if left.sources else self.groups

    def reported(self, host: Host, said: Iterable[Row | GroupRecord], now_ns: int) -> None:
        """Take in that a host reports groups, some of which others have just left."""
        awaited = self.awaited
        for one in said:
            if one.group in awaited:
                awaited[one.group].reported(host, now_ns)

    def leave_told(self, group: Address, mark: Mark) -> None:
        """Take in any leave, also a repeated one: routers lower their timers for each."""
        pending = self.awaited.get(group)
        if pending is not None:
            pending.told_ns = mark.time_ns

    def query(self, query: Query, mark: Mark) -> None:
        """Take in an accepted specific query."""
        pending = self.awaited.get(query.group)
        if pending is None:
            return
        pending.queries += 1
        if pending.queries == 1:
            pending.first_ns = mark.time_ns
            pending.is_needed = not pending.is_wanted_again(self._memberships)
            if mark.time_ns <= pending.mark.time_ns + LAST_MEMBER_INTERVAL_NS + SLACK_NS:
                row = pending.left.row
                self._vantage.asked_about(row.mac or row.host, host_address(row.host))
        if any(pending.waiting):
            self.delays.add(mark.time_ns - pending.since_ns, late=False)
            self._count_asked(pending)
        pending.interval_ns = max(pending.interval_ns, query.max_response_ns)
        self._judge_flag(query, pending, mark)

    def drop(self, query: Query, source: Address, rule: str) -> None:
        """Take in a specific query that hosts must drop by a rule."""
        pending = self.awaited.get(query.group)
        if pending is not None and pending.dropped is None:
            pending.dropped = Unheeded(query.group, source, rule)

    def pause(self) -> None:
        """Forget what is awaited: nobody saw whether it came."""
        self.awaited.empty()
        self._due.clear()

    @property
    def due_ns(self) -> int:
        """When there is something to judge at the earliest."""
        return self._due[0][0] if self._due else NEVER_NS

    def poll(self, now_ns: int) -> None:
        """Judge some of the leaves whose time is over."""
        due = self._due
        for _ in range(_JUDGED_AT_ONCE):
            if not due or due[0][0] >= now_ns:
                return
            due_ns, group = heappop(due)
            pending = self.awaited.get(group)
            if pending is None or pending.due_ns != due_ns:
                # What was awaited then made room for others.
                continue
            if pending.until_ns < now_ns and not self._is_put_off(pending):
                self.awaited.drop(group)
                self._judge(pending)
            else:
                self._await(pending)

    def finish(self) -> None:
        """Judge the leaves of which the last member query time is over: nobody asked so far."""
        for pending in self.awaited.values():
            if pending.is_overdue and not pending.queries:
                self._judge(pending)
        self.pause()

    def _await(self, pending: PendingLeave) -> None:
        """Note when to look at a leave."""
        pending.due_ns = pending.until_ns
        heappush(self._due, (pending.due_ns, pending.left.row.group))

    def _is_put_off(self, pending: PendingLeave) -> bool:
        """Return whether a query may still come, though the last member query time is over.

        Somebody who reports in it makes the question needless.
        """
        if pending.queries or pending.is_overdue:
            return False
        if pending.dropped is not None or pending.is_wanted_again(self._memberships):
            return False
        pending.is_overdue = True
        return True

    def _count_asked(self, pending: PendingLeave) -> None:
        self.groups.asked += pending.waiting[False]
        self.sources.asked += pending.waiting[True]
        pending.waiting[:] = 0, 0

    def _judge(self, pending: PendingLeave) -> None:
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
        elif after_ns > member_query_ns + SLACK_NS:
            # Who snoops has dropped the members by then, or data went on for nobody.
            detail = f"asked about only after {delay_text(after_ns)}"
            severity = WARNING
        elif after_ns > LAST_MEMBER_INTERVAL_NS + SLACK_NS:
            detail = f"asked about after {delay_text(after_ns)}, not at once"
            severity = INFO
        elif pending.queries < pending.wanted and not pending.is_wanted_again(self._memberships):
            # How often is a setting (RFC 9776 §8.9); one that is lost is not made up for.
            detail = f"{pending.queries} of {pending.wanted} specific queries followed"
            severity = INFO
        else:
            return
        self._tell(pending, detail, severity)

    def _is_fast(self, pending: PendingLeave) -> bool:
        """Return whether a stream from elsewhere stopped with the leave of the only member.

        The next packet had been due after it, and none came after the time within which nobody
        can have been asked.
        """
        group, left_ns = pending.left.row.group, pending.mark.time_ns
        if pending.left.sources or self._memberships.groups.get(group):
            return False
        streams = self._streams.to(group)
        return (
            len(streams) < MOST_TO_GROUP
            and any(
                one.run_packets >= _LEAST_PACKETS
                and one.mac != pending.left.row.mac
                and left_ns - _LATE_PACKETS * one.gap_ns <= one.last_ns
                for one in streams
            )
            and all(one.last_ns < left_ns + LAST_MEMBER_INTERVAL_NS for one in streams)
        )

    def _tell(self, pending: PendingLeave, detail: str, severity: str) -> None:
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

    def _judge_flag(self, query: Query, pending: PendingLeave, mark: Mark) -> None:
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
