"""Groups that have a name of their own, by their addresses.

From the IANA registries "IPv4 Multicast Address Space" and "IPv6 Multicast Address Space"; only
what is met on real hosts. IPv6 groups of variable scope (ff0X::fb) are known in every scope.
"""

from __future__ import annotations

from mldkit.model.addresses import Address, parse

_IPV4 = {
    "224.0.0.1": "all hosts",
    "224.0.0.2": "all routers",
    "224.0.0.4": "DVMRP routers",
    "224.0.0.5": "OSPF routers",
    "224.0.0.6": "OSPF designated routers",
    "224.0.0.9": "RIPv2",
    "224.0.0.10": "EIGRP",
    "224.0.0.13": "PIM routers",
    "224.0.0.18": "VRRP",
    "224.0.0.22": "IGMPv3 reports",
    "224.0.0.102": "HSRPv2 and GLBP",
    "224.0.0.106": "all snoopers (router discovery, RFC 4286)",
    "224.0.0.107": "PTP peer delay",
    "224.0.0.251": "mDNS",
    "224.0.0.252": "LLMNR",
    "224.0.1.1": "NTP",
    "224.0.1.129": "PTP",
    "224.0.1.187": "CoAP",
    "239.255.255.250": "SSDP",
    "239.255.255.253": "SLP",
}
_LINK_SCOPE = {
    "ff02::1": "all nodes",
    "ff02::2": "all routers",
    "ff02::5": "OSPFv3 routers",
    "ff02::6": "OSPFv3 designated routers",
    "ff02::9": "RIPng",
    "ff02::a": "EIGRP",
    "ff02::d": "PIM routers",
    "ff02::12": "VRRP",
    "ff02::16": "MLDv2 reports",
    "ff02::1a": "RPL nodes",
    "ff02::66": "HSRP",
    "ff02::6a": "all snoopers (router discovery, RFC 4286)",
    "ff02::6b": "PTP peer delay",
    "ff02::1:2": "DHCPv6 relay agents and servers",
    "ff02::1:3": "LLMNR",
    "ff02::1:6": "Babel",
    "ff05::2": "all routers of the site",
    "ff05::1:3": "DHCPv6 servers",
}
_ANY_SCOPE = {
    "ff00::c": "SSDP",
    "ff00::fb": "mDNS",
    "ff00::fd": "CoAP",
    "ff00::101": "NTP",
    "ff00::116": "SLP",
    "ff00::181": "PTP",
}
_DISCOVERY = (
    "224.0.1.22", "224.0.1.35", "224.0.1.60", "224.0.1.187", "224.2.127.254", "239.255.255.250",
    "239.255.255.253", "239.255.255.255",
)  # fmt: skip
_DISCOVERY_OF_ANY_SCOPE = ("ff00::c", "ff00::fb", "ff00::fd", "ff00::116", "ff00::123",
                           "ff00::1:3", "ff00::2:7ffe")  # fmt: skip
_DISCOVERY_PORTS = frozenset((427, 1900, 3702, 5353, 5355, 5683, 9875))
"""SLP, SSDP, WS-Discovery, mDNS, LLMNR, CoAP, session announcements."""
_NODE_INFORMATION = parse("ff02::2:ff00:0")[:13]
_EXACT = {parse(group): name for group, name in (_IPV4 | _LINK_SCOPE).items()}
_DISCOVERY_GROUPS = frozenset(map(parse, _DISCOVERY))
_DISCOVERY_ENDS = frozenset(parse(group)[2:] for group in _DISCOVERY_OF_ANY_SCOPE)
_LOW_OCTETS = {parse(group)[2:]: name for group, name in _ANY_SCOPE.items()}


def well_known_name(group: Address) -> str | None:
    """Return what a group is for, None if it has no name of its own."""
    if group in _EXACT:
        return _EXACT[group]
    if len(group) == 4:
        return None
    if group.startswith(_NODE_INFORMATION):
        return "node information queries for one host name"
    is_permanent = not group[1] & 0xF0
    return _LOW_OCTETS.get(group[2:]) if is_permanent else None


def is_discovery(group: Address, port: int = 0) -> bool:
    """Return whether services are announced and searched in a group, or at a UDP port of it.

    Who searches need not be a member, and who announces does so in bursts.
    """
    if port in _DISCOVERY_PORTS or group in _DISCOVERY_GROUPS:
        return True
    return len(group) == 16 and not group[1] & 0xF0 and group[2:] in _DISCOVERY_ENDS
