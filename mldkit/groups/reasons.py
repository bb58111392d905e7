"""Why the kernel itself listens to a group: what can be told from its own settings.

::

    224.0.0.1 ff01::1 ff02::1   every node         ip_mc_up, ipv6_add_dev
    ff01::2 ff02::2 ff05::2     forwarding         ipv6_add_dev, dev_forward_change
    ff02::1:ffXX:XXXX           own address        addrconf_join_solict
                                anycast address    __ipv6_dev_ac_inc
                                proxied neighbour  pndisc_constructor
    224.0.0.106 ff02::6a        bridge, snooping   br_multicast_join_snoopers
    a tunnel's group            VXLAN device       vxlan_multicast_join

(net/ipv4/igmp.c, net/ipv6/addrconf.c, anycast.c, ndisc.c, net/bridge/br_multicast.c,
drivers/net/vxlan; Linux 6.12.) Each reason that counts is one user of the group, so what is left
after them are sockets.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from mldkit.groups.row import Reason, ReasonKind
from mldkit.model.addresses import parse, solicited_node, text
from mldkit.model.well_known import well_known_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.link.interfaces import InterfaceAddress
    from mldkit.link.kernel import Kernel
    from mldkit.link.kernel_devices import KernelDevice
    from mldkit.link.kernel_tables import ListedAnycast, ListedGroup
    from mldkit.model.addresses import Address

_ALL_NODES = {
    parse("224.0.0.1"): "every IPv4 host",
    parse("ff02::1"): "every IPv6 node",
    parse("ff01::1"): "every IPv6 node, inside the host only",
}
_ROUTERS = {
    parse("ff01::2"): "all routers, inside the host only",
    parse("ff02::2"): "all routers of the link",
    parse("ff05::2"): "all routers of the site",
}
_SOLICITED_NODE = parse("ff02::1:ff00:0")[:13]
_SNOOPERS = {parse("224.0.0.106"), parse("ff02::6a")}


def kernel_reasons(kernel: Kernel, entry: ListedGroup, device: KernelDevice) -> tuple[Reason, ...]:
    """Return the reasons that need no process, each with the users it accounts for."""
    reasons = list(_of_addresses(kernel, entry, device))
    group = entry.group
    if group in _ALL_NODES:
        reasons.append(Reason(ReasonKind.ALL_NODES, _ALL_NODES[group]))
    if group in _ROUTERS and entry.index in kernel.forwarding:
        reasons.append(Reason(ReasonKind.FORWARDING, f"this interface forwards: {_ROUTERS[group]}"))
    if group in _SNOOPERS and device.kind == "bridge":
        reasons.append(Reason(ReasonKind.WELL_KNOWN, "all snoopers: the bridge snoops (RFC 4286)"))
    for tunnel in kernel.devices.values():
        if tunnel.tunnel_group == group and tunnel.tunnel_lower == entry.index and tunnel.is_up:
            reasons.append(
                Reason(
                    ReasonKind.SOCKET, f"{tunnel.kind} device {tunnel.name}, a socket of the kernel"
                )
            )
    name = None if reasons else well_known_name(group)
    if name:
        reasons.append(Reason(ReasonKind.WELL_KNOWN, name, users=0))
    return tuple(reasons)


def _of_addresses(kernel: Kernel, entry: ListedGroup, device: KernelDevice) -> Iterator[Reason]:
    group = entry.group
    if not group.startswith(_SOLICITED_NODE):
        return
    own = [a for a in kernel.addresses.get(device.index, ()) if len(a.address) == 16]
    for address in own:
        if solicited_node(address.address) == group:
            # Also while it is tentative, and after it was found to be a duplicate.
            failed, waits = address.is_dad_failed, address.is_tentative
            state = " (a duplicate)" if failed else " (tentative)" if waits else ""
            yield Reason(ReasonKind.SOLICITED_NODE, f"own address {text(address.address)}{state}")
    for listed in kernel.anycast:
        if listed.index == device.index and solicited_node(listed.address) == group:
            yield Reason(ReasonKind.ANYCAST, _anycast(listed, own))
    for proxied in kernel.proxies.get(device.index, ()):
        if solicited_node(proxied) == group:
            yield Reason(
                ReasonKind.PROXY, f"solicited-node of the proxied neighbour {text(proxied)}"
            )


def _anycast(listed: ListedAnycast, own: list[InterfaceAddress]) -> str:
    for address in own:
        if _subnet(address) == listed.address:
            prefix = f"{text(listed.address)}/{address.prefix_length}"
            return f"subnet-router anycast address of {prefix} (RFC 4291 §2.6.1)"
    return f"anycast address {text(listed.address)}"


def _subnet(address: InterfaceAddress) -> Address:
    whole = (address.address, address.prefix_length)
    return ipaddress.IPv6Network(whole, strict=False).network_address.packed
