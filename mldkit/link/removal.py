"""Hearing that an interface goes for good, while something else is waited for.

A socket that is a member on an interface is not told of its removal: the kernel drops the
membership and the socket stays as it is (net/ipv4/igmp.c:ip_mc_destroy_dev).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.link.netlink import Notifications

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from mldkit.link.interfaces import Interface

# linux/rtnetlink.h, struct ifinfomsg in front of the attributes
_GROUP_LINK = 1
_LINK_DELETED = 17
_FIXED_OCTETS = 16


class RemovalWatch:
    """Waits beside other descriptors, and raises when its interface is gone."""

    def __init__(self, interface: Interface) -> None:
        self._interface = interface
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

    def check(self) -> None:
        """Read what was told; raise LinkError when the interface is gone."""
        for told in self._notifications.read(fixed_octets=_FIXED_OCTETS):
            (index,) = struct.unpack_from("=i", told.fixed, 4)
            if told.kind == _LINK_DELETED and index == self._interface.index:
                name = self._interface.name
                raise LinkError(f"{name}: the interface was removed, and its memberships with it")
