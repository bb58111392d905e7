"""Small networks with a fault that a Linux bridge makes, each to be cured by the lines of its row.

::

    router   br0 --- eth1 of a port of the switch ---+
                                                     +--- br0 of the switch
    host     eth1 --- eth1 of the switch ------------+

Every machine is a namespace of its own, so that bridges and ports have the very names that the
rows of advice use. What happens is a list of acts, which take place before and after the cure.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from mldkit.model.addresses import text
from tests.kernel.link_scenes import OLDER, QUICK, Host
from tests.kernel.quiet_device import ADDRESS, QuietDevice

if TYPE_CHECKING:
    from tests.conftest import Namespace

Act: TypeAlias = Callable[[], object]

LENGTH_S = 17.0
GROUP, SPECIFIC, SOURCE = "239.1.1.1", "232.1.1.1", "10.9.0.50"
RARELY = "mcast_query_interval 1400 mcast_startup_query_interval 1400 mcast_querier_interval 2900"
QUIET = text(ADDRESS)
_EACH_S = 0.05
_SLOW = "tbf rate 200kbit burst 2000 latency 5ms"


@dataclass
class Site:
    """One network: its switch, who hears it, what is cured, and what happens when."""

    make: Callable[[], Namespace]
    acts: list[tuple[float, Act]] = field(default_factory=list)
    hosts: list[Host] = field(default_factory=list)
    closing: list[Act] = field(default_factory=list)
    """What ends the programs."""
    ends: list[Act] = field(default_factory=list)
    """What is done after each phase."""
    turn: int = 0
    """1 after the cure."""
    _ports: int = 0

    def __post_init__(self) -> None:
        self.switch = self.machine()
        self.cured = self.switch
        """The machine in which the lines are typed."""
        self.ears = [(self.switch, "br0")]
        """Where frames are captured; the second one, if there is one, after the cure."""

    def machine(self) -> Namespace:
        """Return a namespace without addresses of its own making, and without delays of IPv6."""
        space = self.make()
        for name in ("accept_dad", "router_solicitations"):
            space.sysctl(f"net.ipv6.conf.default.{name}", 0)
        return space

    def bridge(self, settings: str = "", *, number: int = 0, mac: str = "") -> None:
        """Make the switch; with a number it has addresses, by which it can query."""
        _bridge(self.switch, settings, number, mac)

    def host(self, *, beside: Host | None = None, is_up: bool = True) -> Host:
        """Plug in a host, at a port of its own or at that of another one."""
        number = len(self.hosts) + 1
        space = self.machine()
        if beside is None:
            self.plug(space)
        else:
            beside.space.ip("link add other link eth1 type macvlan mode bridge")
            beside.space.ip(f"link set other netns {space.name} name eth1")
        space.ip(f"link set eth1 address 02:00:00:00:01:{number:02x} {'up' if is_up else 'down'}")
        space.ip(f"address add 10.9.0.{100 + number}/24 dev eth1")
        host = Host(space, f"10.9.0.{100 + number}", "")
        self.hosts.append(host)
        self.ends.append(host.leave_all)
        return host

    def router(self, number: int, settings: str = "", mac: str = "") -> Namespace:
        """Plug in a machine whose bridge queries from 10.9.0.NUMBER while it is up."""
        space = self.machine()
        _bridge(space, f"{QUICK} mcast_querier 1 {settings}", number, mac)
        space.ip("link set br0 down")
        self.plug(space)
        space.ip("link set eth1 addrgenmode none master br0 up")
        self.ends.append(lambda: space.ip("link set br0 down"))
        return space

    def source(self) -> socket.socket:
        """Plug in a host that sends, and return its socket."""
        space = self.machine()
        self.plug(space)
        space.ip("link set eth1 up")
        space.ip(f"address add {SOURCE}/24 dev eth1")
        with space.entered():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.closing.append(sender.close)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(SOURCE))
        return sender

    def at(self, second: float, act: Callable[..., object], *arguments: object) -> None:
        """Let something happen so long after the beginning of a phase."""
        self.acts.append((second, lambda: act(*arguments)))

    def at_turn(
        self, turn: int, second: float, act: Callable[..., object], *arguments: object
    ) -> None:
        """Let something happen before the cure only (turn 0), or after it only (turn 1)."""
        self.acts.append((second, lambda: self.turn == turn and act(*arguments)))

    def stream(self, begin_s: float, until_s: float) -> None:
        """Send to the group twenty times a second."""
        sender = self.source()
        for number in range(round((until_s - begin_s) / _EACH_S)):
            self.at(begin_s + number * _EACH_S, sender.sendto, b"data", (GROUP, 5000))

    def close(self) -> None:
        """Close the sockets of all programs."""
        for host in self.hosts:
            host.close()
        for close in self.closing:
            close()

    def plug(self, space: Namespace) -> None:
        """Plug a machine in, at the next port."""
        self._ports += 1
        port = f"eth{self._ports}"
        # Numbers that differ: see the fixture `link`.
        self.switch.ip(
            f"link add {port} index {10 + self._ports} type veth"
            f" peer name eth1 index 5 netns {space.name}"
        )
        self.switch.ip(f"link set {port} addrgenmode none master br0 up")


def _bridge(space: Namespace, settings: str, number: int, mac: str) -> None:
    space.ip("link add br0 type bridge")
    space.ip(f"link set br0 type bridge {settings or 'mcast_snooping 1'}")
    space.ip(f"link set br0 address {mac or f'02:00:00:00:00:{number:02x}'}")
    if number:
        space.ip(f"address add 10.9.0.{number}/24 dev br0")
    else:
        space.ip("link set br0 addrgenmode none")
    space.ip("link set br0 up")


def nobody_queries(site: Site) -> None:
    """The router falls silent, and the bridge does not take over."""
    site.bridge(QUICK, number=1)
    router, host = site.router(9), site.host()
    site.at(0, router.ip, "link set br0 up")
    site.at(1, host.join)
    site.at(5, router.ip, "link set br0 down")
    site.at(14, host.join_another)


def two_query(site: Site) -> None:
    """Two routers behind isolated ports do not hear each other."""
    site.bridge("mcast_snooping 0")
    routers = site.router(1), site.router(5)
    for port in ("eth1", "eth2"):
        site.switch.run("bridge", "link", "set", "dev", port, "isolated", "on").check_returncode()
    for router in routers:
        site.at(0, router.ip, "link set br0 up")


def querier_changes(site: Site) -> None:
    """A router with the lowest address comes and goes, and another one is too quick to follow."""
    site.bridge("mcast_snooping 0")
    lower = site.router(1)
    site.cured = site.router(5, "mcast_query_interval 3000 mcast_querier_interval 300")
    site.at(0, site.cured.ip, "link set br0 up")
    for second in (1, 7):
        site.at(second, lower.ip, "link set br0 up")
        site.at(second + 1.2, lower.ip, "link set br0 down")


def odd_interval(site: Site) -> None:
    """An interval with a part of a second, which the message cannot carry."""
    site.bridge(f"{QUICK} mcast_querier 1 mcast_query_interval 150", number=1)


def fragile_values(site: Site) -> None:
    """Hosts may answer as long as it takes until the next question."""
    site.bridge(f"{QUICK} mcast_querier 1 mcast_query_response_interval 100", number=1)
    # Two minutes lie between its queries when it is cured, but not between those of a start.
    site.at(1, site.switch.ip, "link set br0 type bridge mcast_querier 0")
    site.at(1.5, site.switch.ip, "link set br0 type bridge mcast_querier 1")


def two_versions(site: Site) -> None:
    """The acting querier is older than the one that starts beside it."""
    site.bridge(f"{QUICK} mcast_querier 1 {OLDER}", number=1)
    newer = site.router(9)
    site.at(3, newer.ip, "link set br0 up")


def deaf_port(site: Site) -> None:
    """The port of a host gets no multicast that nobody reported, and so no queries."""
    site.bridge("mcast_snooping 0")
    host, router = site.host(), site.router(1)
    site.switch.run("bridge", "link", "set", "dev", "eth1", "mcast_flood", "off")
    site.at(0, router.ip, "link set br0 up")
    site.at(1, host.join)


def newer_reports(site: Site) -> None:
    """A host that is told to speak the newest version does so whatever it is asked in."""
    site.bridge(f"{QUICK} mcast_querier 1 {OLDER}", number=1)
    host = site.host()
    host.space.sysctl("net.ipv6.conf.eth1.force_mld_version", 2)
    site.at(2, host.join)


def nobody_asks_after_a_leave(site: Site) -> None:
    """The port forgets a group at the first leave."""
    site.bridge(f"{QUICK} mcast_querier 1", number=1)
    host = site.host()
    site.switch.run("bridge", "link", "set", "dev", "eth1", "fastleave", "on").check_returncode()
    site.ears = [(site.switch, "eth1")]
    site.at(2, host.join)
    site.at(6, host.leave)


def forgotten_member(site: Site) -> None:
    """The bridge remembers members for half of the time between two queries."""
    site.bridge("mcast_snooping 1 mcast_membership_interval 700 mcast_querier_interval 6000")
    host, router = site.host(), site.router(1, RARELY)
    site.ears = [(site.switch, "eth1")]
    site.at(0, router.ip, "link set br0 up")
    site.at(0.6, host.join)
    site.stream(0.5, LENGTH_S)


def same_mac(site: Site) -> None:
    """Two routers were copied from one image."""
    site.bridge("mcast_snooping 0")
    higher, lower = (site.router(number, mac="02:00:00:00:00:77") for number in (5, 1))
    site.cured = higher
    site.at(0, higher.ip, "link set br0 up")
    site.at(4, lower.ip, "link set br0 up")


def sources_are_lost(site: Site) -> None:
    """A host that wants one source only cannot say so in the version that it is asked in."""
    site.bridge(f"{QUICK} mcast_querier 1 {OLDER}", number=1)
    for number, host in enumerate(_in_turn(site)):
        site.at_turn(number, 3, host.join_of_source, SPECIFIC, SOURCE)


def asked_at_all_hosts(site: Site) -> None:
    """The older bridge asks all hosts about the group that one of them left."""
    site.bridge(f"{QUICK} mcast_querier 1 {OLDER}", number=1)
    site.ears = [(site.switch, "eth1"), (site.switch, "eth2")]
    for number, host in enumerate(_in_turn(site)):
        site.at_turn(number, 3, host.join)
        site.at_turn(number, 6, host.leave)


def no_address(site: Site) -> None:
    """The bridge asks from 0.0.0.0 though it has an address."""
    site.bridge(f"{QUICK} mcast_querier 1 mcast_query_use_ifaddr 0", number=1)


def unicast_data(site: Site) -> None:
    """The port delivers what is sent to a group to the hardware address of the member."""
    site.bridge(f"{QUICK} mcast_querier 1", number=1)
    host = site.host()
    site.switch.run(
        "bridge", "link", "set", "dev", "eth1", "mcast_to_unicast", "on"
    ).check_returncode()
    site.ears = [(host.space, "eth1")]
    site.at(1, host.join)
    site.stream(3, 12)


def fast_leave(site: Site) -> None:
    """Of two hosts behind one port one leaves, and the other loses its stream."""
    site.bridge("mcast_snooping 1 mcast_querier_interval 6000")
    stays = site.host()
    leaves = site.host(beside=stays)
    router = site.router(1, RARELY)
    site.switch.run("bridge", "link", "set", "dev", "eth1", "fastleave", "on").check_returncode()
    site.ears = [(site.switch, "eth1")]
    site.at(0, router.ip, "link set br0 up")
    site.at(0.6, stays.join)
    site.at(0.7, leaves.join)
    site.stream(0.8, LENGTH_S)
    site.at(7, leaves.leave)


def loop(site: Site) -> None:
    """Two cables lie between two switches; what they carry is limited, or it would take all."""
    site.bridge("mcast_snooping 0 forward_delay 200")
    host, other = site.host(), site.machine()
    other.ip("link add br0 type bridge mcast_snooping 0 forward_delay 200")
    other.ip("link set br0 addrgenmode none up")
    for number in (1, 2):
        site.switch.ip(
            f"link add loop{number} index {30 + number} type veth"
            f" peer name eth{number} index {40 + number} netns {other.name}"
        )
        other.ip(f"link set eth{number} addrgenmode none master br0")
        site.switch.ip(f"link set loop{number} addrgenmode none master br0")
        site.switch.run(*f"tc qdisc add dev loop{number} root {_SLOW}".split()).check_returncode()
        site.at_turn(0, 1, site.switch.ip, f"link set loop{number} up")
        other.ip(f"link set eth{number} up")
    site.at(8, host.join)
    # The cables stay, but nothing goes round while everybody waits for the cure.
    site.at_turn(0, LENGTH_S - 2, site.switch.ip, "link set loop2 down")
    site.at_turn(1, 0, site.switch.ip, "link set loop2 up")


def nobody_finds_the_neighbour(site: Site) -> None:
    """A device that reports no group is asked for by its address."""
    site.bridge("mcast_snooping 1 mcast_querier_interval 6000")
    space = site.machine()
    site.plug(space)
    space.sysctl("net.ipv6.conf.eth1.disable_ipv6", 1)
    space.ip("link set eth1 up")
    device = QuietDevice(space, "eth1")
    site.closing.append(device.close)
    host, router = site.host(), site.router(1)
    site.at(0, router.ip, "link set br0 up")
    # Its last question of before the cure was in vain, and so would be the entry of it.
    site.ends.append(lambda: host.space.ip("neighbour flush dev eth1"))
    for tenth in range(round(10 * LENGTH_S)):
        site.at(tenth / 10, device.answer)
    for second in (2, 14):
        site.at(second, device.speak)
    site.at(4, host.call, QUIET)


SITES: dict[str, Callable[[Site], None]] = {
    "D-01": nobody_queries,
    "D-02": two_query,
    "D-03": querier_changes,
    "D-04": odd_interval,
    "D-05": fragile_values,
    "D-06": two_versions,
    "D-07": deaf_port,
    "D-09": newer_reports,
    "D-11": nobody_asks_after_a_leave,
    "D-12": forgotten_member,
    "D-14": same_mac,
    "D-16": sources_are_lost,
    "D-20": asked_at_all_hosts,
    "D-23": no_address,
    "D-25": unicast_data,
    "D-34": loop,
    "D-38": nobody_finds_the_neighbour,
    "D-46": fast_leave,
}
"""The network of each cure, by rule."""


def _in_turn(site: Site) -> list[Host]:
    """Return two hosts, of which the second is there after the cure only, and the first is not.

    A host goes on in an older version for minutes.
    """
    first, second = site.host(is_up=False), site.host(is_up=False)
    for number, host in enumerate((first, second)):
        site.at_turn(number, 1, host.space.ip, "link set eth1 up")
    site.ends.append(lambda: first.space.ip("link set eth1 down"))
    return [first, second]
