"""IPv4 headers in front of IGMP: bounds, options, header checksum, fragments.

`read` fills a `Decoded` up to the message and says where the message is. What is broken or odd
becomes a `Malformed` or a `Remark`, with the reading carried on wherever the octets allow it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model import protocol_numbers
from mldkit.model.datagram import Datagram, Decoded, Frame, Malformed, Remark
from mldkit.model.family import IGMP
from mldkit.wire import header_sums
from mldkit.wire.checksum import ones_sum
from mldkit.wire.envelope import Fragment, Place
from mldkit.wire.link_header import Stop

if TYPE_CHECKING:
    from mldkit.wire.link_header import LinkHeader

_IGMP = protocol_numbers.IGMP
_ROUTER_ALERT = 0x94
_new = tuple.__new__
_ROUTER_ALERT_OPTION = b"\x94\x04\x00\x00"


def read(frame: Frame, link: LinkHeader) -> Place | Fragment | Decoded | Stop | None:
    """Read the header at `link.offset`.

    Returns a `Place` (the message follows), a `Fragment`, a `Decoded` whose envelope is broken,
    a `Stop` (broken before the protocol was known), or None when it is not IGMP.
    """
    data, start, end = frame.data, link.offset, link.end
    octets = end - start
    if octets < 10:
        return Stop("M-02", "the frame ends inside the IPv4 header", end)
    if data[start] >> 4 != 4:
        return Stop("M-44", f"IP version {data[start] >> 4} under the ethertype of IPv4", start)
    if data[start + 9] != _IGMP:
        return None
    datagram = _datagram(data, start, end, link)
    header = (data[start] & 15) * 4
    if header < 20:
        return _broken(frame, datagram, start, f"the header claims {header} octets, 20 are needed")
    if header > octets:
        if frame.is_cut:
            reason = f"the capture kept {octets} of {header} octets of the IPv4 header"
            return _broken(frame, datagram, start, reason, "M-03")
        reason = f"the frame ends after {octets} of {header} octets of the IPv4 header"
        return _broken(frame, datagram, start, reason)
    claimed = start + (data[start + 2] << 8 | data[start + 3])
    if claimed < start + header:
        reason = f"total length {claimed - start} is shorter than the header of {header}"
        return _broken(frame, datagram, start, reason)
    remarks: list[Remark] = []
    if ones_sum(data[start : start + header]):
        is_blank = not data[start + 10] and not data[start + 11]
        remarks.append(header_sums.LEFT_TO_CARD if is_blank else header_sums.WRONG)
    if claimed > end:
        claimed = _shorter_than_claimed(frame, claimed, end, remarks)
    if header == 24 and data[start + 20 : start + 24] == _ROUTER_ALERT_OPTION:
        datagram.router_alert = 0
    elif header > 20:
        _read_options(data[start + 20 : start + header], datagram, remarks)
    if (data[start + 6] & 0x3F) | data[start + 7]:
        place = Place(datagram, start + header, min(claimed, end), claimed, remarks)
        return _fragment(data, start, place)
    return _new(Place, (datagram, start + header, min(claimed, end), claimed, remarks))


def _datagram(data: bytes, start: int, end: int, link: LinkHeader) -> Datagram:
    """Return the envelope; addresses that the frame does not reach are empty."""
    return Datagram(
        data[start + 12 : start + 16] if end >= start + 16 else b"",
        data[start + 16 : start + 20] if end >= start + 20 else b"",
        None,
        data[start + 8],
        data[start + 1],
        None,
        link.source,
        link.destination,
        link.vlan,
        link.circuit,
    )


def _broken(
    frame: Frame, datagram: Datagram, start: int, reason: str, rule: str = "M-02"
) -> Decoded:
    malformed = Malformed(rule, reason, start)
    return Decoded(frame, IGMP, datagram, None, start, 0, "unknown", None, malformed)


def _shorter_than_claimed(frame: Frame, claimed: int, end: int, remarks: list[Remark]) -> int:
    """Return where the message ends: as claimed if the capture cut it, else with the frame."""
    missing = claimed - end
    if frame.is_cut:
        remarks.append(Remark("M-03", f"the capture kept all but {missing} octets of the packet"))
        return claimed
    remarks.append(Remark("V-26", f"total length runs {missing} octets past the frame"))
    return end


def _fragment(data: bytes, start: int, place: Place) -> Fragment:
    datagram = place.datagram
    bits = data[start + 6] << 8 | data[start + 7]
    identity = (4, datagram.source, datagram.destination, data[start + 4 : start + 6])
    return Fragment(
        family=IGMP,
        datagram=datagram,
        identity=(*identity, datagram.vlan, datagram.circuit),
        header_start=start,
        payload_start=place.start,
        payload_end=place.end,
        offset=(bits & 0x1FFF) * 8,
        more=bool(bits & 0x2000),
        is_cut=place.claimed > place.end,
        counted=place.start - start,
        remarks=place.remarks,
    )


def rebuilt(data: bytes, fragment: Fragment, payload: bytes) -> bytes:
    """Return the first fragment's frame with the whole payload and a header that fits it."""
    header = bytearray(data[fragment.header_start : fragment.payload_start])
    header[2:4] = (len(header) + len(payload)).to_bytes(2, "big")
    header[6:8] = b"\0\0"
    header[10:12] = b"\0\0"
    header[10:12] = (0xFFFF - ones_sum(bytes(header))).to_bytes(2, "big")
    return data[: fragment.header_start] + bytes(header) + payload


def _read_options(options: bytes, datagram: Datagram, remarks: list[Remark]) -> None:
    """Walk the options (RFC 791 §3.1) and find Router Alert (RFC 2113 §2.1)."""
    at = 0
    while at < len(options):
        kind = options[at]
        if kind == 0:
            return
        if kind == 1:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if length < 2 or at + length > len(options):
            remarks.append(Remark("M-37", f"IPv4 option 0x{kind:02x} does not fit its header"))
            return
        if kind == _ROUTER_ALERT:
            if length != 4:
                remarks.append(Remark("M-37", f"Router Alert option of {length} octets, not 4"))
            elif datagram.router_alert is not None:
                remarks.append(Remark("M-37", "more than one Router Alert option"))
            else:
                datagram.router_alert = options[at + 2] << 8 | options[at + 3]
        at += length
