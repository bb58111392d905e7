"""Join as many groups, or sources of a group, as one socket can hold.

`mldkit join` opens another socket where one is full; most programs do not, and neither does this
one. The requests are those of RFC 3678, as linux/in.h has them.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import struct
import sys
import time
from typing import TYPE_CHECKING

from mldkit.cli import background
from mldkit.link.interfaces import find
from mldkit.model.addresses import consecutive
from mldkit.model.notation import parse_address, parse_group_spec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from mldkit.cli.background import Ready
    from mldkit.model.addresses import Address

    Wish: TypeAlias = tuple[Address, Address | None]

MCAST_JOIN_GROUP = 42
MCAST_JOIN_SOURCE_GROUP = 46


def padded(address: Address) -> bytes:
    """Return an address as the kernel takes it in these requests: 128 octets."""
    if len(address) == 4:
        packed = struct.pack("=HH4s", socket.AF_INET, 0, address)
    else:
        packed = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, address, 0)
    return packed.ljust(128, b"\0")


def join(holder: socket.socket, index: int, group: Address, source: Address | None) -> None:
    """Join one group, from any source or from one; raise OSError where the kernel refuses."""
    level = socket.IPPROTO_IP if len(group) == 4 else socket.IPPROTO_IPV6
    request = struct.pack("@I0l", index) + padded(group)
    if source is None:
        holder.setsockopt(level, MCAST_JOIN_GROUP, request)
    else:
        holder.setsockopt(level, MCAST_JOIN_SOURCE_GROUP, request + padded(source))


def fill(holder: socket.socket, index: int, wanted: Sequence[Wish], what: str) -> None:
    """Join until everything is joined or the kernel refuses, and tell how far it went."""
    for count, (group, source) in enumerate(wanted):
        try:
            join(holder, index, group, source)
        except OSError as error:
            code = errno.errorcode[error.errno or 0]
            print(f"one socket holds {count} of {len(wanted)} {what}; the next one: ", end="")
            print(f"{code} ({os.strerror(error.errno or 0)})", flush=True)
            return
    print(f"one socket holds all {len(wanted)} {what}", flush=True)


def hold(arguments: argparse.Namespace, announce: Ready) -> int:
    """Join, tell, and keep what was joined for a while."""
    groups = parse_group_spec(arguments.groups).groups
    is_ipv4 = len(groups[0]) == 4
    wanted: list[Wish] = [(group, None) for group in groups]
    if arguments.sources:
        first = parse_address("10.0.0.1" if is_ipv4 else "2001:db8::1")
        wanted = [(groups[0], source) for source in consecutive(first, arguments.sources)]
    with socket.socket(socket.AF_INET if is_ipv4 else socket.AF_INET6, socket.SOCK_DGRAM) as holder:
        index = find(arguments.interface).index
        fill(holder, index, wanted, "sources" if arguments.sources else "groups")
        announce()
        if arguments.background:
            signal.pause()  # until the lab ends, or somebody does it with kill
        time.sleep(2)
    return 0


def main() -> int:
    """Read the arguments and go on in the background if that is wanted."""
    parser = argparse.ArgumentParser(prog="greedy", description=__doc__)
    parser.add_argument("interface", metavar="IF")
    parser.add_argument("groups", metavar="GROUP", help="GROUP[+COUNT]")
    parser.add_argument("--sources", metavar="N", type=int, help="join N sources of the group")
    parser.add_argument("--background", action="store_true", help="hold them until the lab ends")
    arguments = parser.parse_args()
    return background.program(
        "greedy", lambda announce: hold(arguments, announce), in_background=arguments.background
    )


sys.exit(main())
