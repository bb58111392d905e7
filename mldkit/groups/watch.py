"""Changes of what this kernel listens to, as they happen.

The kernel tells by netlink when a group appears on an interface or goes (RTNLGRP_IPV4_MCADDR,
RTNLGRP_IPV6_MCADDR, Linux 6.18); it tells nobody of a second user, of a changed filter or of an
entry of a device's list. So the listing is taken again at each notification and once a second,
and two listings are compared::

    notifications --> joined, left       also of a group that lived between two listings
    listings      --> joined, left, changed, device-list

`compare` is pure; `changes` waits and reads.
"""

from __future__ import annotations

import select
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.groups import listing as listings
from mldkit.groups.row import Listing
from mldkit.link import clock, kernel, netlink
from mldkit.link.interfaces import interfaces
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.groups.row import GroupRow
    from mldkit.model.addresses import Address

# linux/rtnetlink.h
NOTIFICATION_GROUPS = (37, 38)

_POLL_NS = SECOND
_GATHER_NS = 20 * MILLISECOND
_FLEETING_FLAGS = {"timer running", "last reporter", "queried with sources"}


class EventKind(StrEnum):
    """What happened."""

    JOINED = "joined"
    LEFT = "left"
    CHANGED = "changed"
    DEVICE_LIST = "device-list"


@dataclass(frozen=True, slots=True)
class GroupsEvent:
    """One change."""

    kind: EventKind
    time_ns: int
    """Wall time at which it was noticed."""
    interface: str
    group: Address | None
    """None for an entry of the device's list."""
    mac: bytes | None
    row: GroupRow | None
    """The group after the event, before it where it has been left; None: it lived too short."""
    before: GroupRow | None
    """The group before a change."""
    references: tuple[int, int] | None
    """Of the MAC, before and after, for an entry of the device's list."""


def kernel_notifies() -> bool:
    """Return whether this kernel tells of joins and leaves; before Linux 6.18 it may not."""
    with netlink.Notifications(NOTIFICATION_GROUPS) as told:
        return not told.missing


MembershipNotice = tuple[EventKind, str, bytes]
"""Joined or left, interface, group: one notification."""


def changes(
    interface: str | None, *, start: Listing, duration_ns: int | None
) -> Iterator[tuple[Listing, list[GroupsEvent]]]:
    """Yield each listing that differs from the one before, with the events between them.

    Ends after `duration_ns`, or never. An interface that goes leaves its groups and is waited for.
    """
    end_ns = None if duration_ns is None else clock.now_ns() + duration_ns
    before = start
    waiting = select.poll()
    with netlink.Notifications(NOTIFICATION_GROUPS) as told:
        waiting.register(told.fileno(), select.POLLIN)
        while True:
            left_ns = _POLL_NS if end_ns is None else min(_POLL_NS, end_ns - clock.now_ns())
            if waiting.poll(max(left_ns, 0) / MILLISECOND):
                # A program that joins hundreds of groups is one change, not hundreds of readings.
                clock.wait_ns(_GATHER_NS)
            heard = _told(told, interface)
            after = _listing(interface)
            events = compare(before, after, heard, clock.wall_ns())
            if events:
                yield after, events
            before = after
            if end_ns is not None and clock.now_ns() >= end_ns:
                return


def compare(
    before: Listing, after: Listing, told: list[MembershipNotice], time_ns: int
) -> list[GroupsEvent]:
    """Return what happened between two listings, given what the kernel told meanwhile."""
    old = {(row.interface, row.group): row for row in before.rows}
    new = {(row.interface, row.group): row for row in after.rows}
    events = []
    present = set(old)
    for kind, name, group in told:
        key = (name, group)
        joins = kind is EventKind.JOINED
        if joins is (key in present):
            continue  # the listing before was taken after it had happened
        (present.add if joins else present.discard)(key)
        row = new.get(key) if joins else old.get(key)
        events.append(_group_event(kind, time_ns, key, row))
    for key in sorted(present - new.keys()):
        events.append(_group_event(EventKind.LEFT, time_ns, key, old.get(key)))
    for key in sorted(new.keys() - present):
        events.append(_group_event(EventKind.JOINED, time_ns, key, new[key]))
    for key in sorted(old.keys() & new.keys()):
        if _facts(old[key]) != _facts(new[key]):
            changed = _group_event(EventKind.CHANGED, time_ns, key, new[key], before=old[key])
            events.append(changed)
    for name, mac in sorted(before.macs.keys() | after.macs.keys()):
        references = (before.macs.get((name, mac), 0), after.macs.get((name, mac), 0))
        if references[0] != references[1]:
            kind = EventKind.DEVICE_LIST
            events.append(GroupsEvent(kind, time_ns, name, None, mac, None, None, references))
    return events


def _group_event(
    kind: EventKind,
    time_ns: int,
    key: tuple[str, Address],
    row: GroupRow | None,
    *,
    before: GroupRow | None = None,
) -> GroupsEvent:
    return GroupsEvent(kind, time_ns, *key, row.mac if row else None, row, before, None)


def _facts(row: GroupRow) -> tuple[object, ...]:
    """Return what counts as a change; timers and reporters change with every query."""
    lasting = None if row.flags is None else set(row.flags) - _FLEETING_FLAGS
    owners = tuple(r for r in row.reasons if r.users)
    return row.users, row.is_exclude, row.sources, lasting, sorted(map(str, owners))


def _listing(interface: str | None) -> Listing:
    try:
        return listings.take(interface)
    except LinkError:
        if interface is not None and all(i.name != interface for i in interfaces()):
            return Listing((), (), (), (), {}, blind=False)
        raise


def _told(told: netlink.Notifications, interface: str | None) -> list[MembershipNotice]:
    names = None
    found: list[MembershipNotice] = []
    for kind, fixed, attributes in told.read(fixed_octets=kernel.MULTICAST_HEADER_OCTETS):
        if kind not in (netlink.NEW_MULTICAST, netlink.DELETE_MULTICAST):
            continue
        index, group, _ = kernel.parse_multicast(fixed, attributes)
        if names is None:
            names = {each.index: each.name for each in interfaces()}
        name = names.get(index)
        # An interface that has gone has no name any more; the listing tells what it took along.
        if name is not None and interface in (None, name):
            event = EventKind.JOINED if kind == netlink.NEW_MULTICAST else EventKind.LEFT
            found.append((event, name, group))
    return found
