"""Target `netlink`: what a kernel, or one that is not quite like this, answers and tells.

Every reader of route netlink gives values or `LinkError`; none of them hangs.
"""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, TypeAlias
from unittest import mock

from mldkit.errors import LinkError
from mldkit.link import interfaces, kernel, kernel_devices, netlink
from tests.fuzz.target import Target, hold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HEADER = struct.Struct("=IHHII")
_DONE = _HEADER.pack(16, 3, 2, 1, 0)


class _Channel:
    """A netlink socket on which an input and then the end of the dump arrives."""

    octets = b""

    def __init__(self, *_: object) -> None:
        self._left = [_Channel.octets]

    def __enter__(self) -> _Channel:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send(self, message: bytes) -> int:
        return len(message)

    def bind(self, _: object) -> None:
        pass

    def setsockopt(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    def recv(self, _: int) -> bytes:
        return self._left.pop() if self._left else _DONE


class _Told(_Channel):
    """The same for notifications, of which there are no more then."""

    def recv(self, _: int) -> bytes:
        if not self._left:
            raise BlockingIOError
        return self._left.pop()


def _sockets(channel: type[_Channel]) -> object:
    names = {name: getattr(socket, name) for name in ("AF_NETLINK", "SOCK_RAW", "SOCK_NONBLOCK")}
    return SimpleNamespace(socket=channel, **names)


def _notices() -> None:
    with mock.patch.object(netlink, "socket", _sockets(_Told)), netlink.Notifications((1,)) as told:
        for notice in told.read(fixed_octets=kernel.MULTICAST_HEADER_OCTETS):
            if notice.kind in (netlink.NEW_MULTICAST, netlink.DELETE_MULTICAST):
                kernel.parse_multicast(notice.fixed, notice.attributes)


def _everything() -> None:
    with mock.patch.object(kernel, "_table", return_value=""):
        kernel.read()


@contextmanager
def answered(octets: bytes) -> Iterator[None]:
    """Let every netlink socket that is opened meanwhile hear this and the end of the dump."""
    _Channel.octets = octets
    with mock.patch.object(netlink, "socket", _sockets(_Channel)):
        yield


Reader: TypeAlias = "Callable[[], object]"
_READERS: tuple[Reader, ...] = (
    interfaces.interfaces,
    interfaces.addresses_by_index,
    kernel_devices.devices,
    kernel_devices.packet_memberships,
    _notices,
    _everything,
    lambda: netlink.acknowledgement(_Channel.octets),
)


def one_input(data: bytes) -> int:
    """Hold the invariant against an answer, whose first octet says who reads it."""
    if not data:
        return 0
    try:
        with answered(data[1:]):
            _READERS[data[0] % len(_READERS)]()
    except LinkError as error:
        hold(error.message and "\n" not in error.message, "an error is one line")
        return 0
    return 1


def _attribute(kind: int, value: bytes) -> bytes:
    return netlink.attribute(kind, value)


def message(kind: int, body: bytes) -> bytes:
    """Return one message with its header."""
    return _HEADER.pack(16 + len(body), kind, 2, 1, 0) + body + bytes(-len(body) % 4)


def seeds() -> Iterator[bytes]:
    """Give answers as this kernel has them: a link, an address, a group, sockets."""
    nested = _attribute(1, b"vxlan\0") + _attribute(2, _attribute(2, bytes((239, 1, 1, 1))))
    link = struct.pack("=BxHiII", 0, 1, 11, 0x11043, 0)
    link += _attribute(3, b"eth1\0") + _attribute(1, bytes(6)) + _attribute(18, nested)
    link += _attribute(4, struct.pack("=I", 1500)) + _attribute(30, struct.pack("=I", 0))
    address = struct.pack("=BBBBI", 2, 24, 0x80, 0, 11)
    address += _attribute(1, b"\x0a\x09\0\1") + _attribute(2, b"\x0a\x09\0\1")
    address += _attribute(8, struct.pack("=I", 0x80))
    group = struct.pack("=BBBBI", 10, 0, 0, 0, 11) + _attribute(7, b"\xff\x15" + bytes(13) + b"\1")
    group += _attribute(6, struct.pack("=IIII", 0, 0, 5, 5))
    sockets = struct.pack("=BBHIII", 17, 3, 0, 1, 2, 3)
    sockets += _attribute(3, struct.pack("=iiHH32s", 11, 1, 0, 6, b"\x33\x33\0\0\0\1"))
    failed = message(2, struct.pack("=i", -95) + bytes(16))
    for number, octets in (
        (0, message(16, link)),
        (1, message(20, address)),
        (2, message(16, link) * 2),
        (3, message(20, sockets)),
        (4, message(56, group)),
        (4, message(57, group)),
        (5, message(16, link) + message(58, group)),
        (0, failed),
        (6, failed),
    ):
        yield bytes((number,)) + octets


TARGET = Target(
    "netlink",
    one_input,
    seeds,
    (_DONE, b"\x10\0\0\0", b"\x02\0", b"\x08\0", b"\x04\0", b"\x14\0\0\0", b"\x38\0", b"\x39\0",
     b"vxlan\0", b"macvlan\0", b"\xff\xff"),
    "answers",
)  # fmt: skip
