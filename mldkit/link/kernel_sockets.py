"""Which sockets hold memberships, of which processes, with which filters.

No table of the kernel tells it: an unbound UDP socket is in none of them. So every socket that
could be one is looked at itself (`process_sockets`) and asked for the filter it has for a group::

    group_filter  | interface 32 | pad | group 128 octets | mode 32 | count 32 | sources 128 each |

getsockopt(MCAST_MSFILTER) answers EADDRNOTAVAIL where the socket is not a member, so the answer
is exact for each group, interface and socket (RFC 3678 §5.1.3; net/ipv4/igmp.c:ip_mc_gsfget,
net/ipv6/mcast.c:ip6_mc_msfget). Nothing is changed by the question.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.link.process_sockets import ProcessSockets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mldkit.link.process_sockets import HeldSocket
    from mldkit.model.addresses import Address

_MCAST_MSFILTER = 48
_HEAD = struct.Struct("@I0l")
_COUNTS = struct.Struct("@II")
_SOCKET_ADDRESS_OCTETS = 128
_MCAST_EXCLUDE = 0


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
    questions = FilterQuestions(wanted)
    processes = ProcessSockets()
    found: list[KernelFilter] = []
    processes.show(
        lambda held: found.extend(questions.ask(held)), own_namespace_only=own_namespace_only
    )
    return Sockets(tuple(found), blind=processes.blind)


class FilterQuestions:
    """What is asked of socket after socket: its filter for each of some groups."""

    def __init__(self, wanted: Mapping[Wanted, int]) -> None:
        """Ask for the groups `wanted`; each has so many users, and no more are looked for."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._questions = [
            _Question(index, group, users) for (index, group), users in wanted.items()
        ]

    def ask(self, held: HeldSocket) -> list[KernelFilter]:
        """Return the filters that one socket has."""
        octets = held.families()
        found = []
        for question in self._questions:
            if len(question.group) in octets and question.users_left:
                answer = question.ask(self._libc, held.duplicate.fileno())
                if answer is not None:
                    found.append(
                        KernelFilter(
                            question.index,
                            question.group,
                            held.pid,
                            held.process,
                            held.descriptor,
                            *answer,
                        )
                    )
        return found


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


def _socket_address(address: Address) -> bytes:
    if len(address) == 4:
        packed = struct.pack("=HH4s", socket.AF_INET, 0, address)
    else:
        packed = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, address, 0)
    return packed.ljust(_SOCKET_ADDRESS_OCTETS, b"\0")
