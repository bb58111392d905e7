"""The room that a querier has for groups, and which of them makes room for another one.

::

    reported once, lately     goes in its turn, the one first that was reported first
    answered two questions    stays: reported again and again, half a Query Interval apart at least

Half of the room is reserved for groups that stay; more of them go in their turn as others do. So
who forges ever new groups pushes out those that he forged before, and nobody who listens longer.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mldkit.model.units import SECOND
from mldkit.protocol.querier_events import RoomChanged
from mldkit.protocol.timer import Timer

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.model.family import Family
    from mldkit.protocol.querier_events import Observer
    from mldkit.protocol.timer import Timers

QUIET_NS = 60 * SECOND
"""So long after the last one that was left out there is room again."""
_PROOFS = 2


class Room(NamedTuple):
    """How much is kept of one family: a link that reports more is under attack."""

    groups: int = 65_536
    sources: int = 65_536
    """Of all groups together."""
    sources_of_group: int = 1024


ROOM = Room()


class Kept(Protocol):
    """A group as far as its room is concerned."""

    address: Address
    counted_sources: int
    proofs: int
    proved_ns: int


class GroupRoom:
    """What there is room for on one link, in one family."""

    def __init__(
        self, room: Room, family: Family, timers: Timers, observe: Observer = None
    ) -> None:
        self._room = room
        self._family = family
        self._timers = timers
        self._observe = observe
        self._passing: OrderedDict[Address, None] = OrderedDict()
        """Groups that go in their turn."""
        self._listing: OrderedDict[Address, None] = OrderedDict()
        """Those of them that have sources."""
        self._reserved: dict[Address, int] = {}
        """Groups that stay, with the sources of each."""
        self._reserved_sources = 0
        self.left_out = 0
        """Groups that went, and records of more sources than are kept."""
        self._since_ns = self._last_ns = 0
        self._timer = Timer(family, "room", self._look)

    def enter(self, group: Kept, now_ns: int) -> None:
        """Take in a new group."""
        group.proved_ns = now_ns
        self._passing[group.address] = None

    def prove(self, group: Kept, interval_ns: int, now_ns: int) -> None:
        """Take in that somebody reported a known group: after two answers it stays."""
        if now_ns - group.proved_ns < interval_ns // 2:
            return
        group.proofs += 1
        group.proved_ns = now_ns
        if group.proofs >= _PROOFS and group.address in self._passing and self._admits(group):
            self._passing.pop(group.address, None)
            self._listing.pop(group.address, None)
            self._reserved[group.address] = group.counted_sources
            self._reserved_sources += group.counted_sources

    def weigh(self, group: Kept) -> None:
        """Take in how many sources a group has now."""
        address, count = group.address, group.counted_sources
        before = self._reserved.get(address)
        if before is None:
            if count:
                self._listing[address] = None
            else:
                self._listing.pop(address, None)
            return
        self._reserved[address] = count
        self._reserved_sources += count - before
        if 2 * self._reserved_sources > self._room.sources:
            self.leave(address)
            self._passing[address] = None
            if count:
                self._listing[address] = None

    def leave(self, address: Address) -> None:
        """Take in that nobody listens to a group any more."""
        self._passing.pop(address, None)
        self._listing.pop(address, None)
        self._reserved_sources -= self._reserved.pop(address, 0)

    def oldest(self, *, with_sources: bool, but: Address | None = None) -> Address | None:
        """Return the group that goes next, but for one of them; None where all of them stay."""
        order = self._listing if with_sources else self._passing
        return next((address for address in order if address != but), None)

    def leave_out(self, now_ns: int) -> None:
        """Count a group that went, or a record that found no room; tell of the first one."""
        self.left_out += 1
        self._last_ns = now_ns
        if not self._timer.is_running:
            self._since_ns = now_ns
            self._timers.arm(self._timer, QUIET_NS, now_ns)
            self._tell(now_ns, is_over=False)

    def _admits(self, group: Kept) -> bool:
        """Return whether there is reserved room for another group."""
        if 2 * (len(self._reserved) + 1) > self._room.groups:
            return False
        return 2 * (self._reserved_sources + group.counted_sources) <= self._room.sources

    def _look(self, now_ns: int) -> None:
        """Say that there is room again, if nothing was left out for a while."""
        quiet_ns = now_ns - self._last_ns
        if quiet_ns < QUIET_NS:
            self._timers.arm(self._timer, QUIET_NS - quiet_ns, now_ns)
        else:
            self._tell(now_ns, is_over=True)

    def _tell(self, now_ns: int, *, is_over: bool) -> None:
        if self._observe is not None:
            since_ns = self._since_ns
            self._observe(RoomChanged(now_ns, self._family, self.left_out, since_ns, is_over))
