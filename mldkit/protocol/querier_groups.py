"""What a router knows of all groups of one family on one link, and what it asks about them.

::

    record or older message -> version of the group's oldest listener -> state table -> queries
    query of another router -> timers lowered, unless its S flag is set
    time                    -> timers end: sources and groups fall away

A group with an older listener is treated as that version knows it: its reports and leaves stand
for IS_EX({}) and TO_IN({}), BLOCK and the sources of TO_EX say nothing, and IGMPv1 knows no
leaving (RFC 9776 §7.3.2, RFC 9777 §8.3.2).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.model.family import IGMP
from mldkit.model.messages import GroupRecord, RecordType
from mldkit.protocol.older_versions import OlderVersions
from mldkit.protocol.querier_asking import LastMemberAsking
from mldkit.protocol.querier_events import MembershipChanged
from mldkit.protocol.querier_filter import NOTHING, RouterFilter, Seen
from mldkit.protocol.querier_room import ROOM, GroupRoom, Room
from mldkit.protocol.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.model.addresses import Address
    from mldkit.model.messages import Leave, LegacyReport, Query
    from mldkit.protocol.election import Election
    from mldkit.protocol.querier_events import Observer
    from mldkit.protocol.timer import Timers


_STATES = (RecordType.IS_IN, RecordType.IS_EX)
"""What answers are made of; older reports stand for one of them."""


@dataclass(slots=True)
class _Group:
    """One group that somebody listens to.

    It has more attributes than a class should, because it is one flat record of a group with what
    its room is reckoned by.
    """

    address: Address
    filter: RouterFilter
    asking: LastMemberAsking
    timer: Timer
    current_version: int
    host: Address = b""
    """Who reported it last."""
    lives_until_ns: int = 0
    """When it would end if nobody left and nobody reported any more."""
    older: OlderVersions = field(default_factory=OlderVersions)
    """The older versions that its listeners speak (RFC 9776 §8.13, RFC 9777 §9.13)."""
    told_version: int = 0
    """In which version it was told to be treated."""
    counted_sources: int = 0
    proofs: int = 0
    """How often it was reported anew, half a Query Interval after the time before."""
    proved_ns: int = 0

    def version(self, now_ns: int) -> int:
        """Return the version of its oldest listener (Group Compatibility Mode)."""
        return self.older.oldest(self.current_version, now_ns)

    def event(
        self,
        kind: str,
        now_ns: int,
        host: Address = b"",
        *,
        seen: Seen | None = None,
        version: int | None = None,
    ) -> MembershipChanged:
        """Return an event of a kind that tells what was seen, by default what is seen now."""
        told = self.filter.seen if seen is None else seen
        return MembershipChanged(
            kind,
            now_ns,
            self.timer.family,
            self.address,
            told.exclude,
            told.stopped if told.exclude else told.running,
            told.running if told.exclude else (),
            self.version(now_ns) if version is None else version,
            host,
        )


class Groups:
    """The groups of one family on one link.

    It has more methods than a class should, because each message that a router hears has one, and
    so has what becomes of a group.
    """

    def __init__(
        self,
        election: Election,
        timers: Timers,
        send: Callable[[Query, int], None],
        observe: Observer = None,
        room: Room = ROOM,
    ) -> None:
        self._election = election
        self._most = room
        self._room = GroupRoom(room, election.settings.family, timers, observe)
        self._timers = timers
        self._send = send
        self._observe = observe
        self._groups: dict[Address, _Group] = {}
        self._source_count = 0

    @property
    def left_out(self) -> int:
        """Groups that made room for others, and records of more sources than are kept."""
        return self._room.left_out

    def __len__(self) -> int:
        """Return how many groups somebody listens to."""
        return len(self._groups)

    def members(self, now_ns: int) -> Iterator[MembershipChanged]:
        """Give the state of every group, the first one reported first."""
        for group in self._groups.values():
            yield group.event("member", now_ns, group.host)

    def record(self, record: GroupRecord, host: Address, now_ns: int) -> None:
        """Take in an accepted record of a report of the current version."""
        group = self._groups.get(record.group)
        kind, sources = record.type, record.sources
        if group is not None:
            version = group.version(now_ns)
            if version < group.current_version:
                if kind == RecordType.BLOCK:
                    return
                if kind == RecordType.TO_IN and self._knows_no_leaving(version):
                    return
                if kind == RecordType.TO_EX:
                    sources = ()
        self._apply(GroupRecord(kind, record.group, sources), host, now_ns)

    def older_report(self, report: LegacyReport, host: Address, now_ns: int) -> None:
        """Take in an accepted report of an older version."""
        version = report.version
        older = None
        if version is not None:
            older = (version, now_ns + self._election.variables.older_host_ns)
        self._apply(GroupRecord(RecordType.IS_EX, report.group), host, now_ns, older=older)

    def leave(self, leave: Leave, host: Address, now_ns: int) -> None:
        """Take in an accepted Leave Group or Done."""
        group = self._groups.get(leave.group)
        if group is None or self._knows_no_leaving(group.version(now_ns)):
            return
        self._apply(GroupRecord(RecordType.TO_IN, leave.group), host, now_ns)

    def hear_query(self, query: Query, now_ns: int) -> None:
        """Take in a query of another router for one group (RFC 9776 §6.6.1, RFC 9777 §7.6.1)."""
        group = self._groups.get(query.group)
        if group is None or query.suppress:
            return
        robustness = query.robustness or self._election.variables.robustness
        until_ns = now_ns + robustness * query.max_response_ns
        before = group.version(now_ns)
        group.filter.mark()
        group.filter.expire(now_ns)
        if query.sources:
            group.filter.lower(until_ns, query.sources)
        elif group.filter.exclude:
            group.filter.lower(until_ns)
        self._settle(group, before, now_ns)

    def _knows_no_leaving(self, version: int) -> bool:
        return version == 1 and self._election.settings.family is IGMP

    def _apply(
        self,
        record: GroupRecord,
        host: Address,
        now_ns: int,
        *,
        older: tuple[int, int] | None = None,
    ) -> None:
        group = self._groups.get(record.group)
        is_new = group is None
        if not self._has_room(group, record.sources, now_ns):
            self._room.leave_out(now_ns)
            return
        if group is None:
            group = self._made(record.group)
        before = group.version(now_ns)
        variables = self._election.variables
        lifetime_ns = variables.membership_ns(self._election.settings.profile)
        may_ask = group.asking.asks_for_sources(now_ns)
        group.filter.mark()
        group.filter.expire(now_ns)
        asked = group.filter.apply(
            record.type, record.sources, now_ns, lifetime_ns, may_ask=may_ask
        )
        if group.filter.is_empty and is_new:
            return
        if older is not None:
            group.older.hear(*older)
        group.host = host
        if record.sources or record.type in (RecordType.IS_EX, RecordType.TO_EX):
            group.lives_until_ns = now_ns + lifetime_ns
        if is_new:
            self._groups[record.group] = group
            self._room.enter(group, now_ns)
            group.filter.mark()
            group.told_version = before = group.version(now_ns)
            self._tell(group.event("join", now_ns, host))
        elif record.type in _STATES:
            self._room.prove(group, variables.interval_ns, now_ns)
        if asked is not NOTHING:
            group.asking.begin(asked, now_ns)
        self._settle(group, before, now_ns, host)

    def _has_room(self, group: _Group | None, sources: tuple[Address, ...], now_ns: int) -> bool:
        """Return whether there is room for a record; other groups make it where there is none."""
        known: dict[Address, int] = {} if group is None else group.filter.sources
        fresh = len(sources) if not known else sum(source not in known for source in sources)
        if fresh and len(known) + fresh > self._most.sources_of_group:
            return False
        while group is None and len(self._groups) >= self._most.groups:
            if not self._crowd_out(now_ns, with_sources=False):
                return False
        while fresh and self._source_count + fresh > self._most.sources:
            if not self._crowd_out(now_ns, with_sources=True, keeping=group):
                return False
        return True

    def _crowd_out(self, now_ns: int, *, with_sources: bool, keeping: _Group | None = None) -> bool:
        """Let go of the group whose turn it is; return whether there was one."""
        but = None if keeping is None else keeping.address
        address = self._room.oldest(with_sources=with_sources, but=but)
        if address is None:
            return False
        group = self._groups[address]
        self._source_count -= group.counted_sources
        self._end(group)
        self._room.leave_out(now_ns)
        return True

    def _end(self, group: _Group) -> None:
        group.asking.stop()
        self._timers.stop(group.timer)
        self._room.leave(group.address)
        del self._groups[group.address]

    def _made(self, address: Address) -> _Group:
        family = self._election.settings.family
        state = RouterFilter()
        asking = LastMemberAsking(address, state, self._election, self._timers, self._send)

        def end(now_ns: int) -> None:
            before = group.version(now_ns)
            state.mark()
            state.expire(now_ns)
            self._settle(group, before, now_ns)

        timer = Timer(family, "membership", end, address)
        group = _Group(address, state, asking, timer, family.current_version)
        return group

    def _settle(self, group: _Group, before: int, now_ns: int, host: Address = b"") -> None:
        """Tell what is different, and look again when the next timer of the group ends.

        `before` is the version in which the group was treated when its filter was marked.
        """
        count = len(group.filter.sources)
        self._source_count += count - group.counted_sources
        if count != group.counted_sources:
            group.counted_sources = count
            self._room.weigh(group)
        if group.filter.is_empty:
            self._end(group)
            kind = "expire" if now_ns >= group.lives_until_ns else "leave"
            seen = group.filter.seen_before_the_end
            self._tell(group.event(kind, now_ns, host, seen=seen, version=before))
            return
        version = group.version(now_ns)
        # Its version changes with time too, when the last older listener has gone.
        is_other = version != before or version != group.told_version
        if is_other or group.filter.is_changed:
            group.told_version = version
            self._tell(group.event("change", now_ns, host))
        next_ns = min([group.filter.next_end_ns, *group.older.ends(now_ns)])
        # A timer that comes too early looks again; moving it with every report would cost more.
        if not group.timer.is_running or group.timer.fires_ns > next_ns:
            self._timers.arm(group.timer, max(next_ns - now_ns, 0), now_ns)

    def _tell(self, event: MembershipChanged) -> None:
        if self._observe is not None:
            self._observe(event)
