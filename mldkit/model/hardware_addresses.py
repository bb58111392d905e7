"""Hardware addresses: which can belong to a device, and which routers share.

Whoever is the active one of several routers sends from the address that they share.
"""

from __future__ import annotations

_PREFIXES = (
    (b"\0\0\x5e\0\1", "VRRP"),  # RFC 9568 §7.3, IPv4; CARP uses the same
    (b"\0\0\x5e\0\2", "VRRP"),  # RFC 9568 §7.3, IPv6
    (b"\0\0\x0c\7\xac", "HSRP"),  # RFC 2281 §5.4
    (b"\0\7\xb4\0", "GLBP"),
)
_HSRP_2_IPV4, _HSRP_2_IPV6 = b"\0\0\x0c\x9f", b"\0\5\x73\xa0"


def is_device(mac: bytes) -> bool:
    """Return whether a hardware address can belong to a device: no group, not all zeros."""
    return len(mac) == 6 and not mac[0] & 1 and any(mac)


def virtual_router_protocol(mac: bytes) -> str:
    """Return the protocol whose virtual routers own a MAC; empty where it is none of theirs."""
    for prefix, protocol in _PREFIXES:
        if mac.startswith(prefix):
            return protocol
    # HSRP version 2 numbers 4,096 groups with the last twelve bits.
    if (mac.startswith(_HSRP_2_IPV4) and mac[4] >> 4 == 0xF) or (
        mac.startswith(_HSRP_2_IPV6) and mac[4] >> 4 == 0
    ):
        return "HSRP"
    return ""
