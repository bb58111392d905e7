"""Who the hosts are: their addresses, groups and sockets.

Host 0 has the MAC of the interface, as the host that this machine would be. The others, or all if
a MAC is given, count upwards::

    MAC          02:PP:QQ:NN:NN:NN   PP:QQ the end of the interface's MAC, N the number of the host
    link-local   fe80::/64 and the modified EUI-64 of the MAC (RFC 4291, appendix A)
    IPv4         169.254.1.1 upwards (RFC 3927), or the address that is given
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from mldkit.errors import UsageError
from mldkit.model.addresses import consecutive, from_mac, is_multicast, parse, text
from mldkit.model.family import IGMP, MLD, Family, family_of
from mldkit.protocol import settings
from mldkit.protocol.host import Host, HostOptions
from mldkit.protocol.timer import Grid
from mldkit.responder.draws import DrawTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.model.addresses import Address
    from mldkit.model.notation import GroupSpec
    from mldkit.protocol.events import Event
    from mldkit.protocol.settings import Setting
    from mldkit.protocol.transmitter import Splitter

_FIRST_IPV4 = parse("169.254.1.1")
_LAST_IPV4 = parse("169.254.254.255")
_IPV6_PREFIX, _IPV4_PREFIX = 64, 16
_BOOT_SECONDS = 300
"""The count of ticks wraps at 32 bits so long after the boot (INITIAL_JIFFIES)."""


@dataclass(frozen=True, slots=True)
class PopulationPlan:
    """What was asked for."""

    groups: tuple[GroupSpec, ...]
    families: tuple[Family, ...]
    seed: int
    count: int = 1
    profile: str = "linux"
    hz: int = 250
    mac: bytes | None = None
    """Of the first host; the next ones count upwards from it."""
    addresses: tuple[Address, ...] = ()
    """Of the first host, one a family at most."""
    is_distinct: bool = False
    """Every host has groups of its own: the ones that follow those of the host before."""
    settings: tuple[Setting, ...] = ()
    """Sysctls of every host."""


@dataclass(frozen=True, slots=True)
class SocketRequest:
    """One request of one socket."""

    socket: str
    group: Address
    sources: tuple[Address, ...]


@dataclass(slots=True)
class Resident:
    """One host and who it is."""

    host: Host
    mac: bytes
    addresses: tuple[Address, ...]
    memberships: tuple[SocketRequest, ...]

    def boot(self, now_ns: int) -> None:
        """Switch it on: addresses, duplicate address detection, joins, all announced."""
        self.host.link_up(now_ns)
        for address in self.addresses:
            prefix = _IPV4_PREFIX if len(address) == 4 else _IPV6_PREFIX
            self.host.add_address(address, prefix, now_ns)
        for known in self.memberships:
            self.host.sockets.join(known.group, known.sources, now_ns, socket=known.socket)

    def leave(self, now_ns: int) -> None:
        """Close its sockets, the last one first."""
        for socket in reversed(dict.fromkeys(known.socket for known in self.memberships)):
            self.host.sockets.close(now_ns, socket=socket)


@dataclass(frozen=True, slots=True)
class Population:
    """All hosts, and the draws that they will make."""

    residents: tuple[Resident, ...]
    draws: DrawTable


def populate(
    plan: PopulationPlan,
    interface_mac: bytes,
    mtu: int,
    split: Splitter,
    observe: Callable[[int, Event], None] | None = None,
) -> Population:
    """Return the hosts of a plan, all of them switched off.

    `observe` is told (number of the host, event). Raises UsageError where addresses run out.
    """
    draws = DrawTable(plan.seed, plan.count)
    grid = Grid(plan.hz, (1 << 32) - _BOOT_SECONDS * plan.hz)
    addresses = {family: _addresses(plan, family) for family in plan.families}
    shared = tuple(_memberships(plan.groups))
    residents = []
    for number in range(plan.count):
        mac = _mac(plan, interface_mac, number)
        options = HostOptions(mac, plan.profile, grid, mtu, plan.families)
        tell = None if observe is None else _teller(observe, number)
        host = Host(options, draws.of_host(number), split, tell)
        for setting in plan.settings:
            host.set(setting, 0)
        own = [addresses[IGMP][number]] if IGMP in plan.families else []
        if MLD in plan.families:
            listed = addresses[MLD]
            own.append(listed[number] if listed else from_mac(mac))
        memberships = shared if not plan.is_distinct else tuple(_own_memberships(plan, number))
        residents.append(Resident(host, mac, tuple(own), memberships))
    return Population(tuple(residents), draws)


def _teller(observe: Callable[[int, Event], None], number: int) -> Callable[[Event], None]:
    return lambda event: observe(number, event)


def _mac(plan: PopulationPlan, interface_mac: bytes, number: int) -> bytes:
    if plan.mac is not None:
        return _counted(plan.mac, number, "MAC")
    if number == 0:
        return interface_mac
    return b"\x02" + interface_mac[4:6] + number.to_bytes(3, "big")


def _counted(first: bytes, number: int, what: str) -> bytes:
    value = int.from_bytes(first, "big") + number
    if value >> 8 * len(first):
        raise UsageError(f"the {what} of host {number} lies beyond the last one there is")
    return value.to_bytes(len(first), "big")


def _addresses(plan: PopulationPlan, family: Family) -> tuple[Address, ...]:
    """Return the addresses of all hosts; none for IPv6 where they follow the MAC."""
    given = next((known for known in plan.addresses if family_of(known) is family), None)
    if given is None and family is MLD:
        return ()
    try:
        found = consecutive(given or _FIRST_IPV4, plan.count)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if given is None and found[-1] > _LAST_IPV4:
        raise UsageError(
            f"{plan.count} hosts do not fit into {text(_FIRST_IPV4)} to {text(_LAST_IPV4)}",
            hint="give the first address with --address",
        )
    return found


def _own_memberships(plan: PopulationPlan, number: int) -> Iterator[SocketRequest]:
    """Give the requests of one host whose groups follow those of the host before it."""
    for known in _memberships(plan.groups):
        spec = plan.groups[int(known.socket.partition(".")[0])]
        group = _counted(known.group, number * len(spec.groups), "group")
        if not is_multicast(group):
            raise UsageError(f"the groups of host {number} run past the multicast addresses")
        yield SocketRequest(known.socket, group, known.sources)


def _memberships(specs: tuple[GroupSpec, ...]) -> Iterator[SocketRequest]:
    """Give the requests for all groups, on as many sockets as the limits of one ask for."""
    for position, spec in enumerate(specs):
        limits = settings.defaults(family_of(spec.groups[0]))
        sources = iter(dict.fromkeys(spec.sources))
        layer = 0
        chunk = tuple(islice(sources, limits.max_sources))
        while True:
            for index, group in enumerate(spec.groups):
                socket = f"{position}.{layer}.{index // min(limits.max_memberships, 1 << 20)}"
                yield SocketRequest(socket, group, chunk)
            layer += 1
            chunk = tuple(islice(sources, limits.max_sources))
            if not chunk:
                break
