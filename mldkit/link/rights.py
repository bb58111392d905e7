"""What this process may do, and how it gives that up once it holds what it needs.

::

    sockets, files opened --> give_up --> the same process without any capability

A packet socket may be used, and bound again, by a process that could not open it. So whoever
listens to strangers first opens what it needs and then gives up (capabilities(7))::

    ambient, bounding      nothing that is executed gets a capability back
    groups, gid, uid       another user, if one is named
    permitted, effective, inheritable
    no_new_privs           no set-user-ID program helps either

The kernel keeps capabilities for each thread, so there must be only one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct
import threading
from typing import TYPE_CHECKING

from mldkit.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Collection

    from mldkit.link.user import User

# linux/capability.h
_DAC_READ_SEARCH, _SYS_PTRACE = 2, 19
SIGHT = frozenset((_DAC_READ_SEARCH, _SYS_PTRACE))
"""What it takes to see the open files of other users' processes and to take sockets from them."""
_VERSION_3 = 0x20080522
_WORDS = 2
_HEADER = struct.Struct("=Ii")
_SETS = struct.Struct("=6I")  # effective, permitted, inheritable, of capabilities 0-31 and 32-63
# linux/prctl.h
_SET_PARENT_DEATH_SIGNAL = 1
_SET_KEEP_CAPABILITIES = 8
_READ_BOUNDING = 23
_DROP_BOUNDING = 24
_SET_CHILD_SUBREAPER = 36
_SET_NO_NEW_PRIVILEGES = 38
_AMBIENT, _CLEAR_ALL_AMBIENT = 47, 4

_libc = ctypes.CDLL(None, use_errno=True)


def give_up(user: User | None = None, keeps: Collection[int] = ()) -> None:
    """Become `user`, if one is named, and drop every capability but those with the numbers `keeps`.

    What this process never had is not missed. Raises LinkError where it may not become `user` or
    the kernel refuses, RuntimeError in a process with several threads.
    """
    if threading.active_count() > 1:
        raise RuntimeError("rights are given up thread by thread: there must be only one")
    try:
        _drop_bounding(keeps)
        if user is not None:
            _become(user, keeps_capabilities=bool(keeps))
        _set_capabilities(keeps)
        _prctl(_SET_NO_NEW_PRIVILEGES, 1)
    except OSError as error:
        raise LinkError(f"rights cannot be given up: {error.strerror}") from error


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when `parent`, its parent, ends; end if it has already.

    The kernel asks whether the parent may send the signal: both must be of one user.
    """
    _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of whatever the children of this process start and leave behind."""
    _prctl(_SET_CHILD_SUBREAPER, 1)


def _drop_bounding(keeps: Collection[int]) -> None:
    """Empty the sets from which a program that is executed could get a capability."""
    _prctl(_AMBIENT, _CLEAR_ALL_AMBIENT)
    number = 0
    while (is_held := _libc.prctl(_READ_BOUNDING, number, 0, 0, 0)) >= 0:
        if is_held and number not in keeps:
            try:
                _prctl(_DROP_BOUNDING, number)
            except PermissionError:
                # An ordinary user's stays as it is, and no_new_privs makes it worth nothing.
                return
        number += 1


def _become(user: User, *, keeps_capabilities: bool) -> None:
    """Be another user for good, with that user's groups."""
    if user.uid == os.geteuid():
        return
    if keeps_capabilities:
        _prctl(_SET_KEEP_CAPABILITIES, 1)
    try:
        os.setgroups(user.groups)
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
    except OSError as error:
        raise LinkError(
            f"cannot become {user.name}: {(error.strerror or str(error)).lower()}",
            hint=_who_can(error),
        ) from error


def _who_can(error: OSError) -> str:
    if error.errno == errno.EINVAL:
        return "this user namespace knows no such user"
    return "run it with sudo, or leave the user away"


def _set_capabilities(keeps: Collection[int]) -> None:
    header = _HEADER.pack(_VERSION_3, 0)
    held = ctypes.create_string_buffer(_SETS.size)
    _check(_libc.capget(header, held))
    sets = _SETS.unpack(held.raw)
    kept = []
    for word in range(_WORDS):
        permitted = sets[word * 3 + 1]
        wanted = sum(1 << number % 32 for number in set(keeps) if number // 32 == word)
        kept += [permitted & wanted, permitted & wanted, 0]
    _check(_libc.capset(header, _SETS.pack(*kept)))


def _prctl(option: int, argument: int) -> None:
    _check(_libc.prctl(option, ctypes.c_ulong(argument), 0, 0, 0))


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
