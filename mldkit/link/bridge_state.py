"""What a bridge of this namespace knows about groups: settings, queriers, database, router ports.

Settings come with the device (`device_details`), the database by a dump of its own
(linux/if_bridge.h)::

    RTM_GETMDB, per bridge   MDBA_MDB    > entry > | port 32 | state 8 | flags 8 | VLAN 16 |
                                                   | address 128 | ethertype 16 | pad | attributes
                             MDBA_ROUTER > | port 32 | attributes: type, timers of both families
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from socket import AF_BRIDGE
from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.link import netlink
from mldkit.model.protocol_numbers import ETHERTYPE_IPV4, ETHERTYPE_IPV6
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.addresses import Address

# linux/if_link.h: IFLA_BR_ and IFLA_BRPORT_ numbers.
_VLAN_FILTERING = 7
_ROUTER = 22
_SNOOPING = 23
_QUERIER = 25
_QUERIER_STATE = 47
_PORT_STATE = 1
_PORT_ROUTER = 25
_PORT_FLOODS = 27
_PORT_ISOLATED = 33
# linux/if_bridge.h: BRIDGE_QUERIER_ numbers of address, port and timer by family.
_QUERIERS = {4: (1, 2, 3), 16: (5, 6, 7)}
_DATABASE, _ROUTERS = 1, 2
_ENTRY = struct.Struct("=IBBH16sHxx")
_SOURCE = 4
_ROUTER_TYPE, _ROUTER_TIMERS = 2, {4: 3, 16: 4}
_ALWAYS_ROUTER = 2
_BLOCKED = 0x08
_PORT_HEADER_OCTETS = 8
_TICKS_A_SECOND = 100
_FORWARDING = 3
_LENGTHS = {ETHERTYPE_IPV4: 4, ETHERTYPE_IPV6: 16}


@dataclass(frozen=True, slots=True)
class KnownQuerier:
    """Another querier that a bridge has heard."""

    address: Address
    port: int | None
    left_ns: int | None
    """Until the bridge forgets it; None: it does not run."""


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """How a bridge treats groups."""

    snoops: bool = False
    is_querier: bool = False
    router: int = 1
    """0 never a router itself, 1 when it hears one, 2 always."""
    filters_vlans: bool = False
    queriers: tuple[tuple[int, KnownQuerier], ...] = ()
    """Others that it has heard, by octets of an address."""

    def known_querier(self, octets: int) -> KnownQuerier | None:
        """Return the other querier of a family, None where none is remembered."""
        return dict(self.queriers).get(octets)


@dataclass(frozen=True, slots=True)
class BridgePort:
    """How a bridge treats one of its ports."""

    state: int = _FORWARDING
    router: int = 1
    floods_groups: bool = True
    is_isolated: bool = False

    @property
    def forwards(self) -> bool:
        """Whether the spanning tree lets frames in and out."""
        return self.state == _FORWARDING


@dataclass(frozen=True, slots=True)
class DatabaseEntry:
    """One group at one port, or at the bridge itself."""

    port: int
    """Interface index; that of the bridge for its own host."""
    group: Address
    source: Address | None
    """Of a source-specific entry."""
    vlan: int
    is_blocked: bool


@dataclass(frozen=True, slots=True)
class GroupDatabase:
    """What a bridge has learned."""

    entries: tuple[DatabaseEntry, ...] = ()
    routers: tuple[tuple[int, int], ...] = ()
    """Router ports, as index and octets of an address of the family."""

    def of(self, group: Address, source: Address | None, vlan: int = 0) -> list[DatabaseEntry]:
        """Return the entries that decide about a frame (br_multicast.c:br_mdb_entry_skb_get).

        An entry for the very source goes before the one for any source.
        """
        of_group = [e for e in self.entries if e.group == group and e.vlan == vlan]
        exact = [e for e in of_group if source is not None and e.source == source]
        return exact or [e for e in of_group if e.source is None]

    def is_router(self, port: int, octets: int) -> bool:
        """Return whether a router of a family is behind a port."""
        return (port, octets) in self.routers


def parse_bridge(data: dict[int, bytes]) -> BridgeSettings:
    """Return the settings in the data of IFLA_LINKINFO of a bridge."""
    state = dict(netlink.attributes(data.get(_QUERIER_STATE, b"")))
    queriers = []
    for octets, (address, port, timer) in _QUERIERS.items():
        left = state.get(timer)
        if left is not None and len(state.get(address, b"")) == octets:
            ticks = int.from_bytes(left, netlink.BYTE_ORDER)
            known = KnownQuerier(
                state[address],
                int.from_bytes(state[port], netlink.BYTE_ORDER) if port in state else None,
                ticks * SECOND // _TICKS_A_SECOND,
            )
            queriers.append((octets, known))
    return BridgeSettings(
        snoops=any(data.get(_SNOOPING, b"")),
        is_querier=any(data.get(_QUERIER, b"")),
        router=data.get(_ROUTER, b"\1")[0],
        filters_vlans=any(data.get(_VLAN_FILTERING, b"")),
        queriers=tuple(queriers),
    )


def parse_port(data: dict[int, bytes]) -> BridgePort:
    """Return the settings in the slave data of IFLA_LINKINFO of a bridge's port."""
    return BridgePort(
        state=data.get(_PORT_STATE, bytes((_FORWARDING,)))[0],
        router=data.get(_PORT_ROUTER, b"\1")[0],
        floods_groups=any(data.get(_PORT_FLOODS, b"\1")),
        is_isolated=any(data.get(_PORT_ISOLATED, b"")),
    )


def database(bridge: int) -> GroupDatabase:
    """Return the database of the bridge with this index; empty where it has none."""
    question = struct.pack("=BxxxI", AF_BRIDGE, bridge)
    try:
        dump = netlink.dump(
            netlink.GET_GROUP_DATABASE,
            family=AF_BRIDGE,
            fixed_octets=_PORT_HEADER_OCTETS,
            question=question,
        )
    except LinkError:
        return GroupDatabase()  # a kernel without bridges, or without snooping
    entries: list[DatabaseEntry] = []
    routers: list[tuple[int, int]] = []
    for fixed, attributes in dump:
        if struct.unpack_from("=4xI", fixed)[0] == bridge:
            entries += _entries(attributes.get(_DATABASE, b""))
            routers += _routers(attributes.get(_ROUTERS, b""))
    return GroupDatabase(tuple(entries), tuple(routers))


def _entries(nested: bytes) -> Iterator[DatabaseEntry]:
    for _, entry in netlink.attributes(nested):
        for _, info in netlink.attributes(entry):
            if len(info) < _ENTRY.size:
                continue
            port, _, flags, vlan, address, ethertype = _ENTRY.unpack_from(info)
            octets = _LENGTHS.get(int.from_bytes(struct.pack("=H", ethertype), "big"))
            if octets is None:
                continue  # an entry for a MAC
            source = dict(netlink.attributes(info[_ENTRY.size :])).get(_SOURCE)
            yield DatabaseEntry(port, address[:octets], source, vlan, bool(flags & _BLOCKED))


def _routers(nested: bytes) -> Iterator[tuple[int, int]]:
    for _, router in netlink.attributes(nested):
        (port,) = struct.unpack_from("=I", router)
        told = dict(netlink.attributes(router[4:]))
        for octets, timer in _ROUTER_TIMERS.items():
            if told.get(_ROUTER_TYPE) == bytes((_ALWAYS_ROUTER,)) or any(told.get(timer, b"")):
                yield port, octets
