"""The sockets of all processes, one after the other: duplicated for some microseconds and shown.

No table of the kernel lists every socket. So the descriptors of processes are gone through, and
each socket is duplicated into this process (pidfd_open(2), pidfd_getfd(2)) for whoever wants to ask
it something with getsockopt.

Contract: nothing is changed and nothing is read from the sockets. A process that closes its socket
in just that time keeps it that much longer. Duplicating needs the right to trace the process (the
same user, or root, and no restriction by Yama); where it is missing, `ProcessSockets.blind` says
so. A socket that several processes hold is shown once, for the first.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_PIDFD_GETFD = 438  # one number on every architecture (since Linux 5.6)
_SO_NETNS_COOKIE = 71
# Tables of sockets that can be no member, to look at fewer descriptors.
_OTHER_TABLES = {"unix": 6, "netlink": 9, "packet": 8, "tcp": 9, "tcp6": 9}


@dataclass(frozen=True, slots=True)
class HeldSocket:
    """A socket of some process, to be asked while it is shown."""

    pid: int
    process: str
    descriptor: int
    inode: str
    duplicate: socket.socket

    def families(self) -> tuple[int, ...]:
        """Return the lengths of the addresses of the groups that it may be a member of."""
        if self.duplicate.family == socket.AF_INET:
            return (4,)
        # An IPv6 socket takes IPv4 groups too, unless it is raw.
        return (16,) if self.duplicate.type == socket.SOCK_RAW else (4, 16)


class ProcessSockets:
    """One pass over processes, or several; what was shown once is not shown again."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._cookie = _own_cookie()
        # A socket is one user however many descriptors there are for it.
        self._seen = _sockets_of_other_kinds()
        self.blind = False
        """Some processes could not be looked into."""

    def show(self, look: Callable[[HeldSocket], None], *, own_namespace_only: bool) -> None:
        """Give `look` every datagram and raw socket of IPv4 and IPv6 of this network namespace.

        A socket stays in the namespace it was made in while its process moves on, so processes of
        other namespaces can hold it too; they are looked at only if `own_namespace_only` is false.
        """
        with suppress(OSError):  # no kernel has neither family
            for pid in _processes(own_namespace_only=own_namespace_only):
                self._look_into(pid, look)

    def _look_into(self, pid: int, look: Callable[[HeldSocket], None]) -> None:
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
                if inode in self._seen:
                    continue
                duplicate = self._duplicate(process, descriptor, inode)
                if duplicate is None:
                    continue
                with duplicate:
                    if self._is_of_interest(duplicate):
                        look(HeldSocket(pid, name, descriptor, inode, duplicate))
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

    def _duplicate(self, process: int, descriptor: int, inode: str) -> socket.socket | None:
        """Return a duplicate of a descriptor of a process, None where it cannot be had."""
        number = self._libc.syscall(_PIDFD_GETFD, process, descriptor, 0)
        if number < 0:
            # Any other error: the descriptor is not open any more.
            self.blind = self.blind or ctypes.get_errno() in (errno.EPERM, errno.ENOSYS)
            return None
        try:
            duplicate = socket.socket(fileno=number)
        except OSError:
            os.close(number)  # the descriptor is something else by now
            return None
        self._seen.add(inode)
        return duplicate

    def _is_of_interest(self, duplicate: socket.socket) -> bool:
        if duplicate.type not in (socket.SOCK_DGRAM, socket.SOCK_RAW):
            return False
        if duplicate.family not in (socket.AF_INET, socket.AF_INET6):
            return False
        return self._cookie is None or _cookie(duplicate) == self._cookie


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
