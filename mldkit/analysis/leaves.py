"""What the querier does when somebody leaves: the last-member queries.

::

    leave ----- Q(G) ----- Q(G) ----- . .          RV queries, 1 s apart, the first at once
      |<-------- LMQT = RV x 1 s -------->|

A leave, and a change that stops some sources, must be followed by Last Member Query Count (RV)
specific queries within the Last Member Query Time (RFC 9776 §6.4.2, §6.6.3, §8.8 to §8.10).
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from mldkit.analysis.delays import Delays
from mldkit.analysis.facts import (
    LAST_MEMBER_INTERVAL_NS,
    MARGIN_NS,
    NEVER_NS,
    host_address,
)
from mldkit.model.addresses import is_flooded, text
from mldkit.model.units import SECOND
from mldkit.wire.rules import INFO

if TYPE_CHECKING:
    from mldkit.analysis.facts import Host, LinkKey, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.memberships import Memberships
    from mldkit.analysis.stays import Left
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Query

_SLACK_NS = LAST_MEMBER_INTERVAL_NS * 127 // 1000 + MARGIN_NS
"""Timers of a kernel run late by as much as an eighth."""
_MOST_JUDGED = 16
"""Queries after one leave: each is held against all members of the group."""


@dataclass(slots=True)
class _Pending:
    """A leave whose queries are awaited."""

    left: Left
    mark: Mark
    wanted: int
    interval_ns: int = LAST_MEMBER_INTERVAL_NS
    queries: int = 0
    first_ns: int = 0
    told_ns: int = 0
    """When somebody last told that he leaves: the state of the group begins anew with each."""

    @property
    def until_ns(self) -> int:
        """End of the last member query time."""
        return self.mark.time_ns + self.wanted * self.interval_ns + _SLACK_NS

    def other_reporter(self, memberships: Memberships, since_ns: int = 0) -> Host | None:
        """Return another member that has reported the group since the leave, or since later."""
        since_ns = max(since_ns, self.mark.time_ns)
        for host, row in memberships.groups.get(self.left.row.group, {}).items():
            if host != self.left.row.host and row.last_ns > since_ns:
                return host
        return None


class Leaves:
    """The leaves of one link and family."""

    def __init__(self, link: LinkKey, ledger: Ledger, memberships: Memberships) -> None:
        self._link = link
        self._ledger = ledger
        self._memberships = memberships
        self._pending: dict[Address, _Pending] = {}
        self._due: list[tuple[int, Address]] = []
        """A heap of the times at which leaves may be judged; longer intervals put them off."""
        self.count = 0
        """Leaves, and sources that were stopped, that a querier had to ask about."""
        self.delays = Delays()
        """Time from the leave to the first specific query."""

    def left(self, left: Left, robustness: int, mark: Mark) -> None:
        """Take in a leave that a querier, which is there, must ask about."""
        group = left.row.group
        # Routers ignore BLOCK while an older host is member (RFC 9776 §7.3.2).
        if group in self._pending or (left.sources and self._has_older_member(group, mark)):
            return
        self.count += 1
        pending = self._pending[group] = _Pending(left, mark, robustness)
        heappush(self._due, (pending.until_ns, group))

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
            self.delays.add(mark.time_ns - pending.mark.time_ns, late=False)
        pending.interval_ns = max(pending.interval_ns, query.max_response_ns)
        self._judge_flag(query, pending, mark)

    def pause(self) -> None:
        """Forget what is awaited: nobody saw whether it came."""
        self._pending.clear()
        self._due.clear()

    @property
    def due_ns(self) -> int:
        """When there is something to judge at the earliest."""
        return self._due[0][0] if self._due else NEVER_NS

    def poll(self, now_ns: int) -> None:
        """Judge the leaves whose time is over."""
        due = self._due
        while due and due[0][0] < now_ns:
            _, group = heappop(due)
            pending = self._pending[group]
            if pending.until_ns < now_ns:
                self._judge(group, self._pending.pop(group))
            else:
                heappush(due, (pending.until_ns, group))

    def _judge(self, group: Address, pending: _Pending) -> None:
        """D-11."""
        if pending.other_reporter(self._memberships) is not None:
            return
        after_ns = pending.first_ns - pending.mark.time_ns
        if pending.queries == 0:
            # So does the Linux bridge (net/bridge/br_multicast.c:__br_multicast_send_query).
            detail = (
                "no specific query followed here (a switch asks at the port of the leaver alone)"
            )
        elif after_ns > LAST_MEMBER_INTERVAL_NS + _SLACK_NS:
            detail = f"the first specific query came after {after_ns / SECOND:.1f} s"
        elif pending.queries < pending.wanted:
            detail = f"{pending.queries} of {pending.wanted} specific queries followed"
        else:
            return
        severity = None
        if is_flooded(group):
            # Nothing ends with a leave (net/bridge/br_multicast.c:br_ip4_multicast_add_group).
            severity = INFO
            detail += "; this group is flooded, whoever is member"
        host = host_address(pending.left.row.host)
        what = "stopped sources of" if pending.left.sources else "left"
        self._ledger.add(
            "D-11", self._link, pending.mark, f"{text(host)} {what} {text(group)}: {detail}",
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
