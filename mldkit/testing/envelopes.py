"""Two sound frames, and what is needed to make their envelopes wrong octet by octet."""

from __future__ import annotations

from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.messages import Query
from mldkit.wire.checksum import internet_checksum
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.validity import find

MAC = bytes.fromhex("020000000001")
IGMP_QUERY = Datagram(
    parse("10.0.0.1"),
    parse("224.0.0.1"),
    Query(3, bytes(4), 100, robustness=2, interval_code=125),
    traffic_class=0xC0,
    link_source=MAC,
)
MLD_QUERY = Datagram(
    parse("fe80::1"),
    parse("ff02::1"),
    Query(2, bytes(16), 1000, robustness=2, interval_code=125),
    link_source=MAC,
)
V4 = encode_frame(IGMP_QUERY)
"""Ethernet 14, IPv4 with Router Alert 24, message 12 octets."""
V6 = encode_frame(MLD_QUERY)
"""Ethernet 14, IPv6 40, hop-by-hop 8, message 28 octets."""


def patched(frame: bytes, offset: int, octets: bytes) -> bytes:
    """Return `frame` with `octets` written over it at `offset`."""
    return frame[:offset] + octets + frame[offset + len(octets) :]


def with_ip_sum(frame: bytes) -> bytes:
    """Return an untagged IPv4 frame with the right header checksum."""
    end = 14 + (frame[14] & 15) * 4
    header = frame[14:24] + b"\0\0" + frame[26:end]
    return frame[:24] + internet_checksum(header).to_bytes(2, "big") + frame[26:]


def entry(frame: bytes, link_type: int = 1, original: int | None = None) -> Decoded:
    """Return the entry that `frame` gives; raise TypeError when it gives none."""
    found = decode(Frame(frame, 0, 1, link_type, original))
    if not isinstance(found, Decoded):
        raise TypeError(f"the frame gives no entry: {found}")
    return found


def ids(frame: bytes, link_type: int = 1) -> set[str]:
    """Return the ids of the findings on `frame`."""
    return {finding.id for finding in find(entry(frame, link_type))}


def v6_with(chain: bytes, next_header: int) -> bytes:
    """Return `V6` with other octets in the place of its hop-by-hop header."""
    message = V6[14 + 48 :]
    header = bytearray(V6[:54])
    header[18:20] = (len(chain) + len(message)).to_bytes(2, "big")
    header[20] = next_header
    return bytes(header) + chain + message


def hop_by_hop(options: bytes, following: int = 58) -> bytes:
    """Return a hop-by-hop header; `options` fill whole units of 8 octets less 2."""
    octets = 2 + len(options)
    if octets % 8:
        raise ValueError(f"{len(options)} octets of options do not fill the header")
    return bytes((following, octets // 8 - 1)) + options
