"""Frames inside tunnels, put together octet by octet; see `mldkit.testing.encapsulations`."""

from __future__ import annotations

import struct

from mldkit.model.datagram import LinkType
from mldkit.testing.encapsulations import (
    ADDRESSES,
    LABEL,
    LINKS,
    PSEUDOWIRE,
    SWITCH_TAGS,
    Encapsulation,
    is_ipv6,
    packet,
    ppp,
    type_of,
    wifi,
)
from mldkit.wire.checksum import internet_checksum

_NEAR, _FAR = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
_NEAR_6, _FAR_6 = (b"\x20\x01\x0d\xb8" + bytes(11) + bytes((last,)) for last in (1, 2))
_ETHERNET = LinkType.ETHERNET


def in_ipv4(protocol: int, payload: bytes) -> bytes:
    """Return an Ethernet frame with an IPv4 packet of `protocol`."""
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0, _NEAR, _FAR
    )
    head = head[:10] + internet_checksum(head).to_bytes(2, "big") + head[12:]
    return ADDRESSES + b"\x08\x00" + head + payload


def in_ipv6(next_header: int, payload: bytes) -> bytes:
    """Return an Ethernet frame with an IPv6 packet of `next_header`."""
    head = struct.pack("!IHBB16s16s", 6 << 28, len(payload), next_header, 64, _NEAR_6, _FAR_6)
    return ADDRESSES + b"\x86\xdd" + head + payload


def in_udp(to_port: int, payload: bytes, from_port: int = 0) -> bytes:
    """Return an Ethernet frame with a UDP datagram in IPv4, from a port of its own."""
    from_port = from_port or 65_535 - to_port
    return in_ipv4(17, struct.pack("!HHHH", from_port, to_port, 8 + len(payload), 0) + payload)


def _gtp(flags: int, extra: bytes, payload: bytes) -> bytes:
    head = struct.pack("!BBHI", flags, 255, len(extra) + len(payload), 9)
    return in_udp(2152, head + extra + payload)


def _erspan_3(own_header: bytes, frame: bytes) -> bytes:
    head = b"\x20\x05\x00\x07" + bytes(6) + b"\x00" + bytes((bool(own_header),))
    return in_ipv4(47, b"\x10\x00\x22\xeb\x00\x00\x00\x01" + head + own_header + frame)


def _pptp(frame: bytes) -> bytes:
    payload = b"\xff\x03" + ppp(frame)
    head = b"\x30\x01\x88\x0b" + struct.pack("!HHI", len(payload), 1, 1)
    return in_ipv4(47, head + payload)


def _long_l2tp(payload: bytes) -> bytes:
    fields = struct.pack("!HHHHHHH", 16 + len(payload), 1, 2, 0, 0, 2, 0)
    return b"\x4a\x02" + fields + payload


def _ayiya(frame: bytes) -> bytes:
    return in_udp(5072, b"\x41\x52\x11\x29" + bytes(4 + 16 + 20) + packet(frame))


TUNNELS = (
    Encapsulation(
        "VXLAN", _ETHERNET, lambda f: in_udp(4789, b"\x08\0\0\0\0\0\5\0" + f), "vxlan",
        (("vxlan", 5),),
    ),
    Encapsulation(
        "Geneve", _ETHERNET,
        lambda f: in_udp(6081, b"\1\0\x65\x58\0\0\5\0" + b"\1\2\3\0" + f), "geneve",
        (("geneve", 5),),
    ),
    Encapsulation(
        "Geneve with IP", _ETHERNET,
        lambda f: in_udp(6081, b"\0\0" + type_of(f) + b"\0\0\5\0" + packet(f)), "geneve",
        (("geneve", 5),),
    ),
    Encapsulation(
        "GTP-U", _ETHERNET, lambda f: _gtp(0x30, b"", packet(f)), "gtp", (("gtp", None),)
    ),
    Encapsulation(
        "GTP-U with an extension", _ETHERNET,
        lambda f: _gtp(0x34, b"\0\0\0\x85\1\0\0\0", packet(f)), "gtp", (("gtp", None),),
    ),
    Encapsulation(
        "L2TP", _ETHERNET, lambda f: in_udp(1701, b"\0\2\0\1\0\2\xff\3" + ppp(f)), "l2tp",
        (("l2tp", None),),
    ),
    Encapsulation(
        "L2TP from its port, all fields", _ETHERNET,
        lambda f: in_udp(40_000, _long_l2tp(ppp(f)), 1701),
        "l2tp", (("l2tp", None),),
    ),
    Encapsulation(
        "CAPWAP with Ethernet", _ETHERNET,
        lambda f: in_udp(5247, b"\0\x10\2\0\0\0\0\0" + f), "capwap", (("capwap", None),),
    ),
    Encapsulation(
        "CAPWAP from its port, a radio's MAC", _ETHERNET,
        lambda f: in_udp(40_000, b"\0\x20\2\x10\0\0\0\0\6\2\0\0\0\0\1\0" + f, 5247), "capwap",
        (("capwap", None),),
    ),
    Encapsulation(
        "CAPWAP with 802.11, octets swapped", _ETHERNET,
        lambda f: in_udp(5247, b"\0\x10\3\0\0\0\0\0\2\x08" + wifi(f)[2:]), "capwap",
        (("capwap", None),),
    ),
    Encapsulation(
        "TZSP", _ETHERNET, lambda f: in_udp(37_008, b"\1\0\0\1\1" + f), "tzsp", (("tzsp", None),)
    ),
    Encapsulation(
        "TZSP with 802.11 and a field", _ETHERNET,
        lambda f: in_udp(37_008, b"\1\0\0\x12\x0a\1\5\0\1" + wifi(f)), "tzsp", (("tzsp", None),),
    ),
    Encapsulation("AYIYA", _ETHERNET, _ayiya, "ayiya", (("ayiya", None),), (6,)),
    Encapsulation(
        "6in4", _ETHERNET, lambda f: in_ipv4(41, packet(f)), "ipip", (("ipip", None),), (6,)
    ),
    Encapsulation(
        "IP in IPv6 behind an encapsulation limit", _ETHERNET,
        lambda f: in_ipv6(
            60, bytes((41 if is_ipv6(f) else 4,)) + b"\0\4\1\4\1\0\0" + packet(f)
        ),
        "ipip", (("ipip", None),),
    ),
    Encapsulation(
        "GRE with MPLS", _ETHERNET, lambda f: in_ipv4(47, b"\0\0\x88\x47" + LABEL + packet(f)),
        "gre", (("gre", None),),
    ),
    Encapsulation(
        "GRE with a key", _ETHERNET,
        lambda f: in_ipv4(47, b"\x20\0\x65\x58\0\0\0\x09" + f), "gre", (("gre", 9),),
    ),
    Encapsulation("PPTP", _ETHERNET, _pptp, "gre", (("gre", None),)),
    Encapsulation(
        "ERSPAN I", _ETHERNET, lambda f: in_ipv4(47, b"\0\0\x88\xbe" + f), "erspan",
        (("erspan", None),),
    ),
    Encapsulation(
        "ERSPAN II", _ETHERNET,
        lambda f: in_ipv4(47, b"\x10\0\x88\xbe\0\0\0\1\x10\5\0\7\0\0\0\0" + f), "erspan",
        (("erspan", 7),),
    ),
    Encapsulation(
        "ERSPAN III", _ETHERNET, lambda f: _erspan_3(b"", f), "erspan", (("erspan", 7),)
    ),
    Encapsulation(
        "ERSPAN III with a header of its platform", _ETHERNET, lambda f: _erspan_3(bytes(8), f),
        "erspan", (("erspan", 7),),
    ),
    Encapsulation(
        "MPLS in IP", _ETHERNET, lambda f: in_ipv4(137, LABEL + packet(f)), "mpls",
        (("mpls", None),),
    ),
    Encapsulation(
        "VXLAN in GRE", _ETHERNET,
        lambda f: in_ipv4(
            47, b"\0\0\x65\x58" + in_udp(4789, b"\x08\0\0\0\0\0\5\0" + f)
        ),
        "vxlan in gre", (("gre", None), ("vxlan", 5)),
    ),
)  # fmt: skip
"""What is looked into only when asked."""
GUESSED = (
    PSEUDOWIRE,
    Encapsulation(
        "GTP-U with Ethernet",
        _ETHERNET,
        lambda f: _gtp(0x30, b"", f),
        "gtp",
        (("gtp", None),),
    ),
)
"""Told by what their octets look like, which others see otherwise for some MACs."""
ALL = (*LINKS, *SWITCH_TAGS, *TUNNELS, *GUESSED)
"""Everything that is read."""
