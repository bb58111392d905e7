"""Frames to messages. No octets make it raise, hang, or allocate what a field only claims.

::

    Frame -> link header -> IPv4 | IPv6 chain -> message -> Decoded
                 |               |
          Broken, Unread   Fragment, Carrier

One frame by itself: what needs more than one, or a second look, is in `wire/decoder.py`.
"""

from __future__ import annotations

from typing import TypeAlias

from mldkit.core import core
from mldkit.model.datagram import Broken, Datagram, Decoded, Frame, Remark, Unread
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.protocol_numbers import ETHERTYPE_IPV4, ETHERTYPE_IPV6, ICMPV6
from mldkit.wire import decode_igmp, decode_mld, ipv4, ipv6, records
from mldkit.wire.carrier import Carrier, carrier_of
from mldkit.wire.checksum import ones_sum, pseudo_header_sum
from mldkit.wire.envelope import Fragment, Place
from mldkit.wire.link_header import LinkHeader, Stop
from mldkit.wire.link_layer import read_link

FrameFound: TypeAlias = Decoded | Fragment | Broken | Carrier | Unread | LinkHeader | None
"""A message, a part of one, where the frame broke, what it carries, or the packet that it is."""

_read_plain = None if core is None else core.read_plain


def decode(frame: Frame) -> Decoded | Broken | None:
    """Return the message in `frame`, where the frame broke, or None when it holds no message.

    A fragment is no message, nor is what is not looked into: they give None here.
    """
    found = read_frame(frame)
    return found if isinstance(found, Decoded | Broken) else None


def read_frame(frame: Frame) -> FrameFound:
    """Return what `decode` returns, or the fragment or tunnel that the frame holds.

    Where there is none of them, but a packet, its link header spares others to read it again.
    """
    if _read_plain is not None:
        plain = _read_plain(frame, records.known_records)
        if plain is not None:
            return plain
    return read_any(frame)


def read_any(frame: Frame) -> FrameFound:
    """Return what `read_frame` returns, without the compiled core, whose reference this is."""
    link = read_link(frame.data, frame.link_type)
    if type(link) is LinkHeader:
        return read_packet(frame, link) or carrier_of(frame.data, link) or link
    if isinstance(link, Stop):
        return Broken(frame, link.id, link.reason, link.offset)
    return link if isinstance(link, Unread) else None


def read_packet(frame: Frame, link: LinkHeader) -> Decoded | Fragment | Broken | None:
    """Return what the IP packet behind `link` holds."""
    if link.ethertype == ETHERTYPE_IPV6:
        found = ipv6.read(frame, link)
        family = MLD
    elif link.ethertype == ETHERTYPE_IPV4:
        found = ipv4.read(frame, link)
        family = IGMP
    else:
        return None
    if isinstance(found, Place):
        return _read_message(frame, family, found)
    if isinstance(found, Stop):
        return Broken(frame, found.id, found.reason, found.offset)
    return found


def _read_message(frame: Frame, family: Family, place: Place) -> Decoded:
    datagram, start, end, claimed, remarks = place
    data = frame.data
    read = decode_mld.read if family is MLD else decode_igmp.read
    datagram.message, malformed, odd = read(data, start, end, claimed)
    if odd:
        remarks.extend(odd)
    value = None
    checksum = "unknown"
    if end - start >= 4:
        value = data[start + 2] << 8 | data[start + 3]
        if claimed == end:
            checksum = _judge_checksum(data[start:end], datagram, remarks)
    return Decoded(
        frame,
        family,
        datagram,
        data[start] if end > start else None,
        start,
        claimed - start,
        checksum,
        value,
        malformed,
        tuple(remarks),
    )


def _judge_checksum(message: bytes, datagram: Datagram, remarks: list[Remark]) -> str:
    """Return `ok`, `bad`, or `unknown` where only the pseudo-header was summed (offload)."""
    source = datagram.source
    if len(source) == 4:
        return "bad" if ones_sum(message) else "ok"
    # One number for addresses and message: a sum does not mind where its words stand.
    total = ones_sum(source + datagram.destination + message) + len(message) + ICMPV6
    if total % 0xFFFF == 0:
        return "ok"
    pseudo = pseudo_header_sum(source, datagram.destination, len(message))
    if int.from_bytes(message[2:4], "big") % 0xFFFF == pseudo:
        detail = "only the pseudo-header is summed, the rest is left to the device"
        remarks.append(Remark("V-01", detail, "info"))
        return "unknown"
    return "bad"
