"""Frames inside whatever mldkit reads them from, put together octet by octet.

Each `Encapsulation` wraps an untagged Ethernet frame with an IP packet: `wrap` gives the octets of
a frame of its link type. Builders know nothing of the readers, and so can be held against them.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from mldkit.model.datagram import LinkType

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESSES = bytes.fromhex("020000000b02020000000b01")
"""Destination and source of an outer Ethernet header."""
LABEL = bytes.fromhex("00064140")  # label 100, last, TTL 64
MORE_LABEL = bytes.fromhex("00032040")  # label 50


class Encapsulation(NamedTuple):
    """One way to carry a frame."""

    name: str
    link_type: int
    wrap: Callable[[bytes], bytes]
    tunnel: str | None = None
    """Kind of the tunnel, which is looked into only when asked."""
    circuit: tuple[tuple[str, int | None], ...] = ()
    families: tuple[int, ...] = (4, 6)


def packet(frame: bytes) -> bytes:
    """Return the IP packet of a frame."""
    return frame[14:]


def type_of(frame: bytes) -> bytes:
    """Return the ethertype of a frame."""
    return frame[12:14]


def is_ipv6(frame: bytes) -> bool:
    """Return whether the packet of a frame is IPv6."""
    return frame[12:14] == b"\x86\xdd"


def ppp(frame: bytes) -> bytes:
    """Return the packet of a frame behind a PPP protocol field."""
    return (b"\x00\x57" if is_ipv6(frame) else b"\x00\x21") + packet(frame)


def _session(frame: bytes) -> bytes:
    payload = ppp(frame)
    return b"\x11\x00\x00\x07" + struct.pack("!H", len(payload)) + payload


def _pppoe(frame: bytes) -> bytes:
    return ADDRESSES + b"\x88\x64" + _session(frame)


def _macsec(frame: bytes) -> bytes:
    return frame[:12] + b"\x88\xe5\x20\x00\x00\x00\x00\x01" + bytes(8) + frame[12:] + bytes(16)


def _cooked(kind: int, protocol: bytes, payload: bytes) -> bytes:
    return struct.pack("!HHH8s", 0, kind, 6, ADDRESSES[6:] + b"\0\0") + protocol + payload


def _cooked_2(kind: int, protocol: bytes, payload: bytes) -> bytes:
    head = struct.pack("!HIHBB8s", 0, 2, kind, 0, 6, ADDRESSES[6:] + b"\0\0")
    return protocol + head + payload


def wifi(frame: bytes) -> bytes:
    """Return an 802.11 data frame from an access point."""
    addresses = frame[:6] + ADDRESSES[:6] + frame[6:12]
    snap = b"\xaa\xaa\x03\x00\x00\x00" + frame[12:]
    return b"\x08\x02\x00\x00" + addresses + b"\x10\x00" + snap


def _frame_relay(frame: bytes) -> bytes:
    return b"\x18\x41\x03" + (b"\x8e" if is_ipv6(frame) else b"\xcc") + packet(frame)


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack("<HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _nflog(frame: bytes) -> bytes:
    family = 10 if is_ipv6(frame) else 2
    sender = struct.pack("!HH", 6, 0) + frame[6:12] + b"\0\0"
    items = _item(1, frame[12:14] + b"\1\0") + _item(10, b"log\0") + _item(8, sender)
    return bytes((family, 0, 0, 5)) + items + _item(9, packet(frame))


def _ppi(number: int, payload: bytes) -> bytes:
    return struct.pack("<BBHI", 0, 0, 8, number) + payload


def _pktap(number: int, payload: bytes) -> bytes:
    return struct.pack("<III24s", 108, 1, number, b"en0") + bytes(72) + payload


def _avs(frame: bytes) -> bytes:
    return bytes.fromhex("8021100100000040") + bytes(56) + wifi(frame)


def _prism(frame: bytes) -> bytes:
    return struct.pack("<II", 0x44, 144) + bytes(136) + wifi(frame)


def _cooked_kinds(
    name: str, link_type: int, head: Callable[[int, bytes, bytes], bytes]
) -> tuple[Encapsulation, ...]:
    """Return what stands behind a cooked header by the kind of device and the protocol."""

    def kind(
        words: str, wrap: Callable[[bytes], bytes], *circuit: tuple[str, int]
    ) -> Encapsulation:
        return Encapsulation(f"{name} {words}", link_type, wrap, circuit=circuit)

    radiotap = b"\0\0\x08\0" + bytes(4)
    return (
        kind("of a PPP device", lambda f: head(512, type_of(f), packet(f))),
        kind("of a GRE device", lambda f: head(778, type_of(f), packet(f))),
        kind("of a tunnel", lambda f: head(768, type_of(f), packet(f))),
        kind(
            "of a frame relay device", lambda f: head(770, b"\0\0", _frame_relay(f)), ("dlci", 100)
        ),
        kind("with radiotap", lambda f: head(803, b"\0\x19", radiotap + wifi(f))),
        kind("with PPP", lambda f: head(512, b"\0\7", b"\xff\x03" + ppp(f))),
        kind("with Ethernet", lambda f: head(1, b"\0\3", f)),
        kind("with a PPPoE session", lambda f: head(1, b"\x88\x64", _session(f)), ("pppoe", 7)),
    )


_ETHERNET = LinkType.ETHERNET
_TAGS = (
    Encapsulation(
        "PPPoE session", _ETHERNET, _pppoe, circuit=(("pppoe", 7),)
    ),
    Encapsulation(
        "PPPoE session behind a VLAN tag", _ETHERNET,
        lambda f: ADDRESSES + b"\x81\x00\x00\x05\x88\x64" + _session(f),
        circuit=(("pppoe", 7),),
    ),
    Encapsulation(
        "MPLS", _ETHERNET, lambda f: ADDRESSES + b"\x88\x47" + LABEL + packet(f)
    ),
    Encapsulation(
        "MPLS with two labels", _ETHERNET,
        lambda f: ADDRESSES + b"\x88\x48" + MORE_LABEL + LABEL + packet(f),
    ),
    Encapsulation(
        "provider backbone", _ETHERNET,
        lambda f: ADDRESSES + b"\x88\xa8\x00\x09\x88\xe7\x00\x00\x03\xe8" + f,
        circuit=(("i-sid", 1000),),
    ),
    Encapsulation(
        "HSR", _ETHERNET,
        lambda f: f[:12] + b"\x89\x2f" + struct.pack("!HH", len(f) - 8, 1) + f[12:],
    ),
    Encapsulation(
        "PRP", _ETHERNET,
        lambda f: f + struct.pack("!HH", 1, 0xA000 | len(f) - 8) + b"\x88\xfb",
    ),
    Encapsulation("MACsec", _ETHERNET, _macsec),
    Encapsulation("E-TAG", _ETHERNET, lambda f: f[:12] + b"\x89\x3f" + bytes(6) + f[12:]),
    Encapsulation("VN-Tag", _ETHERNET, lambda f: f[:12] + b"\x89\x26" + bytes(4) + f[12:]),
    Encapsulation(
        "security group tag", _ETHERNET,
        lambda f: f[:12] + b"\x89\x09\x01\x01\x00\x01\x00\x05" + f[12:],
    ),
)  # fmt: skip
_LINK_TYPES = (
    Encapsulation("PPP", LinkType.PPP, lambda f: b"\xff\x03" + ppp(f)),
    Encapsulation("PPP, compressed header", LinkType.PPP, lambda f: ppp(f)[1:]),
    Encapsulation("PPP in HDLC", LinkType.PPP_HDLC, lambda f: b"\xff\x03" + ppp(f)),
    Encapsulation(
        "PPP link in Cisco HDLC", LinkType.PPP_HDLC, lambda f: b"\x8f\x00" + type_of(f) + packet(f)
    ),
    Encapsulation("PPP with direction", LinkType.PPP_WITH_DIR, lambda f: b"\x00" + ppp(f)),
    Encapsulation("PPPoE alone", LinkType.PPP_ETHER, _session, circuit=(("pppoe", 7),)),
    Encapsulation("Cisco HDLC", LinkType.C_HDLC, lambda f: b"\x0f\x00" + type_of(f) + packet(f)),
    Encapsulation("frame relay", LinkType.FRELAY, _frame_relay, circuit=(("dlci", 100),)),
    Encapsulation(
        "frame relay of Cisco", LinkType.FRELAY, lambda f: b"\x18\x41" + type_of(f) + packet(f),
        circuit=(("dlci", 100),),
    ),
    Encapsulation(
        "frame relay with SNAP", LinkType.FRELAY,
        lambda f: b"\x18\x41\x03\x00\x80\x00\x00\x00" + type_of(f) + packet(f),
        circuit=(("dlci", 100),),
    ),
    Encapsulation(
        "bridged frame relay", LinkType.FRELAY,
        lambda f: b"\x18\x41\x03\x00\x80\x00\x80\xc2\x00\x07" + f, circuit=(("dlci", 100),),
    ),
    Encapsulation("NFLOG", LinkType.NFLOG, _nflog),
    Encapsulation("PPI with Ethernet", LinkType.PPI, lambda f: _ppi(1, f)),
    Encapsulation("PPI with 802.11", LinkType.PPI, lambda f: _ppi(105, wifi(f))),
    Encapsulation("PPI with raw IP", LinkType.PPI, lambda f: _ppi(12, packet(f))),
    Encapsulation("Prism", LinkType.IEEE802_11_PRISM, _prism),
    Encapsulation("AVS", LinkType.IEEE802_11_AVS, _avs),
    Encapsulation("AVS under the number of Prism", LinkType.IEEE802_11_PRISM, _avs),
    Encapsulation("PKTAP with Ethernet", LinkType.PKTAP, lambda f: _pktap(1, f)),
    Encapsulation("PKTAP with raw IP", LinkType.PKTAP, lambda f: _pktap(12, packet(f))),
    Encapsulation(
        "IPoIB", LinkType.IPOIB, lambda f: bytes(40) + type_of(f) + b"\0\0" + packet(f)
    ),
    *_cooked_kinds("SLL", LinkType.LINUX_SLL, _cooked),
    *_cooked_kinds("SLL2", LinkType.LINUX_SLL2, _cooked_2),
)  # fmt: skip
SWITCH_TAGS = (
    Encapsulation("DSA", LinkType.DSA_TAG_DSA, lambda f: f[:12] + b"\x00\x08\x00\x05" + f[12:]),
    Encapsulation(
        "EDSA", LinkType.DSA_TAG_EDSA, lambda f: f[:12] + b"\xda\xda\0\0\x00\x08\x00\x05" + f[12:]
    ),
    Encapsulation(
        "Broadcom tag", LinkType.DSA_TAG_BRCM, lambda f: f[:12] + b"\x00\x00\x00\x05" + f[12:]
    ),
    Encapsulation(
        "Broadcom tag in front", LinkType.DSA_TAG_BRCM_PREPEND, lambda f: b"\x00\x00\x00\x05" + f
    ),
)
"""What tshark 4.0 does not read, but tcpdump."""
LINKS = (*_TAGS, *_LINK_TYPES)
"""What is read without asking and tshark reads too."""
PSEUDOWIRE = Encapsulation(
    "MPLS pseudowire with a control word",
    LinkType.ETHERNET,
    lambda f: ADDRESSES + b"\x88\x47" + LABEL + bytes(4) + f,
)
