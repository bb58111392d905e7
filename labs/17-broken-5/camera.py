"""Send a stream to a group: ten datagrams a second, to port 5000.

As with most programs of this kind, the hop limit is that of the kernel for multicast unless
somebody asks for more.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from mldkit.cli import background
from mldkit.link.interfaces import find

if TYPE_CHECKING:
    from mldkit.cli.background import Ready

PORT = 5000


def film(arguments: argparse.Namespace, announce: Ready) -> int:
    """Send until somebody ends this program."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sender:
        index = find(arguments.interface).index
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        if arguments.hops is not None:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, arguments.hops)
        print(f"camera: the picture goes to {arguments.group} port {PORT}", flush=True)
        announce()
        while True:
            # A link that is down for a while is no reason to stop.
            with suppress(OSError):
                sender.sendto(b"picture", (arguments.group, PORT))
            time.sleep(0.1)


def main() -> int:
    """Read the arguments and go on in the background if that is wanted."""
    parser = argparse.ArgumentParser(prog="camera", description=__doc__)
    parser.add_argument("interface", metavar="IF")
    parser.add_argument("group", metavar="GROUP")
    parser.add_argument("--hops", metavar="N", type=int, help="hop limit of the datagrams")
    parser.add_argument("--background", action="store_true", help="go on until the lab ends")
    arguments = parser.parse_args()
    return background.program(
        "camera", lambda announce: film(arguments, announce), in_background=arguments.background
    )


sys.exit(main())
