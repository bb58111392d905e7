"""Hearing that an interface goes, for a while or for good, while something else is waited for.

A socket that is a member on an interface is not told of its removal: the kernel drops the
membership and the socket stays as it is (net/ipv4/igmp.c:ip_mc_destroy_dev).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.link import interfaces
from mldkit.link.netlink import Notifications

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Self

    from mldkit.link.interfaces import Interface

# linux/rtnetlink.h, struct ifinfomsg in front of the attributes
_GROUP_LINK = 1
_LINK_DELETED = 17
_LINK_HEADER = struct.Struct("=HHiII")  # family, hardware type, index, flags, change
_FIXED_OCTETS = _LINK_HEADER.size
# linux/if.h: IFF_UP and IFF_RUNNING
_READY = 0x41


class LinkWatch:
    """Waits beside other descriptors; says down and up, and raises when its interface is gone."""

    def __init__(self, interface: Interface) -> None:
        self._interface = interface
        self._is_ready = interface.is_up and interface.is_running
        self._notifications = Notifications((_GROUP_LINK,))

    def __enter__(self) -> Self:
        """Return the watch itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the socket."""
        self._notifications.__exit__(kind, error, trace)

    def fileno(self) -> int:
        """Return the descriptor that is readable when the kernel has told something."""
        return self._notifications.fileno()

    def changes(self) -> Iterator[bool]:
        """Give whether the interface carries frames, each time that this changed.

        Raises LinkError when the interface is gone.
        """
        for told in self._notifications.read(fixed_octets=_FIXED_OCTETS):
            _, _, index, flags, _ = _LINK_HEADER.unpack(told.fixed)
            if index != self._interface.index:
                continue
            if told.kind == _LINK_DELETED:
                raise self._removed()
            is_ready = flags & _READY == _READY
            if is_ready != self._is_ready:
                self._is_ready = is_ready
                yield is_ready
        if self._notifications.take_overflow():
            yield from self._asked()

    def _asked(self) -> Iterator[bool]:
        """Give the same where the kernel had more to tell than was heard: it is asked instead."""
        index = self._interface.index
        now = next((one for one in interfaces.interfaces() if one.index == index), None)
        if now is None:
            raise self._removed()
        is_ready = now.is_up and now.is_running
        if is_ready != self._is_ready:
            self._is_ready = is_ready
            yield is_ready

    def _removed(self) -> LinkError:
        name = self._interface.name
        return LinkError(f"{name}: the interface was removed, and its memberships with it")
