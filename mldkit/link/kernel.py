"""What this kernel believes about multicast in this network namespace, read at one moment.

`read` puts the five tables of /proc/net, the anycast addresses, the netlink dumps of groups,
devices, addresses and proxied neighbours side by side, without joining them::

    groups   igmp + igmp6            sources   mcfilter + mcfilter6
    macs     dev_mcast               anycast   anycast6
    joined   RTM_GETMULTICAST        devices, addresses, proxies: netlink

Contract: /proc/thread-self/net is the namespace of this very thread, where /proc/net would be
that of the main thread. The tables are not read in one instant; whoever compares them reads
again before he calls a difference a fault. No privilege is needed.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, AF_INET6
from typing import TYPE_CHECKING

from mldkit.errors import LinkError
from mldkit.link import kernel_tables, netlink
from mldkit.link.interfaces import addresses_by_index
from mldkit.link.kernel_devices import KernelDevice, devices
from mldkit.model.addresses import Address
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from mldkit.link.interfaces import InterfaceAddress
    from mldkit.link.kernel_tables import (
        ListedAnycast,
        ListedDevice,
        ListedGroup,
        ListedMac,
        ListedSource,
    )

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
"""USER_HZ: the unit of the timers in the tables."""

_TABLES = Path("/proc/thread-self/net")
_SETTINGS = Path("/proc/sys/net/ipv6/conf")
# linux/if_addr.h
_IFA_CACHEINFO = 6
_IFA_MULTICAST = 7
_ADDRESS_HEADER = struct.Struct("=BBBBI")
_CACHE_INFO = struct.Struct("=IIII")
# linux/neighbour.h: family, index, state, flags, type.
_NEIGHBOUR_HEADER = struct.Struct("=BxxxiHBB")
_NTF_PROXY = 0x08
_NDA_DST = 1


@dataclass(frozen=True, slots=True)
class Kernel:
    """One reading of everything."""

    devices: dict[int, KernelDevice]
    """By index."""
    igmp_devices: tuple[ListedDevice, ...]
    groups: tuple[ListedGroup, ...]
    """Both families; per device the newest first."""
    sources: tuple[ListedSource, ...]
    macs: tuple[ListedMac, ...]
    anycast: tuple[ListedAnycast, ...]
    addresses: dict[int, tuple[InterfaceAddress, ...]]
    """IPv6 and IPv4 addresses by interface index."""
    proxies: dict[int, tuple[Address, ...]]
    """Addresses that this host answers Neighbour Solicitations for, by interface index."""
    joined: dict[int, dict[tuple[int, Address], int | None]]
    """By address length (4, 16): what the netlink dump lists as (index, group), with the uptime
    in ns when the entry was made; a family is missing where the kernel has no such dump."""
    forwarding: frozenset[int]
    """Indexes of the interfaces that forward IPv6."""


class SourceLists:
    """The sources of each group, as far as the tables can be trusted to show them.

    A table starts at the first device whose newest group has sources and shows all from there on
    (net/ipv4/igmp.c:igmp_mcf_get_first, igmp_mcf_get_next; net/ipv6/mcast.c the same). Of the
    devices before it nothing is known but that their newest group has none.
    """

    def __init__(self, state: Kernel) -> None:
        self._found: dict[tuple[int, Address], list[ListedSource]] = {}
        for source in state.sources:
            self._found.setdefault((source.index, source.group), []).append(source)
        self._complete: set[tuple[int, int]] = set()
        for octets in (4, 16):
            order = _device_order(state, octets)
            shown = [s.index for s in state.sources if len(s.group) == octets]
            if shown and shown[0] in order:
                self._complete.update((i, octets) for i in order[order.index(shown[0]) :])
        self._newest: dict[tuple[int, int], Address] = {}
        for entry in state.groups:
            self._newest.setdefault((entry.index, len(entry.group)), entry.group)

    def of(self, index: int, group: Address) -> tuple[ListedSource, ...] | None:
        """Return the sources of a group, None where there may be some that are not shown."""
        found = self._found.get((index, group))
        if found is not None:
            return tuple(found)
        place = (index, len(group))
        known = place in self._complete or self._newest.get(place) == group
        return () if known else None


def read() -> Kernel:
    """Return what the kernel of this network namespace says now."""
    igmp_devices, igmp = kernel_tables.parse_igmp(_table("igmp"))
    igmp6 = kernel_tables.parse_igmp6(_table("igmp6"))
    found = devices()
    return Kernel(
        devices=found,
        igmp_devices=igmp_devices,
        groups=igmp + igmp6,
        sources=kernel_tables.parse_mcfilter(_table("mcfilter"))
        + kernel_tables.parse_mcfilter(_table("mcfilter6")),
        macs=kernel_tables.parse_dev_mcast(_table("dev_mcast")),
        anycast=kernel_tables.parse_anycast6(_table("anycast6")),
        addresses=addresses_by_index(),
        proxies=_proxies(),
        joined=_joined(),
        forwarding=frozenset(d.index for d in found.values() if _forwards(d.name)),
    )


@netlink.understood("groups")
def parse_multicast(fixed: bytes, attributes: dict[int, bytes]) -> tuple[int, Address, int | None]:
    """Return index, group and the uptime in ns when it was made, of a dump or a notification.

    Both carry an ifaddrmsg (net/ipv4/igmp.c, net/ipv6/addrconf.c:inet6_fill_ifmcaddr); dumps say
    RTM_GETMULTICAST where one expects RTM_NEWMULTICAST.
    """
    index = _ADDRESS_HEADER.unpack(fixed)[4]
    made_ns = None
    if len(attributes.get(_IFA_CACHEINFO, b"")) >= _CACHE_INFO.size:
        # Hundredths of a second since the start of the machine, whatever USER_HZ is.
        made_ns = _CACHE_INFO.unpack_from(attributes[_IFA_CACHEINFO])[2] * (SECOND // 100)
    return index, attributes.get(_IFA_MULTICAST, b""), made_ns


MULTICAST_HEADER_OCTETS = _ADDRESS_HEADER.size
"""Size of the fixed part that `parse_multicast` takes."""


def _device_order(state: Kernel, octets: int) -> list[int]:
    if octets == 4:
        return [device.index for device in state.igmp_devices]
    return list(dict.fromkeys(g.index for g in state.groups if len(g.group) == octets))


def _table(name: str) -> str:
    """Return a table, empty where this kernel was built without it (no IPv6, no multicast)."""
    try:
        return (_TABLES / name).read_text(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise LinkError(f"/proc/net/{name}: {error.strerror}") from error


def _forwards(name: str) -> bool:
    try:
        return (_SETTINGS / name / "forwarding").read_text().strip() != "0"
    except (OSError, ValueError):  # a name that no file can have
        return False


def _joined() -> dict[int, dict[tuple[int, Address], int | None]]:
    found: dict[int, dict[tuple[int, Address], int | None]] = {}
    for family, octets in ((AF_INET, 4), (AF_INET6, 16)):
        try:
            entries = netlink.dump(
                netlink.GET_MULTICAST, family=family, fixed_octets=_ADDRESS_HEADER.size
            )
        except LinkError:
            continue  # Linux 6.12 has no such dump for IPv4
        of_family = found[octets] = {}
        for fixed, attributes in entries:
            index, group, made_ns = parse_multicast(fixed, attributes)
            if len(group) == octets:
                of_family[index, group] = made_ns
    return found


def _proxies() -> dict[int, tuple[Address, ...]]:
    question = _NEIGHBOUR_HEADER.pack(AF_INET6, 0, 0, _NTF_PROXY, 0)
    octets = _NEIGHBOUR_HEADER.size
    try:
        entries = netlink.dump(
            netlink.GET_NEIGHBOUR, family=AF_INET6, fixed_octets=octets, question=question
        )
    except LinkError:
        return {}  # a kernel without IPv6 has no proxies for it
    found: dict[int, tuple[Address, ...]] = {}
    for fixed, attributes in entries:
        family, index, _, flags, _ = _NEIGHBOUR_HEADER.unpack(fixed)
        if family == AF_INET6 and flags & _NTF_PROXY and len(attributes.get(_NDA_DST, b"")) == 16:
            found[index] = (*found.get(index, ()), attributes[_NDA_DST])
    return found
