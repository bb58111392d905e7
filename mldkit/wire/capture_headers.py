"""Headers that capture programs put in front of frames, and what switches hand to a processor.

::

    NFLOG    family 1 | 0 | resource 2 | items: length 2 | type 2 | value ...
    PPI      version, flags 2 | length 2 | link type 4 | fields ...           little-endian
    Prism    message 4 | length 4 | ...                 the order of the machine that captured
    AVS      version 4 | length 4 | ...
    PKTAP    length 4 | record 4 | link type 4 | interface 24 | ...           little-endian
    IPoIB    global route header 40 | ethertype 2 | 0 2
"""

from __future__ import annotations

from mldkit.model.datagram import LinkType
from mldkit.model.protocol_numbers import (
    DSA_TAG_OCTETS,
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    RAW_IP_NUMBERS,
)
from mldkit.wire.encapsulations import read_dsa
from mldkit.wire.ethernet import follow, followed, read_ethertype
from mldkit.wire.link_header import Found, Inner, LinkHeader, cut

_FAMILIES = {2: ETHERTYPE_IPV4, 10: ETHERTYPE_IPV6}
"""Address families of Linux."""
_PACKET_HEADER, _HARDWARE_ADDRESS, _PAYLOAD = 1, 8, 9  # NFULA_ numbers
_LONGEST_ADDRESS = 8
_AVS_MAGIC = b"\x80\x21\x10"
_PRISM_OCTETS = 144
_PKTAP_PACKET = 1
_PKTAP_OCTETS = 108
_GLOBAL_ROUTE_OCTETS = 40


def read_nflog(data: bytes, start: int = 0) -> Found:
    """Read what netfilter logged: a packet among other items (linux/nfnetlink_log.h)."""
    end = len(data)
    if end - start < 4:
        return cut("the NFLOG header", end)
    items = _nflog_items(data, start + 4, "little") or _nflog_items(data, start + 4, "big")
    if _PAYLOAD not in items:
        return None
    at, stop = items[_PAYLOAD]
    ethertype = _FAMILIES.get(data[start])
    if ethertype is None:
        # Bridges log with a family of their own and name the protocol.
        header_at, header_stop = items.get(_PACKET_HEADER, (0, 0))
        ethertype = int.from_bytes(data[header_at : min(header_at + 2, header_stop)], "big")
    source = None
    if _HARDWARE_ADDRESS in items:
        address_at, _ = items[_HARDWARE_ADDRESS]
        length = min(int.from_bytes(data[address_at : address_at + 2], "big"), _LONGEST_ADDRESS)
        source = data[address_at + 4 : address_at + 4 + length] or None
    return follow(data, LinkHeader(ethertype, at, min(stop, end), source, None, ()))


def _nflog_items(data: bytes, at: int, order: str) -> dict[int, tuple[int, int]]:
    """Return where the items stand; none where a length contradicts the byte order.

    The last one may be longer than what the capture kept of it.
    """
    items: dict[int, tuple[int, int]] = {}
    is_little = order == "little"
    end = len(data)
    while end - at >= 4:
        low, high = (0, 1) if is_little else (1, 0)
        length = data[at + low] | data[at + high] << 8
        kind = (data[at + 2 + low] | data[at + 2 + high] << 8) & 0x7FFF
        if length < 4 or (at + length > end and kind != _PAYLOAD):
            return {}
        items.setdefault(kind, (at + 4, at + length))
        at += length + -length % 4
    return items


def read_ppi(data: bytes, start: int = 0) -> Found:
    """Read the per-packet information of Wi-Fi captures; the link type of the frame is in it."""
    end = len(data)
    if end - start < 8:
        return cut("the PPI header", end)
    length = int.from_bytes(data[start + 2 : start + 4], "little")
    number = int.from_bytes(data[start + 4 : start + 8], "little")
    return None if data[start] or length < 8 else Inner(_linktype(number), start + length, end)


def read_prism(data: bytes, start: int = 0) -> Found:
    """Read the Prism header of a Wi-Fi driver, or the AVS header that some put in its place."""
    if data[start : start + 3] == _AVS_MAGIC:
        return read_avs(data, start)
    end = len(data)
    if end - start < _PRISM_OCTETS:
        return cut("the Prism header", end)
    octets = data[start + 4 : start + 8]
    lengths = (int.from_bytes(octets, "little"), int.from_bytes(octets, "big"))
    length = _PRISM_OCTETS if _PRISM_OCTETS in lengths else min(lengths)
    return Inner(LinkType.IEEE802_11, start + length, end) if length >= 8 else None


def read_avs(data: bytes, start: int = 0) -> Found:
    """Read the AVS header of a Wi-Fi driver."""
    end = len(data)
    if end - start < 8:
        return cut("the AVS header", end)
    length = int.from_bytes(data[start + 4 : start + 8], "big")
    if data[start : start + 3] != _AVS_MAGIC or length < 8:
        return None
    return Inner(LinkType.IEEE802_11, start + length, end)


def read_pktap(data: bytes, start: int = 0) -> Found:
    """Read the header that macOS puts in front of frames of any interface."""
    end = len(data)
    if end - start < _PKTAP_OCTETS:
        return cut("the PKTAP header", end)
    length, record, number = (
        int.from_bytes(data[at : at + 4], "little") for at in (start, start + 4, start + 8)
    )
    if record != _PKTAP_PACKET or length < _PKTAP_OCTETS:
        return None
    return Inner(_linktype(number), start + length, end)


def _linktype(number: int) -> int:
    """Return the link type of a number that a machine has for it."""
    return LinkType.RAW if number in RAW_IP_NUMBERS else number


def read_ipoib(data: bytes, start: int = 0) -> Found:
    """Read IP over InfiniBand (RFC 4391 §6) behind its global route header."""
    end = len(data)
    at = start + _GLOBAL_ROUTE_OCTETS
    if end - at < 4:
        return cut("the IPoIB header", end)
    ethertype = data[at] << 8 | data[at + 1]
    return follow(data, LinkHeader(ethertype, at + 4, end, None, None, ()))


def read_dsa_frame(data: bytes, start: int = 0) -> Found:
    """Read Ethernet with the tag of a Marvell switch in front of its ethertype."""
    header = _addresses(data, start)
    return followed(data, read_dsa(data, header)) if isinstance(header, LinkHeader) else header


def read_edsa_frame(data: bytes, start: int = 0) -> Found:
    """Read the same with an ethertype of any number and two octets in front of the tag."""
    header = _addresses(data, start)
    if not isinstance(header, LinkHeader):
        return header
    return followed(data, read_dsa(data, header._replace(offset=header.offset + 4)))


def read_broadcom_frame(data: bytes, start: int = 0) -> Found:
    """Read Ethernet with the tag of a Broadcom switch in front of its ethertype."""
    end, at = len(data), start + 12 + DSA_TAG_OCTETS
    if end - at < 2:
        return cut("the switch tag", end)
    return read_ethertype(data, at, data[start + 6 : start + 12], data[start : start + 6])


def read_broadcom_prepended(data: bytes, start: int = 0) -> Found:
    """Read Ethernet behind the tag of a Broadcom switch."""
    end = len(data)
    if end - start < DSA_TAG_OCTETS:
        return cut("the switch tag", end)
    return Inner(LinkType.ETHERNET, start + DSA_TAG_OCTETS, end)


def _addresses(data: bytes, start: int) -> Found:
    end = len(data)
    if end - start < 14:
        return cut("the Ethernet header", end)
    source, destination = data[start + 6 : start + 12], data[start : start + 6]
    return LinkHeader(0, start + 12, end, source, destination, ())
