"""A process with many responders on one interface: `python -m tests.kernel.answering_hosts IF N`.

Prints a line when all of them answer; ends with SIGTERM.
"""

from __future__ import annotations

import signal
import sys
from random import SystemRandom

from mldkit.link import clock
from mldkit.link.device import PacketSocket
from mldkit.link.runner import Runner
from mldkit.model.addresses import parse
from mldkit.model.family import IGMP, MLD
from mldkit.model.units import SECOND
from mldkit.protocol.host import Host, HostOptions
from mldkit.protocol.timer import Draws, Grid
from mldkit.wire.decoder import Decoder
from mldkit.wire.encode import encode_frame
from mldkit.wire.split import split_report
from tests.kernel.agreement_stage import GROUPS

FIRST_MAC = bytes.fromhex("020000000200")


def host_of(mac: bytes, grid: Grid, chance: Draws, now_ns: int) -> Host:
    """Return a host that has been up for a while, a member of the groups of the stage."""
    host = Host(HostOptions(mac, grid=grid), chance, split_report)
    host.link_up(now_ns)
    host.add_address(bytes((10, 200, mac[4], mac[5])), 16, now_ns)
    host.add_address(parse("fe80::ff:fe00:0")[:13] + mac[3:], 64, now_ns)
    for group in GROUPS.values():
        host.sockets.join(parse(group), (), now_ns)
    host.settle()
    return host


def main(interface: str, count: int) -> None:
    """Answer until the signal comes."""
    chance = Draws(SystemRandom())
    # Ticks begin where those of the kernel do; the number of the first one makes no difference.
    grid = Grid(SECOND // clock.tick_ns())
    first = int.from_bytes(FIRST_MAC, "big")
    macs = [(first + number).to_bytes(6, "big") for number in range(count)]
    hosts = [host_of(mac, grid, chance, clock.now_ns()) for mac in macs]
    with (
        PacketSocket(interface) as device,
        Runner(device, hosts, decode=Decoder().decode, encode=encode_frame) as runner,
    ):
        signal.signal(signal.SIGTERM, lambda *_: runner.stop())
        sys.stdout.write(f"{IGMP.name} and {MLD.name}: {count} hosts answer\n")
        sys.stdout.flush()
        runner.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
