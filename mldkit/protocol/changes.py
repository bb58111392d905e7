"""Which records a report holds, and what telling them uses up.

The walk is that of mld_send_cr and igmpv3_send_cr: groups that were left, newest first; then the
groups that are listened to, newest join first, each with its new sources, its gone sources and its
change of mode (RFC 9776 §5.1, RFC 9777 §6.1). While a change of mode is told, changes of sources
are held back but counted as told. Records come out whole; fitting them into packets is not done
here.

    type     of a live group                         of a group that was left
    IS_*     active sources, or the marked ones      never
    TO_IN    sources that somebody includes          empty
    TO_EX    sources that everybody excludes         never
    ALLOW    new (INCLUDE), gone (EXCLUDE)           never
    BLOCK    new (EXCLUDE), gone (INCLUDE)           all
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.messages import GroupRecord, RecordType
from mldkit.protocol.filters import Departed, FilterMode, FilterSource, Membership

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.model.addresses import Address


def current_state(membership: Membership) -> GroupRecord:
    """Return the record that answers a query, and take the marks of the query away."""
    kind = RecordType.IS_EX if membership.excludes else RecordType.IS_IN
    if not membership.sources:
        membership.is_restricted = False
        return GroupRecord(kind, membership.group)
    told = [source for source in membership.sources.values() if _answers(membership, source, kind)]
    for source in told:
        source.is_marked = False
    membership.is_restricted = False
    return GroupRecord(kind, membership.group, _addresses(told))


def asked_state(membership: Membership) -> GroupRecord | None:
    """Return the answer of the RFC to the sources asked for; None when there is nothing to say.

    INCLUDE (A) asked for B says IS_IN (A*B), EXCLUDE (A) says IS_IN (B-A) (RFC 9776 §5.2).
    """
    if not membership.asked:
        return current_state(membership)
    asked, membership.asked = membership.asked, frozenset()
    if membership.excludes:
        shut = {s.address for s in membership.sources.values() if membership.is_excluded(s)}
        told = tuple(sorted(asked - shut))
    else:
        told = tuple(address for address in membership.sources if address in asked)
    return GroupRecord(RecordType.IS_IN, membership.group, told) if told else None


def initial_state(memberships: Iterable[Membership]) -> Iterator[GroupRecord]:
    """Give what is told when the link-local address becomes valid (mld_send_initial_cr)."""
    for membership in memberships:
        if not membership.is_reportable:
            continue
        if membership.excludes:
            # All sources, whatever the filters of the sockets say together.
            yield GroupRecord(RecordType.TO_EX, membership.group, tuple(membership.sources))
            continue
        held_back = membership.repeats > 0
        told = []
        for source in membership.sources.values():
            if source.repeats:
                source.repeats -= 1
                if held_back:
                    continue
            told.append(source)
        if told:
            yield GroupRecord(RecordType.ALLOW, membership.group, _addresses(told))


def pending_changes(
    departed: list[Departed], memberships: Iterable[Membership], *, has_route: bool = True
) -> Iterator[GroupRecord]:
    """Give the records of one state-change report and count them as told.

    Groups that have nothing left to tell are taken out of `departed`. Without a route there is no
    packet to put sources into, and they stay untold (net/ipv4/igmp.c:add_grec).
    """
    for gone in reversed(departed):
        if gone.is_reportable:
            yield from _of_departed(gone, has_route=has_route)
        if gone.repeats:
            gone.repeats -= 1
            if not gone.repeats:
                gone.dropped = _untold(gone.dropped)
                gone.sources = {a: source for a, source in gone.sources.items() if source.repeats}
    departed[:] = [gone for gone in departed if gone.repeats or gone.dropped or gone.sources]
    for membership in memberships:
        if membership.is_reportable:
            yield from _of_live(membership, has_route=has_route)


def _of_departed(gone: Departed, *, has_route: bool) -> Iterator[GroupRecord]:
    if gone.mode is FilterMode.EXCLUDE:
        if gone.repeats:
            yield GroupRecord(RecordType.TO_IN, gone.group)
        return
    if not has_route:
        return
    listed = list(gone.sources.values())
    if listed:
        yield GroupRecord(RecordType.BLOCK, gone.group, _addresses(listed))
        _count(listed)
        gone.sources = {source.address: source for source in listed if source.repeats}
    if gone.dropped:
        yield GroupRecord(RecordType.BLOCK, gone.group, _addresses(gone.dropped))
        _count(gone.dropped)
        gone.dropped = _untold(gone.dropped)


def _of_live(membership: Membership, *, has_route: bool) -> Iterator[GroupRecord]:
    new, old = RecordType.ALLOW, RecordType.BLOCK
    if membership.excludes:
        new, old = old, new
    held_back = membership.repeats > 0
    if not (held_back or has_route):
        return
    fresh = [source for source in membership.sources.values() if source.repeats]
    if fresh and not held_back:
        yield GroupRecord(new, membership.group, _addresses(fresh))
    _count(fresh)
    gone = [source for source in membership.dropped if source.repeats]
    if gone and not held_back:
        yield GroupRecord(old, membership.group, _addresses(gone))
    _count(gone)
    membership.dropped = _untold(membership.dropped)
    if held_back:
        yield _mode_change(membership)
        membership.repeats -= 1


def _mode_change(membership: Membership) -> GroupRecord:
    if membership.mode is FilterMode.EXCLUDE:
        told = [s for s in membership.sources.values() if membership.is_active(s)]
        return GroupRecord(RecordType.TO_EX, membership.group, _addresses(told))
    told = [s for s in membership.sources.values() if s.counts[FilterMode.INCLUDE]]
    return GroupRecord(RecordType.TO_IN, membership.group, _addresses(told))


def _answers(membership: Membership, source: FilterSource, kind: RecordType) -> bool:
    if membership.is_restricted and not source.is_marked:
        return False
    if membership.mode is FilterMode.INCLUDE:
        return True
    if source.counts[FilterMode.INCLUDE]:
        return kind is RecordType.IS_IN
    return membership.is_excluded(source)


def _addresses(sources: Iterable[FilterSource]) -> tuple[Address, ...]:
    return tuple(source.address for source in sources)


def _untold(sources: Iterable[FilterSource]) -> tuple[FilterSource, ...]:
    return tuple(source for source in sources if source.repeats)


def _count(sources: Iterable[FilterSource]) -> None:
    for source in sources:
        if source.repeats:
            source.repeats -= 1
