"""Link headers by link type: where the IP header starts and what stood before it.

Frames of one link type may stand in another: `read_link` goes from one to the next until it comes
to IP. Link types other than those of `LinkType` give None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.datagram import LinkType, Unread
from mldkit.model.protocol_numbers import IP_VERSIONS, LOOPBACK_FAMILIES
from mldkit.wire import capture_headers, cooked, point_to_point, wireless
from mldkit.wire.ethernet import read_ethernet
from mldkit.wire.link_header import Found, Inner, LinkHeader, Stop, cut

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FRAMES = 4
"""Frames of other link types inside each other that are followed."""


def _read_raw(data: bytes, start: int = 0) -> Found:
    if start >= len(data):
        return Stop("M-01", "the frame is empty", len(data))
    ethertype = IP_VERSIONS.get(data[start] >> 4)
    return LinkHeader(ethertype, start, len(data), None, None, ()) if ethertype else None


def _read_null(data: bytes, start: int = 0) -> Found:
    """BSD loopback: the address family in the byte order of the machine that captured."""
    end, at = len(data), start + 4
    if end < at:
        return cut("the loopback header", end)
    value = int.from_bytes(data[start:at], "little")
    if value > 0xFFFF:
        value = int.from_bytes(data[start:at], "big")
    ethertype = LOOPBACK_FAMILIES.get(value)
    if ethertype is None and end > at:
        ethertype = IP_VERSIONS.get(data[at] >> 4)
    return LinkHeader(ethertype, at, end, None, None, ()) if ethertype else None


READERS: dict[int, Callable[[bytes, int], Found]] = {
    LinkType.ETHERNET: read_ethernet,
    LinkType.LINUX_SLL: cooked.read_sll,
    LinkType.LINUX_SLL2: cooked.read_sll2,
    LinkType.RAW: _read_raw,
    LinkType.IPV4: _read_raw,
    LinkType.IPV6: _read_raw,
    LinkType.NULL: _read_null,
    LinkType.LOOP: _read_null,
    LinkType.IEEE802_11: wireless.read_ieee80211,
    LinkType.IEEE802_11_RADIOTAP: wireless.read_radiotap,
    wireless.IEEE802_11_SWAPPED: wireless.read_swapped,
    LinkType.IEEE802_11_PRISM: capture_headers.read_prism,
    LinkType.IEEE802_11_AVS: capture_headers.read_avs,
    LinkType.PPI: capture_headers.read_ppi,
    LinkType.PKTAP: capture_headers.read_pktap,
    LinkType.NFLOG: capture_headers.read_nflog,
    LinkType.IPOIB: capture_headers.read_ipoib,
    LinkType.PPP: point_to_point.read_ppp_link,
    LinkType.PPP_HDLC: point_to_point.read_ppp_link,
    LinkType.PPP_PPPD: point_to_point.read_pppd,
    LinkType.PPP_WITH_DIR: point_to_point.read_ppp_with_direction,
    LinkType.PPP_ETHER: point_to_point.read_ppp_ether,
    LinkType.C_HDLC: point_to_point.read_cisco_hdlc,
    LinkType.C_HDLC_WITH_DIR: point_to_point.read_cisco_hdlc_with_direction,
    LinkType.FRELAY: point_to_point.read_frame_relay,
    LinkType.FRELAY_WITH_DIR: point_to_point.read_frame_relay_with_direction,
    LinkType.MPLS: point_to_point.read_mpls_link,
    LinkType.DSA_TAG_DSA: capture_headers.read_dsa_frame,
    LinkType.DSA_TAG_EDSA: capture_headers.read_edsa_frame,
    LinkType.DSA_TAG_BRCM: capture_headers.read_broadcom_frame,
    LinkType.DSA_TAG_BRCM_PREPEND: capture_headers.read_broadcom_prepended,
}
"""Reader of each link type that the codec knows."""


def read_link(data: bytes, link_type: int) -> LinkHeader | Stop | Unread | None:
    """Return what the link header of a frame says, through the frames that stand inside it."""
    reader = READERS.get(link_type)
    if reader is None:
        return None
    found = reader(data, 0)
    return read_inner(data, found) if type(found) is Inner else found  # type: ignore[return-value]


def read_inner(data: bytes, found: Found) -> LinkHeader | Stop | Unread | None:
    """Return what the innermost link header says where `found` is a frame inside a frame."""
    end = len(data)
    for _ in range(MAX_FRAMES):
        if not isinstance(found, Inner):
            break
        end = min(end, found.end)
        reader = READERS.get(found.link_type)
        if reader is None:
            return Unread(f"frames of link type {found.link_type}")
        found = reader(data, found.offset)
    if isinstance(found, Inner):
        return Unread(f"more than {MAX_FRAMES} frames inside each other")
    if isinstance(found, LinkHeader) and found.end > end:
        return found._replace(end=end)
    return found
