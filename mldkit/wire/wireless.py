"""Wi-Fi link headers: IEEE 802.11 data frames, bare or behind the radiotap header of a driver.

::

    radiotap   version, pad | length, little-endian | fields present ... | fields
    802.11     control (2) | duration | address 1 | 2 | 3 | sequence | [4] | [QoS] | [HT] | LLC
    control    subtype 4, type 2, version 2 | order protected . retry more to-DS from-DS

Whoever watches the air sees mostly frames that are encrypted: they break here, with that reason,
because nobody can tell what is in them. Frames of other types and without data carry no message,
aggregated and fragmented ones none that is read.
"""

from __future__ import annotations

from mldkit.model.datagram import Unread
from mldkit.wire.ethernet import followed, read_llc
from mldkit.wire.link_header import Found, LinkHeader, Stop, cut

IEEE802_11_SWAPPED = -1
"""Stands for frames inside CAPWAP in the place of a link type."""
_DATA = 2
_WITHOUT_DATA, _QOS = 0x4, 0x8  # of the subtype
_TO_DS, _FROM_DS, _MORE_FRAGMENTS, _PROTECTED, _ORDER = 0x01, 0x02, 0x04, 0x40, 0x80
_AGGREGATED = 0x80  # of the QoS field
_TIMER, _FLAGS, _MORE_WORDS = 1 << 0, 1 << 1, 1 << 31  # of the radiotap words
_PADDED = 0x20  # of the radiotap flags
_ADDRESSES = {
    # to-DS and from-DS: where destination and source stand (IEEE 802.11 §9.3.2.1).
    0: (4, 10),
    _TO_DS: (16, 10),
    _FROM_DS: (4, 16),
    _TO_DS | _FROM_DS: (16, 24),
}


def read_ieee80211(data: bytes, start: int = 0) -> Found:
    """Read an 802.11 frame."""
    return _read_frame(data, start, is_padded=False)


def read_swapped(data: bytes, start: int = 0) -> Found:
    """Read an 802.11 frame whose first two octets are swapped."""
    return _read_frame(data, start, is_padded=False, is_swapped=True)


def read_radiotap(data: bytes, start: int = 0) -> Found:
    """Read an 802.11 frame behind a radiotap header, whose version is always 0."""
    if len(data) - start < 8:
        return cut("the radiotap header", len(data))
    length = data[start + 2] | data[start + 3] << 8
    if data[start] or length < 8:
        return None
    return _read_frame(data, start + length, is_padded=_is_padded(data, start, length))


def _is_padded(data: bytes, start: int, length: int) -> bool:
    """Return whether the 802.11 header is filled up to whole words."""
    present = int.from_bytes(data[start + 4 : start + 8], "little")
    at, word = 8, present
    while word & _MORE_WORDS and at + 4 <= length:
        word = int.from_bytes(data[start + at : start + at + 4], "little")
        at += 4
    if present & _TIMER:
        at = (at + 7) // 8 * 8 + 8
    if not present & _FLAGS or at >= length or start + at >= len(data):
        return False
    return bool(data[start + at] & _PADDED)


def _read_frame(data: bytes, start: int, *, is_padded: bool, is_swapped: bool = False) -> Found:
    if len(data) < start + 2:
        return cut("the 802.11 header", len(data))
    kind, flags = data[start], data[start + 1]
    if is_swapped:
        kind, flags = flags, kind
    if kind & 3 or kind >> 2 & 3 != _DATA or kind >> 4 & _WITHOUT_DATA:
        return None
    directions = flags & (_TO_DS | _FROM_DS)
    octets = 30 if directions == _TO_DS | _FROM_DS else 24
    quality = start + octets
    if kind >> 4 & _QOS:
        octets += 6 if flags & _ORDER else 2
    if len(data) < start + octets:
        return cut("the 802.11 header", len(data))
    if flags & _PROTECTED:
        return Stop("M-49", "the 802.11 frame is encrypted", start)
    if flags & _MORE_FRAGMENTS or data[start + 22] & 0x0F:
        return Unread("fragments of 802.11 frames")
    if kind >> 4 & _QOS and data[quality] & _AGGREGATED:
        return Unread("802.11 frames that hold several")
    if is_padded:
        octets += -octets % 4
    to, sender = (start + at for at in _ADDRESSES[directions])
    found = read_llc(data, start + octets, data[sender : sender + 6])
    if isinstance(found, LinkHeader):
        found = found._replace(destination=data[to : to + 6])
    return followed(data, found)
