"""The decoder and tshark read the same facts from invented messages behind every link header.

What tshark 4.0 reads otherwise than the RFCs is left out, each with its reason, in `is_judged` and
`judged_checksum`.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.addresses import parse, text
from mldkit.model.datagram import Datagram, Decoded, Frame, LinkType
from mldkit.model.messages import Leave, LegacyReport, Query, Report
from mldkit.model.units import SECOND
from mldkit.testing import strategies
from mldkit.testing.encapsulations import LINKS, SWITCH_TAGS, Encapsulation
from mldkit.testing.envelopes import V4, V6
from mldkit.testing.tunnels import GUESSED, TUNNELS
from mldkit.wire.checksum import internet_checksum
from mldkit.wire.decoder import Decoder
from mldkit.wire.encode import encode_frame, encode_packet

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 250
FIELDS = {
    "source": ("ip.src", "ipv6.src"),
    "destination": ("ip.dst", "ipv6.dst"),
    "hop_limit": ("ip.ttl", "ipv6.hlim"),
    "traffic_class": ("ip.dsfield", "ipv6.tclass"),
    "router_alert": ("ip.opt.ra", "ipv6.opt.router_alert"),
    "type": ("igmp.type", "icmpv6.type"),
    "sum": ("igmp.checksum.status", "icmpv6.checksum.status"),
    "groups": ("igmp.maddr", "icmpv6.mld.multicast_address", "icmpv6.mldr.mar.multicast_address"),
    "kinds": ("igmp.record_type", "icmpv6.mldr.mar.record_type"),
    "words": ("igmp.aux_data_len", "icmpv6.mldr.mar.aux_data_len"),
    "sources": ("igmp.saddr", "icmpv6.mld.source_address", "icmpv6.mldr.mar.source_address"),
    "robustness": ("igmp.qrv", "icmpv6.mld.flag.qrv"),
    "interval": ("igmp.qqic", "icmpv6.mld.qqi"),
    "response": (
        "igmp.max_resp",
        "icmpv6.mld.maximum_response_code",
        "icmpv6.mld.maximum_response_delay",
    ),
}


class Facts(NamedTuple):
    """What both say about one message."""

    envelope: tuple[bytes, bytes, int, int, int | None, int | None]
    content: list[object]
    is_sound: bool | None
    """Whether the checksum is right, None where tshark cannot say."""


def drawn(count: int) -> list[Datagram]:
    """Return invented datagrams, others each time."""
    found: list[Datagram] = []

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategies.datagrams())
    def collect(datagram: Datagram) -> None:
        found.append(datagram)

    collect()
    return [datagram for datagram in found if is_judged(datagram)]


def is_judged(datagram: Datagram) -> bool:
    """tshark takes whatever octets an MLDv2 report has for records (RFC 9777 §5.2.12)."""
    message = datagram.message
    is_mldv2 = isinstance(message, Report) and len(datagram.source) == 16
    return not (is_mldv2 and (message.trailing or message.extensions))  # type: ignore[union-attr]


def judged_checksum(datagram: Datagram) -> bool:
    """tshark sums the first 8 octets of older IGMP (RFC 2236 §2.3: all) and no IGMP discovery."""
    message = datagram.message
    if len(datagram.source) == 16 or isinstance(message, Query | Report):
        return True
    return isinstance(message, LegacyReport | Leave) and not message.trailing


def link_headers(datagram: Datagram) -> list[tuple[int, bytes]]:
    """Return the headers of every link type that this family can follow."""
    is_ipv4 = len(datagram.source) == 4
    ethertype = b"\x08\x00" if is_ipv4 else b"\x86\xdd"
    family = 2 if is_ipv4 else 30
    mac = (datagram.link_source or b"") + b"\0\0"
    cooked = struct.pack("!HIHBB8s", 0, 2, 1, 0, 6, mac)
    return [
        (LinkType.LINUX_SLL, struct.pack("!HHH8s", 0, 1, 6, mac) + ethertype),
        (LinkType.LINUX_SLL, struct.pack("!HHH8s", 0, 1, 6, mac) + b"\x81\0\0\5" + ethertype),
        (LinkType.LINUX_SLL2, ethertype + cooked),
        (LinkType.LINUX_SLL2, b"\0\4" + cooked + b"\xaa\xaa\3\0\0\0" + ethertype),
        (LinkType.RAW, b""),
        (LinkType.IPV4 if is_ipv4 else LinkType.IPV6, b""),
        (LinkType.NULL, family.to_bytes(4, "little")),
        (LinkType.LOOP, family.to_bytes(4, "big")),
    ]


def in_pieces(packet: bytes, identity: int) -> list[bytes]:
    """Return the fragments of an IP packet, 16 octets of payload each (RFC 791, RFC 8200)."""
    is_ipv4 = packet[0] >> 4 == 4
    has_options = not is_ipv4 and packet[6] == 0
    start = (packet[0] & 15) * 4 if is_ipv4 else 48 if has_options else 40
    payload = packet[start:]
    pieces = []
    for at in range(0, len(payload), 16):
        piece, more = payload[at : at + 16], at + 16 < len(payload)
        header = bytearray(packet[:start])
        if is_ipv4:
            header[2:8] = struct.pack("!HHH", start + len(piece), identity, more << 13 | at // 8)
            header[10:12] = b"\0\0"
            header[10:12] = internet_checksum(bytes(header)).to_bytes(2, "big")
        else:
            named_at = 40 if has_options else 6
            following, header[named_at] = header[named_at], 44
            header[4:6] = (start - 40 + 8 + len(piece)).to_bytes(2, "big")
            header += struct.pack("!BxHI", following, at | more, identity)
        pieces.append(bytes(header) + piece)
    return pieces


def frames_of(datagrams: list[Datagram]) -> list[Frame]:
    """Return each datagram in an Ethernet frame, behind another header, and in fragments."""
    found: list[tuple[int, bytes]] = []
    for number, datagram in enumerate(datagrams):
        found.append((LinkType.ETHERNET, encode_frame(datagram)))
        packet = encode_packet(datagram)
        others = link_headers(datagram)
        link_type, header = others[number % len(others)]
        found.append((link_type, header + packet))
        if number % 3 == 0:
            found += [(LinkType.RAW, piece) for piece in in_pieces(packet, number)]
    return [
        Frame(data, number * 1_000_000, number, link_type, None, f"link{link_type}")
        for number, (link_type, data) in enumerate(found, 1)
    ]


def wrapped(datagrams: list[Datagram]) -> list[Frame]:
    """Return each datagram in something else, and all ways of it."""
    found = [(way.link_type, way.wrap(V4)) for way in GUESSED]
    for number, datagram in enumerate(datagrams):
        family = 4 if len(datagram.source) == 4 else 6
        frame = encode_frame(replace(datagram, vlan=()))
        ways = [way for way in (*LINKS, *TUNNELS) if family in way.families]
        for way in (ways[number % len(ways)], ways[number * 7 % len(ways)]):
            found.append((way.link_type, way.wrap(frame)))
    return [
        Frame(data, number * 1_000_000, number, link_type, None, f"link{link_type}")
        for number, (link_type, data) in enumerate(found, 1)
    ]


def read_here(frames: list[Frame], *, tunnels: bool = False) -> dict[int, Facts]:
    decoder = Decoder(tunnels=tunnels)
    found = {d.frame.number: facts_of(d) for frame in frames for d in decoder.decode(frame)}
    assert list(decoder.finish()) == [], "all fragments came together"
    return found


def facts_of(decoded: Decoded) -> Facts:
    datagram, message = decoded.datagram, decoded.datagram.message
    content: list[object] = []
    if isinstance(message, Report):
        records = message.records
        content = [
            [record.group for record in records],
            [record.type for record in records],
            [len(record.aux_data) // 4 for record in records],
            [source for record in records for source in record.sources],
        ]
    elif isinstance(message, Query):
        content = [[message.group], list(message.sources), _times(message)]
    elif isinstance(message, LegacyReport | Leave):
        content = [[message.group]]
    return Facts(
        (
            datagram.source,
            datagram.destination,
            datagram.hop_limit,
            datagram.traffic_class,
            datagram.router_alert,
            decoded.type,
        ),
        content,
        decoded.checksum == "ok" if judged_checksum(datagram) else None,
    )


def _times(query: Query) -> list[int]:
    """Return response time, robustness and interval in the units in which tshark shows them."""
    unit_ns = query.family.response_unit_ns
    times = (
        [] if query.version == 1 and len(query.group) == 4 else [query.max_response_ns // unit_ns]
    )
    if query.interval_ns is None:
        return times
    # tshark shows the code of IGMPv3, but the seconds of MLDv2.
    is_igmp = len(query.group) == 4
    interval = query.interval_code if is_igmp else query.interval_ns // SECOND
    return [*times, query.robustness, interval]


def read_by_tshark(path: Path) -> dict[int, Facts]:
    names = [name for alternatives in FIELDS.values() for name in alternatives]
    options = [word for name in ("frame.number", *names) for word in ("-e", name)]
    done = subprocess.run(
        ["tshark", "-n", "-r", path, "-Y", "igmp or icmpv6", "-T", "fields", *options],
        capture_output=True,
        text=True,
        check=True,
    )
    found = {}
    for line in done.stdout.splitlines():
        number, *columns = line.split("\t")
        texts = dict(zip(names, columns, strict=True))
        values = {
            key: [item for name in alternatives for item in texts[name].split(",") if item]
            for key, alternatives in FIELDS.items()
        }
        # Of IP headers around each other the last one is the message's.
        version = 0 if texts["igmp.type"] else 1
        for key in ("source", "destination", "hop_limit", "traffic_class"):
            values[key] = texts[FIELDS[key][version]].split(",")[-1:]
        found[int(number)] = facts_by_tshark(values)
    return found


def facts_by_tshark(values: dict[str, list[str]]) -> Facts:
    numbers = {
        key: [int(item, 0) for item in values[key]]
        for key in (
            "hop_limit", "traffic_class", "router_alert", "type", "sum", "kinds", "words",
            "response", "robustness", "interval",
        )
    }  # fmt: skip
    groups, sources = ([parse(item) for item in values[key]] for key in ("groups", "sources"))
    kind = numbers["type"][0]
    content: list[object] = []
    if kind in (0x22, 143):
        content = [groups, numbers["kinds"], numbers["words"], sources]
    elif kind in (0x11, 130):
        times = [*numbers["response"], *numbers["robustness"], *numbers["interval"]]
        content = [groups, sources, times]
    elif groups:
        content = [groups]
    alert = numbers["router_alert"][0] if numbers["router_alert"] else None
    return Facts(
        (
            parse(values["source"][0]),
            parse(values["destination"][0]),
            numbers["hop_limit"][0],
            numbers["traffic_class"][0],
            alert,
            kind,
        ),
        content,
        numbers["sum"] == [1],
    )


def need(program: str) -> None:
    """Skip where a program is missing, but not where the project's own checks run."""
    if shutil.which(program) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{program} is not installed")
        pytest.skip(f"{program} is not installed")


def compare(path: Path, frames: list[Frame], *, tunnels: bool = False) -> int:
    """Hold what is read of frames against tshark; return how many messages there are."""
    with CaptureWriter(str(path)) as writer:
        for frame in frames:
            writer.write(frame)

    ours, theirs = read_here(frames, tunnels=tunnels), read_by_tshark(path)

    assert set(ours) == set(theirs)
    for number, facts in ours.items():
        judged = theirs[number]
        if facts.is_sound is None:
            judged = judged._replace(is_sound=None)
        assert facts == judged, f"frame {number}: {frames[number - 1].data.hex()}"
    return len(ours)


def test_tshark_reads_the_same_facts(tmp_path: Path) -> None:
    need("tshark")
    datagrams = drawn(COUNT)

    assert compare(tmp_path / "invented.pcapng", frames_of(datagrams)) > 2 * len(datagrams)


def test_tshark_reads_the_same_facts_inside_everything(tmp_path: Path) -> None:
    need("tshark")
    frames = wrapped(drawn(COUNT))
    kinds = {way.link_type for way in LINKS}

    assert compare(tmp_path / "wrapped.pcapng", frames, tunnels=True) == len(frames)
    assert kinds <= {frame.link_type for frame in frames}


@pytest.mark.parametrize("way", SWITCH_TAGS, ids=lambda way: way.name)
@pytest.mark.parametrize("frame", [V4, V6], ids=["IGMP", "MLD"])
def test_tcpdump_reads_switch_tags_too(tmp_path: Path, way: Encapsulation, frame: bytes) -> None:
    need("tcpdump")
    path = tmp_path / "tagged.pcap"
    with CaptureWriter(str(path)) as writer:
        writer.write(Frame(way.wrap(frame), 0, 1, way.link_type))
    done = subprocess.run(["tcpdump", "-nvr", path], capture_output=True, text=True, check=True)

    (found,) = Decoder().decode(Frame(way.wrap(frame), 0, 1, way.link_type))
    words = "igmp query v3" if found.family.ip_version == 4 else "multicast listener query v2"
    assert words in done.stdout
    assert f"{text(found.datagram.source)} > {text(found.datagram.destination)}" in done.stdout
