"""The devices of a link, and what shows their roles.

A device is a hardware address; its IPv4 and its IPv6 hosts are one device. A role needs grounds
that the capture shows, as frames.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from mldkit.analysis.limits import DEVICES
from mldkit.analysis.shelf import USEFUL, USELESS
from mldkit.model.addresses import is_unspecified
from mldkit.model.hardware_addresses import is_device, virtual_router_protocol

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Circuit

    _Place: TypeAlias = tuple[str | None, tuple[int, ...], tuple[Circuit, ...]]

_MOST_MARKS = 4
"""Frames that show a role."""
_MOST_ADDRESSES = 16
"""Of a device that other packets than reports show."""


class Role(StrEnum):
    """What a device is on a link."""

    QUERIER = "querier"
    PIM_ROUTER = "pim-router"
    MRD_ROUTER = "mrd-router"
    SNOOPING_SWITCH = "snooping-switch"
    REPORT_PROXY = "report-proxy"
    ACCESS_POINT = "access-point"
    VIRTUAL_ROUTER = "virtual-router"
    HOST = "host"


class Shown(StrEnum):
    """What shows a role."""

    ACTING = "acts as the querier"
    HELLO = "PIM hellos"
    MRD_ADVERTISEMENT = "Multicast Router Advertisements"
    QUERY_WITHOUT_ADDRESS = "queries without an address"
    QUERY_SOLICITATION = "query solicitations"
    PROXY_REPORT = "reports in place of hosts"
    BEACON = "beacons"
    VIRTUAL_MAC = "the MAC of a virtual router"
    REPORT = "reports"


_ROLES = {
    Shown.ACTING: (Role.QUERIER,),
    Shown.HELLO: (Role.PIM_ROUTER,),
    Shown.MRD_ADVERTISEMENT: (Role.MRD_ROUTER,),
    Shown.QUERY_WITHOUT_ADDRESS: (Role.SNOOPING_SWITCH,),
    Shown.QUERY_SOLICITATION: (Role.SNOOPING_SWITCH,),
    Shown.PROXY_REPORT: (Role.SNOOPING_SWITCH, Role.REPORT_PROXY),
    Shown.BEACON: (Role.ACCESS_POINT,),
    Shown.VIRTUAL_MAC: (Role.VIRTUAL_ROUTER,),
    Shown.REPORT: (Role.HOST,),
}


@dataclass(frozen=True, slots=True)
class Grounds:
    """What shows one role of a device."""

    role: Role
    by: str
    """In words: a plural, or what the device does."""
    capture: int
    frames: tuple[int, ...]
    """The first few."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """One hardware address of a link, with the hosts of both families behind it."""

    interface: str | None
    vlan: tuple[int, ...]
    circuit: tuple[Circuit, ...]
    mac: bytes
    addresses: tuple[Address, ...]
    """In order, those of IPv4 first."""
    grounds: tuple[Grounds, ...]
    """In the order of `Role`; empty for a querier that never acted."""
    site: str = ""
    """As in `LinkKey`."""

    @property
    def roles(self) -> tuple[Role, ...]:
        """Its roles, each once."""
        return tuple(dict.fromkeys(one.role for one in self.grounds))

    @property
    def is_host(self) -> bool:
        """Whether it is a host and nothing else."""
        return self.roles == (Role.HOST,)

    @property
    def capture(self) -> int:
        """The first capture that shows a role."""
        return min((one.capture for one in self.grounds), default=0)

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames of that capture which show its roles, in order."""
        first = self.capture
        frames = {frame for one in self.grounds if one.capture == first for frame in one.frames}
        return tuple(sorted(frames))


@dataclass(slots=True)
class _Sighting:
    """What shows one thing of a device."""

    addresses: dict[Address, None] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)

    def see(self, address: Address, mark: Mark) -> None:
        """Take in another packet; frames are those of the first capture."""
        if address and not is_unspecified(address) and len(self.addresses) < _MOST_ADDRESSES:
            self.addresses[address] = None
        marks = self.marks
        if len(marks) < _MOST_MARKS and (not marks or mark.capture == marks[0].capture):
            marks.append(mark)


class Sightings:
    """What single packets show of the devices of one link and family."""

    def __init__(self, room: LinkRoom) -> None:
        self.seen: Table[tuple[bytes, Shown], _Sighting] = room.table(DEVICES, _worth)

    def show(self, shown: Shown, mac: bytes | None, address: Address, mark: Mark) -> None:
        """Take in a packet that shows what a device is."""
        if mac is None or not is_device(mac):
            return
        sighting = self.seen.get((mac, shown))
        if sighting is None:
            sighting = self.seen.keep((mac, shown), _Sighting())
        sighting.see(address, mark)


def _worth(_: Container[Address], __: tuple[bytes, Shown], sighting: _Sighting) -> int:
    return USEFUL if len(sighting.marks) > 1 else USELESS


class _Device:
    """A device while it is put together."""

    __slots__ = ("addresses", "marks")

    def __init__(self) -> None:
        self.addresses: set[Address] = set()
        self.marks: dict[Shown, list[Mark]] = {}

    def show(self, shown: Shown, address: Address, marks: Iterable[Mark]) -> None:
        """Take in what shows something."""
        if address and not is_unspecified(address):
            self.addresses.add(address)
        self.marks.setdefault(shown, []).extend(marks)

    def grounds(self) -> tuple[Grounds, ...]:
        """Return what shows its roles."""
        found = [
            _grounds(role, shown, self.marks[shown])
            for shown in self.marks
            for role in _ROLES[shown]
        ]
        order = list(Role)
        return tuple(sorted(found, key=lambda one: (order.index(one.role), one.by)))


def devices(
    links: Iterable[LinkState], sightings: Mapping[LinkKey, Sightings]
) -> tuple[DeviceFacts, ...]:
    """Return the devices of all links, those that are no mere hosts first."""
    found: dict[_Place, dict[bytes, _Device]] = defaultdict(lambda: defaultdict(_Device))
    for link in links:
        place = found[link.key.interface, link.key.vlan, link.key.circuit]
        for (address, mac), mark in link.identities.firsts.items():
            _meet(place[mac], mac, Shown.REPORT, address, mark)
        for mac, mark in link.identities.nameless.items():
            if is_device(mac) and mac not in link.proxies.found:
                _meet(place[mac], mac, Shown.REPORT, b"", mark)
        for mac, mark in link.proxies.found.items():
            if is_device(mac):
                place[mac].show(Shown.PROXY_REPORT, b"", (mark,))
        for querier in link.queriers.known.values():
            if querier.mac is not None and is_device(querier.mac):
                device = place[querier.mac]
                if querier.acting:
                    device.show(Shown.ACTING, querier.address, (querier.first,))
                elif not is_unspecified(querier.address):
                    device.addresses.add(querier.address)
                _meet(device, querier.mac, None, querier.address, querier.first)
    for key, sighted in sightings.items():
        for (mac, shown), sighting in sighted.seen.items():
            device = found[key.interface, key.vlan, key.circuit][mac]
            device.show(shown, b"", sighting.marks)
            device.addresses.update(sighting.addresses)
    facts = [
        DeviceFacts(
            *place, mac,
            tuple(sorted(device.addresses, key=lambda address: (len(address), address))),
            device.grounds(),
        )
        for place, macs in found.items()
        for mac, device in macs.items()
    ]  # fmt: skip
    return tuple(sorted(facts, key=_order))


def _meet(device: _Device, mac: bytes, shown: Shown | None, address: Address, mark: Mark) -> None:
    """Take in a message of a device, whose MAC may be that of a virtual router."""
    if shown is not None:
        device.show(shown, address, (mark,))
    if virtual_router_protocol(mac):
        device.show(Shown.VIRTUAL_MAC, b"", (mark,))


def _grounds(role: Role, shown: Shown, marks: Iterable[Mark]) -> Grounds:
    """Return what shows one role, by frames of the first capture."""
    ordered = sorted(set(marks))
    first = ordered[0].capture
    frames = [mark.frame for mark in ordered if mark.capture == first and mark.frame]
    return Grounds(role, shown, first, tuple(frames[:_MOST_MARKS]))


def _order(facts: DeviceFacts) -> tuple[object, ...]:
    names = [(len(address), address) for address in facts.addresses]
    place = facts.interface or "", facts.vlan, list(map(str, facts.circuit))
    return place, facts.is_host, names, facts.mac
