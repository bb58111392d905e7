"""Links of namespaces for scenarios: hosts of the kernel, and its bridge as querier.

::

    querier bridge 10.9.0.1 ---+
    querier bridge 10.9.0.5 ---+--- hub (a bridge without snooping) --- host 10.9.0.101
                               |             |                      --- host 10.9.0.102
                                        captured here
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Namespace

QUICK = (
    "mcast_snooping 1 mcast_igmp_version 3 mcast_mld_version 2 mcast_query_use_ifaddr 1"
    " mcast_query_interval 100 mcast_query_response_interval 50 mcast_startup_query_interval 100"
    " mcast_membership_interval 300 mcast_querier_interval 225"
)
"""Hundredths of a second: queries each second, half a second to answer (RFC 9776 §8)."""
OLDER = "mcast_igmp_version 2 mcast_mld_version 1"
GROUP4, GROUP6 = "239.1.1.1", "ff15::1:1"
HOST = "10.9.0.101"
OTHER4, OTHER6 = "239.1.1.2", "ff15::1:2"
_JOIN4, _LEAVE4, _JOIN_OF_SOURCE4 = 35, 36, 39
_JOIN6, _LEAVE6 = 20, 21


@dataclass
class Host:
    """A namespace with one interface on the hub."""

    space: Namespace
    address: str
    port: str

    def __post_init__(self) -> None:
        with self.space.entered():
            self._four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            self._index = socket.if_nametoindex("eth1")

    def membership(self, group4: str, group6: str, *, join: bool) -> None:
        """Join or leave a group of each family."""
        request = struct.pack("=4s4si", socket.inet_aton(group4), bytes(4), self._index)
        self._four.setsockopt(socket.IPPROTO_IP, _JOIN4 if join else _LEAVE4, request)
        request = struct.pack("=16si", socket.inet_pton(socket.AF_INET6, group6), self._index)
        self._six.setsockopt(socket.IPPROTO_IPV6, _JOIN6 if join else _LEAVE6, request)

    def join(self) -> None:
        self.membership(GROUP4, GROUP6, join=True)

    def join_another(self) -> None:
        self.membership(OTHER4, OTHER6, join=True)

    def leave(self) -> None:
        self.membership(GROUP4, GROUP6, join=False)

    def join_of_source(self, group4: str, source4: str) -> None:
        """Join a group for one source."""
        request = b"".join(map(socket.inet_aton, (group4, self.address, source4)))
        self._four.setsockopt(socket.IPPROTO_IP, _JOIN_OF_SOURCE4, request)

    def call(self, address6: str) -> None:
        """Send something to a neighbour, which the host has to find first."""
        self._six.sendto(b"data", (address6, 5000, 0, self._index))

    def leave_all(self) -> None:
        """Leave all groups, as a program does that ends."""
        self.close()
        self.__post_init__()

    def fall_silent(self) -> None:
        """Throw away whatever the host sends, while it goes on hearing."""
        self.space.run("tc", "qdisc", "add", "dev", "eth1", "root", "pfifo", "limit", "0")

    def close(self) -> None:
        self._four.close()
        self._six.close()


@dataclass(frozen=True)
class Querier:
    """A namespace with a bridge that has one port, to the hub."""

    space: Namespace

    def set(self, settings: str) -> None:
        self.space.ip(f"link set br0 type bridge {settings}")

    def up(self) -> None:
        self.set("mcast_querier 1")
        self.space.ip("link set br0 up")

    def down(self) -> None:
        self.space.ip("link set br0 down")

    def stop(self) -> None:
        self.set("mcast_querier 0")


class Scene:
    """One hub, what is plugged into it, and what happens when."""

    def __init__(self, number: int, switch: Namespace, make: Callable[[], Namespace]) -> None:
        self._number = number
        self.switch = switch
        self._make = make
        self.hub = f"hub{number}"
        self.hosts: list[Host] = []
        self.events: list[tuple[float, Callable[[], object]]] = []
        switch.ip(f"link add {self.hub} type bridge mcast_snooping 0")
        switch.ip(f"link set {self.hub} addrgenmode none")
        switch.ip(f"link set {self.hub} up")

    def host(self, number: int = 1) -> Host:
        space, port = self._make(), f"h{self._number}x{number}"
        self.switch.ip(f"link add {port} type veth peer name eth1 netns {space.name}")
        space.sysctl("net.ipv6.conf.eth1.accept_dad", 0)
        space.sysctl("net.ipv6.conf.eth1.router_solicitations", 0)
        self._plug(port)
        space.ip(f"link set eth1 address 02:00:00:00:01:{number:02x} up")
        space.ip(f"address add 10.9.0.{100 + number}/24 dev eth1")
        host = Host(space, f"10.9.0.{100 + number}", port)
        self.hosts.append(host)
        return host

    def querier(self, number: int, settings: str = "", *, isolated: bool = False) -> Querier:
        """Plug in a bridge that can query from 10.9.0.NUMBER; lower numbers win elections."""
        space, port = self._make(), f"q{self._number}x{number}"
        self.switch.ip(f"link add {port} type veth peer name eth1 netns {space.name}")
        space.ip(f"link add br0 type bridge {QUICK} {settings}")
        space.sysctl("net.ipv6.conf.br0.accept_dad", 0)
        space.sysctl("net.ipv6.conf.br0.router_solicitations", 0)
        space.ip(f"link set br0 address 02:00:00:00:00:{number:02x}")
        space.ip(f"address add 10.9.0.{number}/24 dev br0")
        space.ip("link set eth1 addrgenmode none")
        space.ip("link set eth1 master br0 up")
        self._plug(port)
        if isolated:
            self.switch.run("bridge", "link", "set", "dev", port, "isolated", "on")
        return Querier(space)

    def at(self, second: float, action: Callable[..., object], *arguments: object) -> None:
        self.events.append((second, lambda: action(*arguments)))

    def _plug(self, port: str) -> None:
        self.switch.ip(f"link set {port} addrgenmode none")
        self.switch.ip(f"link set {port} master {self.hub} up")
