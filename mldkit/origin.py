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
from mldkit.model.addresses import is_multicast, text
from mldkit.model.datagram import Datagram
from mldkit.model.family import IGMP, MLD, Family, family_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def given_sources(addresses: Sequence[Address]) -> dict[Family, Address]:
    """Return the source address of each family that `--source` names.

    Raises UsageError for a group and for two addresses of one family.
    """
    found: dict[Family, Address] = {}
    for address in addresses:
        if is_multicast(address):
            raise UsageError(f"argument --source: {text(address)} is a group, nobody's address")
        family = family_of(address)
        if found.setdefault(family, address) != address:
            raise UsageError(
                f"argument --source: {text(found[family])} and {text(address)} are both {family!r}",
                hint="one address a family",
            )
    return found


def find_origin(
    name: str, families: tuple[Family, ...], given: Mapping[Family, Address] | None = None
) -> Origin:
    """Return the origin of messages of `families` on interface `name`.

    A family without an address is left out with a note; raises LinkError when none is left.
    `given` are the addresses that somebody asked for; they override the choice.
    """
    interface = interfaces.find(name)
    sources: dict[Family, Address] = {}
    notes = []
    for family in families:
        if given and family in given:
            sources[family] = given[family]
            continue
        if family is IGMP:
            address = interfaces.primary_ipv4(name)
            missing = "no IPv4 address"
        else:
            address = interfaces.lowest_link_local(name) if interface.is_up else None
            missing = "no usable IPv6 link-local address"
        if address is None:
            notes.append(_left_out(family, families, f"{name} has {missing}"))
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


def _left_out(family: Family, families: Sequence[Family], why: str) -> str:
    """Return that a family is left out, and how it is taken in without losing the other one."""
    both = " -4 -6" if len(families) > 1 else ""
    example = "ADDR" if family is IGMP else "fe80::ADDR"
    return f"{family!r} is left out: {why} (add{both} --source {example})"


def only_family(families: Sequence[Family], option: str) -> list[str]:
    """Return a line for the family that is left out because `option` names the other one."""
    if len(families) != 1:
        return []
    other = MLD if families[0] is IGMP else IGMP
    return [f"{other!r} is left out: {option} names {families[0]!r} only (-4 -6 asks in both)"]


def families_for(
    addresses: Mapping[str, Address],
    *,
    sources: Mapping[Family, Address] | None = None,
    ipv4: bool = False,
    ipv6: bool = False,
) -> tuple[Family, ...]:
    """Return the families that options and given addresses choose; both when nothing does.

    `addresses` are by the name of their argument, `sources` those of `--source`. Raises UsageError
    when they contradict each other.
    """
    chosen = {family_of(address) for address in addresses.values()}
    if ipv4:
        chosen.add(IGMP)
    if ipv6:
        chosen.add(MLD)
    sources = sources or {}
    strangers = [one for family, one in sources.items() if chosen and family not in chosen]
    if strangers:
        addresses = {**addresses, "--source": strangers[0]}
    mixed = chosen | {family_of(address) for address in addresses.values()}
    if len(mixed) > 1 and addresses:
        names = " and ".join(f"{name} {text(given)}" for name, given in addresses.items())
        options = "".join(f" and {name}" for name, on in (("-4", ipv4), ("-6", ipv6)) if on)
        raise UsageError(f"argument {names}{options}: IPv4 and IPv6 are mixed")
    found = chosen or set(sources) or {IGMP, MLD}
    return tuple(sorted(found, key=lambda family: family.ip_version))
