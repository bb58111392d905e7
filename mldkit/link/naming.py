"""The names that one interface had: it can be renamed while it is up (Linux 6.2).

The kernel tells of a new name at once, but not when that was; so the moment is the one at which it
was heard of.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import TYPE_CHECKING

from mldkit.link import interfaces, netlink

if TYPE_CHECKING:
    from collections.abc import Callable

_GROUP_LINK = 1
_NEW_LINK = 16
_LINK_HEADER = struct.Struct("=HHiII")  # family, hardware type, index, flags, change
_NAME = 3
_MOST_REMEMBERED = 64


class Names:
    """Names by when they began."""

    def __init__(self, name: str) -> None:
        self._known: deque[tuple[int, str]] = deque([(0, name)], _MOST_REMEMBERED)

    @property
    def now(self) -> str:
        """The last one."""
        return self._known[-1][1]

    @property
    def are_one(self) -> bool:
        """Whether it has always been called the same."""
        return len(self._known) == 1

    def take(self, name: str, since_ns: int) -> None:
        """Take in that it is called otherwise from a time on."""
        self._known.append((since_ns, name))

    def at(self, time_ns: int) -> str:
        """Return the name that it had at a time."""
        for since_ns, name in reversed(self._known):
            if since_ns <= time_ns:
                return name
        return self._known[0][1]


class NameChanges:
    """Hears of new names of the interfaces of this namespace."""

    def __init__(self, wall_ns: Callable[[], int]) -> None:
        self._wall_ns = wall_ns
        self._notifications = netlink.Notifications((_GROUP_LINK,))
        self._heard: deque[tuple[int, int, str]] = deque(maxlen=_MOST_REMEMBERED)
        self._has_missed = False

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is something to hear."""
        return self._notifications.fileno()

    def close(self) -> None:
        """Hear no more."""
        self._notifications.close()

    def hear(self) -> None:
        """Take in what waits: it was a moment ago, where somebody waits for it."""
        now_ns = self._wall_ns()
        for told in self._notifications.read(fixed_octets=_LINK_HEADER.size):
            if told.kind == _NEW_LINK and _NAME in told.attributes:
                name = told.attributes[_NAME].rstrip(b"\0").decode(errors="replace")
                self._heard.append((_LINK_HEADER.unpack(told.fixed)[2], now_ns, name))
        self._has_missed |= self._notifications.take_overflow()

    def take(self, index: int) -> list[tuple[int, str]]:
        """Return the names of one interface that were heard since the last call, with wall times.

        Most of them are the name that it has anyway.
        """
        self.hear()
        found = [(time_ns, name) for each, time_ns, name in self._heard if each == index]
        self._heard.clear()
        if self._has_missed:
            # More happened than the socket could hold: ask what is true now.
            self._has_missed = False
            now_ns = self._wall_ns()
            found += [(now_ns, one.name) for one in interfaces.interfaces() if one.index == index]
        return found
