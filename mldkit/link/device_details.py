"""What stands between the cable and the IP layer of each device: flags, stacking, programs, counts.

One netlink dump tells all of it (linux/if_link.h)::

    IFLA_LINK      device below (of a VLAN, a macvlan)   IFLA_MASTER   bridge, bond or VRF above
    IFLA_XDP       programs in front of everything       IFLA_STATS64  frames in and out
    IFLA_LINKINFO  kind | data: VLAN tag, bridge settings | slave data: of a bridge's port

`kernel_devices` has what matters for the list of groups; here is what matters for a frame.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from socket import AF_UNSPEC

from mldkit.link import netlink
from mldkit.link.bridge_state import BridgePort, BridgeSettings, parse_bridge, parse_port

# linux/if.h
IFF_UP = 0x1
_IFF_RUNNING = 0x40
IFF_PROMISC = 0x100
IFF_ALLMULTI = 0x200
IFF_MULTICAST = 0x1000
# linux/if_link.h
_ADDRESS = 1
_NAME = 3
_LINK = 5
_MASTER = 10
_LINK_INFORMATION = 18
_STATISTICS = 23
_PROMISCUITY = 30
_LINK_NAMESPACE = 37
_XDP = 43
_ALLMULTI = 61
_KIND, _DATA, _SLAVE_KIND, _SLAVE_DATA = 1, 2, 4, 5
_VLAN_TAG = 1
_MACVLAN_MODE = 1
_XDP_PROGRAMS = {4: "", 5: "native", 6: "generic", 7: "in the card"}
_MACVLAN_MODES = {1: "private", 2: "vepa", 4: "bridge", 8: "passthru", 16: "source"}
_LINK_HEADER = struct.Struct("=BxHiII")
_COUNTS = struct.Struct("=9Q")


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """What a device has counted since it was made."""

    received: int = 0
    sent: int = 0
    receive_errors: int = 0
    receive_dropped: int = 0
    """Frames that the kernel threw away before it looked for who wants them."""
    send_dropped: int = 0
    multicast: int = 0
    """Group frames; many drivers never count them."""


@dataclass(frozen=True, slots=True)
class DeviceDetails:
    """One device.

    It has more attributes than a class should, because each is something that the kernel says.
    """

    index: int
    name: str
    kind: str
    """As `ip -d link` prints it; empty for plain hardware."""
    mac: bytes
    hardware_type: int
    flags: int
    """IFF_ flags as users see them; what packet sockets asked for is not among them."""
    promiscuity: int | None
    allmulti: int | None
    lower: int | None
    """Index of the device below, in this namespace."""
    master: int | None
    """Index of the bridge, bond or VRF that this device belongs to."""
    vlan: int | None
    macvlan_mode: str
    xdp: tuple[tuple[str, int], ...]
    """Programs in front of everything: where they run, their number."""
    counts: FrameCounts
    bridge: BridgeSettings | None
    port: BridgePort | None

    @property
    def is_up(self) -> bool:
        """Whether it is switched on."""
        return bool(self.flags & IFF_UP)

    @property
    def is_running(self) -> bool:
        """Whether it is switched on and has a carrier."""
        return bool(self.flags & IFF_UP and self.flags & _IFF_RUNNING)

    @property
    def takes_everything(self) -> bool:
        """Whether it is promiscuous, whoever asked for it."""
        return bool(self.promiscuity or self.flags & IFF_PROMISC)

    @property
    def takes_all_multicast(self) -> bool:
        """Whether it is to take every group, whoever asked for it."""
        return bool(self.allmulti or self.flags & IFF_ALLMULTI)


def all_devices() -> dict[int, DeviceDetails]:
    """Return the devices of this network namespace by index."""
    dump = netlink.dump(netlink.GET_LINK, family=AF_UNSPEC, fixed_octets=_LINK_HEADER.size)
    found = (_device(entry.fixed, entry.attributes) for entry in dump)
    return {device.index: device for device in found}


def _device(fixed: bytes, attributes: dict[int, bytes]) -> DeviceDetails:
    _, hardware_type, index, flags, _ = _LINK_HEADER.unpack(fixed)
    info = _nested(attributes.get(_LINK_INFORMATION))
    kind = _string(info.get(_KIND, b""))
    data = _nested(info.get(_DATA))
    is_port = _string(info.get(_SLAVE_KIND, b"")) == "bridge"
    here = _LINK_NAMESPACE not in attributes
    return DeviceDetails(
        index=index,
        name=_string(attributes[_NAME]),
        kind=kind,
        mac=attributes.get(_ADDRESS, b""),
        hardware_type=hardware_type,
        flags=flags,
        promiscuity=_number(attributes.get(_PROMISCUITY)),
        allmulti=_number(attributes.get(_ALLMULTI)),
        lower=_number(attributes.get(_LINK)) if here else None,
        master=_number(attributes.get(_MASTER)),
        vlan=_number(data.get(_VLAN_TAG)) if kind == "vlan" else None,
        macvlan_mode=_MACVLAN_MODES.get(_number(data.get(_MACVLAN_MODE)) or 0, "")
        if kind in ("macvlan", "macvtap")
        else "",
        xdp=_programs(_nested(attributes.get(_XDP))),
        counts=_frame_counts(attributes.get(_STATISTICS, b"")),
        bridge=parse_bridge(data) if kind == "bridge" else None,
        port=parse_port(_nested(info.get(_SLAVE_DATA))) if is_port else None,
    )


def _programs(xdp: dict[int, bytes]) -> tuple[tuple[str, int], ...]:
    found = {}
    for kind, where in _XDP_PROGRAMS.items():
        number = _number(xdp.get(kind))
        if number is not None:
            # IFLA_XDP_PROG_ID names the one program again, where it is known from no other.
            found[number] = where
    return tuple((where, number) for number, where in found.items())


def _frame_counts(statistics: bytes) -> FrameCounts:
    if len(statistics) < _COUNTS.size:
        return FrameCounts()
    received, sent, _, _, errors, _, dropped, send_dropped, multicast = _COUNTS.unpack_from(
        statistics
    )
    return FrameCounts(received, sent, errors, dropped, send_dropped, multicast)


def _nested(value: bytes | None) -> dict[int, bytes]:
    return dict(netlink.attributes(value)) if value else {}


def _number(value: bytes | None) -> int | None:
    if value is None or len(value) not in (1, 2, 4):
        return None
    return int.from_bytes(value, netlink.BYTE_ORDER)


def _string(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")
