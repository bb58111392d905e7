"""The memberships of one socket, and what each request of RFC 3678 does to the interface.

::

    join                      MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP
    leave                     MCAST_LEAVE_GROUP
    add, drop in EXCLUDE      MCAST_BLOCK_SOURCE, MCAST_UNBLOCK_SOURCE
    add, drop in INCLUDE      MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP
    replace                   MCAST_MSFILTER

(net/ipv6/mcast.c:ip6_mc_source, ip6_mc_msfilter; net/ipv4/igmp.c:ip_mc_source, ip_mc_msfilter.)
What the kernel refuses is a `UsageError` with the name of its error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.errors import UsageError
from mldkit.model.addresses import Address, text
from mldkit.model.family import IGMP, MLD, family_of
from mldkit.protocol.filters import FilterMode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mldkit.model.family import Family
    from mldkit.protocol.listener import GroupListener


@dataclass(frozen=True, slots=True)
class SocketFilter:
    """One group of one socket."""

    mode: FilterMode
    sources: tuple[Address, ...] = ()
    was_listed: bool = False
    """Whether the kernel has a list for it, which stays when the last source is taken out."""

    def added(self, source: Address) -> SocketFilter:
        """Return the filter with one source more."""
        return SocketFilter(self.mode, (*self.sources, source), was_listed=True)

    def removed(self, source: Address) -> SocketFilter:
        """Return the filter without a source."""
        index = self.sources.index(source)
        left = self.sources[:index] + self.sources[index + 1 :]
        return SocketFilter(self.mode, left, was_listed=True)


_BARE = {mode: SocketFilter(mode) for mode in FilterMode}
"""The filters without sources, which all sockets share."""


class Socket:
    """One socket of one family."""

    __slots__ = ("_filters", "_listener")

    def __init__(self, listener: GroupListener) -> None:
        self._listener = listener
        self._filters: dict[Address, SocketFilter] = {}

    def join(self, group: Address, mode: FilterMode, now_ns: int) -> None:
        """Become a member; EXCLUDE without sources is the plain join."""
        if group in self._filters:
            raise _refused("EADDRINUSE", f"the socket is a member of {text(group)} already")
        self._check_interface("EINVAL")
        if len(self._filters) >= self._listener.state.settings.max_memberships:
            raise _refused("ENOBUFS", "the socket has as many groups as igmp_max_memberships")
        self._filters[group] = _BARE[mode]
        self._listener.join(group, mode, now_ns)

    def join_sources(self, group: Address, sources: Sequence[Address], now_ns: int) -> None:
        """Join source by source; an earlier join for other sources is fine."""
        for source in sources:
            if group not in self._filters:
                self.join(group, FilterMode.INCLUDE, now_ns)
            self.add(group, FilterMode.INCLUDE, source, now_ns)

    def leave(self, group: Address, now_ns: int) -> None:
        """Leave a group with all its sources."""
        held = self._held(group)
        del self._filters[group]
        listener = self._listener
        listener.remove_sources(group, held.mode, held.sources, now_ns, leaves=True)
        if group in listener.state.groups:
            listener.leave(group, now_ns)

    def close(self, now_ns: int) -> None:
        """Leave every group, the last joined one first."""
        for group in reversed(tuple(self._filters)):
            self.leave(group, now_ns)

    def add(self, group: Address, mode: FilterMode, source: Address, now_ns: int) -> None:
        """Block a source (EXCLUDE) or want one (INCLUDE)."""
        held = self._prepare(group, mode, now_ns)
        if len(held.sources) >= self._listener.state.settings.max_sources:
            raise _refused("ENOBUFS", f"{text(group)} has as many sources as the sysctl allows")
        if source in held.sources:
            raise _refused("EADDRNOTAVAIL", f"{text(source)} is in the filter already")
        self._filters[group] = held.added(source)
        self._listener.add_sources(group, mode, [source], now_ns)

    def drop(self, group: Address, mode: FilterMode, source: Address, now_ns: int) -> None:
        """Unblock a source (EXCLUDE) or give one up (INCLUDE); the last of these leaves."""
        held = self._prepare(group, mode, now_ns)
        if source not in held.sources:
            raise _refused("EADDRNOTAVAIL", f"{text(source)} is not in the filter")
        if mode is FilterMode.INCLUDE and len(held.sources) == 1:
            self.leave(group, now_ns)
            return
        self._filters[group] = held.removed(source)
        self._listener.remove_sources(group, mode, [source], now_ns)

    def replace(
        self, group: Address, mode: FilterMode, sources: Sequence[Address], now_ns: int
    ) -> None:
        """Replace mode and list; the new filter is added before the old one is taken away."""
        self._check_interface("ENODEV")
        if len(sources) > self._listener.state.settings.max_sources:
            raise _refused("ENOBUFS", f"{len(sources)} sources are more than the sysctl allows")
        if mode is FilterMode.INCLUDE and not sources:
            self.leave(group, now_ns)
            return
        held = self._held(group, "EINVAL")
        listener = self._listener
        listener.add_sources(group, mode, sources, now_ns, joins=True)
        listener.remove_sources(group, held.mode, held.sources, now_ns, leaves=True)
        self._filters[group] = SocketFilter(mode, tuple(sources), was_listed=bool(sources))

    def _prepare(self, group: Address, mode: FilterMode, now_ns: int) -> SocketFilter:
        """Return the filter; one without sources may change its mode."""
        self._check_interface("ENODEV")
        held = self._held(group, "EINVAL")
        if held.mode is not mode:
            if held.was_listed:
                raise _refused("EINVAL", f"the filter of {text(group)} is in the other mode")
            self._listener.add_sources(group, mode, (), now_ns, joins=True)
            self._listener.remove_sources(group, held.mode, (), now_ns, leaves=True)
            held = self._filters[group] = _BARE[mode]
        return held

    def _check_interface(self, error: str) -> None:
        state = self._listener.state
        if not state.transmitter.has_family(state.family):
            version = state.family.ip_version
            raise _refused(error, f"the MTU of the interface is too small for IPv{version}")

    def _held(self, group: Address, error: str = "EADDRNOTAVAIL") -> SocketFilter:
        held = self._filters.get(group)
        if held is None:
            raise _refused(error, f"the socket is no member of {text(group)}")
        return held


class SocketTable:
    """The sockets of one host by name; each name stands for a socket of either family."""

    __slots__ = ("_listener", "_sockets")

    def __init__(self, listener: Callable[[Family], GroupListener]) -> None:
        self._listener = listener
        self._sockets: dict[tuple[str, int], Socket] = {}

    def join(
        self, group: Address, sources: Sequence[Address], now_ns: int, *, socket: str = ""
    ) -> None:
        """Join a group from any source, or from `sources` one after the other."""
        held = self._socket(socket, group)
        if sources:
            held.join_sources(group, sources, now_ns)
        else:
            held.join(group, FilterMode.EXCLUDE, now_ns)

    def leave(self, group: Address, now_ns: int, *, socket: str = "") -> None:
        """Leave a group with all its sources."""
        self._socket(socket, group).leave(group, now_ns)

    def block(
        self, group: Address, sources: Sequence[Address], now_ns: int, *, socket: str = ""
    ) -> None:
        """Shut sources out of a plain membership."""
        for source in sources:
            self._socket(socket, group).add(group, FilterMode.EXCLUDE, source, now_ns)

    def unblock(
        self, group: Address, sources: Sequence[Address], now_ns: int, *, socket: str = ""
    ) -> None:
        """Let blocked sources in again."""
        for source in sources:
            self._socket(socket, group).drop(group, FilterMode.EXCLUDE, source, now_ns)

    def drop(
        self, group: Address, sources: Sequence[Address], now_ns: int, *, socket: str = ""
    ) -> None:
        """Give up sources of a source-specific membership."""
        for source in sources:
            self._socket(socket, group).drop(group, FilterMode.INCLUDE, source, now_ns)

    def set_filter(
        self,
        group: Address,
        mode: FilterMode,
        sources: Sequence[Address],
        now_ns: int,
        *,
        socket: str = "",
    ) -> None:
        """Replace the filter of a membership."""
        self._socket(socket, group).replace(group, mode, sources, now_ns)

    def close(self, now_ns: int, *, socket: str = "") -> None:
        """Close a socket of both families."""
        for family in (IGMP, MLD):
            held = self._sockets.pop((socket, family.ip_version), None)
            if held is not None:
                held.close(now_ns)

    def _socket(self, name: str, group: Address) -> Socket:
        family = family_of(group)
        key = (name, family.ip_version)
        held = self._sockets.get(key)
        if held is None:
            held = self._sockets[key] = Socket(self._listener(family))
        return held


def _refused(error: str, reason: str) -> UsageError:
    return UsageError(f"{reason} ({error})")
