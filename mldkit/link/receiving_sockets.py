"""Which sockets a datagram for a group could end in, with all that decides about it.

A datagram is given to each UDP socket of its port, and to each raw socket of its protocol, that

::

    is bound to no other address, device or peer          net/ipv4/udp.c:__udp_is_mcast_sock
    is a member and its filter wants the source, or       net/ipv4/igmp.c:ip_mc_sf_allow
    is no member and has IP_MULTICAST_ALL (the default)   net/ipv6/mcast.c:inet6_mc_check
    has room left in its buffer                           net/ipv4/udp.c:__udp_enqueue_schedule_skb

Here the sockets are read (`process_sockets`); who judges them is `mldkit.path`.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.link.kernel_sockets import FilterQuestions
from mldkit.link.process_sockets import ProcessSockets
from mldkit.model.addresses import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mldkit.link.kernel_sockets import KernelFilter, Wanted
    from mldkit.link.process_sockets import HeldSocket
    from mldkit.model.addresses import Address

# asm-generic/socket.h, linux/in.h, linux/in6.h, linux/sock_diag.h
_SO_PROTOCOL = 38
_SO_MEMINFO = 55
_SO_BINDTOIFINDEX = 62
_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29
_MEMORY = struct.Struct("=9I")
_TABLES = ("udp", "udp6")
_INODE, _LOCAL = 9, 1
# With what the kernel adds: a buffer of the smallest slab and its head, or of a whole page.
_SMALLEST_DATAGRAM = 768
_LARGE_DATAGRAM = 4352
_MAPPED = bytes(10) + b"\xff\xff"


@dataclass(frozen=True, slots=True)
class ReceivingSocket:
    """One UDP socket, or raw socket for UDP, of this network namespace.

    A row of data, as the kernel gave it.
    """

    pid: int
    process: str
    descriptor: int
    is_raw: bool
    families: tuple[int, ...]
    """Lengths of the addresses of the datagrams that it takes."""
    bound_to: Address
    """Local address; unspecified for any."""
    port: int
    """Local port; 0: bound to none, so nothing arrives. Of a raw socket always 0."""
    peer: Address | None
    """The one address that it talks to."""
    device: int
    """Index of the one interface that it hears; 0: all."""
    takes_all: tuple[int, ...]
    """Families whose groups it gets without being a member: IP_MULTICAST_ALL."""
    buffer_octets: int
    waiting_octets: int
    """In its buffer, with the kernel's own overhead, as the limit counts them."""
    dropped: int
    """Datagrams that found no room, since the socket was made."""
    filters: tuple[KernelFilter, ...]
    """Its memberships in the groups that were asked for, on all interfaces."""

    @property
    def is_nearly_full(self) -> bool:
        """Whether a large datagram may find no room."""
        is_waiting = bool(self.waiting_octets)
        return is_waiting and self.waiting_octets + _LARGE_DATAGRAM > self.buffer_octets

    @property
    def is_full(self) -> bool:
        """Whether the next datagram finds no room, however small.

        Newer kernels want room for all of it; older ones (before Linux 6.17 or so) let one more in
        while the limit is not passed yet (net/ipv4/udp.c:__udp_enqueue_schedule_skb).
        """
        return bool(self.waiting_octets) and (
            self.waiting_octets + _SMALLEST_DATAGRAM > self.buffer_octets
        )


@dataclass(frozen=True, slots=True)
class ReceivingSockets:
    """What could be seen of them."""

    sockets: tuple[ReceivingSocket, ...]
    members: tuple[KernelFilter, ...]
    """Memberships of all sockets in the groups that were asked for, UDP or not."""
    unseen_ports: tuple[int, ...]
    """Ports of the UDP sockets of this namespace whose processes may not be looked into."""


def find(wanted: Mapping[Wanted, int]) -> ReceivingSockets:
    """Return the sockets, with their memberships in the groups `wanted` (their users by group)."""
    questions = FilterQuestions(wanted)
    processes = ProcessSockets()
    found: list[ReceivingSocket] = []
    members: list[KernelFilter] = []
    seen: set[str] = set()

    def look(held: HeldSocket) -> None:
        seen.add(held.inode)
        filters = tuple(questions.ask(held))
        members.extend(filters)
        with suppress(OSError):  # an option that this kernel does not have
            one = _read(held, filters)
            if one is not None:
                found.append(one)

    processes.show(look, own_namespace_only=True)
    missing = {inode: port for inode, port in _bound_ports().items() if inode not in seen}
    if missing:
        # A process of another namespace may hold sockets that were made in this one.
        processes.show(look, own_namespace_only=False)
        missing = {inode: port for inode, port in missing.items() if inode not in seen}
    return ReceivingSockets(tuple(found), tuple(members), tuple(sorted(set(missing.values()))))


def _read(held: HeldSocket, filters: tuple[KernelFilter, ...]) -> ReceivingSocket | None:
    one = held.duplicate
    is_raw = one.type == socket.SOCK_RAW
    if one.getsockopt(socket.SOL_SOCKET, _SO_PROTOCOL) != socket.IPPROTO_UDP:
        return None
    try:
        memory = _MEMORY.unpack(one.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMORY.size))
    except (OSError, struct.error):
        memory = (0, one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF), *bytes(7))
    name = one.getsockname()
    bound_to = parse(name[0].partition("%")[0])
    return ReceivingSocket(
        pid=held.pid,
        process=held.process,
        descriptor=held.descriptor,
        is_raw=is_raw,
        families=_families(one, bound_to, is_raw=is_raw),
        bound_to=bound_to[12:] if bound_to.startswith(_MAPPED) else bound_to,
        port=0 if is_raw else name[1],
        peer=_peer(one),
        device=_number(one, socket.SOL_SOCKET, _SO_BINDTOIFINDEX, 0),
        takes_all=_takes_all(one),
        buffer_octets=memory[1],
        waiting_octets=memory[0],
        dropped=memory[8],
        filters=filters,
    )


def _families(one: socket.socket, bound_to: Address, *, is_raw: bool) -> tuple[int, ...]:
    if one.family == socket.AF_INET:
        return (4,)
    if bound_to.startswith(_MAPPED):
        return (4,)
    only = is_raw or any(bound_to)
    if only or _number(one, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1):
        return (16,)
    return (4, 16)


def _takes_all(one: socket.socket) -> tuple[int, ...]:
    found = [4] if _number(one, socket.IPPROTO_IP, _IP_MULTICAST_ALL, 1) else []
    if one.family == socket.AF_INET6 and _number(one, socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 1):
        found.append(16)
    return tuple(found)


def _peer(one: socket.socket) -> Address | None:
    try:
        peer = parse(one.getpeername()[0].partition("%")[0])
    except OSError:
        return None
    peer = peer[12:] if peer.startswith(_MAPPED) else peer
    return peer if any(peer) else None


def _number(one: socket.socket, level: int, option: int, otherwise: int) -> int:
    try:
        return one.getsockopt(level, option)
    except OSError:
        return otherwise


def _bound_ports() -> dict[str, int]:
    """Return the ports of all UDP sockets of this namespace, by inode."""
    found: dict[str, int] = {}
    for table in _TABLES:
        try:
            lines = Path("/proc/thread-self/net", table).read_text().splitlines()
        except OSError:
            continue
        for line in lines[1:]:
            words = line.split()
            found[words[_INODE]] = int(words[_LOCAL].rpartition(":")[2], 16)
    return found
