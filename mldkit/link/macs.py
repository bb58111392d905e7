"""The list of group MACs of a device as an administrator changes it: `ip maddr add`.

SIOCADDMULTI and SIOCDELMULTI take a struct ifreq with the name and an address of family 0
(net/core/dev_ioctl.c:dev_ifsioc)::

    | name 16 | family 16 | MAC 48 | fill |
"""

from __future__ import annotations

import fcntl
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

_ADD = 0x8931
_DELETE = 0x8932
_REQUEST = struct.Struct("16sH6s8x")


def change_list(
    control: socket.socket, interface: str, macs: Iterable[bytes], *, add: bool
) -> None:
    """Add MACs or take them away; `control` is any datagram socket, what is refused an OSError."""
    for mac in macs:
        fcntl.ioctl(control, _ADD if add else _DELETE, _REQUEST.pack(interface.encode(), 0, mac))
