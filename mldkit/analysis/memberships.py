"""Who listens to what and since when: one row for one continuous stay.

::

    host --- report ------ report --------- leave             ended by leave
              |<------------ row ----------->|
    host --- report ------ report . . . . . . . . . .|        ended by expiry
              |<----------- row ------ lifetime ---->|

A row is one stay of (link, group, host) with the filter as the host announces it, the history
of that filter, and the time at which the stay ends unless another report comes. Lifetimes are
RV x QI + 2 x QRI of the querier before the report (RFC 9776 §8.4, RFC 9777 §9.4). An older
report is EXCLUDE without sources (RFC 9776 §7.3.2).
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from mldkit.analysis import limits, stays
from mldkit.analysis.deadlines import FAR_NS, Deadlines
from mldkit.analysis.events import membership_event
from mldkit.analysis.facts import Host
from mldkit.analysis.filters import filter_after
from mldkit.analysis.leave_events import LeaveEvents
from mldkit.analysis.nameless import Nameless
from mldkit.analysis.older_members import OlderMembers
from mldkit.analysis.recognised import Recognised
from mldkit.analysis.stay_order import SOURCES_PER_STAY, weight
from mldkit.analysis.stays import (
    EXPIRY,
    LEAVE,
    Change,
    Left,
    ReportEffect,
    Row,
    asks,
    weight_of_change,
)
from mldkit.model.family import IGMP
from mldkit.model.messages import RecordType

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from mldkit.analysis.events import Listener
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.analysis.stays import Heard, Stay
    from mldkit.model.addresses import Address
    from mldkit.model.messages import GroupRecord

_IS_IN, _IS_EX, _TO_IN, _TO_EX, _ALLOW, _BLOCK = map(int, RecordType)
_STATES, _EXCLUDES = (_IS_IN, _IS_EX), (_IS_EX, _TO_EX)
# One is made for every change: without the Python level of a named tuple's constructor.
_new = tuple.__new__
_NOTHING: Iterable[None] = repeat(None)
_NOBODY: dict[Host, Row] = {}


class Memberships:
    """The stays of one link and family.

    It has more attributes and methods than a class should, because all that can happen to a stay
    is done to one table, which nobody else changes.
    """

    def __init__(self, room: LinkRoom, listener: Listener) -> None:
        self.link = room.key
        self._room = room
        self._listener = listener
        self.groups: dict[Address, dict[Host, Row]] = {}
        self.ended: list[Row] = []
        self.new_groups: list[Address] = []
        """Groups that nobody was in before, for who wants to know."""
        self.emptied: Table[Address, int] = room.table(limits.EMPTIED)
        """When the last member of a group left it, as long as nobody joins again."""
        self.last_left: Table[Address, Row] = room.table(limits.EMPTIED, beside="row")
        """The stay that ended then."""
        self.lasting = 0
        """Stays that last."""
        self.deadlines = Deadlines()
        """Kept where somebody listens."""
        self.older_members = OlderMembers(room.key.family.current_version)
        self._leaves = LeaveEvents(room, listener)
        self._nameless = Nameless()
        self.recognised = Recognised()

    def rows(self) -> Iterator[Row]:
        """Give the stays that last."""
        for members in self.groups.values():
            yield from members.values()

    def reported(self) -> set[Address]:
        """Return the groups that anybody was in at any time."""
        return {row.group for row in self.ended} | self.groups.keys()

    def report(
        self,
        heard: Heard,
        records: Iterable[GroupRecord],
        recognised: Iterable[Row | None] | None = None,
    ) -> ReportEffect:
        """Take in the records of an accepted report, with the rows that they say again."""
        host, now_ns, deadline_ns = heard.host, heard.now_ns, heard.until_ns
        told = ReportEffect()
        answering = told.answering
        groups = self.groups
        is_short = deadline_ns - now_ns < FAR_NS and self._listener is not None
        for record, row in zip(records, recognised or _NOTHING, strict=False):
            # Nearly every record of a capture: the host says again what it said before. A record
            # before it in the same report may have changed that.
            if row is not None and row.record is record and row.deadline_ns >= now_ns:
                row.last_ns = now_ns
                row.deadline_ns = deadline_ns
                row.reports += 1
                answering.append(row)
                if is_short:
                    self.deadlines.add(row, now_ns)
            else:
                self._meet(groups.get(record.group, _NOBODY).get(host), record, heard, told)
        return told

    def _meet(self, row: Row | None, record: GroupRecord, heard: Heard, told: ReportEffect) -> None:
        """Take in a record that was not recognised: it may still say the same as before."""
        kind, _, sources, _ = record
        if (
            row is None
            or kind not in _STATES
            or row.sources != sources
            or row.exclude is not (kind == _IS_EX)
            or row.version != heard.version
            or row.deadline_ns < heard.now_ns
        ):
            # Unknown types are ignored (RFC 9776 §4.2.13, RFC 9777 §5.2.13).
            if _IS_IN <= kind <= _BLOCK:
                self._take(row, record, heard, told)
            return
        row.last_ns = heard.now_ns
        row.reports += 1
        self._prolong(row, heard, record)
        told.answering.append(row)
        # Remembering is in vain while the decoder gives a new object each time.
        if heard.is_faultless and (row.record is None or row.reports & 3 == 0):
            self.recognised.remember(row, record)

    def _take(self, row: Row | None, record: GroupRecord, heard: Heard, told: ReportEffect) -> None:
        """Take in a record that is new or changes something."""
        kind, _, sources, _ = record
        now_ns, version = heard.now_ns, heard.version
        if kind > _IS_EX:
            told.changes += 1
        if row is None or row.deadline_ns < now_ns:
            row = self._enter(row, heard, record)
            if row is None:
                if kind == _TO_IN and not sources:
                    self._leaves.unheard(heard.host, heard.mac, record.group, now_ns)
                return
        exclude = kind in _EXCLUDES
        if not exclude:
            exclude, sources = filter_after(row, kind, sources, heard)
            if not exclude and not sources:
                if kind != _IS_IN:
                    told.left.append(Left(row, ()))
                    self._end(row, LEAVE, now_ns)
                return
            if kind == _BLOCK or (kind == _TO_IN and row.reports):
                told.left.append(_new(Left, (row, record.sources)))
        if len(sources) > limits.MOST_SOURCES:
            sources = sources[: limits.MOST_SOURCES]
            self._room.leave_out(limits.SOURCES)
        if row.exclude != exclude or row.sources != sources or row.version != version:
            self._change(row, _new(Change, (now_ns, exclude, sources, version)))
        row.last_ns = now_ns
        row.reports += 1
        self._prolong(row, heard, record)
        if kind <= _IS_EX:
            told.answering.append(row)
            says_all = row.sources == record.sources and row.exclude is (kind == _IS_EX)
            if heard.is_faultless and says_all:
                self.recognised.remember(row, record)

    def leave(self, host: Host, mac: bytes | None, group: Address, now_ns: int) -> Left | None:
        """Take in a Leave or Done; return what was left."""
        row = self.groups.get(group, {}).get(host)
        if row is None or row.deadline_ns < now_ns:
            self._leaves.unheard(host, mac, group, now_ns)
            return None
        self._end(row, LEAVE, now_ns)
        return Left(row, ())

    def rename(self, before: Host, host: Host) -> None:
        """Give the stays of a host without address to the address that it turned out to have."""
        for row in self._nameless.take(before):
            members = self.groups.get(row.group, {})
            if members.get(before) is row:
                del members[before]
                self.recognised.forget(row)
                self.older_members.note(row, None)
                if host in members:
                    self._let_go(row)
                    self._forget_past(row)
                    continue
                members[host] = row
                if row.is_reserved:
                    self._room.free(row)
                    self._room.room.stays.enter(row, is_new=False)
            row.host = host
            if not row.ended_by:
                self.older_members.note(row, row.version)

    def disown(self, hosts: Container[Host]) -> Iterator[int]:
        """Take back all stays of hosts, a task: what told of them should not have counted."""
        for piece in stays.in_pieces(self.groups):
            for row in piece:
                if row.host in hosts and not row.ended_by:
                    self._end(row, EXPIRY, row.last_ns)
            yield len(piece)
        kept, first = list[Row](), 0
        while rows := self.ended[first : first + stays.PIECE]:
            kept += [row for row in rows if row.host not in hosts]
            first += stays.PIECE
            yield len(rows)
        if self.ended:
            self._room.room.past_stays -= len(self.ended) - len(kept)
            self.ended = kept

    def forget_ended(self) -> None:
        """Keep only the stays that last, for who watches a link for long."""
        for row in self.ended:
            self._forget_past(row)
        self._room.room.past_stays -= len(self.ended)
        self.ended.clear()
        # Nobody asks on a live link whether data go on.
        self.emptied.empty()
        self.last_left.empty()

    def put_off(self, from_ns: int, by_ns: int) -> None:
        """Let time stand still: what lasts at a moment lasts longer by as much."""
        for row in self.rows():
            if row.deadline_ns >= from_ns:
                row.deadline_ns += by_ns

    def skip(self, now_ns: int) -> None:
        """End every stay: nobody looks from now on."""
        self.finish(now_ns)
        self.emptied.empty()
        self.last_left.empty()

    def poll(self, now_ns: int) -> None:
        """End the stays whose time is over."""
        if self._listener is None:
            over = [row for row in self.rows() if row.deadline_ns < now_ns]
        else:
            self.deadlines.take(now_ns)
            over, self.deadlines.over = self.deadlines.over, []
        for row in sorted(over, key=lambda row: row.deadline_ns):
            if not row.ended_by:
                self._end(row, EXPIRY, row.deadline_ns)

    def finish(self, now_ns: int) -> None:
        """End every stay at the end of the capture."""
        self.poll(now_ns)
        for row in list(self.rows()):
            row.ended_by, row.to_ns = stays.CAPTURE_END, now_ns
            self.ended.append(row)
            self._room.room.past_stays += 1
            self._let_go(row)
        self.groups, self.deadlines = {}, Deadlines()
        self.recognised.clear()
        self.older_members.clear()

    def seal(self) -> tuple[Stay, ...]:
        """Return all stays in order of time, and let go of the rows one by one."""
        rows: list[Any] = self.ended
        self.ended = []
        self._nameless.clear()
        rows.sort(key=lambda row: (row.from_ns, row.group, row.host))
        for index, row in enumerate(rows):
            rows[index] = stays.sealed(row)
        return tuple(rows)

    def _enter(self, old: Row | None, heard: Heard, record: GroupRecord) -> Row | None:
        """Return a new row, None where the record makes nobody a member.

        A BLOCK of a host that was not heard before says that it listens to something else,
        but not to what; routers make nothing of it (RFC 9776 §6.4.2).
        """
        if old is not None:
            self._end(old, EXPIRY, old.deadline_ns)
        if not asks(record):
            return None
        members = self.groups.get(record.group)
        if members is None:
            members = self.groups[record.group] = {}
            self.new_groups.append(record.group)
        if record.group in self.emptied and self.emptied.drop(record.group) is not None:
            self.last_left.drop(record.group)
        row = members[heard.host] = Row(heard, record.group)
        row.home = self
        self.lasting += 1
        if self.link.family is IGMP and len(heard.host) > len(record.group):
            self._nameless.add(row)
        self._room.room.stays.enter(row)
        if heard.host in self._room.reserved:
            self.secure(row)
        return row

    def secure(self, row: Row) -> None:
        """Reserve room for a stay of a host that answered twice, if there is any."""
        if self._room.reserve(row):
            self._room.room.stays.reserve(row)

    def crowd_out(self, row: Row) -> None:
        """Let a stay go without a word: it makes room for another one."""
        self.recognised.forget(row)
        self.older_members.note(row, None)
        members = self.groups[row.group]
        del members[row.host]
        if not members:
            del self.groups[row.group]
        row.ended_by = EXPIRY
        self._let_go(row)
        self._forget_past(row)

    def release(self) -> None:
        """Let go of all stays: the link makes room for another one."""
        for row in list(self.rows()):
            self.crowd_out(row)
        self.forget_ended()

    def _let_go(self, row: Row) -> None:
        """Give back the room of a stay that lasts no longer."""
        self.lasting -= 1
        self.deadlines.remove(row)
        self._room.room.stays.leave(row)
        row.home = None
        if row.is_reserved:
            self._room.free(row)

    def _forget_past(self, row: Row) -> None:
        """Let go of what is still known of a stay that is over."""
        self._room.room.changes -= sum(map(weight_of_change, row.changes))
        self._nameless.forget(row)

    def _prolong(self, row: Row, heard: Heard, record: GroupRecord) -> None:
        """Let a stay last until its lifetime after a record that asks for something is over."""
        if asks(record):
            row.deadline_ns = heard.until_ns
            if self._listener is not None:
                self.deadlines.add(row, heard.now_ns)

    def _change(self, row: Row, change: Change) -> None:
        if row.reports and row.version == change.version and row.exclude == change.exclude:
            sources = change.sources
            if len(sources) == len(row.sources) and set(sources) == set(row.sources):
                return
        self.recognised.forget(row)
        room = self._room
        if row.version != change.version:
            self.older_members.note(row, change.version)
        before = weight(row) if len(row.sources) + len(change.sources) >= SOURCES_PER_STAY else 0
        row.exclude, row.sources, row.version = change[1:]
        if before:
            room.weigh(before, row)
        changes = (*row.changes, change) if row.changes else (change,)
        room.room.changes += weight_of_change(change)
        while len(changes) > 1 and (
            len(changes) > limits.MOST_CHANGES or not room.has_room_for_changes
        ):
            room.room.changes -= weight_of_change(changes[0])
            changes = changes[1:]
            room.leave_out(limits.CHANGES)
        row.changes = changes
        if self._listener is not None:
            kind = "change" if row.reports else "join"
            self._listener(membership_event(kind, self.link, row, change.time_ns))

    def _end(self, row: Row, why: str, now_ns: int) -> None:
        self.recognised.forget(row)
        row.ended_by, row.to_ns = why, now_ns
        self.older_members.note(row, None)
        members = self.groups[row.group]
        del members[row.host]
        if not members:
            del self.groups[row.group]
        if why == LEAVE and stays.are_over(members, now_ns):
            self.emptied.keep(row.group, now_ns)
            self.last_left.keep(row.group, row)
        if self._room.keeps_past(row):
            self.ended.append(row)
        else:
            self._forget_past(row)
        self._let_go(row)
        if self._listener is not None and not row.is_told:
            if why == LEAVE:
                self._leaves.is_repeated(row.host, row.group, now_ns)
            kind = "leave" if why == LEAVE else "expire"
            self._listener(membership_event(kind, self.link, row, now_ns))
