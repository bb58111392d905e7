"""Route multicast from one interface to another, as long as this program lives.

The kernel does the routing; this program tells it where (linux/mroute6.h). `--route` gives routes,
`--listen` makes them from what the hosts behind OUT report.
"""

from __future__ import annotations

import argparse
import errno
import select
import socket
import struct
import sys
from typing import TYPE_CHECKING

from mldkit.cli import background
from mldkit.errors import LinkError, UsageError
from mldkit.link import clock
from mldkit.link.device import PacketSocket
from mldkit.link.interfaces import find
from mldkit.model.addresses import text
from mldkit.model.messages import RecordType, Report
from mldkit.model.notation import parse_group_spec
from mldkit.wire.decoder import Decoder

if TYPE_CHECKING:
    from mldkit.cli.background import Ready
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Frame

MRT6_INIT, MRT6_ADD_MIF, MRT6_ADD_MFC, MRT6_DEL_MFC = 200, 202, 204, 205
MRT6MSG_NOCACHE = 1
ICMPV6_FILTER = 1
IN, OUT = 0, 1
WANTED = (RecordType.IS_IN, RecordType.TO_IN, RecordType.ALLOW)


class Router:
    """The kernel's multicast routing between two interfaces; it ends with its socket."""

    def __init__(self, names: tuple[str, str]) -> None:
        self.names = names
        self.socket = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        # Real ICMPv6 is not wanted here, only what the kernel asks.
        self.socket.setsockopt(socket.IPPROTO_ICMPV6, ICMPV6_FILTER, b"\xff" * 32)
        try:
            self._tell(MRT6_INIT, struct.pack("@i", 1))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise LinkError(
                "this node has a router already", hint="end it first: kill NUMBER, or Ctrl-C"
            ) from error
        for number, name in enumerate(names):
            # Number, flags, threshold, interface, rate.
            mif = struct.pack("@HBBHI", number, 0, 1, find(name).index, 0)
            self._tell(MRT6_ADD_MIF, mif)

    def add(self, source: Address, group: Address) -> None:
        """Send what comes in for this source and group out at the other side."""
        self._tell(MRT6_ADD_MFC, _entry(source, group, 1 << OUT))
        print(f"route: {text(source)} > {text(group)} from {' to '.join(self.names)}", flush=True)

    def delete(self, source: Address, group: Address) -> None:
        """Do so no more."""
        try:
            self._tell(MRT6_DEL_MFC, _entry(source, group, 0))
        except FileNotFoundError:
            return
        print(f"no route any more: {text(source)} > {text(group)}", flush=True)

    def listen(self, frame: Frame, decoder: Decoder) -> None:
        """Make routes of what a frame reports."""
        for decoded in decoder.decode(frame):
            report = decoded.datagram.message
            for record in report.records if isinstance(report, Report) else ():
                for source in record.sources:
                    if record.type in WANTED:
                        self.add(source, record.group)
                    elif record.type == RecordType.BLOCK:
                        self.delete(source, record.group)

    def hear(self) -> None:
        """Print what the kernel asks: nothing, type, interface, source and group."""
        asked = self.socket.recv(2048)
        _, kind, number, source, group = struct.unpack("@BBH4x16s16s", asked[:40])
        if kind == MRT6MSG_NOCACHE:
            print(f"the kernel asks: {text(source)} > {text(group)} ", end="")
            print(f"came in at {self.names[number]}, where to?", flush=True)

    def _tell(self, option: int, value: bytes) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, option, value)


def _entry(source: Address, group: Address, out: int) -> bytes:
    """Return a route: two socket addresses, the interface it comes from, a set of others."""
    ends = b"".join(
        struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, address, 0) for address in (source, group)
    )
    return ends + struct.pack("@HxxI28x", IN, out)


def serve(arguments: argparse.Namespace, announce: Ready) -> int:
    """Be the router until somebody ends this program."""
    router = Router((arguments.incoming, arguments.outgoing))
    for given in arguments.route:
        route = parse_group_spec(given)
        if not route.sources or len(route.groups[0]) == 4:
            raise UsageError(f"--route {given!r}: write SOURCE@GROUP, both of IPv6")
        for source in route.sources:
            router.add(source, route.groups[0])
    announce()
    decoder = Decoder()
    with PacketSocket(arguments.outgoing) as hosts:
        while True:
            ready, _, _ = select.select([router.socket.fileno(), hosts.fileno()], [], [])
            if router.socket.fileno() in ready:
                router.hear()
            while frame := hosts.receive(clock.now_ns()):
                if arguments.listen and not frame.outgoing:
                    router.listen(frame, decoder)


def main() -> int:
    """Read the arguments and go on in the background if that is wanted."""
    parser = argparse.ArgumentParser(prog="mroute", description=__doc__)
    parser.add_argument("incoming", metavar="IN", help="where the sources are")
    parser.add_argument("outgoing", metavar="OUT", help="where the hosts are")
    parser.add_argument("--route", metavar="SOURCE@GROUP", action="append", default=[])
    parser.add_argument("--listen", action="store_true", help="make routes of MLD reports")
    parser.add_argument("--background", action="store_true", help="go on until the lab ends")
    arguments = parser.parse_args()
    return background.program(
        "mroute", lambda announce: serve(arguments, announce), in_background=arguments.background
    )


sys.exit(main())
