"""Frames inside frames, looked into only when asked: VXLAN, GRE, IP in IP.

One level is read. The entry's link and IP headers are the inner ones, `tunnel` names the outer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.datagram import Decoded, Frame
from mldkit.wire.decode import read_packet
from mldkit.wire.ethernet import (
    ETHERTYPE_BRIDGED,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    LinkHeader,
    Stop,
    read_ethernet,
)
from mldkit.wire.link_layer import READERS

if TYPE_CHECKING:
    from collections.abc import Iterator

VXLAN_PORT = 4789
_UDP, _GRE, _IPV4_IN_IP, _IPV6_IN_IP = 17, 47, 4, 41


def decode_inside(frame: Frame) -> Iterator[Decoded]:
    """Give the message that travels inside `frame`, if there is one."""
    reader = READERS.get(frame.link_type)
    link = reader(frame.data) if reader is not None else None
    if not isinstance(link, LinkHeader):
        return
    outer = _outer_payload(frame.data, link)
    if outer is None:
        return
    protocol, at, end = outer
    name, inner = _inner_link(frame.data, protocol, at, end, link)
    if not isinstance(inner, LinkHeader):
        return
    found = read_packet(frame, inner)
    if isinstance(found, Decoded):
        found.tunnel = name
        yield found


def _outer_payload(data: bytes, link: LinkHeader) -> tuple[int, int, int] | None:
    """Return protocol, start and end of what the outer IP header carries; no fragments."""
    at, end = link.offset, link.end
    if link.ethertype == ETHERTYPE_IPV4 and end - at >= 20 and data[at] >> 4 == 4:
        header = (data[at] & 15) * 4
        if header < 20 or (data[at + 6] & 0x3F) | data[at + 7]:
            return None
        stop = at + (data[at + 2] << 8 | data[at + 3])
        return data[at + 9], at + header, min(end, stop)
    if link.ethertype == ETHERTYPE_IPV6 and end - at >= 40 and data[at] >> 4 == 6:
        stop = at + 40 + (data[at + 4] << 8 | data[at + 5])
        return data[at + 6], at + 40, min(end, stop)
    return None


def _inner_link(
    data: bytes, protocol: int, at: int, end: int, outer: LinkHeader
) -> tuple[str, LinkHeader | Stop | None]:
    if protocol in (_IPV4_IN_IP, _IPV6_IN_IP):
        ethertype = ETHERTYPE_IPV4 if protocol == _IPV4_IN_IP else ETHERTYPE_IPV6
        return "ipip", LinkHeader(ethertype, at, end, None, None, outer.vlan)
    if (
        protocol == _UDP
        and end - at >= 16
        and data[at + 2 : at + 4] == VXLAN_PORT.to_bytes(2, "big")
    ):
        return "vxlan", _bounded(read_ethernet(data, at + 16), end)
    if protocol == _GRE and end - at >= 4:
        return "gre", _gre(data, at, end)
    return "", None


def _gre(data: bytes, at: int, end: int) -> LinkHeader | Stop | None:
    """Read the header of RFC 2784 with the optional fields of RFC 2890."""
    flags = data[at]
    ethertype = data[at + 2] << 8 | data[at + 3]
    payload = at + 4 + 4 * (flags >> 7) + 4 * (flags >> 5 & 1) + 4 * (flags >> 4 & 1)
    if data[at + 1] & 7 or payload > end:
        return None
    if ethertype == ETHERTYPE_BRIDGED:
        return _bounded(read_ethernet(data, payload), end)
    return LinkHeader(ethertype, payload, end, None, None, ())


def _bounded(link: LinkHeader | Stop | None, end: int) -> LinkHeader | Stop | None:
    """Return `link` with the end of the outer payload, which may stand before the frame's."""
    if isinstance(link, LinkHeader) and link.end > end:
        return link._replace(end=end)
    return link
