"""Route netlink: how the kernel lists its interfaces and addresses, and how it is told to change.

A socket belongs to the network namespace that its process lives in, so a dump tells the truth
after the launcher has entered another one, while /sys still shows the old namespace.

A dump is a row of messages, each with a fixed part and attributes, all aligned to four octets,
in the byte order of the machine (linux/netlink.h, linux/rtnetlink.h)::

    | length 32 | type 16 | flags 16 | sequence 32 | port 32 |  fixed part | attributes
    attribute: | length 16 | type 16 | value |

`Notifications` hears what the kernel tells by itself when something is made or removed.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Self

from mldkit.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GET_LINK = 18
GET_ADDRESS = 22
GET_ROUTE = 26
GET_NEIGHBOUR = 30
GET_QUEUEING = 38
GET_CLASSIFIER = 46
NEW_MULTICAST = 56
DELETE_MULTICAST = 57
GET_MULTICAST = 58
GET_GROUP_DATABASE = 86

ROUTE = 0
SOCKET_DIAGNOSTICS = 4
NETFILTER = 12
SOCKETS_BY_FAMILY = 20

_REQUEST = 0x001
_REQUEST_DUMP = _REQUEST | 0x300
_REQUEST_ACKNOWLEDGED = 0x001 | 0x004
_CREATE = 0x400
_ERROR = 2
_DONE = 3
_INTERRUPTED = 0x10
BYTE_ORDER = sys.byteorder
"""Of numbers in messages, as `int.from_bytes` takes it."""
_NO_BYTE_ORDER_OR_NESTING = 0x3FFF
_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ATTEMPTS = 5
# Neither in the module `socket`: linux/socket.h, linux/netlink.h.
_SOL_NETLINK = 270
_ADD_MEMBERSHIP = 1


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Turn a message that lacks what it should have into LinkError; for a block or a function."""
    try:
        yield
    except (struct.error, KeyError) as error:
        raise LinkError(f"netlink: this kernel tells of {what} in a way not known here") from error


class NetlinkEntry(NamedTuple):
    """One message of a dump: its fixed part and its attributes by number."""

    fixed: bytes
    attributes: dict[int, bytes]


class Notification(NamedTuple):
    """One message that the kernel sent by itself."""

    kind: int
    fixed: bytes
    attributes: dict[int, bytes]


def dump(
    request: int,
    *,
    family: int,
    fixed_octets: int,
    question: bytes | None = None,
    protocol: int = ROUTE,
) -> list[NetlinkEntry]:
    """Return all entries of `request`; `fixed_octets` is the size of their fixed part.

    `question` is the fixed part of the request where it says more than the family. The kernel
    marks a dump during which something changed; such a dump is asked for again.
    """
    body = bytes((family,)).ljust(fixed_octets, b"\0") if question is None else question
    message = _HEADER.pack(_HEADER.size + len(body), request, _REQUEST_DUMP, 1, 0) + body
    entries: list[NetlinkEntry] = []
    for _ in range(_ATTEMPTS):
        entries.clear()
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as channel:
            channel.send(message)
            consistent = True
            for flags, payload in _answers(channel):
                consistent = consistent and not flags & _INTERRUPTED
                entries.append(
                    NetlinkEntry(payload[:fixed_octets], dict(attributes(payload[fixed_octets:])))
                )
        if consistent:
            break
    return entries


def ask(request: int, question: bytes, *, fixed_octets: int) -> NetlinkEntry:
    """Return the one answer to `request`; `question` is the fixed part and its attributes.

    Raise `OSError` with the number of the kernel's refusal.
    """
    message = _HEADER.pack(_HEADER.size + len(question), request, _REQUEST, 1, 0) + question
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, ROUTE) as channel:
        channel.send(message)
        for kind, _, payload in _messages(channel.recv(1 << 18)):
            if kind == _ERROR:
                code = -struct.unpack_from("=i", payload)[0]
                raise OSError(code, os.strerror(code))
            return NetlinkEntry(payload[:fixed_octets], dict(attributes(payload[fixed_octets:])))
    raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))


class Notifications:
    """Hears the notifications of RTNLGRP_ groups; groups that this kernel lacks stay silent."""

    def __init__(self, groups: Iterable[int]) -> None:
        self._channel = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, ROUTE
        )
        # Without a port of its own it would be taken for the sender and left out
        # (net/netlink/af_netlink.c:do_one_broadcast).
        self._channel.bind((0, 0))
        self._has_overflowed = False
        self.missing: list[int] = []
        """Groups of which this kernel knows nothing."""
        for group in groups:
            try:
                self._channel.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
            except OSError:
                self.missing.append(group)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hear no more."""
        self._channel.close()

    def take_overflow(self) -> bool:
        """Return whether something was lost since the last call, so that the state must be asked.

        The kernel had more to tell than the socket could hold (netlink(7), ENOBUFS).
        """
        lost, self._has_overflowed = self._has_overflowed, False
        return lost

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._channel.fileno()

    def read(self, *, fixed_octets: int) -> list[Notification]:
        """Return what has been told since the last call, without waiting."""
        heard: list[Notification] = []
        while True:
            try:
                data = self._channel.recv(1 << 18)
            except BlockingIOError:
                return heard
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._has_overflowed = True
                continue
            heard += [
                Notification(kind, body[:fixed_octets], dict(attributes(body[fixed_octets:])))
                for kind, _, body in _messages(data)
            ]


def request(kind: int, sequence: int, body: bytes, *, creates: bool = False) -> bytes:
    """Return a request for a change, which the kernel is to acknowledge."""
    flags = _REQUEST_ACKNOWLEDGED | (_CREATE if creates else 0)
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, sequence, 0) + body


@understood("a change")
def acknowledgement(data: bytes) -> int:
    """Return the error number of an answer to `request`, 0 when the change was made."""
    for kind, _, payload in _messages(data):
        if kind == _ERROR:
            return -int(struct.unpack_from("=i", payload)[0])
    return 0


def attribute(kind: int, value: bytes) -> bytes:
    """Return one attribute, padded to four octets; a nested one holds attributes as its value."""
    head = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind)
    return head + value + bytes(-len(value) % 4)


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and value of every attribute in `data`; an attribute may hold more of them."""
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _NO_BYTE_ORDER_OR_NESTING, data[offset + _ATTRIBUTE.size : offset + length]
        offset += length + 3 & ~3


def _answers(channel: socket.socket) -> Iterator[tuple[int, bytes]]:
    while True:
        for kind, flags, payload in _messages(channel.recv(1 << 18)):
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise LinkError(f"netlink: {_reason(payload)}")
            yield flags, payload


@understood("an error")
def _reason(payload: bytes) -> str:
    """Return the words for the number of an error message, whatever number it is."""
    code = -struct.unpack_from("=i", payload)[0]
    return os.strerror(code) if 0 <= code < 1 << 31 else f"error {code}"


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, _, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            return
        yield kind, flags, data[offset + _HEADER.size : offset + length]
        offset += length + 3 & ~3
