"""All that this machine says about the way of a frame, read at one moment.

::

    cable --> card --> ... --> host          -i names one of them
              eth0      VLAN   eth0.5        the VLAN: its card is below
              p1        bridge br0           a port: the IP layer sees the frame on the bridge
              eth0             eth0          the usual case

What needs root and is not given stays unknown; nothing here decides anything.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from socket import AF_BRIDGE
from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.link import (
    bridge_state,
    device_details,
    ethtool,
    firewall_rules,
    ingress_programs,
    kernel,
    netlink,
    network_counters,
    receiving_sockets,
    return_route,
)
from mldkit.macfilter import register_dump

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.link.bridge_state import GroupDatabase
    from mldkit.link.device_details import DeviceDetails
    from mldkit.link.ethtool import Driver
    from mldkit.link.firewall_rules import FirewallRules
    from mldkit.link.ingress_programs import IngressPrograms
    from mldkit.link.kernel import Kernel, SourceLists
    from mldkit.link.kernel_sockets import KernelFilter, Wanted
    from mldkit.link.kernel_tables import ListedGroup
    from mldkit.link.receiving_sockets import ReceivingSockets
    from mldkit.link.return_route import ReturnRoute
    from mldkit.macfilter.register_dump import DumpedFilter
    from mldkit.model.addresses import Address
    from mldkit.path.frame import PathFrame

_GATHERING = ("bridge", "bond", "team")
# linux/neighbour.h, linux/if_bridge.h
_NEIGHBOUR = struct.Struct("=BxxxiHBB")
_SELF = 0x02
_HARDWARE_ADDRESS = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of everything.

    It has more attributes than a class should, because each is something that the kernel says.
    """

    release: str
    """Of the kernel."""
    named: DeviceDetails
    """The interface that was asked for."""
    card: DeviceDetails
    """Where the frame comes in."""
    host: DeviceDetails
    """Where the IP layer takes it."""
    devices: dict[int, DeviceDetails]
    driver: Driver
    chip: int | None
    """Its PCI device number; None: no PCI, or it cannot be seen."""
    features: frozenset[str] | None
    driver_counters: dict[str, int]
    dumped: DumpedFilter | None
    """What the driver's dump says of the filter; None: it has none, or it is refused."""
    unicast: tuple[bytes, ...]
    """Secondary unicast addresses of the card, in the order of its list."""
    state: Kernel
    source_lists: SourceLists
    groups: dict[Wanted, ListedGroup]
    """The kernel's entries by interface index and group."""
    database: GroupDatabase
    programs: dict[int, IngressPrograms]
    """By index: of the card and of the named interface."""
    program_names: dict[int, str]
    rules: FirewallRules
    sockets: ReceivingSockets
    members: dict[Wanted, list[KernelFilter]]
    """Memberships of sockets in the groups that were asked for, by interface index and group."""
    counters: dict[str, int]
    reverse_path_filter: int
    """Of the host's interface: the larger one of its own and of `all`."""
    accepts_local: bool
    routes: dict[Address, ReturnRoute] = field(default_factory=dict)
    """The way back, by source."""
    is_ipv6_off: bool = False
    is_root: bool = True

    @property
    def bridge(self) -> DeviceDetails | None:
        """The bridge that the frame goes through, None where there is none."""
        return self.host if self.host.bridge is not None else None

    @property
    def hides_registers(self) -> bool:
        """Whether it is known where the registers are dumped, and the dump was refused."""
        return register_dump.is_dumped(self.driver.name) and self.dumped is None

    @property
    def multicast(self) -> tuple[bytes, ...]:
        """The list of the card in its order."""
        return self.listed(self.card.index)

    def listed(self, index: int) -> tuple[bytes, ...]:
        """Return the list of groups' MACs of a device, in its order."""
        return tuple(m.mac for m in self.state.macs if m.index == index)

    def name(self, index: int) -> str:
        """Return what an interface is called."""
        device = self.devices.get(index)
        return device.name if device else f"interface {index}"


def take(
    interface: str, frames: Iterable[PathFrame], *, rules: FirewallRules | None = None
) -> Reading:
    """Return a reading for frames that come in by an interface of this network namespace.

    `rules` are those of the firewall, where who asks may not read them any more. Raise `LinkError`
    if there is no such interface.
    """
    devices = device_details.all_devices()
    named = next((d for d in devices.values() if d.name == interface), None)
    if named is None:
        names = ", ".join(device.name for device in devices.values())
        raise LinkError(f"{interface}: no such interface", hint=f"interfaces here: {names}")
    card, host = _card(named, devices), _host(named, devices)
    listed = tuple(frames)
    state = kernel.read()
    if any(device.index not in state.devices for device in (named, card, host)):
        raise LinkError(f"{interface}: the interface has gone while it was looked at")
    groups = {frame.group for frame in listed if frame.group}
    wanted = {(e.index, e.group): e.users for e in state.groups if e.group in groups}
    sockets = receiving_sockets.find(wanted)
    driver = ethtool.driver(card.name)
    members: dict[Wanted, list[KernelFilter]] = {}
    for one in sockets.members:
        members.setdefault((one.index, one.group), []).append(one)
    programs = {d.index: ingress_programs.ingress_programs(d.index) for d in (card, named)}
    numbers = {number for device in (card, named) for _, number in device.xdp}
    numbers.update(number for each in programs.values() for number in each.tcx or ())
    names_found = {number: ingress_programs.program_name(number) for number in numbers}
    sources = {f.source for f in listed if f.source and len(f.source) == 4}
    return Reading(
        release=os.uname().release,
        named=named,
        card=card,
        host=host,
        devices=devices,
        driver=driver,
        chip=ethtool.chip(driver.bus),
        features=ethtool.active_features(card.name),
        driver_counters=ethtool.counters(card.name),
        dumped=_dumped(card, driver.name),
        unicast=tuple(_unicast(card)),
        state=state,
        source_lists=kernel.SourceLists(state),
        groups={(entry.index, entry.group): entry for entry in state.groups},
        database=bridge_state.database(host.index) if host.bridge else bridge_state.GroupDatabase(),
        programs=programs,
        program_names={number: name or "" for number, name in names_found.items()},
        rules=rules or firewall_rules.read(),
        sockets=sockets,
        members=members,
        counters=network_counters.read(),
        reverse_path_filter=return_route.reverse_path_filter(host.name),
        accepts_local=any(
            return_route.setting(name, "accept_local") for name in ("all", host.name)
        ),
        routes={source: return_route.return_route(source) for source in sources},
        is_ipv6_off=_is_ipv6_off(host.name),
        is_root=os.geteuid() == 0,
    )


def _dumped(card: DeviceDetails, driver: str) -> DumpedFilter | None:
    """Return what is in the registers of a card that is up, where they are known."""
    if not register_dump.is_dumped(driver) or not card.is_running:
        return None
    return register_dump.decode(driver, ethtool.registers(card.name))


def _card(named: DeviceDetails, devices: dict[int, DeviceDetails]) -> DeviceDetails:
    """Return the device at which the frame comes in: below VLANs, and the macvlan itself."""
    device = named
    for _ in devices:
        below = devices.get(device.lower or 0)
        if device.kind != "vlan" or below is None:
            break
        device = below
    return device


def _host(named: DeviceDetails, devices: dict[int, DeviceDetails]) -> DeviceDetails:
    """Return the device whose IP layer takes the frame: the bridge above a port."""
    device = named
    for _ in devices:
        above = devices.get(device.master or 0)
        if above is None or above.kind not in _GATHERING:
            break
        device = above
    return device


def _unicast(device: DeviceDetails) -> Iterable[bytes]:
    """Yield the secondary addresses of a device (net/core/rtnetlink.c:ndo_dflt_fdb_dump)."""
    question = _NEIGHBOUR.pack(AF_BRIDGE, device.index, 0, 0, 0)
    try:
        dump = netlink.dump(
            netlink.GET_NEIGHBOUR,
            family=AF_BRIDGE,
            fixed_octets=_NEIGHBOUR.size,
            question=question,
        )
    except LinkError:
        return
    for fixed, attributes in dump:
        _, index, _, flags, _ = _NEIGHBOUR.unpack(fixed)
        mac = attributes.get(_HARDWARE_ADDRESS, b"")
        is_secondary = len(mac) == 6 and not mac[0] & 1 and mac != device.mac
        if index == device.index and flags & _SELF and is_secondary:
            yield mac


def _is_ipv6_off(interface: str) -> bool:
    try:
        setting = Path("/proc/sys/net/ipv6/conf", interface, "disable_ipv6").read_text()
    except OSError:
        return True
    return setting.strip() != "0"
