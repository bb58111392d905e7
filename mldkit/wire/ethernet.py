"""Ethernet and what other link types share with it: VLAN tags, ethertypes, LLC and SNAP.

::

    destination 6 | source 6 | [tag 4] ... | ethertype 2                        Ethernet II
    destination 6 | source 6 | [tag 4] ... | length 2 | LLC 3 | OUI 3 | ethertype 2   802.3

Behind an ethertype that is not IP may stand IP all the same (`wire/encapsulations.py`): it is
followed step by step, as long as there are not too many of them.
"""

from __future__ import annotations

from mldkit.model.datagram import Unread
from mldkit.model.protocol_numbers import (
    ETHERTYPE_BRIDGED,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    MAX_VLAN_TAGS,
    UNREAD_ETHERTYPES,
    VLAN_ETHERTYPES,
)
from mldkit.wire.encapsulations import STEPS
from mldkit.wire.link_header import NO_CIRCUIT, Found, LinkHeader, Stop, cut

MAX_STEPS = 16
"""Encapsulations inside each other that are followed."""

_IP = (ETHERTYPE_IPV4, ETHERTYPE_IPV6)
_SNAP = b"\xaa\xaa\x03"
_ETHERTYPE_OUIS = (b"\0\0\0", b"\0\0\xf8")
"""What SNAP says in front of an ethertype: RFC 1042, and the tunnel of bridges (802.1H)."""
# One of each is made for every message: without the Python level of a named tuple's constructor.
_new = tuple.__new__


def read_ethernet(data: bytes, start: int = 0) -> Found:
    """Read Ethernet II, 802.3 with LLC and SNAP, up to eight VLAN tags, and encapsulations."""
    end = len(data)
    if end - start < 14:
        return cut("the Ethernet header", end)
    source, destination = data[start + 6 : start + 12], data[start : start + 6]
    ethertype = data[start + 12] << 8 | data[start + 13]
    if ethertype in _IP:
        return _new(LinkHeader, (ethertype, start + 14, end, source, destination, (), NO_CIRCUIT))
    return read_ethertype(data, start + 12, source, destination)


def read_ethertype(data: bytes, at: int, source: bytes | None, destination: bytes | None) -> Found:
    """Read from the two octets of an ethertype or an 802.3 length at `at` onwards."""
    end = len(data)
    ethertype = data[at] << 8 | data[at + 1]
    at += 2
    vlan: tuple[int, ...] = ()
    while ethertype in VLAN_ETHERTYPES:
        if len(vlan) == MAX_VLAN_TAGS:
            return Stop("M-45", f"more than {MAX_VLAN_TAGS} VLAN tags", at - 2)
        if end - at < 4:
            return cut("a VLAN tag", end)
        vlan += ((data[at] << 8 | data[at + 1]) & 0x0FFF,)
        ethertype = data[at + 2] << 8 | data[at + 3]
        at += 4
    header = _new(LinkHeader, (ethertype, at, end, source, destination, vlan, NO_CIRCUIT))
    return header if ethertype in _IP else follow(data, header)


def follow(data: bytes, header: LinkHeader) -> Found:
    """Go on from a header to the IP packet behind it, through encapsulations.

    Gives the last header where its ethertype is none that is followed.
    """
    for _ in range(MAX_STEPS):
        ethertype = header.ethertype
        if ethertype in _IP:
            return header
        if ethertype <= 1500:
            found = _read_length(data, header)
        elif ethertype in VLAN_ETHERTYPES:
            found = _read_tag(data, header)
        elif ethertype == ETHERTYPE_BRIDGED:
            found = _read_bridged(data, header)
        elif ethertype in STEPS:
            found = STEPS[ethertype](data, header)
        else:
            name = UNREAD_ETHERTYPES.get(ethertype)
            return Unread(name) if name else header
        if not isinstance(found, LinkHeader):
            return found
        header = found
    return Unread(f"more than {MAX_STEPS} encapsulations")


def followed(data: bytes, found: Found) -> Found:
    """Return what `follow` returns where a header was found."""
    return follow(data, found) if isinstance(found, LinkHeader) else found


def _read_length(data: bytes, header: LinkHeader) -> Found:
    """Read LLC behind an 802.3 length."""
    at = header.offset
    found = read_llc(data, at, header.source)
    if isinstance(found, LinkHeader):
        bounded = min(header.end, at + header.ethertype)
        return header._replace(ethertype=found.ethertype, offset=found.offset, end=bounded)
    return found


def read_llc(data: bytes, at: int, source: bytes | None) -> Found:
    """Read the SNAP header (RFC 1042) at `at`; LLC without one carries no IP that is read."""
    end = len(data)
    if data[at : at + 3] != _SNAP:
        return None
    if end - at < 8:
        return cut("the SNAP header", end)
    if data[at + 3 : at + 6] not in _ETHERTYPE_OUIS:
        return None
    ethertype = data[at + 6] << 8 | data[at + 7]
    return LinkHeader(ethertype, at + 8, end, source, None, ())


def _read_tag(data: bytes, header: LinkHeader) -> Found:
    """Read a VLAN tag that does not stand with the first ones."""
    at, end = header.offset, header.end
    if len(header.vlan) == MAX_VLAN_TAGS:
        return Stop("M-45", f"more than {MAX_VLAN_TAGS} VLAN tags", at - 2)
    if end - at < 4:
        return cut("a VLAN tag", end)
    tag = (data[at] << 8 | data[at + 1]) & 0x0FFF
    ethertype = data[at + 2] << 8 | data[at + 3]
    return header._replace(ethertype=ethertype, offset=at + 4, vlan=(*header.vlan, tag))


def _read_bridged(data: bytes, header: LinkHeader) -> Found:
    """Read the Ethernet header of a frame inside."""
    at, end = header.offset, header.end
    if end - at < 14:
        return cut("the inner Ethernet header", end)
    return header._replace(
        ethertype=data[at + 12] << 8 | data[at + 13],
        offset=at + 14,
        source=data[at + 6 : at + 12],
        destination=data[at : at + 6],
    )
