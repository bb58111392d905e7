"""Frames with a payload that is put together octet by octet.

A sound envelope around octets that need not make sense: what the tests of malformed input are
made of. Whoever wants sound messages uses `mldkit.wire.encode`.
"""

from __future__ import annotations

import struct

from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.family import IGMP, family_of
from mldkit.model.messages import Other, Report
from mldkit.wire.checksum import icmpv6_checksum, internet_checksum
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.validity import find

SOURCES = {4: parse("10.0.0.1"), 6: parse("fe80::1")}
"""Where the frames come from, by IP version."""


def framed(payload: bytes, destination: bytes, *, fix: bool = True) -> bytes:
    """Return an Ethernet frame around `payload`, with its checksum made right if `fix`."""
    family = family_of(destination)
    source = SOURCES[family.ip_version]
    if fix and len(payload) >= 4:
        blank = payload[:2] + b"\0\0" + payload[4:]
        if family is IGMP:
            value = internet_checksum(blank)
        else:
            value = icmpv6_checksum(source, destination, blank)
        payload = blank[:2] + value.to_bytes(2, "big") + blank[4:]
    return encode_frame(
        Datagram(
            source,
            destination,
            Other(0, payload),
            traffic_class=family.traffic_class,
            link_source=bytes(6),
        )
    )


def read(payload: bytes, destination: str, *, fix: bool = True) -> Decoded:
    """Return what the codec makes of `payload` in a sound envelope."""
    found = decode(Frame(framed(payload, parse(destination), fix=fix), 0, 1))
    if not isinstance(found, Decoded):
        raise TypeError(f"the payload is no message: {found}")
    return found


def ids(decoded: Decoded) -> set[str]:
    """Return the ids of the findings."""
    return {finding.id for finding in find(decoded)}


def records(decoded: Decoded) -> list[str]:
    """Return the records of a report in the script notation."""
    message = decoded.datagram.message
    if not isinstance(message, Report):
        raise TypeError(f"{message} is no report")
    return [str(record) for record in message.records]


def query(group: bytes, *, sources: int = 0, present: bytes = b"", bits: int = 2) -> bytes:
    """Return a current-version query that claims `sources` sources and has `present`."""
    tail = struct.pack("!BBH", bits, 125, sources) + present
    if len(group) == 4:
        return struct.pack("!BBH4s", 0x11, 10, 0, group) + tail
    return struct.pack("!BBHHH16s", 130, 0, 0, 1000, 0, group) + tail


def report(kind: int, count: int, body: bytes, *, flags: int = 0) -> bytes:
    """Return a report of ICMPv6 or IGMP type `kind` that claims `count` records."""
    return struct.pack("!BBHHH", kind, 0, 0, flags, count) + body


def record(group: bytes, kind: int = 4, *, aux: int = 0, sources: int = 0) -> bytes:
    """Return the fixed part of a record that claims `aux` words and `sources` sources."""
    return struct.pack(f"!BBH{len(group)}s", kind, aux, sources, group)
