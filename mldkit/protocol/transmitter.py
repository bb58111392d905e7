"""The sending side of one host: its interface, its addresses, and what waits to be sent.

Messages become datagrams as the kernel builds them (net/ipv6/mcast.c:mld_newpack and igmp6_send,
net/ipv4/igmp.c:igmpv3_newpack and igmp_send_report)::

    message              destination     source
    report               ff02::16        first valid link-local address, else ::
                         224.0.0.22      first address of the interface, else 0.0.0.0
    older report         the group       the same
    leave, done          all routers     the same

What is sent while the link is down or has no carrier is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from mldkit.model.addresses import Address, is_link_local
from mldkit.model.datagram import Datagram
from mldkit.model.family import IGMP, IPV6_LEAST_MTU, Family, family_of
from mldkit.model.messages import GroupRecord, Leave, LegacyReport, Report
from mldkit.protocol.events import Event, Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mldkit.protocol.profile import HostProfile

Splitter: TypeAlias = "Callable[[Iterable[GroupRecord], Family, int], tuple[Report, ...]]"
"""Puts records into reports that fit an MTU."""

LIMITED_BROADCAST = b"\xff\xff\xff\xff"
_SMALLEST_MTU = {4: 68, 6: IPV6_LEAST_MTU}


@dataclass(slots=True)
class OwnAddress:
    """One address of the interface."""

    address: Address
    prefix: int
    is_tentative: bool = False

    @property
    def network(self) -> tuple[int, int]:
        """Length and value of the prefix."""
        host_bits = 8 * len(self.address) - self.prefix
        return self.prefix, int.from_bytes(self.address, "big") >> host_bits

    def holds(self, address: Address) -> bool:
        """Return whether an address of the same family lies in its subnet."""
        host_bits = 8 * len(self.address) - self.prefix
        network = int.from_bytes(address, "big") >> host_bits
        return len(address) == len(self.address) and self.network == (self.prefix, network)

    @property
    def broadcast(self) -> Address | None:
        """The broadcast address of the subnet; None for IPv6, and where a subnet is too small."""
        host_bits = 32 - self.prefix
        if len(self.address) != len(LIMITED_BROADCAST) or host_bits <= 1:
            return None
        last = int.from_bytes(self.address, "big") | (1 << host_bits) - 1
        return last.to_bytes(len(self.address), "big")


@dataclass(slots=True)
class Transmitter:
    """The interface of one host; `outbox` holds what the next poll returns."""

    mac: bytes
    split: Splitter
    mtu: int = 1500
    is_up: bool = False
    has_carrier: bool = True
    addresses: list[OwnAddress] = field(default_factory=list)
    outbox: list[Datagram] = field(default_factory=list)
    oldest_ns: int = 0
    """When the first datagram of the outbox was put there."""
    observe: Callable[[Event], None] | None = None

    def has_family(self, family: Family) -> bool:
        """Return whether the interface has a family at all, which small MTUs take from it.

        RFC 8200 §5, RFC 791.
        """
        return self.mtu >= _SMALLEST_MTU[family.ip_version]

    def hears(self, datagram: Datagram) -> bool:
        """Return whether a frame on the link is for this interface.

        Not its own, not one for the MAC of another node (PACKET_OTHERHOST), none in a VLAN.
        """
        destination = datagram.link_destination
        return (
            self.is_up
            and self.has_carrier
            and datagram.link_source != self.mac
            and (destination is None or destination[0] & 1 == 1 or destination == self.mac)
            and not any(datagram.vlan)
        )

    def source(self, family: Family) -> Address:
        """Return the address that messages of a family come from."""
        for own in self.addresses:
            if family_of(own.address) is not family:
                continue
            if family is IGMP or (is_link_local(own.address) and not own.is_tentative):
                return own.address
        return family.unspecified

    def has_address(self, address: Address) -> bool:
        """Return whether `address` is one of the interface's own, valid or not."""
        # Asked for each query of each host: a loop costs half of what any() does.
        for own in self.addresses:  # noqa: SIM110
            if own.address == address:
                return True
        return False

    def with_secondaries(self, own: OwnAddress) -> tuple[OwnAddress, ...]:
        """Return an address and what goes with it: of IPv4 the later ones of its subnet.

        (net/ipv4/devinet.c:__inet_del_ifa, where promote_secondaries is off)
        """
        if family_of(own.address) is not IGMP:
            return (own,)
        subnet = [other for other in self.addresses if other.network == own.network]
        return tuple(subnet) if subnet[0] is own else (own,)

    def has_way_back(self, source: Address) -> bool:
        """Return whether the host would send to `source` by this interface: its subnets alone."""
        return any(own.holds(source) for own in self.addresses)

    def is_broadcast(self, address: Address) -> bool:
        """Return whether `address` is the IPv4 broadcast address of one of the subnets.

        (net/ipv4/fib_frontend.c:fib_add_ifaddr)
        """
        return any(own.broadcast == address for own in self.addresses)

    def owns(self, address: Address) -> bool:
        """Return whether `address` is one of the interface's own and valid."""
        return any(own.address == address and not own.is_tentative for own in self.addresses)

    def build(self, records: Iterable[GroupRecord], profile: HostProfile) -> tuple[Datagram, ...]:
        """Return as many reports as the records need; none without records."""
        family = profile.family
        listed = list(records)
        if not listed or not self.has_family(family):
            return ()
        reports = self.split(listed, family, min(self.mtu, profile.largest_report_octets))
        return tuple(self._enveloped(report, family.reports) for report in reports)

    def send_records(
        self, records: Iterable[GroupRecord], profile: HostProfile, rule: str, now_ns: int
    ) -> None:
        """Send as many reports as the records need; none without records."""
        for datagram in self.build(records, profile):
            self.send(datagram, rule, now_ns)

    def send_older(self, message: LegacyReport | Leave, rule: str, now_ns: int) -> None:
        """Send a message of an older version about one group."""
        family = family_of(message.group)
        destination = family.all_routers if isinstance(message, Leave) else message.group
        self.send(self._enveloped(message, destination), rule, now_ns)

    def send(self, datagram: Datagram, rule: str, now_ns: int) -> None:
        """Send a datagram that was built before; it is lost where the link is down."""
        if not (self.is_up and self.has_carrier):
            return
        if not self.outbox:
            self.oldest_ns = now_ns
        self.outbox.append(datagram)
        if self.observe is not None and datagram.message is not None:
            self.observe(Sent(now_ns, datagram.family, rule, datagram.message))

    def _enveloped(self, message: Report | LegacyReport | Leave, destination: Address) -> Datagram:
        family = family_of(destination)
        return Datagram(
            self.source(family),
            destination,
            message,
            traffic_class=family.traffic_class,
            link_source=self.mac,
        )
