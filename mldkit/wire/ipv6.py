"""IPv6 headers in front of MLD: the extension chain, Router Alert, jumbograms, fragments.

A Router Alert counts only in a hop-by-hop header that comes first (RFC 2711 §2.1, RFC 8200
§4.1); the chain is followed all the same, so that a wrong one can be shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.model.addresses import text
from mldkit.model.datagram import Datagram, Decoded, Frame, Remark
from mldkit.model.family import MLD
from mldkit.model.messages import MLD_TYPES
from mldkit.model.protocol_numbers import (
    AUTHENTICATION,
    DESTINATION_OPTIONS,
    FRAGMENT,
    HIP,
    HOP_BY_HOP,
    ICMPV6,
    IPV6_EXTENSIONS,
    MOBILITY,
    ROUTING,
    SHIM6,
)
from mldkit.wire.envelope import Fragment, Place
from mldkit.wire.link_header import Stop

if TYPE_CHECKING:
    from mldkit.wire.link_header import LinkHeader

CHAIN = IPV6_EXTENSIONS | {FRAGMENT, ICMPV6}
"""Next header values that can lead to a membership message."""
_NAMES = {
    HOP_BY_HOP: "hop-by-hop options",
    ROUTING: "routing",
    AUTHENTICATION: "authentication",
    DESTINATION_OPTIONS: "destination options",
    MOBILITY: "mobility",
    HIP: "host identity",
    SHIM6: "shim6",
}
_PLAIN_ROUTER_ALERT = frozenset((b"\x00\x05\x02\x00\x00\x01\x00", b"\x00\x05\x02\x00\x00\x00\x00"))
_USUAL_CHAIN = frozenset(bytes((ICMPV6, *tail)) for tail in _PLAIN_ROUTER_ALERT)
"""Hop-by-hop header of nearly every MLD message: Router Alert, two octets of padding."""
_new = tuple.__new__
_MOST_REMARKS = 8
_PAD1, _PADN, _ROUTER_ALERT, _JUMBO = 0, 1, 5, 0xC2


def read(frame: Frame, link: LinkHeader) -> Place | Fragment | Decoded | Stop | None:
    """Read the header at `link.offset` and the chain behind it, as `ipv4.read` does."""
    data, start, end = frame.data, link.offset, link.end
    if end - start < 40:
        return Stop("M-05", "the frame ends inside the IPv6 header", end)
    if data[start] >> 4 != 6:
        return Stop("M-44", f"IP version {data[start] >> 4} under the ethertype of IPv6", start)
    if data[start + 6] not in CHAIN:
        return None
    datagram = Datagram(
        data[start + 8 : start + 24],
        data[start + 24 : start + 40],
        None,
        data[start + 7],
        (data[start] & 15) << 4 | data[start + 1] >> 4,
        None,
        link.source,
        link.destination,
        link.vlan,
        link.circuit,
    )
    remarks: list[Remark] = []
    length = data[start + 4] << 8 | data[start + 5]
    if (
        start + 40 + length <= end
        and length > 8
        and data[start + 6] == HOP_BY_HOP
        and data[start + 40 : start + 48] in _USUAL_CHAIN
        and data[start + 48] in MLD_TYPES
    ):
        datagram.router_alert = 0
        stop = start + 40 + length
        return _new(Place, (datagram, start + 48, stop, stop, remarks))
    # A length of zero belongs to a jumbogram: the frame says how much there is.
    claimed = start + 40 + length if length else end
    return _Chain(frame, datagram, start, end, claimed, remarks).follow(is_jumbo=not length)


@dataclass(slots=True)
class _Chain:
    """The walk from the fixed header to the message."""

    frame: Frame
    datagram: Datagram
    start: int
    captured: int
    claimed: int
    remarks: list[Remark]
    final_destination: bytes | None = None

    @property
    def data(self) -> bytes:
        """The octets of the frame."""
        return self.frame.data

    @property
    def end(self) -> int:
        """One past the last octet of the packet that the frame holds."""
        return min(self.captured, self.claimed)

    def follow(self, *, is_jumbo: bool) -> Place | Fragment | Stop | None:
        data = self.data
        at = self.start + 40
        named_at = self.start + 6
        next_header = data[named_at]
        while next_header != ICMPV6:
            if next_header == FRAGMENT:
                found = self._fragment(at, named_at)
                if found is not None:
                    return found
                length = 8
            elif next_header in IPV6_EXTENSIONS:
                length = self._extension(next_header, at)
            else:
                return None
            if length == 0:
                return self._stop(next_header, at)
            named_at = at
            next_header = data[at]
            at += length
        if at >= self.end:
            return self._stop(ICMPV6, at)
        if data[at] not in MLD_TYPES:
            return None
        if is_jumbo:
            self.remarks.append(Remark("M-06", "payload length 0: a jumbogram or a broken length"))
        self._compare_lengths()
        if self.final_destination is not None:
            self.datagram.destination = self.final_destination
        return Place(self.datagram, at, self.end, self.claimed, self.remarks)

    def _stop(self, next_header: int, at: int) -> Stop:
        name = _NAMES.get(next_header, "ICMPv6" if next_header == ICMPV6 else "fragment")
        return Stop("M-05", f"the packet ends inside the {name} header", min(at, self.end))

    def _irregular(self, detail: str) -> None:
        """Note something odd in the chain: once, however often it comes, and not without end."""
        remark = Remark("M-37", detail)
        if len(self.remarks) < _MOST_REMARKS and remark not in self.remarks:
            self.remarks.append(remark)

    def _compare_lengths(self) -> None:
        missing = self.claimed - self.captured
        if missing <= 0:
            return
        if self.frame.is_cut:
            detail = f"the capture kept all but {missing} octets of the packet"
            self.remarks.append(Remark("M-03", detail))
        else:
            detail = f"payload length runs {missing} octets past the frame"
            self.remarks.append(Remark("V-26", detail))
            self.claimed = self.end

    def _extension(self, kind: int, at: int) -> int:
        """Return the length of the extension header at `at`; 0 when it does not fit."""
        data = self.data
        if at + 2 > self.end:
            return 0
        length = (data[at + 1] + 2) * 4 if kind == AUTHENTICATION else (data[at + 1] + 1) * 8
        if at + length > self.end:
            return 0
        if kind == HOP_BY_HOP:
            self._hop_by_hop(at, at + length)
        else:
            self._irregular(f"{_NAMES[kind]} header in front of the message")
            if kind == ROUTING:
                self._routing(at, length)
        return length

    def _hop_by_hop(self, at: int, stop: int) -> None:
        data = self.data
        if at != self.start + 40:
            self._irregular("hop-by-hop options header is not the first")
            return
        if data[at + 1 : stop] in _PLAIN_ROUTER_ALERT:
            self.datagram.router_alert = 0
            return
        option = at + 2
        while option < stop:
            kind = data[option]
            if kind == _PAD1:
                option += 1
                continue
            length = data[option + 1] if option + 1 < stop else stop
            body = option + 2
            if body + length > stop:
                self._irregular(f"hop-by-hop option 0x{kind:02x} does not fit its header")
                return
            self._option(kind, data[body : body + length])
            option = body + length

    def _option(self, kind: int, body: bytes) -> None:
        detail = None
        if kind == _PADN:
            if any(body):
                detail = "PadN option with octets that are not zero"
        elif kind == _ROUTER_ALERT:
            if len(body) != 2:
                detail = f"Router Alert option of {len(body)} octets, not 2"
            elif self.datagram.router_alert is not None:
                detail = "more than one Router Alert option"
            else:
                self.datagram.router_alert = body[0] << 8 | body[1]
        elif kind != _JUMBO and kind >> 6:
            detail = f"unknown hop-by-hop option 0x{kind:02x} that tells nodes to discard"
        if detail is not None:
            self._irregular(detail)

    def _routing(self, at: int, length: int) -> None:
        """Remember the final destination, which the checksum covers (RFC 8200 §8.1)."""
        kind, segments_left = self.data[at + 2], self.data[at + 3]
        if not segments_left or length < 24:
            return
        if kind in (0, 2):
            self.final_destination = self.data[at + length - 16 : at + length]
        elif kind == 4:
            self.final_destination = self.data[at + 8 : at + 24]
        if self.final_destination is not None:
            self._irregular(f"routing header on the way to {text(self.final_destination)}")

    def _fragment(self, at: int, named_at: int) -> Fragment | Stop | None:
        """Return the fragment, or None for an atomic one (RFC 6946), which is read at once."""
        data = self.data
        if at + 8 > self.end:
            return self._stop(FRAGMENT, at)
        bits = data[at + 2] << 8 | data[at + 3]
        if not bits & 0xFFF9:
            self._irregular("atomic fragment header in front of the message")
            return None
        self._compare_lengths()
        identity = (6, self.datagram.source, self.datagram.destination, data[at + 4 : at + 8])
        return Fragment(
            family=MLD,
            datagram=self.datagram,
            identity=(*identity, self.datagram.vlan, self.datagram.circuit),
            header_start=self.start,
            payload_start=at + 8,
            payload_end=self.end,
            offset=bits & 0xFFF8,
            more=bool(bits & 1),
            is_cut=self.claimed > self.end,
            counted=at - self.start - 40,
            remarks=self.remarks,
            next_header=data[at],
            next_header_at=named_at,
        )


def rebuilt(data: bytes, fragment: Fragment, payload: bytes) -> bytes:
    """Return the first fragment's frame without its fragment header, with the whole payload."""
    header = bytearray(data[fragment.header_start : fragment.payload_start - 8])
    header[fragment.next_header_at - fragment.header_start] = fragment.next_header
    header[4:6] = (len(header) - 40 + len(payload)).to_bytes(2, "big")
    return data[: fragment.header_start] + bytes(header) + payload
