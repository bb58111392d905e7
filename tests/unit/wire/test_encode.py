"""W-01 to W-14: the octets of messages and their headers, drawn by hand after the RFCs' figures."""

from __future__ import annotations

import pytest
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.utils import checksum

from mldkit.errors import BuildError
from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram, Decoded, Frame, LinkType
from mldkit.model.messages import (
    GroupRecord,
    Leave,
    LegacyReport,
    Message,
    Query,
    RecordType,
    Report,
    RouterAdvertisement,
    RouterSolicitation,
    RouterTermination,
)
from mldkit.model.units import MILLISECOND
from mldkit.testing.frames import framed
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_message, encode_packet
from mldkit.wire.validity import find

ANY4, G4, S4, FROM4 = (parse(a) for a in ("0.0.0.0", "239.1.1.1", "10.0.0.9", "10.0.0.1"))
ANY6, G6, S6, FROM6 = (parse(a) for a in ("::", "ff05::1", "2001:db8::9", "fe80::1"))
G6_HEX, S6_HEX = G6.hex(), S6.hex()
SENDERS = {4: FROM4, 16: FROM6}


def blank(octets: bytes) -> bytes:
    """Return a message with its checksum field zero."""
    return octets[:2] + b"\0\0" + octets[4:]


MESSAGES: list[tuple[str, Message, bytes, str]] = [
    # RFC 1112 appendix I, RFC 2236 §2
    ("IGMPv1 query", Query(1, ANY4), parse("224.0.0.1"), "1100 0000 00000000"),
    ("IGMPv2 query", Query(2, G4, 10), G4, "110a 0000 ef010101"),
    ("IGMPv1 report", LegacyReport(1, G4), G4, "1200 0000 ef010101"),
    ("IGMPv2 report", LegacyReport(2, G4), G4, "1600 0000 ef010101"),
    ("IGMPv2 leave", Leave(2, G4), G4, "1700 0000 ef010101"),
    # RFC 9776 §4.1, §4.2
    (
        "IGMPv3 query",
        Query(3, G4, 100, suppress=True, robustness=2, interval_code=125, sources=(S4,)),
        G4,
        "1164 0000 ef010101 0a 7d 0001 0a000009",
    ),
    (
        "IGMPv3 report",
        Report((GroupRecord(RecordType.BLOCK, G4, (S4,), b"abcdefgh"), GroupRecord(4, G4))),
        G4,
        "2200 0000 0000 0002 06020001 ef010101 0a000009 6162636465666768 04000000 ef010101",
    ),
    # RFC 2710 §3
    ("MLDv1 query", Query(1, G6, 0xFFFF), G6, f"8200 0000 ffff 0000 {G6_HEX}"),
    ("MLDv1 report", LegacyReport(1, G6), G6, f"8300 0000 0000 0000 {G6_HEX}"),
    ("MLDv1 done", Leave(1, G6), G6, f"8400 0000 0000 0000 {G6_HEX}"),
    # RFC 9777 §5.1, §5.2
    (
        "MLDv2 query",
        Query(2, G6, 10000, suppress=True, robustness=7, interval_code=255, sources=(S6,)),
        G6,
        f"8200 0000 2710 0000 {G6_HEX} 0f ff 0001 {S6_HEX}",
    ),
    (
        "MLDv2 report",
        Report((GroupRecord(RecordType.ALLOW, G6, (S6,)), GroupRecord(1, G6, (S6,), b"abcd"))),
        G6,
        f"8f00 0000 0000 0002 05000001 {G6_HEX} {S6_HEX} 01010001 {G6_HEX} {S6_HEX} 61626364",
    ),
    # RFC 4286 §3 to §5
    ("IGMP advertisement", RouterAdvertisement(20, 125, 2), G4, "3014 0000 007d 0002"),
    ("IGMP solicitation", RouterSolicitation(), G4, "3100 0000"),
    ("IGMP termination", RouterTermination(), G4, "3200 0000"),
    ("MLD advertisement", RouterAdvertisement(20, 125, 2), G6, "9714 0000 007d 0002"),
    ("MLD solicitation", RouterSolicitation(), G6, "9800 0000"),
    ("MLD termination", RouterTermination(), G6, "9900 0000"),
]


@pytest.mark.parametrize(
    ("message", "destination", "octets"),
    [pytest.param(*row[1:], id=row[0]) for row in MESSAGES],
)
def test_w04_w11_w12_w14_every_message_has_the_octets_of_its_figure(
    message: Message, destination: bytes, octets: str
) -> None:
    source = SENDERS[len(destination)]
    written = encode_message(message, source, destination)

    assert blank(written) == bytes.fromhex(octets)
    read = decode(Frame(framed(written, destination)))
    assert isinstance(read, Decoded)
    assert read.datagram.message == message


@pytest.mark.parametrize(
    ("message", "destination"), [pytest.param(row[1], row[2], id=row[0]) for row in MESSAGES]
)
@pytest.mark.parametrize("trailing", [b"", b"x", b"four"])
def test_w10_the_checksum_covers_every_octet_and_the_pseudo_header(
    message: Message, destination: bytes, trailing: bytes
) -> None:
    source = SENDERS[len(destination)]
    octets = encode_message(message, source, destination) + trailing
    if len(destination) == 4:
        right = checksum(blank(octets))
    else:
        # The final destination, and the octets of the message without the hop-by-hop header.
        header = IPv6(src="fe80::1", dst="ff05::1")
        right = in6_chksum(58, header, blank(octets))
    octets = octets[:2] + right.to_bytes(2, "big") + octets[4:]
    read = decode(Frame(framed(octets, destination, fix=False)))

    assert isinstance(read, Decoded)
    assert read.checksum == "ok"
    if not trailing:
        assert encode_message(message, source, destination) == octets
    for at in {1, len(octets) - 1}:
        wrong = octets[:at] + bytes((octets[at] ^ 0x10,)) + octets[at + 1 :]
        found = decode(Frame(framed(wrong, destination, fix=False)))
        assert isinstance(found, Decoded)
        assert found.checksum == "bad"


def test_w01_igmp_goes_out_like_the_rfc_says() -> None:
    packet = encode_packet(Datagram(FROM4, G4, Query(2, G4, 10), traffic_class=0xC0))

    assert packet[0] == 0x46
    assert packet[1] == 0xC0
    assert packet[8:10] == bytes((1, 2))
    assert packet[20:24] == bytes.fromhex("94040000")
    assert packet[2:4] == len(packet).to_bytes(2, "big")
    assert checksum(packet[:24]) == 0


def test_w02_w03_mld_goes_out_with_a_hop_by_hop_header_of_8_octets() -> None:
    packet = encode_packet(Datagram(FROM6, G6, LegacyReport(1, G6)))

    assert packet[6:8] == bytes((0, 1))
    assert packet[40:48] == bytes.fromhex("3a00050200000100")
    assert packet[4:6] == (len(packet) - 40).to_bytes(2, "big")


@pytest.mark.parametrize("padding", ["0100", "0000"], ids=["PadN", "Pad1 twice"])
def test_w03_both_paddings_of_the_router_alert_are_valid(padding: str) -> None:
    packet = encode_packet(Datagram(FROM6, G6, LegacyReport(1, G6)))
    other = packet[:46] + bytes.fromhex(padding) + packet[48:]
    found = decode(Frame(other, link_type=LinkType.IPV6))

    assert isinstance(found, Decoded)
    assert found.datagram.router_alert == 0
    assert find(found) == ()


@pytest.mark.parametrize(
    ("destination", "start", "octets", "version"),
    [
        (G4, "1100", 8, 1),
        (G4, "1101", 8, 2),
        (G4, "11ff", 8, 2),
        *((G4, code, octets, None) for code in ("1100", "1164") for octets in (9, 10, 11)),
        *((G4, code, octets, 3) for code in ("1100", "1164") for octets in (12, 13, 16)),
        (G6, "8200", 24, 1),
        *((G6, "8200", octets, None) for octets in (23, 25, 26, 27)),
        *((G6, "8200", octets, 2) for octets in (28, 29, 44)),
    ],
)
def test_w05_the_length_of_a_query_says_its_version(
    destination: bytes, start: str, octets: int, version: int | None
) -> None:
    head = bytes.fromhex(start) + bytes(2)
    body = head + (bytes(4) if len(destination) == 16 else b"") + destination
    read = decode(Frame(framed((body + bytes(40))[:octets], destination)))

    assert isinstance(read, Decoded)
    assert read.kind == "query"
    assert read.version == version
    assert (read.malformed is not None) is (version is None)


@pytest.mark.parametrize(
    ("query", "milliseconds"),
    [
        (Query(1, ANY4), 10_000),
        (Query(2, ANY4, 0x7F), 12_700),
        (Query(2, ANY4, 0x80), 12_800),
        (Query(2, ANY4, 0xFF), 25_500),
        (Query(3, ANY4, 0x80), 12_800),
        (Query(3, ANY4, 0xFF), 3_174_400),
        (Query(1, ANY6, 0x8000), 32_768),
        (Query(1, ANY6, 0xFFFF), 65_535),
        (Query(2, ANY6, 0x8001), 32_776),
        (Query(2, ANY6, 0xFFFF), 8_387_584),
    ],
    ids=str,
)
def test_w08_older_versions_are_linear_over_their_whole_width(
    query: Query, milliseconds: int
) -> None:
    assert query.max_response_ns == milliseconds * MILLISECOND


@pytest.mark.parametrize(
    "query",
    [
        Query(3, ANY4, 256),
        Query(3, ANY4, 10, robustness=8),
        Query(3, ANY4, 10, interval_code=256),
        Query(3, G4, 10, sources=(S6,)),
        Query(2, ANY6, 65536),
        Query(2, G6, 10, sources=(b"",)),
    ],
    ids=["code", "QRV", "QQIC", "another family", "wide code", "no address"],
)
def test_w11_what_does_not_fit_its_field_is_refused(query: Query) -> None:
    destination = G4 if len(query.group) == 4 else G6

    with pytest.raises(BuildError):
        encode_message(query, SENDERS[len(destination)], destination)


def test_w12_auxiliary_data_is_whole_words() -> None:
    for octets in (1, 2, 3, 5, 1021):
        report = Report((GroupRecord(1, G4, (S4,), bytes(octets)),))
        with pytest.raises(BuildError, match="whole words"):
            encode_message(report, FROM4, G4)
    with pytest.raises(BuildError, match="does not fit"):
        encode_message(Report((GroupRecord(1, G4, (S4,), bytes(1024)),)), FROM4, G4)
