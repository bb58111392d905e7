"""Frames to messages. No octets make it raise, hang, or allocate what a field only claims.

::

    Frame -> link header -> IPv4 | IPv6 chain -> message -> Decoded
                 |               |
               Broken      fragments, tunnels (both only in a `Decoder`)

`decode` reads one frame by itself. A `Decoder` reads a stream: it puts fragments together,
looks into tunnels when asked, and counts what broke before it could be recognised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.datagram import Broken, Datagram, Decoded, Frame, Malformed, Remark
from mldkit.model.family import IGMP, MLD, Family
from mldkit.wire import decode_igmp, decode_mld, ipv4, ipv6
from mldkit.wire.checksum import ones_sum, pseudo_header_sum
from mldkit.wire.envelope import Fragment, Place
from mldkit.wire.fragments import Assembly, Reassembler
from mldkit.wire.ipv6 import ICMPV6
from mldkit.wire.link_layer import ETHERTYPE_IPV4, ETHERTYPE_IPV6, READERS, LinkHeader, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator


def decode(frame: Frame) -> Decoded | Broken | None:
    """Return the message in `frame`, where the frame broke, or None when it holds no message.

    A fragment is no message: it gives None here.
    """
    found = read_frame(frame)
    return None if isinstance(found, Fragment) else found


def read_frame(frame: Frame) -> Decoded | Fragment | Broken | None:
    """Return what `decode` returns, or the fragment that the frame holds."""
    reader = READERS.get(frame.link_type)
    if reader is None:
        return None
    link = reader(frame.data)
    if isinstance(link, LinkHeader):
        return read_packet(frame, link)
    if isinstance(link, Stop):
        return Broken(frame, link.id, link.reason, link.offset)
    return None


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


class Decoder:
    """Read the frames of one capture or one device in order."""

    def __init__(self, *, tunnels: bool = False) -> None:
        self._tunnels = tunnels
        self._fragments = Reassembler()
        self.broken: int = 0
        """Frames that ended or contradicted themselves before their protocol was known."""
        self.first_broken: Broken | None = None

    def decode(self, frame: Frame) -> tuple[Decoded, ...]:
        """Return the messages that `frame` completes: none or one, seldom more."""
        found = read_frame(frame)
        if type(found) is Decoded:
            return (found,)
        if found is None:
            return self._look_inside(frame) if self._tunnels else ()
        if isinstance(found, Broken):
            self.broken += 1
            self.first_broken = self.first_broken or found
            return ()
        if isinstance(found, Fragment):
            return self._collect(frame, found)
        return (found,)

    def finish(self) -> Iterator[Decoded]:
        """Give what is left at the end: datagrams of which fragments are missing."""
        self._fragments.finish()
        yield from self._abandoned()

    def _look_inside(self, frame: Frame) -> tuple[Decoded, ...]:
        # Most captures are read without tunnels, and the start of a command is measured.
        from mldkit.wire.tunnels import decode_inside

        return tuple(decode_inside(frame))

    def _collect(self, frame: Frame, fragment: Fragment) -> tuple[Decoded, ...]:
        if fragment.family is MLD and fragment.next_header not in ipv6.CHAIN:
            return ()
        assembly = self._fragments.add(frame, fragment)
        found = list(self._abandoned())
        whole = None if assembly is None else _whole(frame, assembly)
        if whole is not None:
            found.append(whole)
        return tuple(found)

    def _abandoned(self) -> Iterator[Decoded]:
        given_up = self._fragments.abandoned
        while given_up:
            decoded = _incomplete(given_up.pop(0))
            if decoded is not None:
                yield decoded


def _whole(frame: Frame, assembly: Assembly) -> Decoded | None:
    """Return the message of a complete datagram, at the frame that completed it."""
    if assembly.head is None:
        return None
    head_frame, fragment = assembly.head
    is_mld = fragment.family is MLD
    data = (ipv6 if is_mld else ipv4).rebuilt(head_frame.data, fragment, assembly.payload())
    envelope = fragment.datagram
    # The link header is not read again: an 802.3 length in it speaks of the fragment alone.
    link = LinkHeader(
        ETHERTYPE_IPV6 if is_mld else ETHERTYPE_IPV4,
        fragment.header_start,
        len(data),
        envelope.link_source,
        envelope.link_destination,
        envelope.vlan,
    )
    found = read_packet(Frame(data, frame.time_ns, frame.number, frame.link_type), link)
    if type(found) is not Decoded:
        return None
    found.frame = frame
    found.remarks = (
        Remark("V-24", f"put together from {assembly.count} fragments"),
        *assembly.remarks.values(),
        *found.remarks,
    )
    return found


def _incomplete(assembly: Assembly) -> Decoded | None:
    """Return an entry for a datagram that never became whole, if it is recognisable."""
    frame, fragment = assembly.head or assembly.first
    kind = None
    if assembly.head is not None and fragment.payload_start < fragment.payload_end:
        kind = frame.data[fragment.payload_start]
    if fragment.family is MLD and (
        fragment.next_header != ICMPV6 or kind not in decode_mld.MEMBERSHIP_TYPES
    ):
        return None
    first_frame, first_fragment = assembly.first
    start = first_fragment.payload_start
    malformed = Malformed("V-24", assembly.reason(), start)
    return Decoded(
        first_frame,
        fragment.family,
        fragment.datagram,
        kind,
        start,
        assembly.total or assembly.octets,
        "unknown",
        None,
        malformed,
        tuple(fragment.remarks),
    )
