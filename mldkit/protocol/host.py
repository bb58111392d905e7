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
from mldkit.model.addresses import Address, is_link_local, is_unspecified, parse, solicited_node
from mldkit.model.addresses import text as address_text
from mldkit.model.family import IGMP, MLD, Family, family_of
from mldkit.protocol import settings as sysctls
from mldkit.protocol.compatibility import Learned
from mldkit.protocol.detection import Detection
from mldkit.protocol.filters import FilterMode
from mldkit.protocol.interface_state import InterfaceState
from mldkit.protocol.listener import Listener
from mldkit.protocol.profile import profiles
from mldkit.protocol.sockets import SocketTable
from mldkit.protocol.timer import Chance, Grid, Timers
from mldkit.protocol.transmitter import OwnAddress, Splitter, Transmitter

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.datagram import Datagram, Decoded
    from mldkit.protocol.events import Event
    from mldkit.protocol.settings import Setting

_INTERFACE_GROUPS = (parse("ff01::1"), MLD.all_hosts)
_ROUTER_GROUPS = (parse("ff02::2"), parse("ff01::2"), parse("ff05::2"))
_SMALLEST_IPV6_MTU = 1280
_LONGEST_ANYCAST_PREFIX = 126


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
    """One host with one interface; it begins with the link down and no address."""

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
        self._listeners: dict[int, Listener] = {}
        self._configured: list[tuple[Address, int]] = []
        """Link-local addresses that come back with the link; the others go with it."""
        self._detections: dict[Address, Detection] = {}
        self._proxied: list[Address] = []
        self._runs_ipv6 = False
        """Whether IPv6 has been started since the link came up (IF_READY of the kernel)."""
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
            self._listeners[profile.family.ip_version] = Listener(state)
        self.sockets = SocketTable(self._listener)
        if MLD in options.families:
            self._make_ipv6(0)

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
        listener = self._listener(MLD)
        if returns is None:
            returns = not self._is_ready
        if returns and is_link_local(address):
            self._configured.append((address, prefix))
        if self._transmitter.is_up and listener.state.profile.address_resets:
            # Twice: inet6_rtm_newaddr and addrconf_add_dev both call ipv6_find_idev. It shows where
            # the version is forced to 1, in which joins are told within the call.
            listener.start(now_ns)
            listener.start(now_ns)
        if self._is_ready or not (returns and is_link_local(address)):
            self._add_ipv6(address, prefix, now_ns)

    def remove_address(self, address: Address, now_ns: int) -> None:
        """Take an address from the interface."""
        for own in self._transmitter.addresses:
            if own.address == address:
                break
        else:
            raise UsageError(f"the host has no address {address_text(address)}")
        for gone in self._transmitter.with_secondaries(own):
            self._remove(gone, now_ns)

    def add_proxy(self, address: Address, now_ns: int) -> None:
        """Answer neighbour solicitations for `address`, which needs its group."""
        if address in self._proxied:
            return
        self._proxied.append(address)
        self._listener(MLD).join(solicited_node(address), FilterMode.EXCLUDE, now_ns)

    def remove_proxy(self, address: Address, now_ns: int) -> None:
        """Stop being proxy for `address`."""
        if address not in self._proxied:
            raise UsageError(f"the host is no proxy for {address_text(address)}")
        self._proxied.remove(address)
        self._listener(MLD).leave(solicited_node(address), now_ns)

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
        if self._transmitter.has_carrier:
            self._start_ipv6(now_ns)

    def link_down(self, now_ns: int) -> None:
        """Switch the interface off; its IPv6 addresses go with it."""
        if not self._transmitter.is_up:
            return
        self._transmitter.is_up = False
        if 4 in self._listeners:
            self._listeners[4].stop(now_ns)
            self._listeners[4].leave(IGMP.all_hosts, now_ns)
        if 6 in self._listeners:
            self._runs_ipv6 = False
            self._lose_proxies(now_ns)
            self._lose_ipv6_addresses(now_ns)
            self._listeners[6].stop(now_ns)

    def carrier_up(self, now_ns: int) -> None:
        """Connect the cable."""
        if self._transmitter.has_carrier:
            return
        self._transmitter.has_carrier = True
        if 6 not in self._listeners or not self._transmitter.is_up:
            return
        if not self._runs_ipv6:
            self._start_ipv6(now_ns)
        elif self._listeners[6].state.profile.carrier_announces:
            self._listeners[6].start(now_ns)

    def carrier_down(self) -> None:
        """Pull the cable: what is sent is lost, and nobody is told."""
        self._transmitter.has_carrier = False

    def set_mtu(self, mtu: int, now_ns: int) -> None:
        """Change the MTU; below 1280 octets the interface loses IPv6 (RFC 8200 §5)."""
        before, self._transmitter.mtu = self._transmitter.mtu, mtu
        for known in self._listeners.values():
            known.state.kept = None
        if 6 not in self._listeners:
            return
        if mtu < _SMALLEST_IPV6_MTU <= before:
            self._runs_ipv6 = False
            self._lose_proxies(now_ns)
            self._lose_ipv6_addresses(now_ns)
            self._listeners[6].stop(now_ns)
            self._listeners[6].settle()
            self._listeners[6].state.groups.clear()
            sysctls.renew_interface(self._listeners[6].state.settings)
        elif before < _SMALLEST_IPV6_MTU <= mtu:
            self._make_ipv6(now_ns)
            if self._is_ready:
                self._start_ipv6(now_ns)

    # Settings

    def set(self, setting: Setting, now_ns: int) -> None:
        """Set a sysctl."""
        listener = self._listener(setting.family)
        settings = listener.state.settings
        did_forward = settings.forwards
        setting.store(settings)
        listener.state.kept = None
        if setting.family is MLD and settings.forwards != did_forward:
            self._change_forwarding(listener, now_ns)

    def settle(self) -> None:
        """Be a host that has been up for a while: addresses valid, everything announced."""
        for detection in self._detections.values():
            detection.stop()
        self._detections.clear()
        for own in self._transmitter.addresses:
            own.is_tentative = False
        for listener in self._listeners.values():
            listener.settle()
        self._transmitter.outbox.clear()

    # Inside

    def _listener(self, family: Family) -> Listener:
        listener = self._listeners.get(family.ip_version)
        if listener is None:
            raise UsageError(f"the host has no IPv{family.ip_version}")
        if not self._transmitter.has_family(family):
            raise UsageError(f"the MTU is too small for IPv{family.ip_version}")
        return listener

    def _make_ipv6(self, now_ns: int) -> None:
        for group in _INTERFACE_GROUPS:
            self._listeners[6].join(group, FilterMode.EXCLUDE, now_ns)

    def _start_ipv6(self, now_ns: int) -> None:
        """Tell the groups, then give the interface its link-local addresses."""
        if 6 not in self._listeners or self._transmitter.mtu < _SMALLEST_IPV6_MTU:
            return
        self._runs_ipv6 = True
        self._listeners[6].start(now_ns)
        waiting = [own for own in self._transmitter.addresses if own.is_tentative]
        for address, prefix in self._configured:
            if self._transmitter.has_address(address):
                continue
            self._add_ipv6(address, prefix, now_ns)
        for own in waiting:
            self._begin_detection(own, now_ns)

    def _add_ipv6(self, address: Address, prefix: int, now_ns: int) -> None:
        own = OwnAddress(address, prefix, is_tentative=True)
        self._transmitter.addresses.append(own)
        self._listeners[6].join(solicited_node(address), FilterMode.EXCLUDE, now_ns)
        # Whether to detect is asked when the address comes, not when the link does.
        if not self._listeners[6].state.settings.detects_duplicates:
            self._make_valid(own, now_ns)
        elif self._runs_ipv6:
            self._begin_detection(own, now_ns)

    def _begin_detection(self, own: OwnAddress, now_ns: int) -> None:
        settings = self._listeners[6].state.settings
        detection = Detection(own, settings.detection_probes, self._timers, self._make_valid)
        self._detections[own.address] = detection
        detection.start(now_ns)

    def _make_valid(self, own: OwnAddress, now_ns: int) -> None:
        """Use an address from now on (addrconf_dad_completed)."""
        self._detections.pop(own.address, None)
        own.is_tentative = False
        listener = self._listeners[6]
        if listener.state.settings.forwards:
            self._join_anycast(own, now_ns)
        others = [
            other
            for other in self._transmitter.addresses
            if is_link_local(other.address) and not other.is_tentative and other is not own
        ]
        announces = listener.state.profile.detection_announces
        if announces and is_link_local(own.address) and not others:
            listener.announce(now_ns)

    def _lose_proxies(self, now_ns: int) -> None:
        """Forget the proxies, whose groups are told to be left when the link returns.

        (net/core/neighbour.c:pneigh_ifdown)
        """
        while self._proxied:
            self.remove_proxy(self._proxied[-1], now_ns)

    def _lose_ipv6_addresses(self, now_ns: int) -> None:
        for own in tuple(self._transmitter.addresses):
            if family_of(own.address) is MLD:
                self._remove(own, now_ns)

    def _remove(self, own: OwnAddress, now_ns: int) -> None:
        self._transmitter.addresses.remove(own)
        if family_of(own.address) is IGMP:
            return
        detection = self._detections.pop(own.address, None)
        if detection is not None:
            detection.stop()
        listener = self._listeners[6]
        if listener.state.settings.forwards and not own.is_tentative:
            self._leave_anycast(own, now_ns)
        listener.leave(solicited_node(own.address), now_ns)

    def _change_forwarding(self, listener: Listener, now_ns: int) -> None:
        """Become a router or stop being one (net/ipv6/addrconf.c:dev_forward_change)."""
        forwards = listener.state.settings.forwards
        for group in _ROUTER_GROUPS:
            if forwards:
                listener.join(group, FilterMode.EXCLUDE, now_ns)
            else:
                listener.leave(group, now_ns)
        for own in self._transmitter.addresses:
            if family_of(own.address) is MLD and not own.is_tentative:
                if forwards:
                    self._join_anycast(own, now_ns)
                else:
                    self._leave_anycast(own, now_ns)

    def _join_anycast(self, own: OwnAddress, now_ns: int) -> None:
        """Listen to the subnet-router anycast address of a prefix (RFC 4291 §2.6.1)."""
        if own.prefix <= _LONGEST_ANYCAST_PREFIX:
            group = solicited_node(_subnet_router(own))
            self._listeners[6].join(group, FilterMode.EXCLUDE, now_ns)

    def _leave_anycast(self, own: OwnAddress, now_ns: int) -> None:
        if own.prefix <= _LONGEST_ANYCAST_PREFIX:
            self._listeners[6].leave(solicited_node(_subnet_router(own)), now_ns)


def _subnet_router(own: OwnAddress) -> Address:
    mask = (1 << 128) - (1 << (128 - own.prefix))
    return (int.from_bytes(own.address, "big") & mask).to_bytes(16, "big")
