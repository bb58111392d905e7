"""Who sends on an interface: families, source addresses, and the envelope of what is sent.

`query`, `report` and `querier` share it. IPv4 messages come from the primary address of the
interface; without one the family is left out, because 0.0.0.0 can silence queriers. IPv6 messages
come from the lowest link-local address that has passed duplicate address detection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.errors import LinkError, UsageError
from mldkit.link import interfaces
from mldkit.model.addresses import text
from mldkit.model.datagram import Datagram
from mldkit.model.family import IGMP, MLD, Family, family_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mldkit.link.interfaces import Interface
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Message, Query


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sends on an interface: one source address a family."""

    interface: Interface
    sources: dict[Family, Address]
    notes: tuple[str, ...] = ()
    """What was left out and why, one line each."""

    def envelope(
        self, message: Message, destination: Address, *, link_destination: bytes | None = None
    ) -> Datagram:
        """Return `message` to `destination`, as Linux would send it."""
        family = family_of(destination)
        if family not in self.sources:
            raise UsageError(f"{text(destination)} is no address of a family that is sent here")
        return Datagram(
            self.sources[family],
            destination,
            message,
            hop_limit=1,
            traffic_class=family.traffic_class,
            router_alert=0,
            link_source=self.interface.mac,
            link_destination=link_destination,
        )

    def query(self, query: Query) -> Datagram:
        """Return a query to all hosts, or to the group that it asks for."""
        return self.envelope(query, query.family.all_hosts if query.is_general else query.group)


def find_origin(name: str, families: tuple[Family, ...], source: Address | None = None) -> Origin:
    """Return the origin of messages of `families` on interface `name`.

    A family without an address is left out with a note; raises LinkError when none is left.
    `source` overrides the choice for its family.
    """
    interface = interfaces.find(name)
    sources: dict[Family, Address] = {}
    notes = []
    for family in families:
        if source is not None and family_of(source) is family:
            sources[family] = source
            continue
        if family is IGMP:
            address = interfaces.primary_ipv4(name)
            missing = "no IPv4 address"
        else:
            address = interfaces.lowest_link_local(name) if interface.is_up else None
            missing = "no usable IPv6 link-local address"
        if address is None:
            notes.append(f"{family!r} is left out: {name} has {missing} (--source gives one)")
        else:
            sources[family] = address
    if not sources and not interface.is_up:
        raise LinkError(f"{name}: the interface is down", hint=f"ip link set {name} up")
    if not sources and not interfaces.find(name).is_running:
        raise LinkError(f"{name}: no address and no carrier", hint="connect the link first")
    if not sources:
        raise LinkError(
            f"{name}: no address to send {' or '.join(map(repr, families))} from",
            hint="give the interface an address, or say one with --source",
        )
    return Origin(interface, sources, tuple(notes))


def families_for(
    addresses: Mapping[str, Address], *, ipv4: bool = False, ipv6: bool = False
) -> tuple[Family, ...]:
    """Return the families that options and given addresses choose; both when nothing does.

    `addresses` are by the name of their argument. Raises UsageError when they contradict each
    other.
    """
    chosen = {family_of(address) for address in addresses.values()}
    if ipv4:
        chosen.add(IGMP)
    if ipv6:
        chosen.add(MLD)
    if len(chosen) > 1 and addresses:
        names = " and ".join(f"{name} {text(given)}" for name, given in addresses.items())
        options = "".join(f" and {name}" for name, on in (("-4", ipv4), ("-6", ipv6)) if on)
        raise UsageError(f"argument {names}{options}: IPv4 and IPv6 are mixed")
    return tuple(sorted(chosen or {IGMP, MLD}, key=lambda family: family.ip_version))
