"""Numbers by which one protocol names the next: ethertypes, IP protocols, ports, PPP protocols.

Each table is the only place of its numbers. A name in a table is what a protocol is called where
it is told that something was not looked into.
"""

from __future__ import annotations

SMALLEST_ETHERTYPE = 0x0600
"""Smaller numbers in its place are the length of an 802.3 frame (IEEE 802.3 §3.2.6)."""
ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
ETHERTYPE_ARP = 0x0806
ETHERTYPE_BRIDGED = 0x6558
"""Transparent Ethernet Bridging: another Ethernet frame follows (RFC 1701)."""
ETHERTYPE_PPP = 0x880B
ETHERTYPE_MPLS = 0x8847
ETHERTYPE_MPLS_MULTICAST = 0x8848
ETHERTYPE_PPPOE_SESSION = 0x8864
ETHERTYPE_MACSEC = 0x88E5
ETHERTYPE_BACKBONE_SERVICE = 0x88E7
"""I-TAG of provider backbone bridges (IEEE 802.1ah)."""
ETHERTYPE_CISCO_METADATA = 0x8909
"""Security group tags of Cisco."""
ETHERTYPE_VN_TAG = 0x8926
ETHERTYPE_HSR = 0x892F
ETHERTYPE_E_TAG = 0x893F
ETHERTYPE_EDSA = 0xDADA
"""What Linux programs into switches that put an ethertype in front of their DSA tag."""
VLAN_ETHERTYPES = frozenset((0x8100, 0x88A8, 0x9100))
MAX_VLAN_TAGS = 8
"""More tags on a frame are not read."""
ENCAPSULATING_ETHERTYPES = frozenset(
    (
        ETHERTYPE_BRIDGED, ETHERTYPE_PPP, ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST,
        ETHERTYPE_PPPOE_SESSION, ETHERTYPE_MACSEC, ETHERTYPE_BACKBONE_SERVICE,
        ETHERTYPE_CISCO_METADATA, ETHERTYPE_VN_TAG, ETHERTYPE_HSR, ETHERTYPE_E_TAG, ETHERTYPE_EDSA,
    )
)  # fmt: skip
"""Behind these, other than behind VLAN tags, stands what may be IP and is read."""
IP_VERSIONS = {4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6}
"""The ethertype that belongs to the version in the first octet of an IP header."""
UNREAD_ETHERTYPES = {
    0x22F3: "TRILL",
    0x883E: "WCCP",
    0x8903: "FabricPath",
    0x894F: "network service headers",
}
"""Encapsulations that are not looked into."""

GRE_ERSPAN_II = 0x88BE
"""GRE protocol type of ERSPAN I and II."""
GRE_ERSPAN_III = 0x22EB

IGMP, IPV4_IN_IP, TCP, UDP, IPV6_IN_IP, GRE = 2, 4, 6, 17, 41, 47
ESP, AUTHENTICATION, L2TP, MPLS_IN_IP = 50, 51, 115, 137
IP_TUNNELS = {
    IPV4_IN_IP: "IP-in-IP",
    IPV6_IN_IP: "IP-in-IP",
    GRE: "GRE",
    MPLS_IN_IP: "MPLS-in-IP",
}
"""IP protocols of tunnels that can be looked into."""
UNREAD_IP_PROTOCOLS = {ESP: "ESP", AUTHENTICATION: "AH", L2TP: "L2TPv3"}
"""IP protocols that can carry other packets and are not looked into."""
IP_CARRIERS = frozenset((*IP_TUNNELS, *UNREAD_IP_PROTOCOLS))
"""All IP protocols that can carry other packets."""

HOP_BY_HOP, ROUTING, FRAGMENT, ICMPV6, DESTINATION_OPTIONS = 0, 43, 44, 58, 60
MOBILITY, HIP, SHIM6 = 135, 139, 140
IPV6_EXTENSIONS = frozenset(
    (HOP_BY_HOP, ROUTING, AUTHENTICATION, DESTINATION_OPTIONS, MOBILITY, HIP, SHIM6)
)
"""Extension headers behind which the next one is looked for."""

VXLAN_PORT, GENEVE_PORT, GTP_PORT, L2TP_PORT = 4789, 6081, 2152, 1701
CAPWAP_PORT, TZSP_PORT, AYIYA_PORT = 5247, 37008, 5072
UDP_TUNNELS = {
    L2TP_PORT: "L2TP",
    GTP_PORT: "GTP-U",
    VXLAN_PORT: "VXLAN",
    AYIYA_PORT: "AYIYA",
    CAPWAP_PORT: "CAPWAP",
    GENEVE_PORT: "Geneve",
    TZSP_PORT: "TZSP",
}
"""Destination ports of tunnels that can be looked into."""
ANSWERING_TUNNELS = frozenset((L2TP_PORT, AYIYA_PORT, CAPWAP_PORT))
"""Those of them that send back from their port to any port."""
UNREAD_UDP_PORTS = {3544: "Teredo", 4341: "LISP", 4790: "VXLAN-GPE"}
"""Destination ports of tunnels that are not looked into."""
TUNNEL_PORTS = frozenset((*UDP_TUNNELS, *UNREAD_UDP_PORTS))
"""Destination ports of all tunnels."""

PPP_ETHERTYPES = {
    0x0021: ETHERTYPE_IPV4,
    0x0057: ETHERTYPE_IPV6,
    0x0281: ETHERTYPE_MPLS,
    0x0283: ETHERTYPE_MPLS_MULTICAST,
}
"""PPP protocols and the ethertypes of what they carry."""
UNREAD_PPP_PROTOCOLS = {
    0x0031: "PPP bridging",
    0x003D: "PPP multilink",
    0x0053: "PPP, encrypted",
    0x0055: "PPP, encrypted",
    0x00FB: "PPP, compressed",
    0x00FD: "PPP, compressed",
}

NLPID_SNAP, NLPID_IPV6, NLPID_IPV4, NLPID_PPP = 0x80, 0x8E, 0xCC, 0xCF
"""Network layer protocol ids of frame relay (RFC 2427)."""

ARPHRD_FRAME_RELAY, ARPHRD_RADIOTAP, ARPHRD_NETLINK = 770, 803, 824
"""Kinds of device in cooked headers behind which stands no ethertype (linux/if_arp.h)."""
COOKED_ETHERNET, COOKED_LLC, COOKED_PPP = 3, 4, 7
"""What stands in the place of an ethertype in cooked headers (LINUX_SLL_P_ numbers)."""
LOOPBACK_FAMILIES = {2: ETHERTYPE_IPV4, 24: ETHERTYPE_IPV6, 28: ETHERTYPE_IPV6, 30: ETHERTYPE_IPV6}
"""Address families in the loopback headers of the BSDs and of macOS."""

DSA_TAG_OCTETS = 4

RAW_IP_NUMBERS = frozenset((12, 14))
"""Link type numbers of raw IP on systems that do not write 101."""
