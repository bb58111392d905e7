"""Show the picture of a group: a program with one socket, which takes what it is given.

The socket is bound to a port (5000) and gets only what it has joined itself (IP_MULTICAST_ALL off).
"""

from __future__ import annotations

import argparse
import socket
import sys
from typing import TYPE_CHECKING

from mldkit.cli import background
from mldkit.cli.arguments import address
from mldkit.link import datagrams, group_sockets
from mldkit.link.interfaces import find
from mldkit.model.notation import parse_group

if TYPE_CHECKING:
    from mldkit.cli.background import Ready


def show(arguments: argparse.Namespace, announce: Ready) -> int:
    """Take datagrams until somebody ends this program."""
    group, index = parse_group(arguments.group), find(arguments.interface).index
    with datagrams.of_port(arguments.port)(socket.AF_INET) as screen:
        option = group_sockets.JOIN_SOURCE_GROUP if arguments.source else group_sockets.JOIN_GROUP
        if not arguments.only_bind:
            request = group_sockets.group_request(index, group, arguments.source)
            screen.setsockopt(socket.IPPROTO_IP, option, request)
        print(f"viewer: waits for {arguments.group} on port {arguments.port}", flush=True)
        announce()
        while True:
            screen.recv(2048)


def main() -> int:
    """Read the arguments and go on in the background if that is wanted."""
    parser = argparse.ArgumentParser(prog="viewer", description=__doc__)
    parser.add_argument("interface", metavar="IF")
    parser.add_argument("group", metavar="GROUP")
    parser.add_argument("--from", dest="source", metavar="S", type=address, help="want S alone")
    parser.add_argument("--port", metavar="N", type=int, default=5000, help="UDP port (5000)")
    parser.add_argument("--only-bind", action="store_true", help="join nothing")
    parser.add_argument("--background", action="store_true", help="go on until the lab ends")
    arguments = parser.parse_args()
    return background.program(
        "viewer", lambda announce: show(arguments, announce), in_background=arguments.background
    )


sys.exit(main())
