"""Television on a bridge: a sender of two channels, a viewer, and a switch between them.

::

    sender eth1 10.9.0.9 ---- s1 + sw (bridge br0, snooping, querier) + s2 ---- eth1 10.9.0.2 viewer
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.conftest import Namespace

CHANNELS = ("239.10.1.1", "239.10.1.2")
SEND = """
import socket, struct, sys, time
channels, gap = sys.argv[2:], int(sys.argv[1])
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 4)
sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.9.0.9"))
number = 0
while True:
    # Every 100th datagram is left out where gaps are asked for; each 25th begins a picture.
    if not gap or number % 100 != 50:
        rtp = struct.pack("!BBHII", 0x80, 33, number % 65536, number * 900, 7)
        if number % 25:
            ts = struct.pack("!BHB", 0x47, 0x100, 0x10 | number % 16) + bytes(184)
        else:
            ts = struct.pack("!BHBBB", 0x47, 0x100, 0x30 | number % 16, 7, 0x40) + bytes(182)
        for channel in channels:
            sender.sendto(rtp + ts, (channel, 5000))
    number += 1
    time.sleep(0.01)
"""


class Television:
    """The three namespaces, and what is started in them."""

    def __init__(self, sender: Namespace, switch: Namespace, viewer: Namespace) -> None:
        self.sender, self.switch, self.viewer = sender, switch, viewer

    def send(self, *channels: str, gaps: bool = False) -> subprocess.Popen[str]:
        """Send channels, each a hundred datagrams a second, with one of a hundred missing."""
        return self.sender.spawn(sys.executable, "-c", SEND, str(int(gaps)), *channels)


def build(make_namespace: Callable[[], Namespace]) -> Television:
    """Return the network, with a switch that forwards by its table."""
    sender, switch, viewer = make_namespace(), make_namespace(), make_namespace()
    switch.ip(
        "link add br0 type bridge mcast_snooping 1 mcast_query_response_interval 50"
        " mcast_last_member_interval 20 mcast_last_member_count 2"
        " mcast_startup_query_interval 60 mcast_igmp_version 3"
    )
    for number, (space, port) in enumerate(((sender, "s1"), (viewer, "s2"))):
        space.ip(f"link add eth1 type veth peer name {port} netns {switch.name}")
        switch.ip(f"link set {port} master br0")
        for device, where in (("eth1", space), (port, switch)):
            where.sysctl(f"net.ipv6.conf.{device}.disable_ipv6", 1)
            where.ip(f"link set {device} up")
        space.ip(f"address add 10.9.0.{9 if not number else 2}/24 dev eth1")
    switch.ip("address add 10.9.0.1/24 dev br0")
    switch.ip("link set br0 up")
    # A bridge goes by its table only once a response time has passed since its first query
    # (net/bridge/br_multicast.c:br_multicast_set_querier).
    switch.ip("link set br0 type bridge mcast_querier 1")
    return Television(sender, switch, viewer)
