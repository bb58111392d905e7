"""Which sockets hold memberships, of which processes, with which filters.

No table of the kernel tells it: an unbound UDP socket is in none of them. So every socket that
could be one is looked at itself. The descriptor of another process is duplicated into this one
(pidfd_open(2), pidfd_getfd(2)) and asked for the filter it has for a group::

    group_filter  | interface 32 | pad | group 128 octets | mode 32 | count 32 | sources 128 each |

getsockopt(MCAST_MSFILTER) answers EADDRNOTAVAIL where the socket is not a member, so the answer
is exact for each group, interface and socket (RFC 3678 §5.1.3; net/ipv4/igmp.c:ip_mc_gsfget,
net/ipv6/mcast.c:ip6_mc_msfget).

Contract: nothing is changed and nothing is read from the sockets. The duplicate lives for some
microseconds; a process that closes its socket in just that time leaves its groups that much
later. Duplicating needs the right to trace the process (the same user, or root, and no
restriction by Yama); where it is missing, `Sockets.blind` says so instead of an empty answer.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mldkit.model.addresses import Address

_PIDFD_GETFD = 438  # one number on every architecture (since Linux 5.6)
_SO_NETNS_COOKIE = 71
_MCAST_MSFILTER = 48
_HEAD = struct.Struct("@I0l")
_COUNTS = struct.Struct("@II")
_SOCKET_ADDRESS_OCTETS = 128
_MCAST_EXCLUDE = 0
# Tables of sockets that can be no member, to look at fewer descriptors.
_OTHER_TABLES = {"unix": 6, "netlink": 9, "packet": 8, "tcp": 9, "tcp6": 9}


@dataclass(frozen=True, slots=True)
class KernelFilter:
    """What one socket wants of one group on one interface."""

    index: int
    group: Address
    pid: int
    process: str
    descriptor: int
    is_exclude: bool
    sources: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Sockets:
    """What could be seen of the sockets of this machine."""

    filters: tuple[KernelFilter, ...]
    blind: bool
    """Some processes could not be looked into: there may be more filters."""


Wanted = tuple[int, bytes]
"""Interface index and group."""


def find(wanted: Mapping[Wanted, int], *, own_namespace_only: bool) -> Sockets:
    """Return the filters that sockets have for the groups `wanted`, each with so many users.

    A socket stays in the namespace it was made in while its process moves on, so processes of
    other namespaces can hold it too; they are looked at only if `own_namespace_only` is false.
    """
    search = _Search(wanted)
    with suppress(OSError):  # no kernel has neither family
        for pid in _processes(own_namespace_only=own_namespace_only):
            search.look_into(pid)
    return Sockets(tuple(search.found), blind=search.blind)


class _Search:
    """One pass over processes; a socket that several hold is counted once, for the first."""

    def __init__(self, wanted: Mapping[Wanted, int]) -> None:
        self._questions = [
            _Question(index, group, users) for (index, group), users in wanted.items()
        ]
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._cookie = _own_cookie()
        # A socket is one user however many descriptors there are for it.
        self._seen = _sockets_of_other_kinds()
        self.found: list[KernelFilter] = []
        self.blind = False

    def look_into(self, pid: int) -> None:
        try:
            candidates = list(self._candidates(pid))
            if not candidates:
                return
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        except OSError as error:
            self.blind = self.blind or error.errno != errno.ENOENT
            return
        try:
            name = Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
            for descriptor, inode in candidates:
                self._look_at(pid, name, process, descriptor, inode)
        except OSError:
            return  # it has ended meanwhile
        finally:
            os.close(process)

    def _candidates(self, pid: int) -> Iterator[tuple[int, str]]:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                try:
                    target = os.readlink(entry.path)  # noqa: PTH115 (a hundred thousand of them)
                except FileNotFoundError:
                    continue
                if target.startswith("socket:[") and target[8:-1] not in self._seen:
                    yield int(entry.name), target[8:-1]

    def _look_at(self, pid: int, name: str, process: int, descriptor: int, inode: str) -> None:
        if inode in self._seen:
            return
        number = self._libc.syscall(_PIDFD_GETFD, process, descriptor, 0)
        if number < 0:
            # Any other error: the descriptor is not open any more.
            self.blind = self.blind or ctypes.get_errno() in (errno.EPERM, errno.ENOSYS)
            return
        try:
            duplicate = socket.socket(fileno=number)
        except OSError:
            os.close(number)  # the descriptor is something else by now
            return
        self._seen.add(inode)
        with duplicate:
            octets = self._could_join(duplicate)
            for question in self._questions if octets else ():
                if len(question.group) in octets and question.users_left:
                    answer = question.ask(self._libc, duplicate.fileno())
                    if answer is not None:
                        of_group = (question.index, question.group)
                        self.found.append(KernelFilter(*of_group, pid, name, descriptor, *answer))

    def _could_join(self, duplicate: socket.socket) -> tuple[int, ...]:
        """Return the lengths of the addresses of the groups that it may be a member of."""
        if duplicate.type not in (socket.SOCK_DGRAM, socket.SOCK_RAW):
            return ()
        if self._cookie is not None and _cookie(duplicate) != self._cookie:
            return ()
        if duplicate.family == socket.AF_INET:
            return (4,)
        if duplicate.family == socket.AF_INET6:
            # An IPv6 socket takes IPv4 groups too, unless it is raw.
            return (16,) if duplicate.type == socket.SOCK_RAW else (4, 16)
        return ()


class _Question:
    """The question for one group, in octets that are asked of socket after socket."""

    def __init__(self, index: int, group: Address, users: int) -> None:
        self.index = index
        self.group = group
        self.users_left = users
        self._level = socket.IPPROTO_IP if len(group) == 4 else socket.IPPROTO_IPV6
        self._head = _HEAD.pack(index) + _socket_address(group)
        # Without room for sources: most sockets are no member, and a member says how many.
        self._buffer, self._length = self._room_for(0)

    def ask(self, libc: ctypes.CDLL, descriptor: int) -> tuple[bool, tuple[Address, ...]] | None:
        """Return whether the socket excludes its sources, and these; None: it is no member."""
        buffer, length, room = self._buffer, self._length, 0
        while not libc.getsockopt(
            descriptor, self._level, _MCAST_MSFILTER, buffer, ctypes.byref(length)
        ):
            mode, count = _COUNTS.unpack_from(buffer, len(self._head))
            if count <= room:
                # A question that was answered has the answer's counts in it.
                self._buffer, self._length = self._room_for(0)
                self.users_left -= 1
                return mode == _MCAST_EXCLUDE, self._sources(buffer.raw, count)
            room = count
            buffer, length = self._room_for(room)
        return None

    def _room_for(self, sources: int) -> tuple[ctypes.Array[ctypes.c_char], ctypes.c_uint]:
        asked = self._head + _COUNTS.pack(0, sources)
        octets = len(asked) + sources * _SOCKET_ADDRESS_OCTETS
        return ctypes.create_string_buffer(asked, octets), ctypes.c_uint(octets)

    def _sources(self, answer: bytes, count: int) -> tuple[Address, ...]:
        octets = len(self.group)
        first = len(self._head) + _COUNTS.size + (4 if octets == 4 else 8)
        places = range(first, first + count * _SOCKET_ADDRESS_OCTETS, _SOCKET_ADDRESS_OCTETS)
        return tuple(answer[place : place + octets] for place in places)


def _processes(*, own_namespace_only: bool) -> Iterable[int]:
    here = os.readlink("/proc/thread-self/ns/net")  # noqa: PTH115
    for name in os.listdir("/proc"):  # noqa: PTH208
        if not name.isdecimal():
            continue
        if own_namespace_only:
            try:
                elsewhere = os.readlink(f"/proc/{name}/ns/net") != here  # noqa: PTH115
            except OSError:
                elsewhere = False  # not to be seen: `look_into` finds out
            if elsewhere:
                continue
        yield int(name)


def _own_cookie() -> bytes | None:
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as mine:
            return _cookie(mine)
    return None


def _cookie(any_socket: socket.socket) -> bytes | None:
    """Return the number of the network namespace of a socket, None before Linux 5.14."""
    try:
        return any_socket.getsockopt(socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8)
    except OSError:
        return None


def _sockets_of_other_kinds() -> set[str]:
    inodes: set[str] = set()
    for table, column in _OTHER_TABLES.items():
        with suppress(OSError):
            lines = Path("/proc/thread-self/net", table).read_text(errors="replace").splitlines()
            for line in lines[1:]:
                words = line.split()
                if len(words) > column:
                    inodes.add(words[column])
    inodes.discard("0")
    return inodes


def _socket_address(address: Address) -> bytes:
    if len(address) == 4:
        packed = struct.pack("=HH4s", socket.AF_INET, 0, address)
    else:
        packed = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, address, 0)
    return packed.ljust(_SOCKET_ADDRESS_OCTETS, b"\0")
