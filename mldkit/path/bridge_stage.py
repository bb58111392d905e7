"""The stage of a bridge: to which of its ports the frame goes, and whether to this host itself.

net/bridge/br_input.c:br_handle_frame_finish and br_forward.c:br_multicast_flood, for IP frames to a
group::

    no snooping, or no querier of the family is known    to all ports and to the host
    an entry for the group                               to its ports; to the host if it joined
    none                                                 to router ports; not to the host

The first line also holds for 224.0.0.0/24 and ff02::1 without an entry, and for what is not IP.
A port with mcast_flood off gets nothing that is flooded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.link.bridge_state import BridgeSettings
from mldkit.macfilter.receive_filter import Passage
from mldkit.model.addresses import ALL_NODES, is_link_local, text
from mldkit.model.units import SECOND
from mldkit.path.stage import Stage, StageResult

if TYPE_CHECKING:
    from mldkit.link.device_details import DeviceDetails
    from mldkit.path.frame import PathFrame
    from mldkit.path.reading import Reading

_ROUTER_ALWAYS = 2
_LOCAL_BLOCK = b"\xe0\x00\x00"
Way = tuple[str, Passage, str]


def bridge(reading: Reading, frame: PathFrame) -> StageResult:
    """Judge what the bridge does that the frame comes in to."""
    above, named = reading.bridge, reading.named
    if above is None or above.bridge is None:
        return StageResult(Stage.BRIDGE, None, f"{named.name} is in no bridge")
    confirm = f"bridge -d -s mdb show dev {above.name}"
    if named.port is not None and not named.port.forwards:
        reason = f"the spanning tree blocks {named.name}"
        return StageResult(
            Stage.BRIDGE, Passage.DROPPED, reason, confirm=f"bridge -d link show dev {named.name}"
        )
    if not above.is_up:
        reason = f"{above.name} is down"
        cure = f"ip link set {above.name} up"
        return StageResult(
            Stage.BRIDGE, Passage.DROPPED, reason, confirm=f"ip link show {above.name}", cure=cure
        )
    if above.bridge.filters_vlans:
        reason = f"{above.name} filters VLANs, which are not looked at here"
        return StageResult(Stage.BRIDGE, Passage.UNKNOWN, reason, confirm=confirm)
    if not frame.mac[0] & 1:
        return _unicast(above, frame, confirm)
    snooping = _snooping(reading, above, frame)
    decided = _to_host(reading, frame, above, floods=not snooping.active)
    ways = tuple(_to_ports(reading, frame, above, floods=not snooping.active))
    reason = decided[1]
    cure = ""
    if decided[0] is Passage.DROPPED:
        group = text(frame.group) if frame.group else ""
        cure = f"join {group} on {above.name}, or ip link set {above.name} allmulticast on"
        if "forgotten" in reason:
            cure = f"give the link a querier: ip link set {above.name} type bridge mcast_querier 1"
    return StageResult(
        Stage.BRIDGE,
        decided[0],
        f"{snooping.words}; {reason}",
        confirm=confirm,
        cure=cure,
        details=((above.name, *decided), *ways),
    )


class _Snooping:
    """Whether a bridge chooses ports for a frame, and why."""

    def __init__(self, *, active: bool, words: str) -> None:
        self.active = active
        self.words = words


def _snooping(reading: Reading, above: DeviceDetails, frame: PathFrame) -> _Snooping:
    settings = above.bridge or BridgeSettings()
    family = {4: "IGMP", 16: "MLD"}.get(frame.octets)
    if family is None:
        return _Snooping(active=False, words="not looked at as IP: flooded")
    if not settings.snoops:
        return _Snooping(active=False, words=f"{above.name} does not snoop: flooded")
    known = settings.known_querier(frame.octets)
    if settings.is_querier and (frame.octets == 4 or _has_link_local(reading, above)):
        return _Snooping(active=True, words=f"{above.name} snoops and is {family} querier itself")
    if known is not None and known.left_ns:
        left = f"remembered for {known.left_ns / SECOND:,.0f} s more"
        who = f"the {family} querier {text(known.address)}, {left}"
        return _Snooping(active=True, words=f"{above.name} snoops and knows {who}")
    words = f"{above.name} snoops, but knows no {family} querier: flooded"
    return _Snooping(active=False, words=words)


def _to_host(
    reading: Reading, frame: PathFrame, above: DeviceDetails, *, floods: bool
) -> tuple[Passage, str]:
    """Return whether the IP layer of this host gets the frame."""
    group = frame.group
    entries = reading.database.of(group, frame.source) if group else []
    if floods or group is None:
        return Passage.PASSES, "this host gets it too"
    if any(entry.port == above.index for entry in entries):
        return Passage.PASSES, f"this host has joined {text(group)} on {above.name}"
    if not entries and _is_flooded(group):
        return Passage.PASSES, "groups of this range are flooded"
    if above.takes_all_multicast:
        return Passage.PASSES, f"{above.name} takes all multicast"
    if above.bridge is not None and above.bridge.router == _ROUTER_ALWAYS:
        return Passage.PASSES, f"{above.name} counts as a multicast router (mcast_router 2)"
    listed = {entry.group for entry in reading.state.groups if entry.index == above.index}
    if group in listed:
        # Its own reports end with the membership interval, if nobody asks for them again.
        reason = f"it has forgotten that this host joined {text(group)} on {above.name}"
        return Passage.DROPPED, f"{reason}: nobody has queried for longer than it remembers"
    return Passage.DROPPED, f"nobody on this host has joined {text(group)} on {above.name}"


def _to_ports(
    reading: Reading, frame: PathFrame, above: DeviceDetails, *, floods: bool
) -> list[Way]:
    """Return what each other port does with it."""
    ways: list[Way] = []
    group = frame.group
    entries = reading.database.of(group, frame.source) if group else []
    members = {entry.port for entry in entries if not entry.is_blocked}
    for device in reading.devices.values():
        port = device.port
        if device.master != above.index or port is None or device.index == reading.named.index:
            continue
        if not device.is_running or not port.forwards:
            ways.append((device.name, Passage.DROPPED, "the port is down or blocked"))
        elif port.is_isolated and reading.named.port and reading.named.port.is_isolated:
            ways.append((device.name, Passage.DROPPED, "both ports are isolated"))
        elif floods or group is None or (not entries and _is_flooded(group)):
            words = "flooded" if port.floods_groups else "mcast_flood is off"
            passage = Passage.PASSES if port.floods_groups else Passage.DROPPED
            ways.append((device.name, passage, words))
        elif device.index in members:
            ways.append((device.name, Passage.PASSES, "a host there has reported it"))
        elif reading.database.is_router(device.index, frame.octets):
            ways.append((device.name, Passage.PASSES, "a router is there"))
        else:
            ways.append((device.name, Passage.DROPPED, "no host there has reported it"))
    return ways


def _unicast(above: DeviceDetails, frame: PathFrame, confirm: str) -> StageResult:
    if frame.mac == above.mac:
        reason = f"it goes to the address of {above.name} itself"
        return StageResult(Stage.BRIDGE, Passage.PASSES, reason, confirm=confirm)
    reason = f"it goes to another host's address, not to that of {above.name}"
    return StageResult(Stage.BRIDGE, Passage.DROPPED, reason, confirm="bridge fdb show")


def _is_flooded(group: bytes) -> bool:
    return group.startswith(_LOCAL_BLOCK) if len(group) == 4 else group == ALL_NODES


def _has_link_local(reading: Reading, above: DeviceDetails) -> bool:
    """Return whether a bridge can query in MLD (br_multicast.c:br_multicast_querier_exists)."""
    own = reading.state.addresses.get(above.index, ())
    return any(is_link_local(each.address) and each.is_usable for each in own)
