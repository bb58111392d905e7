"""A group member: sockets of this kernel with every request of RFC 3678, both families.

Each socket is named, so that a scenario can let two programs of one host disagree. Requests in
the layout of linux/in.h::

    group_req          | interface 32 | pad to a long | group 128 octets |
    group_source_req   | interface 32 | pad to a long | group 128 octets | source 128 octets |
    group_filter       | interface 32 | pad to a long | group 128 octets | mode 32 | count 32 | ...
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from netns import NetNS

from mldkit.model.addresses import Address, parse

if TYPE_CHECKING:
    from collections.abc import Callable

# linux/in.h
_JOIN_GROUP = 42
_BLOCK_SOURCE = 43
_UNBLOCK_SOURCE = 44
_LEAVE_GROUP = 45
_JOIN_SOURCE_GROUP = 46
_LEAVE_SOURCE_GROUP = 47
_SET_FILTER = 48
_FILTER_MODES = {"exclude": 0, "include": 1}
_HEAD = struct.Struct("@I0l")
_ADDRESS_OCTETS = 128

INTERFACE = "eth0"


class Member:
    """One host whose programs join and leave groups on its `eth0`.

    `tell` is called with each request, in the words of scripts, right before it is made.
    """

    def __init__(self, namespace: str, label: str, tell: Callable[[str], None]) -> None:
        self._namespace = namespace
        self._label = label
        self._tell = tell
        self._sockets: dict[tuple[str, int], socket.socket] = {}

    def join(self, group: str, *sources: str, program: str = "") -> None:
        """Join a group from any source, or from the given ones in their order."""
        self._say("join", group, sources, program)
        for source in sources:
            self._request(_JOIN_SOURCE_GROUP, group, program, source)
        if not sources:
            self._request(_JOIN_GROUP, group, program)

    def leave(self, group: str, *, program: str = "") -> None:
        """Leave a group with all its sources."""
        self._say("leave", group, (), program)
        self._request(_LEAVE_GROUP, group, program)

    def drop(self, group: str, source: str) -> None:
        """Give up one source of a source-specific membership."""
        self._say("drop", group, (source,))
        self._request(_LEAVE_SOURCE_GROUP, group, "", source)

    def block(self, group: str, *sources: str) -> None:
        """Shut sources out of an any-source membership."""
        self._say("block", group, sources)
        for source in sources:
            self._request(_BLOCK_SOURCE, group, "", source)

    def unblock(self, group: str, source: str) -> None:
        """Let a blocked source in again."""
        self._say("unblock", group, (source,))
        self._request(_UNBLOCK_SOURCE, group, "", source)

    def filter(self, group: str, mode: str, *sources: str) -> None:
        """Replace filter mode (`include` or `exclude`) and source list in one request."""
        self._say(f"filter {group} {mode} {{{','.join(sources)}}}")
        listed = b"".join(_socket_address(parse(source)) for source in sources)
        numbers = struct.pack("=II", _FILTER_MODES[mode], len(sources))
        self._set(_SET_FILTER, group, "", numbers + listed)

    def close(self) -> None:
        """Close every socket, which leaves every group."""
        for held in self._sockets.values():
            held.close()

    def _say(
        self, verb: str, group: str = "", sources: tuple[str, ...] = (), program: str = ""
    ) -> None:
        words = [f"{self._label}:"] if self._label else []
        words += [verb, group] if group else [verb]
        if sources:
            words += ["from", ",".join(sources)]
        if program:
            words += ["socket", program]
        self._tell(" ".join(words))

    def _request(self, option: int, group: str, program: str, source: str | None = None) -> None:
        self._set(option, group, program, b"" if source is None else _socket_address(parse(source)))

    def _set(self, option: int, group: str, program: str, rest: bytes) -> None:
        """Carry out a request inside the member's namespace, where the interface has its number."""
        packed = parse(group)
        family, level = (
            (socket.AF_INET, socket.IPPROTO_IP)
            if len(packed) == 4
            else (socket.AF_INET6, socket.IPPROTO_IPV6)
        )
        with NetNS(nsname=self._namespace):
            key = (program, family)
            if key not in self._sockets:
                self._sockets[key] = socket.socket(family, socket.SOCK_DGRAM)
            head = _HEAD.pack(socket.if_nametoindex(INTERFACE)) + _socket_address(packed)
            self._sockets[key].setsockopt(level, option, head + rest)


def _socket_address(address: Address) -> bytes:
    if len(address) == 4:
        packed = struct.pack("=HH4s", socket.AF_INET, 0, address)
    else:
        packed = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, address, 0)
    return packed.ljust(_ADDRESS_OCTETS, b"\0")
