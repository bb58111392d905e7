"""The interfaces of this network namespace and the addresses they have.

Everything comes from the kernel by netlink at the moment it is asked; nothing is kept.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, AF_INET6, AF_UNSPEC

from mldkit.errors import LinkError
from mldkit.link import clock, netlink
from mldkit.model.addresses import Address, is_link_local
from mldkit.model.units import MILLISECOND, SECOND

ETHERNET_HARDWARE = 1
LOOPBACK_HARDWARE = 772

# linux/if.h
_IFF_UP = 0x1
_IFF_RUNNING = 0x40
_IFF_MULTICAST = 0x1000
# linux/if_link.h, linux/if_addr.h
_IFLA_ADDRESS = 1
_IFLA_IFNAME = 3
_IFLA_MTU = 4
_IFLA_LINKINFO = 18
_IFLA_INFO_KIND = 1
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_FLAGS = 8
_IFA_F_SECONDARY = 0x01
_IFA_F_OPTIMISTIC = 0x04
_IFA_F_DADFAILED = 0x08
_IFA_F_TENTATIVE = 0x40
_LINK_HEADER = struct.Struct("=BxHiII")
_ADDRESS_HEADER = struct.Struct("=BBBBI")

_DAD_POLL_NS = 10 * MILLISECOND


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface as the kernel described it."""

    index: int
    name: str
    mac: bytes
    mtu: int
    hardware_type: int
    """ARPHRD_ number: 1 Ethernet, 772 loopback."""
    is_up: bool
    """Switched on by its administrator."""
    is_running: bool
    """Up and with a carrier."""
    is_multicast: bool
    kind: str = ""
    """What made it, as `ip -d link` says: `bridge`, `veth`; empty for hardware."""

    @property
    def is_ethernet(self) -> bool:
        """Whether its frames start with an Ethernet header."""
        return self.hardware_type in (ETHERNET_HARDWARE, LOOPBACK_HARDWARE)


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """One address of an interface."""

    address: Address
    prefix_length: int
    scope: int
    """RT_SCOPE_ number: 0 global, 200 site, 253 link, 254 host."""
    is_secondary: bool
    """IPv4: another address of the same subnet comes first."""
    is_tentative: bool
    """Duplicate address detection has not finished."""
    is_dad_failed: bool
    """Another host has the address."""

    @property
    def is_usable(self) -> bool:
        """Whether the kernel would send from it."""
        return not self.is_tentative and not self.is_dad_failed


@netlink.understood("interfaces")
def interfaces() -> tuple[Interface, ...]:
    """Return the interfaces of this network namespace, by index."""
    found = []
    for entry in netlink.dump(netlink.GET_LINK, family=AF_UNSPEC, fixed_octets=_LINK_HEADER.size):
        _, hardware_type, index, flags, _ = _LINK_HEADER.unpack(entry.fixed)
        found.append(
            Interface(
                index=index,
                name=entry.attributes[_IFLA_IFNAME].rstrip(b"\0").decode(errors="replace"),
                mac=entry.attributes.get(_IFLA_ADDRESS, b""),
                mtu=int(struct.unpack("=I", entry.attributes[_IFLA_MTU])[0]),
                hardware_type=hardware_type,
                is_up=bool(flags & _IFF_UP),
                is_running=bool(flags & _IFF_RUNNING),
                is_multicast=bool(flags & _IFF_MULTICAST),
                kind=_kind(entry.attributes.get(_IFLA_LINKINFO, b"")),
            )
        )
    return tuple(sorted(found, key=lambda interface: interface.index))


def _kind(info: bytes) -> str:
    """Return the kind in the nested attributes of IFLA_LINKINFO."""
    kinds = [value for number, value in netlink.attributes(info) if number == _IFLA_INFO_KIND]
    return kinds[0].rstrip(b"\0").decode(errors="replace") if kinds else ""


def find(name: str) -> Interface:
    """Return the interface called `name`; raise `LinkError` that lists the names there are."""
    everything = interfaces()
    for interface in everything:
        if interface.name == name:
            return interface
    names = ", ".join(interface.name for interface in everything)
    raise LinkError(f"{name}: no such interface", hint=f"interfaces here: {names}")


def addresses(name: str) -> tuple[InterfaceAddress, ...]:
    """Return the addresses of an interface of both families, in the kernel's order."""
    return addresses_by_index().get(find(name).index, ())


@netlink.understood("addresses")
def addresses_by_index() -> dict[int, tuple[InterfaceAddress, ...]]:
    """Return the addresses of all interfaces that have any, by interface index."""
    found: dict[int, tuple[InterfaceAddress, ...]] = {}
    dump = netlink.dump(netlink.GET_ADDRESS, family=AF_UNSPEC, fixed_octets=_ADDRESS_HEADER.size)
    for fixed, attributes in dump:
        family, prefix_length, flags, scope, index = _ADDRESS_HEADER.unpack(fixed)
        if family not in (AF_INET, AF_INET6):
            continue
        if _IFA_FLAGS in attributes:
            flags = struct.unpack("=I", attributes[_IFA_FLAGS])[0]
        entry = InterfaceAddress(
            # On a point-to-point link IFA_ADDRESS is the peer and IFA_LOCAL is ours.
            address=attributes.get(_IFA_LOCAL) or attributes[_IFA_ADDRESS],
            prefix_length=prefix_length,
            scope=scope,
            is_secondary=family == AF_INET and bool(flags & _IFA_F_SECONDARY),
            is_tentative=bool(flags & _IFA_F_TENTATIVE) and not flags & _IFA_F_OPTIMISTIC,
            is_dad_failed=bool(flags & _IFA_F_DADFAILED),
        )
        found[index] = (*found.get(index, ()), entry)
    return found


def primary_ipv4(name: str) -> Address | None:
    """Return the first primary IPv4 address of an interface, None where it has none."""
    for entry in addresses(name):
        if len(entry.address) == 4 and not entry.is_secondary:
            return entry.address
    return None


def lowest_link_local(name: str, wait_ns: int = 3 * SECOND) -> Address | None:
    """Return the lowest fe80::/10 address that has passed duplicate address detection.

    Waits up to `wait_ns` for the first one, as a link that has just come up has none yet. A link
    that is down, has IPv6 switched off or whose only addresses are duplicates is not waited for.
    """
    deadline_ns = clock.now_ns() + wait_ns
    while True:
        link_local = [entry for entry in addresses(name) if is_link_local(entry.address)]
        usable = [entry.address for entry in link_local if entry.is_usable]
        if usable:
            return min(usable)
        hopeless = bool(link_local) and all(entry.is_dad_failed for entry in link_local)
        if hopeless or clock.now_ns() >= deadline_ns or not _may_get_ipv6(name):
            return None
        clock.wait_ns(_DAD_POLL_NS)


def _may_get_ipv6(name: str) -> bool:
    setting = Path("/proc/sys/net/ipv6/conf") / name / "disable_ipv6"
    try:
        disabled = setting.read_text().strip() != "0"
    except OSError:
        disabled = True
    return find(name).is_up and not disabled
