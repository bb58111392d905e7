"""Readings of machines that are not here: devices, drivers and lists as kernels tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.link.bridge_state import GroupDatabase
from mldkit.link.device_details import DeviceDetails, FrameCounts
from mldkit.link.ethtool import Driver
from mldkit.link.firewall_rules import FirewallRules
from mldkit.link.kernel import Kernel, SourceLists
from mldkit.link.kernel_devices import KernelDevice
from mldkit.link.kernel_tables import ListedDevice, ListedGroup, ListedMac
from mldkit.link.receiving_sockets import ReceivingSockets
from mldkit.model.addresses import group_mac, parse, parse_mac
from mldkit.path.frame import PathFrame
from mldkit.path.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

OWN = parse_mac("02:00:00:00:00:02")
_UP = 0x1043


def device(index: int, name: str, kind: str = "", **more: Any) -> DeviceDetails:
    """Return a device that is up, with nothing special about it."""
    fields: dict[str, Any] = {
        "mac": OWN, "hardware_type": 1, "flags": _UP, "promiscuity": 0, "allmulti": 0,
        "lower": None, "master": None, "vlan": None, "macvlan_mode": "", "xdp": (),
        "counts": FrameCounts(), "bridge": None, "port": None,
    }  # fmt: skip
    return DeviceDetails(index=index, name=name, kind=kind, **(fields | more))


def frame(
    group: str, source: str | None = None, port: int | None = None, vlan: int | None = None
) -> PathFrame:
    """Return a datagram to a group in a frame to its MAC."""
    wanted = parse(group)
    origin = parse(source) if source else None
    return PathFrame(group, group_mac(wanted), wanted, origin, port, vlan)


def reading(
    devices: Sequence[DeviceDetails],
    *,
    named: str,
    card: str | None = None,
    host: str | None = None,
    joined: Sequence[str] = (),
    **more: Any,
) -> Reading:
    """Return a reading of a machine whose kernel has joined groups on the host's interface."""
    by_name = {each.name: each for each in devices}
    at_card, at_host = by_name[card or named], by_name[host or named]
    groups = [parse(group) for group in joined]
    listed = tuple(ListedGroup(at_host.index, group, 1, None, None) for group in groups)
    state = Kernel(
        devices={d.index: _plain(d) for d in devices},
        igmp_devices=tuple(ListedDevice(d.index, 3) for d in devices),
        groups=listed,
        sources=(),
        macs=tuple(ListedMac(at_card.index, group_mac(group), 1, 0) for group in groups),
        anycast=(),
        addresses={},
        proxies={},
        joined={},
        forwarding=frozenset(),
    )
    fields: dict[str, Any] = {
        "release": "6.12.0", "driver": Driver(), "chip": 0x10D3, "features": None,
        "driver_counters": {}, "dumped": None,
        "unicast": (), "database": GroupDatabase(), "programs": {}, "program_names": {},
        "rules": FirewallRules(), "sockets": ReceivingSockets((), (), ()), "members": {},
        "counters": {}, "reverse_path_filter": 0,
        "accepts_local": False,
    }  # fmt: skip
    return Reading(
        named=by_name[named],
        card=at_card,
        host=at_host,
        devices={d.index: d for d in devices},
        state=state,
        source_lists=SourceLists(state),
        groups={(entry.index, entry.group): entry for entry in listed},
        **(fields | more),
    )


def _plain(of: DeviceDetails) -> KernelDevice:
    return KernelDevice(of.index, of.name, of.is_up, True, of.kind, None, None, None)
