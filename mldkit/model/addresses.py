"""Addresses, scopes and the groups that have a meaning of their own.

An `Address` is the packed form: 4 octets for IPv4, 16 for IPv6. Packed octets are what a frame
holds, they compare in numeric order, and a message of ten records has thirty of them, so no
object is built until somebody wants to read one (`text`).
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from socket import AF_INET6, inet_ntoa, inet_ntop
from typing import TypeAlias

Address: TypeAlias = bytes
"""Packed address in network byte order; its length tells the family."""

IPV4_UNSPECIFIED: Address = bytes(4)
IPV6_UNSPECIFIED: Address = bytes(16)

_HEX = frozenset("0123456789abcdefABCDEF")
_NEARLY_ZERO = bytes(12)
_LINK_LOCAL = b"\xfe\x80" + bytes(6)
_IN_MAC = b"\xff\xfe"
"""In the middle of an interface identifier that was made from a MAC (modified EUI-64)."""
_IPV4_MAPPED = bytes(10) + b"\xff\xff"


def parse(value: str) -> Address:
    """Return the packed form of `value`; raise ValueError when it is no address.

    Zone suffixes (`fe80::1%eth0`) are refused: an interface is said separately.
    """
    if "%" in value:
        raise ValueError(f"{value!r} carries a zone; name the interface separately")
    return ipaddress.ip_address(value).packed


@lru_cache(maxsize=65536)
def text(address: Address) -> str:
    """Return `address` as people write it: dotted for IPv4, RFC 5952 for IPv6.

    Other lengths, which no decoder makes, come back as hexadecimal.
    """
    if len(address) == 4:
        return inet_ntoa(address)
    if len(address) != 16:
        return address.hex()
    if address.startswith(_IPV4_MAPPED):
        return "::ffff:" + text(address[12:])
    if address.startswith(_NEARLY_ZERO):
        # The C library writes these with a dotted end.
        return ipaddress.IPv6Address(address).compressed
    return inet_ntop(AF_INET6, address)


@lru_cache(maxsize=4096)
def mac_text(mac: bytes) -> str:
    """Return a hardware address in lower case with colons."""
    return mac.hex(":")


def parse_mac(value: str) -> bytes:
    """Return the six octets of `value` (colons or dashes); raise ValueError otherwise."""
    parts = value.replace("-", ":").split(":")
    # int() takes more than digits: signs, blanks, underscores, digits of other scripts.
    if len(parts) != 6 or not all(1 <= len(part) <= 2 and _HEX.issuperset(part) for part in parts):
        raise ValueError(f"{value!r} is not a hardware address of six octets")
    return bytes(int(part, 16) for part in parts)


def is_multicast(address: Address) -> bool:
    """Return whether `address` is a multicast address of its family."""
    if len(address) == 4:
        return address[0] & 0xF0 == 0xE0
    return address[0] == 0xFF


def is_unspecified(address: Address) -> bool:
    """Return whether `address` is 0.0.0.0 or ::."""
    return not any(address)


def is_link_local(address: Address) -> bool:
    """Return whether an IPv6 address lies in fe80::/10 (RFC 4291 §2.4)."""
    return len(address) == 16 and address[0] == 0xFE and address[1] & 0xC0 == 0x80


def from_mac(mac: bytes) -> Address:
    """Return the link-local address that follows from a MAC (RFC 4291, appendix A)."""
    return _LINK_LOCAL + bytes((mac[0] ^ 2,)) + mac[1:3] + _IN_MAC + mac[3:]


def link_local_of(address: Address) -> Address | None:
    """Return the link-local address of the same MAC, where an address of another kind shows one."""
    if address[11:13] != _IN_MAC or address.startswith(_LINK_LOCAL):
        return None
    return _LINK_LOCAL + address[8:]


def scope(group: Address) -> int:
    """Return the scope of an IPv6 group: 1 interface, 2 link, 5 site, 14 global (RFC 4291 §2.7)."""
    return group[1] & 0x0F


def is_flooded(group: Address) -> bool:
    """Return whether data to `group` go everywhere on the link, whoever is member.

    224.0.0.0/24 (RFC 4541 §2.1.2) and the IPv6 groups that nobody reports. Other IPv6 groups of
    link scope are not: MLD speaks of them as of any (RFC 4541 §3, RFC 9777 §6).
    """
    return group.startswith(b"\xe0\0\0") if len(group) == 4 else not is_reportable(group)


def is_source_specific(group: Address) -> bool:
    """Return whether `group` lies in the source-specific range: 232/8 or ff3x::/32 (RFC 4607)."""
    if len(group) == 4:
        return group[0] == 232
    return group[0] == 0xFF and group[1] & 0xF0 == 0x30 and group[2:4] == b"\0\0"


def is_reportable(group: Address) -> bool:
    """Return whether a host ever reports `group`.

    Never reported are 224.0.0.1, ff02::1 and scopes 0 and 1 (RFC 9776 §5, RFC 9777 §6).
    """
    if len(group) == 4:
        return group != b"\xe0\x00\x00\x01"
    return scope(group) > 1 and group != ALL_NODES


def solicited_node(address: Address) -> Address:
    """Return the solicited-node group of an IPv6 address (RFC 4291 §2.7.1)."""
    return _SOLICITED_NODE_PREFIX + address[13:]


def group_mac(group: Address) -> bytes:
    """Return the Ethernet address that frames for `group` go to.

    01:00:5e and the low 23 bits (RFC 1112 §6.4) or 33:33 and the low 32 bits (RFC 2464 §7).
    """
    if len(group) == 4:
        return bytes((0x01, 0x00, 0x5E, group[1] & 0x7F, group[2], group[3]))
    return b"\x33\x33" + group[12:]


def consecutive(first: Address, count: int) -> tuple[Address, ...]:
    """Return `count` addresses from `first` upwards; raise ValueError past the last address."""
    start = int.from_bytes(first, "big")
    if start + count > 1 << 8 * len(first):
        raise ValueError(f"{count} addresses from {text(first)} run past the end of the family")
    return tuple(number.to_bytes(len(first), "big") for number in range(start, start + count))


ALL_NODES: Address = parse("ff02::1")
_SOLICITED_NODE_PREFIX = parse("ff02::1:ff00:0")[:13]
