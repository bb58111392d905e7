"""Source filters: what sockets ask for, merged into the state of one group on one interface.

Each socket listens with a filter mode and a list of sources (RFC 9776 §3.1). The interface keeps
counts instead of copies (net/ipv6/mcast.c:ip6_mc_add_src, net/ipv4/igmp.c:ip_mc_add_src)::

    mode        EXCLUDE as soon as one socket excludes, else INCLUDE
    excluded    sources that every excluding socket excludes and no socket includes
    included    sources that at least one socket includes (INCLUDE mode)

A change of the mode is told by `repeats` of the group; a change of the list by `repeats` of each
source: an active source that is new, or one in `dropped`, which keeps what has gone, newest first.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mldkit.model.addresses import Address
    from mldkit.protocol.timer import Timer


class FilterMode(IntEnum):
    """Filter modes, numbered as in linux/in.h."""

    EXCLUDE = 0
    INCLUDE = 1


_EXCLUDE, _INCLUDE = FilterMode.EXCLUDE, FilterMode.INCLUDE

Counts: TypeAlias = "tuple[int, int]"
"""Sockets by `FilterMode`."""
_NONE = (0, 0)
_ONE = ((1, 0), (0, 1))


class FilterChange(Enum):
    """What a request did to the state of a group."""

    NOTHING = "nothing"
    SOURCES = "sources"
    MODE = "mode"


@dataclass(slots=True)
class FilterSource:
    """One source of a group: how many sockets exclude and include it, and what is to be told."""

    address: Address
    counts: Counts = _NONE
    was_active: bool = False
    is_marked: bool = False
    """A query asked for it and the answer is pending."""
    repeats: int = 0
    """Reports that still tell of its change."""


NO_SOURCES: dict[Address, FilterSource] = {}
"""The sources of every group that has none; never put anything into it."""


@dataclass(slots=True)
class Membership:
    """One group of one interface: `struct ifmcaddr6`, `struct ip_mc_list`.

    It has more attributes than a class should, because it is what the kernel keeps in one
    structure, and every field is in its walk.
    """

    group: Address
    mode: FilterMode
    users: int = 1
    counts: Counts = _NONE
    sources: dict[Address, FilterSource] = field(default_factory=lambda: NO_SOURCES)
    """Active sources in the order of their arrival."""
    dropped: tuple[FilterSource, ...] = ()
    """Sources that have gone and are still to be told, newest first."""
    repeats: int = 0
    """Reports that still tell of the change of mode."""
    is_reportable: bool = True
    is_last_reporter: bool = False
    is_restricted: bool = False
    """The pending answer names only the marked sources."""
    asked: frozenset[Address] = frozenset()
    """RFC profile: sources of the queries that the pending answer is for; empty: all."""
    older_reports_left: int = 0
    timer: Timer | None = None
    """Made when it is needed first; most groups are never asked for one by one."""

    @classmethod
    def joined(cls, group: Address, mode: FilterMode, *, is_reportable: bool) -> Membership:
        """Return the membership of the first user of a group."""
        return cls(group, mode, 1, _ONE[mode], is_reportable=is_reportable)

    @property
    def excludes(self) -> bool:
        """Whether at least one socket is in EXCLUDE mode."""
        return self.counts[_EXCLUDE] > 0

    @property
    def is_asked(self) -> bool:
        """Whether the answer to a query for sources is pending, or was lost on the way."""
        return self.is_restricted or any(source.is_marked for source in self.sources.values())

    def is_excluded(self, source: FilterSource) -> bool:
        """Return whether every excluding socket shuts `source` out and none wants it."""
        return source.counts[_EXCLUDE] == self.counts[_EXCLUDE] and not source.counts[_INCLUDE]

    def is_active(self, source: FilterSource) -> bool:
        """Return whether `source` belongs to the list that the current mode tells."""
        if self.excludes:
            return self.is_excluded(source)
        return source.counts[_INCLUDE] > 0

    def add(
        self, mode: FilterMode, sources: Iterable[Address], robustness: int, *, joins: bool
    ) -> FilterChange:
        """Add sources of one socket, and the socket itself if it `joins` with this mode."""
        self._remember()
        did_exclude = self.mode is FilterMode.EXCLUDE
        if joins:
            self.counts = _counted(self.counts, mode, 1)
        for address in sources:
            if not self.sources:
                # What groups without sources share stays empty.
                self.sources = {}
            source = self.sources.setdefault(address, FilterSource(address))
            source.counts = _counted(source.counts, mode, 1)
        if did_exclude != self.excludes:
            if self.excludes:
                self.mode = FilterMode.EXCLUDE
            elif self.counts[_INCLUDE]:
                self.mode = FilterMode.INCLUDE
            return self._change_mode(robustness)
        return FilterChange.SOURCES if self._compare(robustness) else FilterChange.NOTHING

    def remove(
        self,
        mode: FilterMode,
        sources: Sequence[Address],
        robustness: int,
        *,
        leaves: bool,
        keeps: bool,
    ) -> FilterChange:
        """Remove sources of one socket, and the socket itself if it `leaves`.

        Sources that go are kept to be told about only if `keeps`: not in older versions.
        """
        self._remember()
        if leaves:
            if not self.counts[mode]:
                return FilterChange.NOTHING
            self.counts = _counted(self.counts, mode, -1)
        gone = [self._remove_one(mode, address, robustness, keeps=keeps) for address in sources]
        if self.mode is FilterMode.EXCLUDE and not self.excludes and self.counts[_INCLUDE]:
            self.mode = FilterMode.INCLUDE
            return self._change_mode(robustness)
        return (
            FilterChange.SOURCES if self._compare(robustness) or any(gone) else FilterChange.NOTHING
        )

    def _remove_one(
        self, mode: FilterMode, address: Address, robustness: int, *, keeps: bool
    ) -> bool:
        source = self.sources.get(address)
        if source is None or not source.counts[mode]:
            return False
        source.counts = _counted(source.counts, mode, -1)
        if any(source.counts):
            return False
        del self.sources[address]
        if not (source.was_active and keeps and self.is_reportable):
            return False
        source.repeats = robustness
        self.dropped = (source, *self.dropped)
        return True

    def _remember(self) -> None:
        for source in self.sources.values():
            source.was_active = self.is_active(source)

    def _change_mode(self, robustness: int) -> FilterChange:
        self.repeats = robustness
        for source in self.sources.values():
            source.repeats = 0
        return FilterChange.MODE

    def _compare(self, robustness: int) -> bool:
        """Note which sources became active or inactive; return whether any did."""
        changed = False
        for source in self.sources.values():
            is_active = self.is_active(source)
            if is_active and not source.was_active:
                self.dropped = tuple(g for g in self.dropped if g.address != source.address)
                source.repeats = robustness
                changed = True
            elif source.was_active and not is_active:
                source.repeats = 0
                self._drop_copy(source, robustness)
                changed = True
        return changed

    def _drop_copy(self, source: FilterSource, robustness: int) -> None:
        for gone in self.dropped:
            if gone.address == source.address:
                gone.repeats = robustness
                return
        self.dropped = (replace(source, repeats=robustness), *self.dropped)

    def mark(self, asked: Sequence[Address]) -> bool:
        """Mark the sources a query asks for; return whether there is something to answer.

        (igmp_marksources, mld_marksources, igmp_xmarksources, mld_xmarksources)
        """
        # Only what the query names is looked at: the host may have very many sources.
        known = self.sources
        found = [known[address] for address in dict.fromkeys(asked) if address in known]
        if self.mode is FilterMode.EXCLUDE:
            self.is_restricted = False
            return sum(map(self.is_excluded, found)) != len(asked)
        for source in found:
            source.is_marked = True
        self.is_restricted = bool(found)
        return bool(found)

    def forget_changes(self) -> None:
        """Drop every change that is still to be told."""
        self.repeats = 0
        self.dropped = ()
        for source in self.sources.values():
            source.repeats = 0


@dataclass(slots=True, eq=False)
class Departed:
    """A group that was left and is still to be told about (`mc_tomb`)."""

    group: Address
    mode: FilterMode
    repeats: int
    is_reportable: bool
    sources: dict[Address, FilterSource] = field(default_factory=lambda: NO_SOURCES)
    dropped: tuple[FilterSource, ...] = ()


def _counted(counts: Counts, mode: FilterMode, step: int) -> Counts:
    excluding, including = counts
    return (excluding + step, including) if mode is _EXCLUDE else (excluding, including + step)
