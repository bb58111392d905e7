"""Which hosts hear a message: those whose IP layer may hand it on.

A stranger chooses what he sends, and ten thousand hosts take a tenth of a second to look at a
message. So hosts are asked only if they could act on it: reports of the current version and leaves
are nothing to a host, and neither is what goes to a group or an address of none of them::

    destination                                  audience
    all hosts, all routers, a broadcast address  everybody
    a group that was planned, solicited-node     the hosts that listen to it at any time
    an address                                   the host that has it
    anything else                                nobody
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import is_multicast, parse, solicited_node
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import LegacyReport, Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Decoded
    from mldkit.responder.draws import DrawTable
    from mldkit.responder.population import Resident

_HURRY_MATTERS = 16
"""From so many hosts on, those that answer first are served first."""
_OF_EVERYBODY = frozenset(
    (
        IGMP.all_hosts, MLD.all_hosts, parse("ff01::1"),
        # Where hosts forward: of the subnet-router anycast address, too.
        MLD.all_routers, parse("ff01::2"), parse("ff05::2"), parse("ff02::1:ff00:0"),
    )
)  # fmt: skip
_IPV4_OCTETS = 4
_BROADCAST_END = b"\xff\xff"
"""Hosts have IPv4 addresses of a /16."""


class Audience:
    """Who hears what; hosts are known by their position."""

    def __init__(self, residents: Sequence[Resident], draws: DrawTable) -> None:
        self.everybody = range(len(residents))
        self._draws = draws
        self._by_mac = {known.mac: index for index, known in enumerate(residents)}
        found: dict[Address, list[int]] = {}
        shared = {id(known.memberships): known.memberships for known in residents}
        for index, known in enumerate(residents):
            wanted = [solicited_node(own) for own in known.addresses if len(own) > _IPV4_OCTETS]
            if len(shared) > 1:
                wanted += [request.group for request in known.memberships]
            for destination in dict.fromkeys((*known.addresses, *wanted)):
                found.setdefault(destination, []).append(index)
        self._by_destination: dict[Address, Sequence[int]] = {**found}
        self._by_destination |= dict.fromkeys(_OF_EVERYBODY, self.everybody)
        if len(shared) == 1:
            (memberships,) = shared.values()
            groups = (request.group for request in memberships)
            self._by_destination |= dict.fromkeys(groups, self.everybody)

    def of(self, decoded: Decoded) -> Sequence[int]:
        """Return who hears a message, for a query those first that answer first.

        One host hears a unicast frame, nobody hears what is in another VLAN.
        """
        datagram = decoded.datagram
        is_query = isinstance(datagram.message, Query)
        if any(datagram.vlan) or not (is_query or isinstance(datagram.message, LegacyReport)):
            return ()
        link_destination = datagram.link_destination
        if link_destination is not None and not link_destination[0] & 1:
            index = self._by_mac.get(link_destination)
            return () if index is None else (index,)
        hearers = self._by_destination.get(datagram.destination, ())
        if not hearers and _may_be_broadcast(datagram.destination):
            hearers = self.everybody
        if is_query and len(hearers) >= _HURRY_MATTERS:
            return self._draws.by_hurry(hearers)
        return hearers


def _may_be_broadcast(destination: Address) -> bool:
    return (
        len(destination) == _IPV4_OCTETS
        and not is_multicast(destination)
        and destination.endswith(_BROADCAST_END)
    )
