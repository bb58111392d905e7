"""Named sockets of this kernel with every request of RFC 3678, both families.

::

    join                MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP     leave    MCAST_LEAVE_GROUP
    block, unblock      MCAST_BLOCK_SOURCE, MCAST_UNBLOCK_SOURCE      filter   MCAST_MSFILTER
    drop                MCAST_LEAVE_SOURCE_GROUP                      close    the end of a socket

Requests in the layout of linux/in.h, the same for both families::

    group_req          | interface 32 | pad to a long | group 128 octets |
    group_source_req   | interface 32 | pad to a long | group 128 octets | source 128 octets |
    group_filter       | interface 32 | pad to a long | group 128 octets | mode 32 | count 32 | ...

What the kernel refuses is its OSError. `membership` holds many groups and cares for the limits of
sockets; here each request is made on the socket that is named.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Self

from mldkit.model.addresses import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# linux/in.h
JOIN_GROUP = 42
BLOCK_SOURCE = 43
UNBLOCK_SOURCE = 44
LEAVE_GROUP = 45
JOIN_SOURCE_GROUP = 46
LEAVE_SOURCE_GROUP = 47
_SET_FILTER = 48
_EXCLUDE, _INCLUDE = 0, 1
_HEAD = struct.Struct("@I0l")
_SOCKET_ADDRESS_OCTETS = 128


def family_and_level(group: Address) -> tuple[socket.AddressFamily, int]:
    """Return the family of sockets for a group, and the level of their requests."""
    if len(group) == 4:
        return socket.AF_INET, socket.IPPROTO_IP
    return socket.AF_INET6, socket.IPPROTO_IPV6


def group_request(index: int, group: Address, source: Address | None = None) -> bytes:
    """Return a group_req, or with a source a group_source_req."""
    request = _HEAD.pack(index) + _socket_address(group)
    return request if source is None else request + _socket_address(source)


def silent_socket(family: socket.AddressFamily) -> socket.socket:
    """Return a socket that no datagram reaches, as it is bound to no port."""
    return socket.socket(family, socket.SOCK_DGRAM)


class GroupSockets:
    """Sockets by name; each name stands for one socket of either family.

    They act on the interface with the number `index`; `open_socket` decides where they live.
    """

    def __init__(
        self,
        index: int,
        open_socket: Callable[[socket.AddressFamily], socket.socket] = silent_socket,
    ) -> None:
        self._index = index
        self._open_socket = open_socket
        self._sockets: dict[tuple[str, socket.AddressFamily], socket.socket] = {}

    def __enter__(self) -> Self:
        """Return the sockets, none yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close them all, which leaves every group."""
        self.close_all()

    def join(self, group: Address, sources: Iterable[Address] = (), *, name: str = "") -> None:
        """Join a group from any source, or from the given ones in their order."""
        listed = tuple(sources)
        for source in listed:
            self._request(JOIN_SOURCE_GROUP, group, name, source)
        if not listed:
            self._request(JOIN_GROUP, group, name)

    def leave(self, group: Address, *, name: str = "") -> None:
        """Leave a group with all its sources."""
        self._request(LEAVE_GROUP, group, name)

    def block(self, group: Address, sources: Iterable[Address], *, name: str = "") -> None:
        """Shut sources out of an any-source membership."""
        for source in sources:
            self._request(BLOCK_SOURCE, group, name, source)

    def unblock(self, group: Address, sources: Iterable[Address], *, name: str = "") -> None:
        """Let blocked sources in again."""
        for source in sources:
            self._request(UNBLOCK_SOURCE, group, name, source)

    def drop(self, group: Address, sources: Iterable[Address], *, name: str = "") -> None:
        """Give up sources of a source-specific membership."""
        for source in sources:
            self._request(LEAVE_SOURCE_GROUP, group, name, source)

    def set_filter(
        self, group: Address, sources: Iterable[Address], *, includes: bool, name: str = ""
    ) -> None:
        """Replace filter mode and source list in one request."""
        listed = [_socket_address(source) for source in sources]
        mode = struct.pack("=II", _INCLUDE if includes else _EXCLUDE, len(listed))
        self._set(_SET_FILTER, group, name, group_request(self._index, group) + mode, listed)

    def close(self, *, name: str = "") -> None:
        """Close the socket of each family that has this name, IPv4 first."""
        for family in (socket.AF_INET, socket.AF_INET6):
            held = self._sockets.pop((name, family), None)
            if held is not None:
                held.close()

    def close_all(self) -> None:
        """Close every socket."""
        for held in self._sockets.values():
            held.close()
        self._sockets.clear()

    def _request(
        self, option: int, group: Address, name: str, source: Address | None = None
    ) -> None:
        self._set(option, group, name, group_request(self._index, group, source))

    def _set(
        self, option: int, group: Address, name: str, head: bytes, tail: Iterable[bytes] = ()
    ) -> None:
        family, level = family_and_level(group)
        key = (name, family)
        if key not in self._sockets:
            self._sockets[key] = self._open_socket(family)
        self._sockets[key].setsockopt(level, option, head + b"".join(tail))


def _socket_address(address: Address) -> bytes:
    if len(address) == 4:
        packed = struct.pack("=HH4s", socket.AF_INET, 0, address)
    else:
        packed = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, address, 0)
    return packed.ljust(_SOCKET_ADDRESS_OCTETS, b"\0")
