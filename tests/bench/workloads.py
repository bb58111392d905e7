"""Writes the captures that the benchmarks read; the same seed gives the same octets.

::

    w1   needles: UDP4 45 %, TCP4 30 %, UDP6 15 %, TCP6 10 %, frames of 64 to 1500 octets,
         20 % with a VLAN tag (1 % with two), and one IGMP or MLD message in 1000 packets
    w2   nothing else: IGMPv3 and MLDv2, 7 % queries, about 9.7 records and 24 sources each
    w2h  as w2, from 2,000 hosts of which each has 20 of 5,000 groups: what an analysis remembers
         does not grow with the messages
    w4   a line with television: UDP of 1,316 octets (seven cells of MPEG TS in RTP's place) to 40
         groups, all at once, and one IGMP message in 1000 packets: queries, and 40 members
    w5   many members: each message is the report of another host, for 20 groups of its own choice

All are pcap files. Run as a program: `python tests/bench/workloads.py w1 FILE --count 200000`.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
FIRST_SECOND = 1_700_000_000
POOL = 8192
"""Different frames of background traffic; a packet of w1 is one of them at a time of its own."""
PACKETS_PER_MESSAGE = 1000
BATCH = 10_000

ETHERTYPE = {4: b"\x08\x00", 6: b"\x86\xdd"}
ROUTER_ALERT_V4 = bytes.fromhex("94040000")
ROUTER_ALERT_V6 = bytes.fromhex("3a00050200000100")
MAC = bytes.fromhex("020000000001")


def checksum(octets: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of `octets`."""
    padded = octets + b"\0" * (len(octets) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@cache
def tags(depth: int) -> bytes:
    """Return `depth` VLAN tags, the outer one of two with the service ethertype."""
    outer = (b"\x88\xa8\x00\x64",) if depth > 1 else ()
    return b"".join((*outer, b"\x81\x00\x00\x05")[:depth])


def ethernet(destination: bytes, version: int, packet: bytes, depth: int) -> bytes:
    """Return an Ethernet frame."""
    return destination + MAC + tags(depth) + ETHERTYPE[version] + packet


def ipv4(protocol: int, source: bytes, destination: bytes, payload: bytes, ttl: int = 64) -> bytes:
    """Return an IPv4 packet; IGMP gets Router Alert and precedence 6."""
    options, tos = (ROUTER_ALERT_V4, 0xC0) if protocol == 2 else (b"", 0)
    words = 5 + len(options) // 4
    head = struct.pack(
        "!BBHHHBBH", 0x40 | words, tos, words * 4 + len(payload), 0, 0x4000, ttl, protocol, 0
    )
    head += source + destination + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(
    next_header: int, source: bytes, destination: bytes, payload: bytes, hop_limit: int = 64
) -> bytes:
    """Return an IPv6 packet; hop limit 1 brings Router Alert."""
    if hop_limit == 1:
        payload, next_header = ROUTER_ALERT_V6 + payload, 0
    return (
        struct.pack("!IHBB", 0x60000000, len(payload), next_header, hop_limit)
        + source
        + destination
        + payload
    )


def igmp(message: bytes, host: int, destination: bytes, depth: int = 0) -> bytes:
    """Return the frame of an IGMP message whose checksum field is still zero."""
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    mac = b"\x01\x00\x5e" + bytes((destination[1] & 0x7F,)) + destination[2:]
    packet = ipv4(2, struct.pack("!I", 0x0A000000 + host), destination, message, ttl=1)
    return ethernet(mac, 4, packet, depth)


def mld(message: bytes, host: int, destination: bytes, depth: int = 0) -> bytes:
    """Return the frame of an MLD message whose checksum field is still zero."""
    source = b"\xfe\x80" + bytes(12) + struct.pack("!H", host % 0xFFFF + 1)
    pseudo = source + destination + struct.pack("!II", len(message), 58)
    message = message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:]
    packet = ipv6(58, source, destination, message, hop_limit=1)
    return ethernet(b"\x33\x33" + destination[12:], 6, packet, depth)


def group4(rng: random.Random) -> bytes:
    """Return a group in 239/8."""
    return struct.pack("!I", 0xEF000000 + rng.randrange(1 << 20))


def group6(rng: random.Random) -> bytes:
    """Return a group in ff0e::/96."""
    return b"\xff\x0e" + bytes(10) + struct.pack("!I", rng.randrange(1 << 20))


def records(rng: random.Random, count: int, version: int, mean_sources: float) -> bytes:
    """Return `count` group records with geometrically distributed numbers of sources."""
    parts = []
    for _ in range(count):
        sources = min(int(rng.expovariate(1 / (mean_sources + 0.5))), 12)
        group = group4(rng) if version == 4 else group6(rng)
        parts.append(struct.pack("!BBH", rng.randint(1, 6), 0, sources) + group)
        base = rng.randrange(1 << 31)
        if version == 4:
            parts += [struct.pack("!I", base + index) for index in range(sources)]
        else:
            parts += [
                b"\x20\x01\x0d\xb8" + bytes(8) + struct.pack("!I", base + index)
                for index in range(sources)
            ]
    return b"".join(parts)


def report(rng: random.Random, version: int, mean_records: float, mean_sources: float) -> bytes:
    """Return the frame of an IGMPv3 or MLDv2 report."""
    limit = 60 if version == 4 else 20
    count = max(1, min(round(rng.expovariate(1 / mean_records)), limit))
    kind = 0x22 if version == 4 else 143
    body = records(rng, count, version, mean_sources)
    while len(body) > 1400:
        count = count * 3 // 4
        body = records(rng, count, version, mean_sources)
    message = struct.pack("!BBHHH", kind, 0, 0, 0, count) + body
    host = rng.randrange(1 << 16)
    if version == 4:
        return igmp(message, host, bytes((224, 0, 0, 22)))
    return mld(message, host, b"\xff\x02" + bytes(13) + b"\x16")


def query(rng: random.Random, version: int) -> bytes:
    """Return the frame of a general, a group, or a group-and-source query of today's version."""
    kind = rng.randrange(3)
    count = rng.randint(1, 20) if kind == 2 else 0
    if version == 4:
        group = group4(rng) if kind else bytes(4)
        sources = b"".join(struct.pack("!I", 0x0A010000 + index) for index in range(count))
        message = struct.pack("!BBH4sBBH", 0x11, 100, 0, group, 2, 125, count) + sources
        return igmp(message, 1, group if kind else bytes((224, 0, 0, 1)))
    group = group6(rng) if kind else bytes(16)
    sources = b"".join(
        b"\x20\x01\x0d\xb8" + bytes(8) + struct.pack("!I", index) for index in range(count)
    )
    message = struct.pack("!BBHHH16sBBH", 130, 0, 0, 10000, 0, group, 2, 125, count) + sources
    return mld(message, 1, group if kind else b"\xff\x02" + bytes(13) + b"\x01")


def needle(rng: random.Random, index: int) -> bytes:
    """Return the frame of one of the messages of w1: both families, old and new versions."""
    depth = vlan_depth(rng)
    if index % 4 == 0:
        group = group4(rng)
        return igmp(struct.pack("!BBH4s", 0x16, 0, 0, group), index, group, depth)
    if index % 4 == 1:
        group = group6(rng)
        return mld(struct.pack("!BBHHH16s", 131, 0, 0, 0, 0, group), index, group, depth)
    frame = report(rng, 4 if index % 4 == 2 else 6, 3, 1)
    return frame[:12] + tags(depth) + frame[12:]


def vlan_depth(rng: random.Random) -> int:
    """Return the number of tags of one frame: 20 % have one, 1 % two."""
    draw = rng.random()
    return 2 if draw < 0.01 else 1 if draw < 0.20 else 0


def background(rng: random.Random) -> bytes:
    """Return a UDP or TCP frame of 64 to 1500 octets, mean about 496."""
    low, high = rng.choices(((64, 200), (200, 1000), (1000, 1500)), (53, 25, 22))[0]
    size = rng.randint(low, high)
    depth = vlan_depth(rng)
    version, protocol = rng.choices(((4, 17), (4, 6), (6, 17), (6, 6)), (45, 30, 15, 10))[0]
    room = size - 14 - 4 * depth - (20 if version == 4 else 40)
    ports = struct.pack("!HH", rng.randint(1024, 65535), rng.choice((53, 80, 443, 5001)))
    if protocol == 17:
        segment = ports + struct.pack("!HH", max(room, 8), 0) + rng.randbytes(max(room - 8, 0))
    else:
        head = struct.pack("!IIBBHHH", rng.getrandbits(32), 1, 0x50, 0x10, 64240, 0, 0)
        segment = ports + head + rng.randbytes(max(room - 20, 0))
    if version == 4:
        source, destination = (struct.pack("!I", 0x0A000000 + rng.randrange(4096)) for _ in "sd")
        packet = ipv4(protocol, source, destination, segment)
    else:
        source, destination = (
            b"\x20\x01\x0d\xb8" + bytes(10) + struct.pack("!H", rng.randrange(4096)) for _ in "sd"
        )
        packet = ipv6(protocol, source, destination, segment)
    return ethernet(b"\x02\x00\x00\x00\x00\x02", version, packet, depth)


def write_records(
    file: BinaryIO, frames: Sequence[bytes], first: int, microseconds_apart: int = 10
) -> None:
    """Append `frames` as pcap records, evenly apart, from packet `first` on."""
    pack = struct.Struct("<IIII").pack
    parts: list[bytes] = []
    for number, frame in enumerate(frames, first):
        seconds, microseconds = divmod(number * microseconds_apart, 1_000_000)
        size = len(frame)
        parts += (pack(FIRST_SECOND + seconds, microseconds, size, size), frame)
    file.write(b"".join(parts))


def write_w1(path: Path, count: int, seed: int = 1) -> None:
    """Write `count` packets, one in 1000 a message at a place drawn by chance."""
    rng = random.Random(seed)
    pool = [background(rng) for _ in range(POOL)]
    places = set(rng.sample(range(count), count // PACKETS_PER_MESSAGE))
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        for first in range(0, count, BATCH):
            frames = rng.choices(pool, k=min(BATCH, count - first))
            for place in places.intersection(range(first, first + len(frames))):
                frames[place - first] = needle(rng, place)
            write_records(file, frames, first)


def write_w2(path: Path, count: int, seed: int = 2) -> None:
    """Write `count` messages and nothing else, half of each family."""
    rng = random.Random(seed)
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        for first in range(0, count, BATCH):
            frames = [
                query(rng, version) if rng.random() < 0.07 else report(rng, version, 11.6, 2.55)
                for version in (rng.choice((4, 6)) for _ in range(min(BATCH, count - first)))
            ]
            write_records(file, frames, first)


def member_records(rng: random.Random, groups: list[bytes], version: int) -> tuple[int, bytes]:
    """Return the number and the octets of records of a host: 49 in 50 repeat what it wants."""
    count = max(1, min(round(rng.expovariate(1 / 11.6)), len(groups)))
    parts = []
    for group in rng.sample(groups, count):
        wanted = group[-1] % 6
        kind = rng.randint(3, 6) if rng.random() < 0.02 else 1 + (wanted == 0)
        parts.append(struct.pack("!BBH", kind, 0, wanted) + group)
        base = 0x0A000000 + group[-1] * 16
        for index in range(wanted):
            source = struct.pack("!I", base + index)
            parts.append(source if version == 4 else b"\x20\x01\x0d\xb8" + bytes(8) + source)
    return count, b"".join(parts)


def write_w2h(path: Path, count: int, seed: int = 2) -> None:
    """Write `count` messages of 2,000 hosts with 20 groups each, a millisecond apart."""
    rng = random.Random(seed)
    groups = {
        4: [struct.pack("!I", 0xEF000001 + number) for number in range(2500)],
        6: [b"\xff\x0e" + bytes(10) + struct.pack("!I", 1 + number) for number in range(2500)],
    }
    hosts = []
    for number in range(2000):
        version = 4 if number % 2 else 6
        hosts.append((number + 2, version, rng.sample(groups[version], 20)))
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        for first in range(0, count, BATCH):
            frames = []
            for _ in range(min(BATCH, count - first)):
                host, version, own = rng.choice(hosts)
                if rng.random() < 0.07:
                    frames.append(query(rng, version))
                    continue
                number, body = member_records(rng, own, version)
                kind = 0x22 if version == 4 else 143
                message = struct.pack("!BBHHH", kind, 0, 0, 0, number) + body
                to = bytes((224, 0, 0, 22)) if version == 4 else b"\xff\x02" + bytes(13) + b"\x16"
                frames.append((igmp if version == 4 else mld)(message, host, to))
            write_records(file, frames, first, 1000)


def write_w4(path: Path, count: int, seed: int = 4) -> None:
    """Write `count` packets of 40 streams, a millisecond apart, and messages of their members."""
    rng = random.Random(seed)
    groups = [struct.pack("!I", 0xEF0A0001 + number) for number in range(40)]
    udp = struct.pack("!HHHH", 5004, 5004, 8 + 1316, 0)
    data = [
        ethernet(
            b"\x01\x00\x5e" + bytes((group[1] & 0x7F,)) + group[2:],
            4,
            ipv4(17, b"\x0a\x64\x01\x05", group, udp + rng.randbytes(1316), ttl=16),
            0,
        )
        for group in groups
    ]
    ask = struct.pack("!BBH4sBBH", 0x11, 100, 0, bytes(4), 2, 125, 0)
    query_ = igmp(ask, 1, bytes((224, 0, 0, 1)))
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        for first in range(0, count, BATCH):
            frames = []
            for number in range(first, first + min(BATCH, count - first)):
                turn, place = divmod(number, PACKETS_PER_MESSAGE)
                if place:
                    frames.append(data[rng.randrange(40)])
                elif turn % 41 == 0:
                    frames.append(query_)
                else:
                    group = groups[turn % 41 - 1]
                    body = struct.pack("!BBHHHBBH", 0x22, 0, 0, 0, 1, 2, 0, 0) + group
                    frames.append(igmp(body, 100 + turn % 41, bytes((224, 0, 0, 22))))
            write_records(file, frames, first, 1000)


def write_w5(path: Path, count: int, seed: int = 5) -> None:
    """Write the reports of `count` hosts, a millisecond apart: 20 memberships each."""
    rng = random.Random(seed)
    groups = {
        4: [struct.pack("!I", 0xEF000001 + number) for number in range(2500)],
        6: [b"\xff\x0e" + bytes(10) + struct.pack("!I", 1 + number) for number in range(2500)],
    }
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        for first in range(0, count, BATCH):
            frames = []
            for number in range(first, min(first + BATCH, count)):
                version = 4 if number % 2 else 6
                own = rng.sample(groups[version], 20)
                body = b"".join(struct.pack("!BBH", 2, 0, 0) + group for group in own)
                kind = 0x22 if version == 4 else 143
                message = struct.pack("!BBHHH", kind, 0, 0, 0, 20) + body
                to = bytes((224, 0, 0, 22)) if version == 4 else b"\xff\x02" + bytes(13) + b"\x16"
                frames.append((igmp if version == 4 else mld)(message, number + 2, to))
            write_records(file, frames, first, 1000)


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "w1": write_w1,
    "w2": write_w2,
    "w2h": write_w2h,
    "w4": write_w4,
    "w5": write_w5,
}


def main(arguments: Sequence[str]) -> None:
    """Write one workload."""
    parser = argparse.ArgumentParser(description="write a benchmark capture")
    parser.add_argument("workload", choices=WRITERS)
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=200_000, help="packets (default: 200000)")
    chosen = parser.parse_args(arguments)
    WRITERS[chosen.workload](chosen.file, chosen.count)


if __name__ == "__main__":
    main(sys.argv[1:])
