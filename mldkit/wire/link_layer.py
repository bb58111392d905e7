"""Link headers: where the IP header starts and what stood before it.

Every reader takes the octets and returns a `LinkHeader`, a `Stop` (broken before the protocol
was known) or None (certainly not IP). Link types other than those of `LinkType` give None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mldkit.model.datagram import LinkType

if TYPE_CHECKING:
    from collections.abc import Callable

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
VLAN_ETHERTYPES = frozenset((0x8100, 0x88A8, 0x9100))
MAX_VLAN_TAGS = 8
ETHERTYPE_BRIDGED = 0x6558

_SNAP = b"\xaa\xaa\x03"
_ETHERTYPE_OUIS = (b"\0\0\0", b"\0\0\xf8")
"""What SNAP says in front of an ethertype: RFC 1042, and the tunnel of bridges (802.1H)."""
_COOKED_LLC = 4
"""What cooked headers have in the place of an ethertype in front of LLC (LINUX_SLL_P_802_2)."""
_NULL_FAMILIES = {2: ETHERTYPE_IPV4, 24: ETHERTYPE_IPV6, 28: ETHERTYPE_IPV6, 30: ETHERTYPE_IPV6}
_VERSION_ETHERTYPES = {4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6}
_ARPHRD_NETLINK = 824
# One of each is made for every message: without the Python level of a named tuple's constructor.
_new = tuple.__new__


class LinkHeader(NamedTuple):
    """What a link header says."""

    ethertype: int
    offset: int
    """First octet of the IP header."""
    end: int
    """One past the last octet that can belong to the IP packet."""
    source: bytes | None
    destination: bytes | None
    vlan: tuple[int, ...]


class Stop(NamedTuple):
    """Reading ended before the protocol was known: rule id, reason, offset."""

    id: str
    reason: str
    offset: int


def read_ethernet(data: bytes, start: int = 0) -> LinkHeader | Stop | None:
    """Read Ethernet II, 802.3 with LLC and SNAP, and up to eight VLAN tags."""
    end = len(data)
    if end - start < 14:
        return Stop("M-01", "the frame ends inside the Ethernet header", end)
    source, destination = data[start + 6 : start + 12], data[start : start + 6]
    ethertype = data[start + 12] << 8 | data[start + 13]
    if ethertype in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
        return _new(LinkHeader, (ethertype, start + 14, end, source, destination, ()))
    return _read_ethertype(data, start + 12, source, destination)


def _read_ethertype(
    data: bytes, at: int, source: bytes | None, destination: bytes | None
) -> LinkHeader | Stop | None:
    """Read from the two octets of an ethertype or an 802.3 length at `at` onwards."""
    end = len(data)
    ethertype = data[at] << 8 | data[at + 1]
    at += 2
    vlan: tuple[int, ...] = ()
    while ethertype in VLAN_ETHERTYPES:
        if len(vlan) == MAX_VLAN_TAGS:
            return Stop("M-45", f"more than {MAX_VLAN_TAGS} VLAN tags", at - 2)
        if end - at < 4:
            return Stop("M-01", "the frame ends inside a VLAN tag", end)
        vlan += ((data[at] << 8 | data[at + 1]) & 0x0FFF,)
        ethertype = data[at + 2] << 8 | data[at + 3]
        at += 4
    if ethertype > 1500:
        return LinkHeader(ethertype, at, end, source, destination, vlan)
    found = read_llc(data, at, source)
    if isinstance(found, LinkHeader):
        bounded = min(end, at + ethertype)
        return found._replace(end=bounded, destination=destination, vlan=vlan)
    return found


def read_llc(data: bytes, at: int, source: bytes | None) -> LinkHeader | Stop | None:
    """Read the SNAP header (RFC 1042) at `at`; LLC without one carries no IP that is read."""
    end = len(data)
    if data[at : at + 3] != _SNAP:
        return None
    if end - at < 8:
        return Stop("M-01", "the frame ends inside the SNAP header", end)
    if data[at + 3 : at + 6] not in _ETHERTYPE_OUIS:
        return None
    ethertype = data[at + 6] << 8 | data[at + 7]
    return LinkHeader(ethertype, at + 8, end, source, None, ())


def _read_sll(data: bytes) -> LinkHeader | Stop | None:
    if len(data) < 16:
        return Stop("M-01", "the frame ends inside the cooked header", len(data))
    length = min(data[4] << 8 | data[5], 8)
    source = data[6 : 6 + length] or None
    protocol = data[14] << 8 | data[15]
    if protocol <= 1500:
        return read_llc(data, 16, source) if protocol == _COOKED_LLC else None
    return _read_ethertype(data, 14, source, None)


def _read_sll2(data: bytes) -> LinkHeader | Stop | None:
    if len(data) < 20:
        return Stop("M-01", "the frame ends inside the cooked header", len(data))
    if data[8] << 8 | data[9] == _ARPHRD_NETLINK:
        return None
    length = min(data[11], 8)
    ethertype = data[0] << 8 | data[1]
    source = data[12 : 12 + length] or None
    if ethertype in VLAN_ETHERTYPES:
        if len(data) < 24:
            return Stop("M-01", "the frame ends inside a VLAN tag", len(data))
        tag = (data[20] << 8 | data[21]) & 0x0FFF
        inner = _read_ethertype(data, 22, source, None)
        if isinstance(inner, LinkHeader):
            return inner._replace(vlan=(tag, *inner.vlan))
        return inner
    if ethertype == _COOKED_LLC:
        return read_llc(data, 20, source)
    return LinkHeader(ethertype, 20, len(data), source, None, ())


def _read_raw(data: bytes) -> LinkHeader | Stop | None:
    if not data:
        return Stop("M-01", "the frame is empty", 0)
    ethertype = _VERSION_ETHERTYPES.get(data[0] >> 4)
    return LinkHeader(ethertype, 0, len(data), None, None, ()) if ethertype else None


def _read_null(data: bytes) -> LinkHeader | Stop | None:
    """BSD loopback: the address family in the byte order of the machine that captured."""
    if len(data) < 4:
        return Stop("M-01", "the frame ends inside the loopback header", len(data))
    value = int.from_bytes(data[:4], "little")
    if value > 0xFFFF:
        value = int.from_bytes(data[:4], "big")
    ethertype = _NULL_FAMILIES.get(value)
    if ethertype is None and len(data) > 4:
        ethertype = _VERSION_ETHERTYPES.get(data[4] >> 4)
    return LinkHeader(ethertype, 4, len(data), None, None, ()) if ethertype else None


def _read_ieee80211(data: bytes) -> LinkHeader | Stop | None:
    # Few captures are of the air, and the start of a command is measured.
    from mldkit.wire.wireless import read_ieee80211

    return read_ieee80211(data)


def _read_radiotap(data: bytes) -> LinkHeader | Stop | None:
    from mldkit.wire.wireless import read_radiotap

    return read_radiotap(data)


READERS: dict[int, Callable[[bytes], LinkHeader | Stop | None]] = {
    LinkType.ETHERNET: read_ethernet,
    LinkType.LINUX_SLL: _read_sll,
    LinkType.LINUX_SLL2: _read_sll2,
    LinkType.RAW: _read_raw,
    LinkType.IPV4: _read_raw,
    LinkType.IPV6: _read_raw,
    LinkType.NULL: _read_null,
    LinkType.LOOP: _read_null,
    LinkType.IEEE802_11: _read_ieee80211,
    LinkType.IEEE802_11_RADIOTAP: _read_radiotap,
}
"""Reader of each link type that the codec knows."""
