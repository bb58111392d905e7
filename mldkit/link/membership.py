"""Memberships of this kernel, held by sockets that really joined.

The kernel keeps a list per socket and reports the union, so what one socket cannot hold another
one can: `HeldMemberships` opens as many as it takes. The limits that show, per socket:

- net.ipv4.igmp_max_memberships (20) groups and net.ipv4.igmp_max_msf (10) sources a group,
- net.ipv6.mld_max_msf (64) sources a group, net.core.optmem_max octets for all of it.

Blocked sources are the exception: with several sockets a source is blocked only where all block
it, so they must fit into one.

The octets of the requests stand in `group_sockets`.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from mldkit.errors import LinkError
from mldkit.link import group_sockets
from mldkit.model.addresses import Address, text

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from mldkit.link.interfaces import Interface

_FULL = (errno.ENOBUFS, errno.ENOMEM)
_LIMITS = {
    4: ("net.ipv4.igmp_max_memberships", "net.ipv4.igmp_max_msf"),
    16: ("net.core.optmem_max", "net.ipv6.mld_max_msf"),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """One group that is to be joined."""

    group: Address
    sources: tuple[Address, ...] = ()
    """Sources that are wanted; none means any source."""
    blocked: tuple[Address, ...] = ()
    """Sources that are not wanted where any source is."""

    def wants(self, source: Address) -> bool:
        """Return whether this wish lets a source through."""
        return source in self.sources if self.sources else source not in self.blocked


class HeldMemberships:
    """Joins groups on one interface and holds them until it is closed.

    `open_socket` makes the sockets from an address family; the default ones never receive.
    """

    def __init__(
        self,
        interface: Interface,
        open_socket: Callable[[socket.AddressFamily], socket.socket] | None = None,
    ) -> None:
        self.interface = interface
        self._open_socket = open_socket or group_sockets.silent_socket
        self._wishes: dict[Address, list[Wish]] = {}
        self._held = ExitStack()
        self._sockets: dict[int, list[socket.socket]] = {4: [], 16: []}
        # Groups that the newest socket of a family wants from any source: one with sources would
        # turn such a membership into INCLUDE (net/ipv4/igmp.c:ip_mc_source, mode switch).
        self._any_source: dict[int, set[Address]] = {4: set(), 16: set()}

    def __enter__(self) -> Self:
        """Return the memberships, none yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave every group."""
        self.close()

    def close(self) -> None:
        """Leave every group, which is what the end of a socket does."""
        self._held.close()

    def sockets(self) -> Iterator[socket.socket]:
        """Yield the sockets that hold the memberships."""
        for of_family in self._sockets.values():
            yield from of_family

    def wants(self, group: Address, source: Address) -> bool:
        """Return whether datagrams from `source` to `group` are among what was joined."""
        return any(wish.wants(source) for wish in self._wishes.get(group, ()))

    def join(self, wish: Wish) -> None:
        """Join one group; raise `LinkError` with the name of the limit that was met."""
        group = wish.group
        self._wishes.setdefault(group, []).append(wish)
        for source in wish.sources:
            self._request(group_sockets.JOIN_SOURCE_GROUP, group, source)
        if wish.sources:
            return
        holder = self._request(group_sockets.JOIN_GROUP, group, None)
        self._any_source[len(group)].add(group)
        for source in wish.blocked:
            error = self._try(holder, group_sockets.BLOCK_SOURCE, group, source)
            if error is not None:
                raise self._failure(error, group, f"{len(wish.blocked)} blocked sources", 1)

    def _request(self, option: int, group: Address, source: Address | None) -> socket.socket:
        """Carry a request out on the newest socket if it has room, else on one more."""
        octets = len(group)
        of_family = self._sockets[octets]
        if of_family and (source is None or group not in self._any_source[octets]):
            error = self._try(of_family[-1], option, group, source)
            if error is None:
                return of_family[-1]
            # EINVAL and EADDRINUSE: this socket already wants the group, but in another way.
            if error.errno not in (*_FULL, errno.EINVAL, errno.EADDRINUSE):
                raise self._failure(error, group, "membership", 0)
        fresh = self._held.enter_context(self._new_socket(group))
        error = self._try(fresh, option, group, source)
        if error is not None:
            raise self._failure(error, group, "membership", 0)
        of_family.append(fresh)
        self._any_source[octets].clear()
        return fresh

    def _new_socket(self, group: Address) -> socket.socket:
        try:
            return self._open_socket(group_sockets.family_and_level(group)[0])
        except LinkError:
            raise
        except OSError as error:
            raise self._failure(error, group, "socket", 0) from error

    def _try(
        self, holder: socket.socket, option: int, group: Address, source: Address | None
    ) -> OSError | None:
        request = group_sockets.group_request(self.interface.index, group, source)
        _, level = group_sockets.family_and_level(group)
        try:
            holder.setsockopt(level, option, request)
        except OSError as error:
            return error
        return None

    def _failure(self, error: OSError, group: Address, what: str, limit: int) -> LinkError:
        where = f"{text(group)} on {self.interface.name}"
        if error.errno in _FULL:
            return LinkError(
                f"{where}: the kernel has no room for the {what}",
                hint=f"raise the sysctl {_LIMITS[len(group)][limit]}",
            )
        if error.errno == errno.EMFILE:
            return LinkError(f"{where}: too many sockets", hint="raise the limit: ulimit -n 65536")
        return LinkError(f"{where}: {os.strerror(error.errno or 0)}")
