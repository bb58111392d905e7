"""Be the network card of the host behind a port: a tap in the bridge, and a filter in between.

What the bridge sends into the tap passes the tap's receive filter, which holds the addresses that
are listed; what passes goes out of the port. What comes in by the port goes into the bridge.
Without a list everything passes. What the filter throws away is counted as `dropped` of the tap's
transmit side, and nowhere else.
"""

from __future__ import annotations

import argparse
import select
import subprocess
import sys
from typing import TYPE_CHECKING

from mldkit.cli import background
from mldkit.cli.arguments import mac
from mldkit.link.device import PacketSocket
from mldkit.macfilter.tap import Tap

if TYPE_CHECKING:
    from mldkit.cli.background import Ready

BRIDGE = "br0"


def carry(arguments: argparse.Namespace, announce: Ready) -> int:
    """Carry frames both ways until somebody ends this program."""
    tap = Tap(arguments.tap)
    tap.set_filter(arguments.listed)
    for command in (f"set {arguments.tap} master {BRIDGE}", f"set {arguments.tap} up"):
        subprocess.run(["ip", "link", *command.split()], check=True)  # noqa: S603, S607
    with PacketSocket(arguments.port, everything=True, hears_itself=False) as port:
        print(f"card: {arguments.tap} is in {BRIDGE}, {arguments.port} behind it", flush=True)
        announce()
        while True:
            select.select((tap, port), (), ())
            while (octets := tap.read()) is not None:
                port.send(octets)
            while (frame := port.take()) is not None:
                tap.write(frame.data)


def main() -> int:
    """Read the arguments and go on in the background if that is wanted."""
    parser = argparse.ArgumentParser(prog="card", description=__doc__)
    parser.add_argument("port", metavar="IF", help="where the host is")
    parser.add_argument("tap", metavar="TAP", help="what the tap in the bridge is called")
    parser.add_argument(
        "--listed", metavar="MAC", nargs="+", type=mac, default=[], help="what passes its filter"
    )
    parser.add_argument("--background", action="store_true", help="go on until the lab ends")
    arguments = parser.parse_args()
    return background.program(
        "card", lambda announce: carry(arguments, announce), in_background=arguments.background
    )


sys.exit(main())
