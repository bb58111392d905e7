"""The IPv6 side of an interface: addresses and their detection, proxies, routers' groups.

::

    made -> ff01::1, ff02::1 joined
    link and carrier up -> started: groups told, link-local addresses come back, each
                           tentative -> detection -> valid (RFC 4862 §5.4)
    link down, MTU below 1280 -> stopped: addresses and proxies go, their groups are left

Every address needs its solicited-node group (RFC 4291 §2.8); a router listens to three groups more
and to the subnet-router anycast address of each prefix (inet6_dev in net/ipv6/addrconf.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.errors import UsageError
from mldkit.model.addresses import Address, is_link_local, parse, solicited_node
from mldkit.model.addresses import text as address_text
from mldkit.model.family import IPV6_LEAST_MTU, MLD, family_of
from mldkit.protocol import settings as sysctls
from mldkit.protocol.detection import Detection
from mldkit.protocol.filters import FilterMode
from mldkit.protocol.transmitter import OwnAddress

if TYPE_CHECKING:
    from mldkit.protocol.listener import GroupListener
    from mldkit.protocol.timer import Timers
    from mldkit.protocol.transmitter import Transmitter

_INTERFACE_GROUPS = (parse("ff01::1"), MLD.all_hosts)
_ROUTER_GROUPS = (parse("ff02::2"), parse("ff01::2"), parse("ff05::2"))
_LONGEST_ANYCAST_PREFIX = 126


class Ipv6Interface:
    """What IPv6 adds to an interface; times are those of the calls, in nanoseconds.

    It has more methods than a class should, because each thing that can happen to the interface,
    its addresses and its proxies has one.
    """

    def __init__(self, listener: GroupListener, transmitter: Transmitter, timers: Timers) -> None:
        self.listener = listener
        self._transmitter = transmitter
        self._timers = timers
        self._configured: list[tuple[Address, int]] = []
        """Link-local addresses that come back with the link; the others go with it."""
        self._detections: dict[Address, Detection] = {}
        self._proxied: list[Address] = []
        self._runs = False
        """Whether it has been started since the link came up (IF_READY of the kernel)."""

    def make(self, now_ns: int) -> None:
        """Join what every interface listens to (ipv6_add_dev)."""
        for group in _INTERFACE_GROUPS:
            self.listener.join(group, FilterMode.EXCLUDE, now_ns)

    def start(self, now_ns: int) -> None:
        """Tell the groups, then give the interface its link-local addresses."""
        transmitter = self._transmitter
        if transmitter.mtu < IPV6_LEAST_MTU:
            return
        self._runs = True
        self.listener.start(now_ns)
        waiting = [own for own in transmitter.addresses if own.is_tentative]
        for address, prefix in self._configured:
            if not transmitter.has_address(address):
                self._add(address, prefix, now_ns)
        for own in waiting:
            self._begin_detection(own, now_ns)

    def carrier_up(self, now_ns: int) -> None:
        """Take in that the cable is connected while the link is up."""
        if not self._runs:
            self.start(now_ns)
        elif self.listener.state.profile.carrier_announces:
            self.listener.start(now_ns)

    def stop(self, now_ns: int) -> None:
        """Take in that the link is down: addresses and proxies go with it."""
        self._runs = False
        # net/core/neighbour.c:pneigh_ifdown; the groups are told to be left when the link returns.
        while self._proxied:
            self.remove_proxy(self._proxied[-1], now_ns)
        for own in tuple(self._transmitter.addresses):
            if family_of(own.address) is MLD:
                self.remove(own, now_ns)
        self.listener.stop(now_ns)

    def unmake(self, now_ns: int) -> None:
        """Lose IPv6 altogether, as an interface with a small MTU does (addrconf_ifdown)."""
        self.stop(now_ns)
        self.listener.settle()
        self.listener.state.groups.clear()
        sysctls.renew_interface(self.listener.state.settings)

    def settle(self) -> None:
        """Take every address as valid."""
        for detection in self._detections.values():
            detection.stop()
        self._detections.clear()

    def add_address(
        self, address: Address, prefix: int, now_ns: int, *, is_ready: bool, returns: bool | None
    ) -> None:
        """Give the interface an address; `is_ready` says whether the link is up with a carrier."""
        if returns is None:
            returns = not is_ready
        if returns and is_link_local(address):
            self._configured.append((address, prefix))
        if self._transmitter.is_up and self.listener.state.profile.address_resets:
            # Twice: inet6_rtm_newaddr and addrconf_add_dev both call ipv6_find_idev. It shows where
            # the version is forced to 1, in which joins are told within the call.
            self.listener.start(now_ns)
            self.listener.start(now_ns)
        if is_ready or not (returns and is_link_local(address)):
            self._add(address, prefix, now_ns)

    def remove(self, own: OwnAddress, now_ns: int) -> None:
        """Take an address and its groups from the interface."""
        self._transmitter.addresses.remove(own)
        detection = self._detections.pop(own.address, None)
        if detection is not None:
            detection.stop()
        if self.listener.state.settings.forwards and not own.is_tentative:
            self._leave_anycast(own, now_ns)
        self.listener.leave(solicited_node(own.address), now_ns)

    def add_proxy(self, address: Address, now_ns: int) -> None:
        """Answer neighbour solicitations for `address`, which needs its group."""
        if address in self._proxied:
            return
        self._proxied.append(address)
        self.listener.join(solicited_node(address), FilterMode.EXCLUDE, now_ns)

    def remove_proxy(self, address: Address, now_ns: int) -> None:
        """Stop being proxy for `address`; raises UsageError where it is none."""
        if address not in self._proxied:
            raise UsageError(f"the host is no proxy for {address_text(address)}")
        self._proxied.remove(address)
        self.listener.leave(solicited_node(address), now_ns)

    def change_forwarding(self, now_ns: int) -> None:
        """Become a router or stop being one (net/ipv6/addrconf.c:dev_forward_change)."""
        forwards = self.listener.state.settings.forwards
        for group in _ROUTER_GROUPS:
            if forwards:
                self.listener.join(group, FilterMode.EXCLUDE, now_ns)
            else:
                self.listener.leave(group, now_ns)
        for own in self._transmitter.addresses:
            if family_of(own.address) is MLD and not own.is_tentative:
                if forwards:
                    self._join_anycast(own, now_ns)
                else:
                    self._leave_anycast(own, now_ns)

    def _add(self, address: Address, prefix: int, now_ns: int) -> None:
        own = OwnAddress(address, prefix, is_tentative=True)
        self._transmitter.addresses.append(own)
        self.listener.join(solicited_node(address), FilterMode.EXCLUDE, now_ns)
        # Whether to detect is asked when the address comes, not when the link does.
        if not self.listener.state.settings.detects_duplicates:
            self._make_valid(own, now_ns)
        elif self._runs:
            self._begin_detection(own, now_ns)

    def _begin_detection(self, own: OwnAddress, now_ns: int) -> None:
        settings = self.listener.state.settings
        detection = Detection(own, settings.detection_probes, self._timers, self._make_valid)
        self._detections[own.address] = detection
        detection.start(now_ns)

    def _make_valid(self, own: OwnAddress, now_ns: int) -> None:
        """Use an address from now on (addrconf_dad_completed)."""
        self._detections.pop(own.address, None)
        own.is_tentative = False
        listener = self.listener
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

    def _join_anycast(self, own: OwnAddress, now_ns: int) -> None:
        """Listen to the subnet-router anycast address of a prefix (RFC 4291 §2.6.1)."""
        if own.prefix <= _LONGEST_ANYCAST_PREFIX:
            group = solicited_node(_subnet_router(own))
            self.listener.join(group, FilterMode.EXCLUDE, now_ns)

    def _leave_anycast(self, own: OwnAddress, now_ns: int) -> None:
        if own.prefix <= _LONGEST_ANYCAST_PREFIX:
            self.listener.leave(solicited_node(_subnet_router(own)), now_ns)


def _subnet_router(own: OwnAddress) -> Address:
    mask = (1 << 128) - (1 << (128 - own.prefix))
    return (int.from_bytes(own.address, "big") & mask).to_bytes(16, "big")
