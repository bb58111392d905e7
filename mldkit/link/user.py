"""Users of this machine: whom a command may become, and who called it by sudo."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from mldkit.errors import UsageError

_ONLY_ITSELF = 1
"""A user namespace with so many users is one user's own: its root is that user outside."""


@dataclass(frozen=True, slots=True)
class User:
    """A user with everything that belongs to becoming one."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    """All groups, the first one too."""
    home: str = "/"
    shell: str = "/bin/sh"


def find_user(name: str) -> User:
    """Return the user with a name or a number; raise UsageError where there is none."""
    try:
        return _user(pwd.getpwnam(name))
    except (KeyError, ValueError):
        pass
    try:
        return _user(pwd.getpwuid(int(name)))
    except (KeyError, ValueError, OverflowError) as error:
        raise UsageError(f"{name!r}: no such user", hint="getent passwd lists them") from error


def this_user() -> User:
    """Return the user that this process is, also one that no list of users has."""
    return _of_number(os.geteuid(), os.getegid(), tuple(os.getgroups()))


def user_name(uid: int) -> str:
    """Return the name of a user, the number where there is no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return f"user {uid}"


def caller_of_sudo() -> User | None:
    """Return who became root by sudo, None where nobody did or it was root itself.

    The variables are believed: only root can set them for a process of root.
    """
    if os.geteuid() != 0:
        return None
    try:
        uid, gid = int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"])
    except (KeyError, ValueError):
        return None
    return _of_number(uid, gid, (gid,)) if uid > 0 and gid >= 0 else None


def is_root_of_others() -> bool:
    """Return whether this process is root where there are other users.

    In a user namespace that an ordinary user made for itself, root is that user and can become
    nobody else (user_namespaces(7)).
    """
    if os.geteuid() != 0:
        return False
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return True
    return sum(int(line.split()[2]) for line in lines) > _ONLY_ITSELF


def _user(entry: pwd.struct_passwd) -> User:
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    shell = entry.pw_shell or "/bin/sh"
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid, groups, entry.pw_dir or "/", shell)


def _of_number(uid: int, gid: int, groups: tuple[int, ...]) -> User:
    try:
        return _user(pwd.getpwuid(uid))
    except (KeyError, OverflowError):
        return User(str(uid), uid, gid, groups)
