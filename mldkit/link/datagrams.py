"""Datagrams to groups, as a program that joined them gets them.

Two kinds of socket. One is bound to a UDP port, needs no privilege and receives only what it has
joined itself (by default Linux gives a socket every group that any socket of the machine has
joined, net/ipv4/igmp.c:ip_mc_sf_allow). The other is raw and gets the datagrams of every port;
its reader has to choose, because raw IPv6 sockets know no memberships (net/ipv6/raw.c).
"""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.link import clock
from mldkit.model.addresses import Address, parse
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

# linux/in.h, linux/in6.h, asm-generic/socket.h
_IP_PKTINFO = 8
_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29
_SO_TIMESTAMPNS = 64
_TIME = struct.Struct("=qq")
_UDP_HEADER = struct.Struct("!HHHH")
_HEADERS_OCTETS = 128  # the largest IPv4 header and UDP's
_ANCILLARY_OCTETS = 256


@dataclass(frozen=True, slots=True)
class Received:
    """One UDP datagram."""

    time_ns: int
    """When the kernel got it, since the epoch."""
    source: Address
    group: Address
    """Destination address."""
    port: int
    """Destination port."""
    length: int
    """Octets behind the UDP header."""


def of_port(port: int) -> Callable[[socket.AddressFamily], socket.socket]:
    """Return a function that makes sockets for one UDP port, ready to join groups."""

    def open_socket(family: socket.AddressFamily) -> socket.socket:
        receiver = socket.socket(family, socket.SOCK_DGRAM)
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET:
            receiver.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        else:
            receiver.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)
            receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _ask_for_details(receiver)
        try:
            receiver.bind(("", port))
        except OSError as error:
            receiver.close()
            hint = "ports below 1024 are for root" if error.errno == errno.EACCES else None
            raise LinkError(f"port {port}: {error.strerror}", hint=hint) from error
        return receiver

    return open_socket


def of_every_port(family: socket.AddressFamily, interface: str) -> socket.socket:
    """Return a socket that gets every UDP datagram of an interface, joined or not."""
    try:
        receiver = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_UDP)
    except PermissionError as error:
        raise LinkError(
            "no permission to receive the datagrams of every port",
            hint="name one with --port, or run it with sudo",
        ) from error
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    _ask_for_details(receiver)
    return receiver


def read(receiver: socket.socket, buffer: bytearray) -> Received | None:
    """Return a datagram that waits on a socket of this module, None if nothing does.

    Only the headers are copied into `buffer`, the length is the kernel's.
    """
    try:
        length, ancillary, _, sender = receiver.recvmsg_into(
            (buffer,), _ANCILLARY_OCTETS, socket.MSG_DONTWAIT | socket.MSG_TRUNC
        )
    except BlockingIOError:
        return None
    time_ns, group = clock.wall_ns(), b""
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIME.unpack(value)
            time_ns = seconds * SECOND + nanoseconds
        elif level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
            group = value[8:12]
        elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            group = value[:16]
    if receiver.type == socket.SOCK_DGRAM:
        port = receiver.getsockname()[1]
    else:
        offset = (buffer[0] & 0x0F) * 4 if receiver.family == socket.AF_INET else 0
        if length < offset + _UDP_HEADER.size:
            return None
        _, port, _, _ = _UDP_HEADER.unpack_from(buffer, offset)
        length -= offset + _UDP_HEADER.size
    source = parse(sender[0].partition("%")[0])
    return Received(time_ns=time_ns, source=source, group=group, port=port, length=length)


def header_buffer() -> bytearray:
    """Return a buffer for `read`."""
    return bytearray(_HEADERS_OCTETS)


def _ask_for_details(receiver: socket.socket) -> None:
    receiver.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    if receiver.family == socket.AF_INET:
        receiver.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    else:
        receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
