"""The way back to a source, as the reverse path filter of IPv4 looks for it.

A frame from a source is believed if this host would send to the source by the interface that it
came in by (RFC 3704 §2.2, §2.4; net/ipv4/fib_frontend.c:__fib_validate_source). The question to
the kernel is an RTM_GETROUTE that answers with the matching entry of the table, all its next hops
included::

    rtmsg | family 8 | destination bits 8 | ... | type 8 at 7 | flags 32 |  RTA_DST
    RTA_MULTIPATH | length 16 | flags 8 | hops 8 | interface 32 | attributes | ...
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET
from typing import TYPE_CHECKING

from mldkit.link import netlink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.addresses import Address

_ROUTE = struct.Struct("=BBBBBBBBI")
_NEXT_HOP = struct.Struct("=HBBi")
_DESTINATION = 1
_OUTGOING = 4
_MULTIPATH = 9
_RETURN_ENTRY = 0x2000
_UNICAST, _LOCAL = 1, 2
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL)
_SETTINGS = Path("/proc/sys/net/ipv4/conf")


@dataclass(frozen=True, slots=True)
class ReturnRoute:
    """Where this host would send what goes to a source."""

    interfaces: tuple[int, ...] = ()
    """Indexes; none where there is no route."""
    is_own: bool = False
    """The source is an address of this host itself."""

    @property
    def exists(self) -> bool:
        """Whether there is any way to the source."""
        return bool(self.interfaces)


def return_route(source: Address) -> ReturnRoute:
    """Return the way to an IPv4 source."""
    head = _ROUTE.pack(AF_INET, 32, 0, 0, 0, 0, 0, 0, _RETURN_ENTRY)
    question = head + netlink.attribute(_DESTINATION, source)
    try:
        answer = netlink.ask(netlink.GET_ROUTE, question, fixed_octets=_ROUTE.size)
    except OSError as error:
        if error.errno in _NO_WAY:
            return ReturnRoute()
        raise
    kind = answer.fixed[7]
    if kind not in (_UNICAST, _LOCAL):
        return ReturnRoute()
    return ReturnRoute(tuple(_interfaces(answer.attributes)), is_own=kind == _LOCAL)


def reverse_path_filter(interface: str) -> int:
    """Return what rp_filter means for an interface: the larger one of its own and of `all`.

    0 off, 1 strict, 2 loose (include/linux/inetdevice.h:IN_DEV_RPFILTER).
    """
    return max(setting("all", "rp_filter"), setting(interface, "rp_filter"))


def setting(interface: str, name: str) -> int:
    """Return a number below net.ipv4.conf, 0 where there is none."""
    try:
        return int((_SETTINGS / interface / name).read_text())
    except (OSError, ValueError):
        return 0


def _interfaces(attributes: dict[int, bytes]) -> Iterator[int]:
    if _OUTGOING in attributes:
        yield struct.unpack("=I", attributes[_OUTGOING])[0]
    hops, offset = attributes.get(_MULTIPATH, b""), 0
    while offset + _NEXT_HOP.size <= len(hops):
        length, _, _, index = _NEXT_HOP.unpack_from(hops, offset)
        yield index
        offset += max(length + 3 & ~3, _NEXT_HOP.size)
