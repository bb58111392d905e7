from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from scapy.packet import Raw
from scapy.utils import RawPcapReader

from mldkit.craft.build import build, frame_bytes
from mldkit.craft.convert import parse, to_model
from mldkit.errors import BuildError, UsageError
from mldkit.model import messages as m
from mldkit.model.addresses import parse as address
from mldkit.model.addresses import text
from mldkit.model.datagram import Datagram, Decoded, Frame, LinkType
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame


def frames_of(path: Path) -> list[tuple[int, bytes, int]]:
    with RawPcapReader(str(path)) as reader:
        return [(n, octets, reader.linktype) for n, (octets, _) in enumerate(reader, start=1)]


def recordings(shared: Path) -> list[Path]:
    return sorted([*(shared / "corpus").glob("*.pcap"), *shared.glob("kernel-captures/*.pcap")])


def test_every_recorded_frame_is_given_back_as_it_was(shared: Path) -> None:
    for path in recordings(shared):
        for number, octets, link_type in frames_of(path):
            assert bytes(parse(octets, link_type)) == octets, f"{path.name} {number}"


def test_recorded_messages_say_what_the_codec_reads(shared: Path) -> None:
    compared = 0
    for path in recordings(shared):
        for number, octets, link_type in frames_of(path):
            decoded = decode(Frame(octets, link_type=link_type))
            if isinstance(decoded, Decoded) and decoded.malformed is None:
                assert to_model(parse(octets, link_type)) == decoded.datagram, (
                    f"{path.name} {number}"
                )
                compared += 1

    assert compared > 800


def test_what_the_kernel_sent_is_built_again_from_its_words(shared: Path) -> None:
    built = 0
    for path in sorted((shared / "kernel-captures").glob("*.pcap")):
        for _, octets, _ in frames_of(path):
            decoded = decode(Frame(octets))
            sent_by_host = octets[6:12].hex() == "020000000002"
            if isinstance(decoded, Decoded) and sent_by_host:
                assert frame_bytes(build(to_model(parse(octets)))) == octets
                built += 1

    assert built > 150


def test_the_corpus_facts_of_third_parties_are_read(shared: Path) -> None:
    compared = 0
    for path in sorted((shared / "corpus").glob("*.json")):
        facts = json.loads(path.read_text())
        frames = {n: (o, t) for n, o, t in frames_of(path.with_name(facts["pcap"]))}
        for fact in facts["frames"]:
            if fact["parse"] != "ok" or "vxlan" in path.name or "message" not in fact:
                continue
            octets, link_type = frames[fact["frame"]]
            compared += compare(fact, to_model(parse(octets, link_type)).message)

    assert compared > 400


def compare(fact: dict[str, Any], message: m.Message | None) -> int:
    if isinstance(message, m.Query):
        assert message.version == fact["version"]
        assert text(message.group) == fact["group"]
        assert message.max_response_ns == fact["max_resp_ms"] * 1_000_000
        if "sources" in fact:
            assert list(map(text, message.sources)) == fact["sources"]
            assert message.robustness == fact["qrv"]
            assert message.interval_code == fact["qqic"]
            assert message.suppress == fact["s_flag"]
    elif isinstance(message, m.Report):
        assert fact["num_records_field"] == len(message.records)
        for record, said in zip(message.records, fact["records"], strict=True):
            assert m.record_type_name(record.type) == said["type"]
            assert text(record.group) == said["group"]
            assert list(map(text, record.sources)) == said["sources"]
            assert len(record.aux_data) == 4 * said["aux_words"]
    elif isinstance(message, m.LegacyReport | m.Leave):
        assert text(message.group) == fact["group"]
        assert message.version == fact["version"]
    else:
        return 0
    return 1


QUERY = Datagram(
    address("10.9.0.1"),
    address("224.0.0.1"),
    m.Query(3, bytes(4), 100, robustness=2),
    traffic_class=0xC0,
    link_source=bytes(6),
    link_destination=bytes.fromhex("01005e000001"),
)


@pytest.mark.parametrize(
    ("link_type", "header"),
    [
        pytest.param(LinkType.RAW, "", id="RAW"),
        pytest.param(LinkType.IPV4, "", id="IPV4"),
        pytest.param(LinkType.LINUX_SLL, "00020001000602000000000200000800", id="SLL"),
        pytest.param(LinkType.LINUX_SLL2, "0800000000000001000102060200000000020000", id="SLL2"),
        pytest.param(LinkType.NULL, "02000000", id="NULL, little-endian"),
        pytest.param(LinkType.NULL, "00000002", id="NULL, big-endian"),
        pytest.param(LinkType.LOOP, "00000002", id="LOOP"),
        pytest.param(LinkType.LOOP, "00000063", id="LOOP with a family nobody knows"),
    ],
)
def test_other_link_types_are_read(link_type: LinkType, header: str) -> None:
    octets = bytes.fromhex(header) + frame_bytes(build(QUERY))[14:]

    packet = parse(octets, link_type)

    assert to_model(packet).message == QUERY.message
    assert bytes(packet) == octets


def test_a_link_type_without_a_layer_is_named() -> None:
    with pytest.raises(UsageError, match="link type 147"):
        parse(b"", 147)


def test_a_packet_made_by_hand_says_what_its_octets_say() -> None:
    packet = build(QUERY)
    packet.payload.payload.sources = ["10.0.0.1"]

    message = to_model(packet).message

    assert isinstance(message, m.Query)
    assert message.sources == (address("10.0.0.1"),)


def test_a_message_too_short_for_its_type_is_no_message() -> None:
    cut = frame_bytes(build(QUERY))[:-8]

    assert to_model(parse(cut)).message is None


def test_what_has_no_ip_header_has_no_datagram() -> None:
    with pytest.raises(BuildError, match="no IP header"):
        to_model(Raw(b"abc"))


# Scapy's own IGMP layer appends a Router Alert to every IP header without options.
WITH_SCAPYS_IGMP = """
import scapy.layers.igmp
from mldkit.craft.convert import parse, to_model
octets = bytes.fromhex("01005e00000102000000000108004500001c000000000102cf25"
                       "0a090001e00000011164ee9b00000000")
packet = parse(octets)
assert bytes(packet) == octets
assert to_model(packet).router_alert is None
assert packet.lastlayer().name == "IGMPv2 query", packet.lastlayer().name
"""


def test_scapys_own_igmp_in_the_process_invents_nothing_here() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITH_SCAPYS_IGMP], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("places", [(12,), (16,), (12, 16), (20,), (12, 16, 20)])
@pytest.mark.parametrize("kind", ["8100", "88a8", "9100"])
def test_tags_of_any_ethertype_are_read_as_the_codec_reads_them(
    kind: str, places: tuple[int, ...]
) -> None:
    group = address("239.1.2.3")
    source = address("10.0.0.1")
    sent = Datagram(
        source, group, m.LegacyReport(2, group), traffic_class=0xC0, vlan=(5, 6, 7),
        link_source=bytes(6), link_destination=bytes.fromhex("01005e010203"),
    )  # fmt: skip
    octets = bytearray(encode_frame(sent))
    for place in places:
        octets[place : place + 2] = bytes.fromhex(kind)

    decoded = decode(Frame(bytes(octets)))

    assert isinstance(decoded, Decoded)
    assert to_model(parse(bytes(octets))) == decoded.datagram == sent
    assert bytes(parse(bytes(octets))) == bytes(octets)
