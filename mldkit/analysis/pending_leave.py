"""A leave after which it is awaited who asks, and who reports the group all the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.facts import LAST_MEMBER_INTERVAL_NS
from mldkit.model.units import SECOND
from mldkit.protocol.exchange import latest_ns

if TYPE_CHECKING:
    from mldkit.analysis.facts import Host, Mark
    from mldkit.analysis.memberships import Memberships
    from mldkit.analysis.stays import Left
    from mldkit.model.addresses import Address

SLACK_NS = latest_ns(LAST_MEMBER_INTERVAL_NS) - LAST_MEMBER_INTERVAL_NS
_PATIENCE_NS = 10 * SECOND
"""A query that comes later than that follows no leave; the Query Response Interval by default
(RFC 9776 §8.3)."""
_MOST_REPORTERS = 4
"""Of a group that somebody left, the last ones are known by name."""


class Unheeded(NamedTuple):
    """A leave that was asked about with queries that hosts must drop."""

    group: Address
    source: Address
    """Who asked."""
    rule: str
    """Which rule says that its queries must be dropped."""


@dataclass(slots=True)
class PendingLeave:
    """Leaves of one group whose queries are awaited, by the first of them.

    It has more attributes than a class should, because all that may follow a leave is noted here.
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
    reporters: dict[Host, int] = field(default_factory=dict)
    """Others that reported the group since, and when: the last few."""

    @property
    def until_ns(self) -> int:
        """When there is something to judge."""
        if self.is_overdue and not self.queries:
            return self.mark.time_ns + _PATIENCE_NS + SLACK_NS
        begun_ns = self.first_ns if self.queries else self.mark.time_ns
        return begun_ns + self.wanted * self.interval_ns + SLACK_NS

    def reported(self, host: Host, now_ns: int) -> None:
        """Take in that somebody reports the group."""
        if host == self.left.row.host:
            return
        self.reporters.pop(host, None)
        self.reporters[host] = now_ns
        if len(self.reporters) > _MOST_REPORTERS:
            del self.reporters[next(iter(self.reporters))]

    def other_reporter(self, memberships: Memberships, since_ns: int = 0) -> Host | None:
        """Return another member that has reported the group since the leave, or since later."""
        since_ns = max(since_ns, self.mark.time_ns)
        members = memberships.groups.get(self.left.row.group, {})
        for host, reported_ns in self.reporters.items():
            if reported_ns > since_ns and host in members:
                return host
        return None

    def is_wanted_again(self, memberships: Memberships) -> bool:
        """Return whether somebody reported since, be it who left: nobody has to be asked."""
        left = self.left
        members = memberships.groups.get(left.row.group, {})
        has_joined_again = not left.sources and left.row.host in members
        return has_joined_again or self.other_reporter(memberships) is not None
