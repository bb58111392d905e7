"""Frames of strangers, as octets: any sender, any hardware address, as many as anybody wants."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

from tests.bench.workloads import ROUTER_ALERT_V4, ROUTER_ALERT_V6, checksum

if TYPE_CHECKING:
    from collections.abc import Sequence

Record: TypeAlias = tuple[int, bytes, tuple[bytes, ...]]
"""Type, group and sources of a record."""

IS_IN, IS_EX, TO_IN, TO_EX, ALLOW, BLOCK = range(1, 7)
ALL_HOSTS, REPORTS = bytes((224, 0, 0, 1)), bytes((224, 0, 0, 22))
MLD_REPORTS = bytes.fromhex("ff020000000000000000000000000016")
GROUP = bytes((239, 1, 2, 3))
QUERIER = bytes((10, 0, 0, 1))
OLD, CURRENT = 2, 3
"""Versions of IGMP."""


def address(number: int, base: int = 0x0A010000) -> bytes:
    """Return one of many IPv4 addresses."""
    return struct.pack("!I", base + number)


def group(number: int) -> bytes:
    """Return one of many groups."""
    return struct.pack("!I", 0xEF020000 + number)


def mac(number: int) -> bytes:
    """Return one of many hardware addresses."""
    return b"\x02\x01" + struct.pack("!I", number)


def ethernet(sender: bytes, destination: bytes, packet: bytes, vlan: Sequence[int] = ()) -> bytes:
    """Return the frame of an IP packet to a group."""
    tags = b"".join(struct.pack("!HH", 0x8100, tag) for tag in vlan)
    if len(destination) == 4:
        to = b"\x01\x00\x5e" + bytes((destination[1] & 0x7F,)) + destination[2:]
        return to + sender + tags + b"\x08\x00" + packet
    return b"\x33\x33" + destination[12:] + sender + tags + b"\x86\xdd" + packet


def ipv4(
    source: bytes, destination: bytes, payload: bytes, *, protocol: int = 2, ttl: int = 1,
    identification: int = 0, has_sum: bool = True,
) -> bytes:  # fmt: skip
    """Return an IPv4 packet; IGMP has Router Alert."""
    options = ROUTER_ALERT_V4 if protocol == 2 else b""
    octets = 20 + len(options)
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x40 | octets // 4, 0xC0, octets + len(payload), identification, 0, ttl,
        protocol, 0, source, destination,
    ) + options  # fmt: skip
    if has_sum:
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return head + payload


def _igmp(message: bytes) -> bytes:
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def report(
    host: int, records: Sequence[Record], *, source: bytes | None = None,
    sender: bytes | None = None, vlan: Sequence[int] = (), has_sum: bool = True, ttl: int = 1,
) -> bytes:  # fmt: skip
    """Return an IGMPv3 report of one of many hosts."""
    body = b"".join(
        struct.pack("!BBH", kind, 0, len(sources)) + to + b"".join(sources)
        for kind, to, sources in records
    )
    message = _igmp(struct.pack("!BBHHH", 0x22, 0, 0, 0, len(records)) + body)
    own = address(host) if source is None else source
    packet = ipv4(own, REPORTS, message, has_sum=has_sum, ttl=ttl)
    return ethernet(mac(host) if sender is None else sender, REPORTS, packet, vlan)


def older(host: int, to: bytes, kind: int = 0x16, *, source: bytes | None = None) -> bytes:
    """Return an IGMPv2 report, or a leave with kind 0x17."""
    message = _igmp(struct.pack("!BBH4s", kind, 0, 0, to))
    destination = to if kind == 0x16 else bytes((224, 0, 0, 2))
    own = address(host) if source is None else source
    return ethernet(mac(host), destination, ipv4(own, destination, message))


def query(
    version: int = CURRENT, *, source: bytes = QUERIER, sender: bytes | None = None,
    about: bytes = bytes(4), sources: Sequence[bytes] = (), response: int = 100,
    interval: int = 125, vlan: Sequence[int] = (), robustness: int = 2,
) -> bytes:  # fmt: skip
    """Return an IGMP query; response in tenths of a second, interval in seconds."""
    message = struct.pack("!BBH4s", 0x11, response, 0, about)
    if version == CURRENT:
        message += struct.pack("!BBH", robustness, interval, len(sources)) + b"".join(sources)
    destination = about if any(about) else ALL_HOSTS
    packet = ipv4(source, destination, _igmp(message))
    return ethernet(mac(0xFFFFFF) if sender is None else sender, destination, packet, vlan)


def data(sender: int, to: bytes, *, port: int = 5000, source: bytes | None = None) -> bytes:
    """Return a UDP packet to a group."""
    payload = struct.pack("!HHHH", port, port, 28, 0) + bytes(20)
    own = address(sender) if source is None else source
    return ethernet(mac(sender), to, ipv4(own, to, payload, protocol=17, ttl=16))


def link_local(number: int) -> bytes:
    """Return one of many link-local IPv6 addresses."""
    return b"\xfe\x80" + bytes(6) + struct.pack("!Q", number + 2)


def mld_report(host: int, records: Sequence[Record]) -> bytes:
    """Return an MLDv2 report of one of many hosts."""
    body = b"".join(
        struct.pack("!BBH", kind, 0, len(sources)) + to + b"".join(sources)
        for kind, to, sources in records
    )
    message = struct.pack("!BBHHH", 143, 0, 0, 0, len(records)) + body
    source = link_local(host)
    pseudo = source + MLD_REPORTS + struct.pack("!II", len(message), 58)
    message = message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:]
    payload = ROUTER_ALERT_V6 + message
    packet = struct.pack("!IHBB", 0x60000000, len(payload), 0, 1) + source + MLD_REPORTS + payload
    return ethernet(mac(host), MLD_REPORTS, packet)
