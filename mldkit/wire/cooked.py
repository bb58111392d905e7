"""Cooked headers, which Linux puts in the place of a link header.

::

    SLL     packet type 2 | device kind 2 | address length 2 | address 8 | protocol 2
    SLL2    protocol 2 | 0 2 | device 4 | device kind 2 | packet type 1 | length 1 | address 8

The protocol is an ethertype, or a small number that says what else follows; some kinds of device
give no protocol, and their own frames follow.
"""

from __future__ import annotations

from mldkit.model.datagram import LinkType
from mldkit.model.protocol_numbers import (
    ARPHRD_FRAME_RELAY,
    ARPHRD_NETLINK,
    ARPHRD_RADIOTAP,
    COOKED_ETHERNET,
    COOKED_LLC,
    COOKED_PPP,
    SMALLEST_ETHERTYPE,
    VLAN_ETHERTYPES,
)
from mldkit.wire.encapsulations import read_framed_ppp
from mldkit.wire.ethernet import follow, followed, read_ethertype, read_llc
from mldkit.wire.link_header import Found, Inner, LinkHeader, cut

_FRAMES = {
    ARPHRD_FRAME_RELAY: LinkType.FRELAY,
    ARPHRD_RADIOTAP: LinkType.IEEE802_11_RADIOTAP,
}
"""Kinds of device whose own frames follow where there is no ethertype."""


def read_sll(data: bytes, start: int = 0) -> Found:
    """Read a cooked header of the first kind."""
    end = len(data)
    if end - start < 16:
        return cut("the cooked header", end)
    kind = data[start + 2] << 8 | data[start + 3]
    length = min(data[start + 4] << 8 | data[start + 5], 8)
    source = data[start + 6 : start + 6 + length] or None
    protocol = data[start + 14] << 8 | data[start + 15]
    if protocol >= SMALLEST_ETHERTYPE and kind != ARPHRD_NETLINK:
        return read_ethertype(data, start + 14, source, None)
    return _read_other(data, start + 16, kind, protocol, source)


def read_sll2(data: bytes, start: int = 0) -> Found:
    """Read a cooked header of the second kind; a tag behind it has lost its ethertype to it."""
    end = len(data)
    if end - start < 20:
        return cut("the cooked header", end)
    kind = data[start + 8] << 8 | data[start + 9]
    length = min(data[start + 11], 8)
    source = data[start + 12 : start + 12 + length] or None
    protocol = data[start] << 8 | data[start + 1]
    at = start + 20
    if protocol < SMALLEST_ETHERTYPE or kind == ARPHRD_NETLINK:
        return _read_other(data, at, kind, protocol, source)
    if protocol not in VLAN_ETHERTYPES:
        return follow(data, LinkHeader(protocol, at, end, source, None, ()))
    if end - at < 4:
        return cut("a VLAN tag", end)
    tag = (data[at] << 8 | data[at + 1]) & 0x0FFF
    inner = read_ethertype(data, at + 2, source, None)
    return inner._replace(vlan=(tag, *inner.vlan)) if isinstance(inner, LinkHeader) else inner


def _read_other(data: bytes, at: int, kind: int, protocol: int, source: bytes | None) -> Found:
    """Read what is behind a cooked header that has no ethertype."""
    end = len(data)
    if kind == ARPHRD_NETLINK:
        return None
    if kind in _FRAMES:
        return Inner(_FRAMES[kind], at, end)
    if protocol == COOKED_ETHERNET:
        return Inner(LinkType.ETHERNET, at, end)
    if protocol == COOKED_PPP:
        return followed(data, read_framed_ppp(data, LinkHeader(0, at, end, source, None, ())))
    return followed(data, read_llc(data, at, source)) if protocol == COOKED_LLC else None
