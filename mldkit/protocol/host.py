"""A host: sockets, addresses and one interface, in both families.

A machine without I/O, clock and global chance. Whoever drives it calls::

    receive(decoded, now_ns)      a message arrived
    poll(now_ns) -> datagrams     carry out what is due, return what is to be sent
    deadline_ns                   when poll should be called next; None: nothing is pending

and the host's own acts (`sockets.join`, `link_up`, `add_address`, ...), each with the time at
which it happens as its last argument. Calls come in the order of time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.errors import UsageError
from mldkit.model.addresses import Address, is_unspecified
from mldkit.model.addresses import text as address_text
from mldkit.model.family import IGMP, IPV6_LEAST_MTU, MLD, Family, family_of
from mldkit.protocol import settings as sysctls
from mldkit.protocol.compatibility import Learned
from mldkit.protocol.filters import FilterMode
from mldkit.protocol.interface_state import InterfaceState
from mldkit.protocol.ipv6_interface import Ipv6Interface
from mldkit.protocol.listener import GroupListener
from mldkit.protocol.profile import profiles
from mldkit.protocol.sockets import SocketTable
from mldkit.protocol.timer import Chance, Grid, Timers
from mldkit.protocol.transmitter import OwnAddress, Splitter, Transmitter

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.datagram import Datagram, Decoded
    from mldkit.protocol.events import Event
    from mldkit.protocol.settings import Setting


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What a host is made of, beside its chance and its way to split reports."""

    mac: bytes
    profile: str = "linux"
    grid: Grid = field(default_factory=Grid)
    """Used by profiles that run on ticks; others count nanoseconds."""
    mtu: int = 1500
    families: tuple[Family, ...] = (IGMP, MLD)


class Host:
    """One host with one interface; it begins with the link down and no address.

    It has more methods than a class should, because it is the door to all that can happen to a
    host: each hands on to the part that knows.
    """

    def __init__(
        self,
        options: HostOptions,
        chance: Chance,
        split: Splitter,
        observe: Callable[[Event], None] | None = None,
    ) -> None:
        on_ticks = profiles(options.profile)[0].on_ticks
        grid = options.grid if on_ticks else Grid(1_000_000_000, wheel=False)
        self._timers = Timers(grid, chance, observe)
        self._transmitter = Transmitter(options.mac, split, options.mtu, observe=observe)
        self._listeners: dict[int, GroupListener] = {}
        for profile in profiles(options.profile):
            if profile.family not in options.families:
                continue
            settings = sysctls.defaults(profile.family)
            state = InterfaceState(
                profile,
                settings,
                self._timers,
                self._transmitter,
                Learned(profile, grid, settings),
            )
            self._listeners[profile.family.ip_version] = GroupListener(state)
        self.sockets = SocketTable(self._listener)
        self._ipv6: Ipv6Interface | None = None
        if MLD in options.families:
            self._ipv6 = Ipv6Interface(self._listeners[6], self._transmitter, self._timers)
            self._ipv6.make(0)

    # The machine

    @property
    def deadline_ns(self) -> int | None:
        """When `poll` has something to do."""
        if self._transmitter.outbox:
            return self._transmitter.oldest_ns
        return self._timers.deadline_ns

    def receive(self, decoded: Decoded, now_ns: int) -> None:
        """Take in a message that arrived at `now_ns`; own messages are known by their MAC."""
        listener = self._listeners.get(decoded.family.ip_version)
        if listener is not None and self._transmitter.hears(decoded.datagram):
            listener.hear(decoded, now_ns)

    def poll(self, now_ns: int) -> list[Datagram]:
        """Carry out the timers that are due and return what is to be sent, in order."""
        self._timers.run(now_ns)
        sent, self._transmitter.outbox = self._transmitter.outbox, []
        return sent

    def prepare(self) -> list[Datagram]:
        """Make the answers to General Queries ahead, where that was not done already.

        Return those that were made. `poll` returns these very objects as long as they are right,
        so whoever encodes them now has their octets when time is short.
        """
        return [made for known in self._listeners.values() for made in known.prepare()]

    def group_addresses(self, family: Family) -> tuple[Address, ...]:
        """Return the groups that the interface listens to, the first joined one first."""
        return tuple(self._listener(family).state.groups)

    def version(self, family: Family, now_ns: int) -> int:
        """Return the version that the host speaks at `now_ns`."""
        return self._listener(family).state.version(now_ns)

    # Addresses

    def add_address(
        self, address: Address, prefix: int, now_ns: int, *, returns: bool | None = None
    ) -> None:
        """Give the interface an address; an unspecified one stands for none.

        A link-local address that `returns` is the host's own: it comes whenever the link does. By
        default that is one which is given while the link is down.
        """
        if is_unspecified(address):
            return
        if self._transmitter.has_address(address):
            raise UsageError(f"the host has {address_text(address)} already")
        if family_of(address) is IGMP:
            self._transmitter.addresses.append(OwnAddress(address, prefix))
            return
        ipv6 = self._with_ipv6()
        ipv6.add_address(address, prefix, now_ns, is_ready=self._is_ready, returns=returns)

    def remove_address(self, address: Address, now_ns: int) -> None:
        """Take an address from the interface."""
        for own in self._transmitter.addresses:
            if own.address == address:
                break
        else:
            raise UsageError(f"the host has no address {address_text(address)}")
        for gone in self._transmitter.with_secondaries(own):
            if self._ipv6 is not None and family_of(gone.address) is MLD:
                self._ipv6.remove(gone, now_ns)
            else:
                self._transmitter.addresses.remove(gone)

    def add_proxy(self, address: Address, now_ns: int) -> None:
        """Answer neighbour solicitations for `address`, which needs its group."""
        self._with_ipv6().add_proxy(address, now_ns)

    def remove_proxy(self, address: Address, now_ns: int) -> None:
        """Stop being proxy for `address`."""
        (self._ipv6 or self._with_ipv6()).remove_proxy(address, now_ns)

    # The link

    @property
    def _is_ready(self) -> bool:
        return self._transmitter.is_up and self._transmitter.has_carrier

    def link_up(self, now_ns: int) -> None:
        """Switch the interface on."""
        if self._transmitter.is_up:
            return
        self._transmitter.is_up = True
        if 4 in self._listeners:
            listener = self._listeners[4]
            listener.join(IGMP.all_hosts, FilterMode.EXCLUDE, now_ns)
            listener.start(now_ns)
        if self._transmitter.has_carrier and self._ipv6 is not None:
            self._ipv6.start(now_ns)

    def link_down(self, now_ns: int) -> None:
        """Switch the interface off; its IPv6 addresses go with it."""
        if not self._transmitter.is_up:
            return
        self._transmitter.is_up = False
        if 4 in self._listeners:
            self._listeners[4].stop(now_ns)
            self._listeners[4].leave(IGMP.all_hosts, now_ns)
        if self._ipv6 is not None:
            self._ipv6.stop(now_ns)

    def carrier_up(self, now_ns: int) -> None:
        """Connect the cable."""
        if self._transmitter.has_carrier:
            return
        self._transmitter.has_carrier = True
        if self._ipv6 is not None and self._transmitter.is_up:
            self._ipv6.carrier_up(now_ns)

    def carrier_down(self) -> None:
        """Pull the cable: what is sent is lost, and nobody is told."""
        self._transmitter.has_carrier = False

    def set_mtu(self, mtu: int, now_ns: int) -> None:
        """Change the MTU; below 1280 octets the interface loses IPv6 (RFC 8200 §5)."""
        before, self._transmitter.mtu = self._transmitter.mtu, mtu
        for known in self._listeners.values():
            known.state.drop_prepared()
        if self._ipv6 is None:
            return
        if mtu < IPV6_LEAST_MTU <= before:
            self._ipv6.unmake(now_ns)
        elif before < IPV6_LEAST_MTU <= mtu:
            self._ipv6.make(now_ns)
            if self._is_ready:
                self._ipv6.start(now_ns)

    # Settings

    def set(self, setting: Setting, now_ns: int) -> None:
        """Set a sysctl."""
        listener = self._listener(setting.family)
        settings = listener.state.settings
        did_forward = settings.forwards
        setting.store(settings)
        listener.state.drop_prepared()
        if self._ipv6 is not None and settings.forwards != did_forward:
            self._ipv6.change_forwarding(now_ns)

    def settle(self) -> None:
        """Be a host that has been up for a while: addresses valid, everything announced."""
        if self._ipv6 is not None:
            self._ipv6.settle()
        for own in self._transmitter.addresses:
            own.is_tentative = False
        for listener in self._listeners.values():
            listener.settle()
        self._transmitter.outbox.clear()

    # Inside

    def _listener(self, family: Family) -> GroupListener:
        listener = self._listeners.get(family.ip_version)
        if listener is None:
            raise UsageError(f"the host has no IPv{family.ip_version}")
        if not self._transmitter.has_family(family):
            raise UsageError(f"the MTU is too small for IPv{family.ip_version}")
        return listener

    def _with_ipv6(self) -> Ipv6Interface:
        """Return the IPv6 side; raises UsageError where the host has none now."""
        self._listener(MLD)
        if self._ipv6 is None:
            raise UsageError("the host has no IPv6")
        return self._ipv6
