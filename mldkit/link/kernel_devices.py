"""What the devices of this network namespace are, and what puts MAC addresses into their lists.

Beside the groups three things add references to an entry of a device's multicast list: packet
sockets (PACKET_MR_MULTICAST), which `packet_diag` tells, and stacking: a macvlan or VLAN copies
its own list to the device below (net/core/dev_addr_lists.c:dev_mc_sync), which counts once more
at both ends. A VXLAN device joins its group by a socket of the kernel's own.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from socket import AF_PACKET, AF_UNSPEC

from mldkit.errors import LinkError
from mldkit.link import netlink
from mldkit.model.addresses import Address

# linux/if.h, linux/if_arp.h
_IFF_UP = 0x1
_ARPHRD_WITH_ETHERNET_MAPPING = {1, 6, 774}  # ETHER, IEEE802, FDDI
# linux/if_link.h
_IFLA_ADDRESS = 1
_IFLA_IFNAME = 3
_IFLA_LINK = 5
_IFLA_LINKINFO = 18
_IFLA_PROMISCUITY = 30
_IFLA_LINK_NETNSID = 37
_IFLA_ALLMULTI = 61
_INFO_KIND = 1
_INFO_DATA = 2
_VXLAN_GROUP = 2
_VXLAN_LINK = 3
_VXLAN_GROUP6 = 16
_LINK_HEADER = struct.Struct("=BxHiII")
_KINDS_THAT_SYNCHRONISE = {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"}
# linux/packet_diag.h
_SHOW_MEMBERSHIPS = 2
_PACKET_DIAG_MEMBERSHIPS = 1
_PACKET_MR_MULTICAST = 0
_DIAGNOSTIC_REQUEST = struct.Struct("=BBHIIII")
_DIAGNOSTIC_HEADER_OCTETS = 16
_MEMBERSHIP = struct.Struct("=IIHH32s")


@dataclass(frozen=True, slots=True)
class KernelDevice:
    """One device with what matters for its multicast list."""

    index: int
    name: str
    is_up: bool
    maps_groups: bool
    """Whether a group has an Ethernet address there (net/ipv6/ndisc.c:ndisc_mc_map)."""
    kind: str
    """As `ip -d link` prints it: `veth`, `bridge`, ...; empty for plain hardware."""
    lower: int | None
    """Index of the device below in this namespace that this one copies its list to."""
    tunnel_group: Address | None
    """The group that a VXLAN device joins ..."""
    tunnel_lower: int | None
    """... on this interface."""
    promiscuity: int | None = None
    """How many want every frame; the flag PROMISC only tells of the administrator's wish."""
    allmulti: int | None = None
    """How many want every multicast frame; None before Linux 6.0, which does not tell."""
    flags: int = 0
    """IFF_ flags as told to users, in whom PROMISC and ALLMULTI are the administrator's wish."""


@netlink.understood("devices")
def devices() -> dict[int, KernelDevice]:
    """Return the devices of this network namespace by index."""
    found = {}
    for entry in netlink.dump(netlink.GET_LINK, family=AF_UNSPEC, fixed_octets=_LINK_HEADER.size):
        _, hardware_type, index, flags, _ = _LINK_HEADER.unpack(entry.fixed)
        info = dict(netlink.attributes(entry.attributes.get(_IFLA_LINKINFO, b"")))
        kind = _string(info.get(_INFO_KIND, b""))
        data = dict(netlink.attributes(info.get(_INFO_DATA, b""))) if kind == "vxlan" else {}
        here = _IFLA_LINK_NETNSID not in entry.attributes
        found[index] = KernelDevice(
            index=index,
            name=_string(entry.attributes[_IFLA_IFNAME]),
            is_up=bool(flags & _IFF_UP),
            flags=flags,
            maps_groups=hardware_type in _ARPHRD_WITH_ETHERNET_MAPPING
            and len(entry.attributes.get(_IFLA_ADDRESS, b"")) == 6,
            kind=kind,
            lower=_number(entry.attributes.get(_IFLA_LINK))
            if kind in _KINDS_THAT_SYNCHRONISE and here
            else None,
            tunnel_group=data.get(_VXLAN_GROUP) or data.get(_VXLAN_GROUP6),
            tunnel_lower=_number(data.get(_VXLAN_LINK)),
            promiscuity=_number(entry.attributes.get(_IFLA_PROMISCUITY)),
            allmulti=_number(entry.attributes.get(_IFLA_ALLMULTI)),
        )
    return found


def packet_memberships() -> Counter[tuple[int, bytes]] | None:
    """Return how many packet sockets added a MAC to a device's list, by (index, MAC).

    None where the kernel cannot tell, which is one without the module packet_diag.
    """
    question = _DIAGNOSTIC_REQUEST.pack(
        AF_PACKET, 0, 0, 0, _SHOW_MEMBERSHIPS, 0xFFFFFFFF, 0xFFFFFFFF
    )
    try:
        entries = netlink.dump(
            netlink.SOCKETS_BY_FAMILY,
            family=AF_PACKET,
            fixed_octets=_DIAGNOSTIC_HEADER_OCTETS,
            question=question,
            protocol=netlink.SOCKET_DIAGNOSTICS,
        )
    except (LinkError, OSError):
        return None
    found: Counter[tuple[int, bytes]] = Counter()
    for entry in entries:
        listed = entry.attributes.get(_PACKET_DIAG_MEMBERSHIPS, b"")
        whole = len(listed) // _MEMBERSHIP.size * _MEMBERSHIP.size
        for index, _, kind, octets, address in _MEMBERSHIP.iter_unpack(listed[:whole]):
            if kind == _PACKET_MR_MULTICAST:
                # A socket that asks twice is one reference (net/packet/af_packet.c:packet_mc_add).
                found[index, address[:octets]] += 1
    return found


def _number(value: bytes | None) -> int | None:
    return int(struct.unpack("=I", value)[0]) if value and len(value) == 4 else None


def _string(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")
