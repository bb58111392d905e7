"""Ethernet and what other link types share with it: VLAN tags, ethertypes, LLC and SNAP.

::

    destination 6 | source 6 | [tag 4] ... | ethertype 2                        Ethernet II
    destination 6 | source 6 | [tag 4] ... | length 2 | LLC 3 | OUI 3 | ethertype 2   802.3

Every reader takes the octets and returns a `LinkHeader`, a `Stop` (broken before the protocol
was known) or None (certainly not IP).
"""

from __future__ import annotations

from typing import NamedTuple

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
VLAN_ETHERTYPES = frozenset((0x8100, 0x88A8, 0x9100))
MAX_VLAN_TAGS = 8
ETHERTYPE_BRIDGED = 0x6558

_SNAP = b"\xaa\xaa\x03"
_ETHERTYPE_OUIS = (b"\0\0\0", b"\0\0\xf8")
"""What SNAP says in front of an ethertype: RFC 1042, and the tunnel of bridges (802.1H)."""
# One of each is made for every message: without the Python level of a named tuple's constructor.
_new = tuple.__new__


class LinkHeader(NamedTuple):
    """What a link header of any type says."""

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
    return read_ethertype(data, start + 12, source, destination)


def read_ethertype(
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
