"""A stream of frames to messages: fragments put together, tunnels looked into when asked.

::

    frames in order -> read_frame -> Decoded
                          |  |
                          |  Fragment -> Reassembler -> whole datagram, or what is left of it
                          |  Carrier -> looked into when asked, else Unread
                          Broken, Unread -> as they are: who reads counts them
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from mldkit.model.datagram import Broken, Decoded, Frame, Malformed, Remark, Unread
from mldkit.model.family import MLD
from mldkit.model.messages import MLD_TYPES
from mldkit.model.protocol_numbers import ETHERTYPE_IPV4, ETHERTYPE_IPV6, ICMPV6
from mldkit.wire import ipv4, ipv6
from mldkit.wire.carrier import Carrier
from mldkit.wire.decode import read_frame, read_packet
from mldkit.wire.envelope import Fragment
from mldkit.wire.fragments import Assembly, Reassembler
from mldkit.wire.header_sums import HeaderSums
from mldkit.wire.link_header import LinkHeader

if TYPE_CHECKING:
    from collections.abc import Iterator


Found: TypeAlias = "tuple[Decoded, ...] | Broken | Unread"
"""What a frame holds: messages, mostly none or one; or where it broke, or what it is in."""


class Decoder:
    """Read the frames of one capture or one device in order."""

    def __init__(self, *, tunnels: bool = False) -> None:
        self._look_inside = None
        if tunnels:
            # Few ask for it, and everybody would wait for it to be loaded.
            from mldkit.wire.tunnels import look_inside

            self._look_inside = look_inside
        self._fragments = Reassembler()
        self._header_sums = HeaderSums()
        self.link: LinkHeader | None = None
        """The link header of the last frame, if it holds a packet that is no message."""

    def decode(self, frame: Frame) -> tuple[Decoded, ...]:
        """Return the messages that `frame` completes and nothing else: none or one, seldom more."""
        found = self.read(frame)
        return () if isinstance(found, Broken | Unread) else found

    def read(self, frame: Frame) -> Found:
        """Return the messages that `frame` completes, or why it was not read so far."""
        found = read_frame(frame)
        if type(found) is LinkHeader:
            self.link = found
            return ()
        self.link = None
        if type(found) is Decoded:
            if found.remarks:
                self._header_sums.judge(found)
            return (found,)
        if isinstance(found, Carrier):
            self.link = found.link
            found = found.unread if self._look_inside is None else self._look_inside(frame, found)
        if isinstance(found, Broken | Unread):
            return found
        if isinstance(found, Fragment):
            return self._collect(frame, found)
        return (found,) if isinstance(found, Decoded) else ()

    def finish(self) -> Iterator[Decoded]:
        """Give what is left at the end: datagrams of which fragments are missing."""
        self._fragments.finish()
        yield from self._abandoned()

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
        envelope.circuit,
    )
    found = read_packet(Frame(data, frame.time_ns, frame.number, frame.link_type), link)
    if type(found) is not Decoded:
        return None
    found.frame = frame
    found.tunnel = fragment.tunnel
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
    if fragment.family is MLD and (fragment.next_header != ICMPV6 or kind not in MLD_TYPES):
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
        fragment.tunnel,
    )
