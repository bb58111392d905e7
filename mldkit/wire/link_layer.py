"""Link headers by link type: where the IP header starts and what stood before it.

Every reader takes the octets and returns a `LinkHeader`, a `Stop` (broken before the protocol
was known) or None (certainly not IP). Link types other than those of `LinkType` give None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.datagram import LinkType
from mldkit.wire.ethernet import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    VLAN_ETHERTYPES,
    LinkHeader,
    Stop,
    read_ethernet,
    read_ethertype,
    read_llc,
)
from mldkit.wire.wireless import read_ieee80211, read_radiotap

if TYPE_CHECKING:
    from collections.abc import Callable

_COOKED_LLC = 4
"""What cooked headers have in the place of an ethertype in front of LLC (LINUX_SLL_P_802_2)."""
_NULL_FAMILIES = {2: ETHERTYPE_IPV4, 24: ETHERTYPE_IPV6, 28: ETHERTYPE_IPV6, 30: ETHERTYPE_IPV6}
_VERSION_ETHERTYPES = {4: ETHERTYPE_IPV4, 6: ETHERTYPE_IPV6}
_ARPHRD_NETLINK = 824


def _read_sll(data: bytes) -> LinkHeader | Stop | None:
    if len(data) < 16:
        return Stop("M-01", "the frame ends inside the cooked header", len(data))
    length = min(data[4] << 8 | data[5], 8)
    source = data[6 : 6 + length] or None
    protocol = data[14] << 8 | data[15]
    if protocol <= 1500:
        return read_llc(data, 16, source) if protocol == _COOKED_LLC else None
    return read_ethertype(data, 14, source, None)


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
        inner = read_ethertype(data, 22, source, None)
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


READERS: dict[int, Callable[[bytes], LinkHeader | Stop | None]] = {
    LinkType.ETHERNET: read_ethernet,
    LinkType.LINUX_SLL: _read_sll,
    LinkType.LINUX_SLL2: _read_sll2,
    LinkType.RAW: _read_raw,
    LinkType.IPV4: _read_raw,
    LinkType.IPV6: _read_raw,
    LinkType.NULL: _read_null,
    LinkType.LOOP: _read_null,
    LinkType.IEEE802_11: read_ieee80211,
    LinkType.IEEE802_11_RADIOTAP: read_radiotap,
}
"""Reader of each link type that the codec knows."""
