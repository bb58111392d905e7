"""Route netlink dumps: how the kernel lists its interfaces and addresses.

A socket belongs to the network namespace that its process lives in, so a dump tells the truth
after the launcher has entered another one, while /sys still shows the old namespace.

A dump is a row of messages, each with a fixed part and attributes, all aligned to four octets,
in the byte order of the machine (linux/netlink.h, linux/rtnetlink.h)::

    | length 32 | type 16 | flags 16 | sequence 32 | port 32 |  fixed part | attributes
    attribute: | length 16 | type 16 | value |
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

from mldkit.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Iterator

GET_LINK = 18
GET_ADDRESS = 22

_NETLINK_ROUTE = 0
_REQUEST_DUMP = 0x001 | 0x300
_ERROR = 2
_DONE = 3
_INTERRUPTED = 0x10
_NO_BYTE_ORDER_OR_NESTING = 0x3FFF
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ATTEMPTS = 5


class Entry(NamedTuple):
    """One message of a dump: its fixed part and its attributes by number."""

    fixed: bytes
    attributes: dict[int, bytes]


def dump(request: int, *, family: int, fixed_octets: int) -> list[Entry]:
    """Return all entries of `request`; `fixed_octets` is the size of their fixed part.

    The kernel marks a dump during which something changed; such a dump is asked for again.
    """
    body = bytes((family,)).ljust(fixed_octets, b"\0")
    question = _HEADER.pack(_HEADER.size + len(body), request, _REQUEST_DUMP, 1, 0) + body
    entries: list[Entry] = []
    for _ in range(_ATTEMPTS):
        entries.clear()
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE) as channel:
            channel.send(question)
            consistent = True
            for flags, payload in _messages(channel):
                consistent = consistent and not flags & _INTERRUPTED
                entries.append(
                    Entry(payload[:fixed_octets], dict(_attributes(payload[fixed_octets:])))
                )
        if consistent:
            break
    return entries


def _messages(channel: socket.socket) -> Iterator[tuple[int, bytes]]:
    while True:
        data = channel.recv(1 << 18)
        offset = 0
        while offset + _HEADER.size <= len(data):
            length, kind, flags, _, _ = _HEADER.unpack_from(data, offset)
            payload = data[offset + _HEADER.size : offset + length]
            if kind == _DONE:
                return
            if kind == _ERROR:
                code = -struct.unpack_from("=i", payload)[0]
                raise LinkError(f"netlink: {os.strerror(code)}")
            yield flags, payload
            offset += length + 3 & ~3


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _NO_BYTE_ORDER_OR_NESTING, data[offset + _ATTRIBUTE.size : offset + length]
        offset += length + 3 & ~3
