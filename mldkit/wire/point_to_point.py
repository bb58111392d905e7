"""Lines between two ends: PPP, Cisco HDLC, frame relay.

::

    PPP           [direction 1] | [0xff 0x03] | protocol 1 or 2
    Cisco HDLC    [direction 1] | 0x0f or 0x8f | 0 | ethertype 2
    frame relay   [direction 1] | address 2 to 4 | 0x03 | [0] | protocol id 1 | ...       RFC 2427
                                | address 2 to 4 | ethertype 2                            Cisco

Nobody has an address on them; the circuit of frame relay stands in its address.
"""

from __future__ import annotations

from mldkit.model.datagram import Circuit
from mldkit.model.protocol_numbers import (
    ETHERTYPE_BRIDGED,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    ETHERTYPE_MPLS,
    NLPID_IPV4,
    NLPID_IPV6,
    NLPID_PPP,
    NLPID_SNAP,
)
from mldkit.wire.encapsulations import read_framed_ppp, read_mpls, read_ppp, read_pppoe
from mldkit.wire.ethernet import follow, followed
from mldkit.wire.link_header import Found, LinkHeader, cut

_CISCO_ADDRESSES = (b"\x0f", b"\x8f")
_UNNUMBERED = 0x03
_LONGEST_ADDRESS = 4
_LAST_OCTET = 0x01  # of a frame relay address
_NLPID_ETHERTYPES = {NLPID_IPV4: ETHERTYPE_IPV4, NLPID_IPV6: ETHERTYPE_IPV6}
_BRIDGED_ETHERNET = (b"\x00\x80\xc2\x00\x01", b"\x00\x80\xc2\x00\x07")
"""SNAP of Ethernet with and without its check sequence (RFC 2427 §4.2)."""


def read_ppp_link(data: bytes, start: int = 0) -> Found:
    """Read PPP in HDLC framing, or Cisco HDLC, which some call by the same link type."""
    if data[start : start + 1] in _CISCO_ADDRESSES:
        return read_cisco_hdlc(data, start)
    return followed(data, read_framed_ppp(data, _bare(data, start)))


def read_ppp_with_direction(data: bytes, start: int = 0) -> Found:
    """Read PPP behind an octet that says the direction."""
    return read_ppp_link(data, start + 1)


def read_pppd(data: bytes, start: int = 0) -> Found:
    """Read PPP whose first octet, an address, was replaced by the direction."""
    if data[start + 1 : start + 2] != b"\x03":
        return None
    return followed(data, read_ppp(data, _bare(data, start + 2)))


def read_ppp_ether(data: bytes, start: int = 0) -> Found:
    """Read the header of a PPPoE session without Ethernet in front."""
    return followed(data, read_pppoe(data, _bare(data, start)))


def read_mpls_link(data: bytes, start: int = 0) -> Found:
    """Read a label stack without anything in front."""
    return followed(data, read_mpls(data, _bare(data, start)._replace(ethertype=ETHERTYPE_MPLS)))


def read_cisco_hdlc(data: bytes, start: int = 0) -> Found:
    """Read the header of Cisco HDLC (RFC 1547 §4.3.1)."""
    end = len(data)
    if end - start < 4:
        return cut("the HDLC header", end)
    ethertype = data[start + 2] << 8 | data[start + 3]
    return follow(data, _bare(data, start + 4)._replace(ethertype=ethertype))


def read_cisco_hdlc_with_direction(data: bytes, start: int = 0) -> Found:
    """Read Cisco HDLC behind an octet that says the direction."""
    return read_cisco_hdlc(data, start + 1)


def read_frame_relay(data: bytes, start: int = 0) -> Found:
    """Read a frame relay header, with the encapsulation of RFC 2427 or of Cisco."""
    end = len(data)
    circuit = 0
    for at in range(start, min(end, start + _LONGEST_ADDRESS)):
        # Six bits of the number in the first octet, four in the second, seven in each further.
        octet, place = data[at], at - start
        shift, width = ((2, 6), (4, 4))[place] if place < 2 else (1, 7)
        circuit = circuit << width | octet >> shift & (1 << width) - 1
        if octet & _LAST_OCTET:
            break
    else:
        return cut("the frame relay header", end) if end < start + _LONGEST_ADDRESS else None
    at += 1
    header = _bare(data, at)._replace(circuit=(Circuit("dlci", circuit),))
    if end - at < 2:
        return cut("the frame relay header", end)
    if data[at] != _UNNUMBERED:
        ethertype = data[at] << 8 | data[at + 1]
        return follow(data, header._replace(ethertype=ethertype, offset=at + 2))
    return _read_protocol_id(data, header._replace(offset=at + (1 if data[at + 1] else 2)))


def read_frame_relay_with_direction(data: bytes, start: int = 0) -> Found:
    """Read frame relay behind an octet that says the direction."""
    return read_frame_relay(data, start + 1)


def _read_protocol_id(data: bytes, header: LinkHeader) -> Found:
    """Read a network layer protocol id and the SNAP header that it may announce."""
    at, end = header.offset, header.end
    if at >= end:
        return cut("the frame relay header", end)
    protocol = data[at]
    if protocol in _NLPID_ETHERTYPES:
        return header._replace(ethertype=_NLPID_ETHERTYPES[protocol], offset=at + 1)
    if protocol == NLPID_PPP:
        return followed(data, read_ppp(data, header._replace(offset=at + 1)))
    if protocol != NLPID_SNAP:
        return None
    if end - at < 6:
        return cut("the SNAP header", end)
    snap = data[at + 1 : at + 6]
    ethertype = snap[3] << 8 | snap[4]
    if snap in _BRIDGED_ETHERNET:
        ethertype = ETHERTYPE_BRIDGED
    elif snap[:3] != bytes(3):
        return None
    return follow(data, header._replace(ethertype=ethertype, offset=at + 6))


def _bare(data: bytes, start: int) -> LinkHeader:
    """Return a header without anything, for a reader to go on from."""
    return LinkHeader(0, start, len(data), None, None, ())
