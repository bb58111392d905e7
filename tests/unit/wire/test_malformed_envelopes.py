"""The catalogue of malformed input, M-01 to M-07 and M-32 to M-50: around the message."""

from __future__ import annotations

import struct

import pytest

from mldkit.model.addresses import parse
from mldkit.model.datagram import Broken, Datagram, Decoded, Frame, LinkType
from mldkit.model.messages import GroupRecord, LegacyReport, Query, RecordType, Report
from mldkit.wire.checksum import internet_checksum
from mldkit.wire.decode import Decoder, decode
from mldkit.wire.encode import encode_frame, encode_packet
from mldkit.wire.validity import find

MAC = bytes.fromhex("020000000001")
IGMP_QUERY = Datagram(
    parse("10.0.0.1"), parse("224.0.0.1"), Query(3, bytes(4), 100, False, 2, 125),
    traffic_class=0xC0, link_source=MAC,
)  # fmt: skip
MLD_QUERY = Datagram(
    parse("fe80::1"), parse("ff02::1"), Query(2, bytes(16), 1000, False, 2, 125),
    link_source=MAC,
)  # fmt: skip
MLD_REPORT = Datagram(
    parse("fe80::1"), parse("ff02::16"),
    Report(tuple(GroupRecord(RecordType.IS_EX, parse(f"ff05::{n}")) for n in range(1, 9))),
    link_source=MAC,
)  # fmt: skip
V4 = encode_frame(IGMP_QUERY)
V6 = encode_frame(MLD_QUERY)


def patched(frame: bytes, offset: int, octets: bytes) -> bytes:
    return frame[:offset] + octets + frame[offset + len(octets) :]


def with_ip_sum(frame: bytes) -> bytes:
    """Return an untagged IPv4 frame with the right header checksum."""
    end = 14 + (frame[14] & 15) * 4
    header = frame[14:24] + b"\0\0" + frame[26:end]
    return frame[:24] + internet_checksum(header).to_bytes(2, "big") + frame[26:]


def entry(frame: bytes, link_type: int = 1, original: int | None = None) -> Decoded:
    found = decode(Frame(frame, 0, 1, link_type, original))
    assert isinstance(found, Decoded), found
    return found


def ids(frame: bytes, link_type: int = 1) -> set[str]:
    return {finding.id for finding in find(entry(frame, link_type))}


def v6_with(chain: bytes, next_header: int, frame: bytes = V6) -> bytes:
    """Return a frame whose hop-by-hop header is replaced by `chain`."""
    message = frame[14 + 48 :]
    header = bytearray(frame[:54])
    header[18:20] = (len(chain) + len(message)).to_bytes(2, "big")
    header[20] = next_header
    return bytes(header) + chain + message


def hop_by_hop(options: bytes, following: int = 58) -> bytes:
    octets = 2 + len(options)
    assert octets % 8 == 0
    return bytes((following, octets // 8 - 1)) + options


@pytest.mark.parametrize("octets", range(14))
def test_m01_a_frame_cut_in_its_link_header_is_broken(octets: int) -> None:
    found = decode(Frame(V4[:octets], 0, 1))

    assert isinstance(found, Broken)
    assert found.id == "M-01"
    assert found.offset == octets


@pytest.mark.parametrize("octets", [14, 20, 23])
def test_m02_a_frame_cut_before_the_protocol_is_broken(octets: int) -> None:
    found = decode(Frame(V4[:octets], 0, 1))

    assert isinstance(found, Broken)
    assert found.id == "M-02"


@pytest.mark.parametrize("octets", [24, 29, 33, 34, 37])
def test_m02_a_header_cut_behind_the_protocol_is_listed(octets: int) -> None:
    found = entry(V4[:octets])

    assert found.malformed is not None
    assert found.malformed.id == "M-02"
    assert found.datagram.message is None
    assert found.datagram.source == (b"" if octets < 30 else parse("10.0.0.1"))


@pytest.mark.parametrize("words", range(5))
def test_m02_a_header_length_below_five_words(words: int) -> None:
    found = entry(patched(V4, 14, bytes((0x40 | words,))))

    assert found.malformed is not None
    assert found.malformed.id == "M-02"


def test_v25_a_wrong_sum_of_the_ipv4_header() -> None:
    assert ids(patched(V4, 24, b"\0\1")) == {"V-25"}
    assert ids(V4) == set()


def test_m03_a_total_length_below_the_header() -> None:
    found = entry(with_ip_sum(patched(V4, 16, b"\0\x10")))

    assert found.malformed is not None
    assert found.malformed.id == "M-02"


def test_m03_a_capture_that_cut_the_frame_is_judged_by_what_is_there() -> None:
    found = entry(V4[:-4], original=len(V4))

    assert found.malformed is None
    assert found.checksum == "unknown"
    assert [finding.id for finding in find(found)] == ["M-03"]


def test_m03_m07_a_length_past_a_whole_frame_is_judged_as_it_is() -> None:
    assert ids(with_ip_sum(patched(V4, 16, b"\0\xff"))) == {"V-26"}
    assert "V-26" in ids(patched(V6, 18, b"\0\xff"))


@pytest.mark.parametrize("frame", [V4, V6], ids=["igmp", "mld"])
def test_m04_m07_padding_of_the_link_is_no_part_of_the_message(frame: bytes) -> None:
    found = entry(frame + bytes(14))

    assert found.length == entry(frame).length
    assert find(found) == ()


@pytest.mark.parametrize("octets", [14, 53, 54, 61])
def test_m05_a_frame_cut_in_its_ipv6_headers_is_broken(octets: int) -> None:
    found = decode(Frame(V6[:octets], 0, 1))

    assert isinstance(found, Broken)
    assert found.id == "M-05"


def test_m05_a_hop_by_hop_header_longer_than_the_payload() -> None:
    found = decode(Frame(patched(V6, 55, b"\xff"), 0, 1))

    assert isinstance(found, Broken)
    assert found.id == "M-05"


def test_m06_a_jumbogram_is_read_as_far_as_the_frame_goes() -> None:
    jumbo = hop_by_hop(bytes((0x05, 2, 0, 0, 1, 0)) + bytes((0xC2, 4, 0, 1, 0, 0)) + bytes(2))
    frame = patched(v6_with(jumbo, 0), 18, b"\0\0")

    assert ids(frame) == {"M-06"}
    assert entry(frame).datagram.message == MLD_QUERY.message


def test_m32_a_first_fragment_alone_is_listed_as_incomplete() -> None:
    decoder = Decoder()
    frame = with_ip_sum(patched(V4[:-4], 16, struct.pack("!HHH", 32, 7, 0x2000)))

    assert decoder.decode(Frame(frame, 0, 1)) == ()
    (found,) = decoder.finish()
    assert found.malformed is not None
    assert found.malformed.id == "V-24"
    assert found.kind == "query"


def test_m32_a_later_fragment_is_never_read_as_a_message() -> None:
    decoder = Decoder()
    frame = with_ip_sum(patched(V4, 16, struct.pack("!HHH", 36, 7, 0x0003)))

    assert decoder.decode(Frame(frame, 0, 1)) == ()
    (found,) = decoder.finish()
    assert found.type is None
    assert found.datagram.message is None


def test_m32_overlapping_fragments_make_the_message_worthless() -> None:
    whole = encode_packet(IGMP_QUERY)
    pieces = [(0, whole[24:32] + whole[32:36], 0), (0, b"\x22" + whole[25:32], 0x2000)]
    decoder = Decoder()
    for offset, piece, more in pieces:
        header = bytearray(whole[:24])
        header[2:8] = struct.pack("!HHH", 24 + len(piece), 9, more | offset // 8)
        frame = V4[:14] + bytes(header) + piece
        decoder.decode(Frame(frame, 0, 1))
    # The first piece was whole by itself: a message of one fragment, which is no fragment.
    (found,) = decoder.finish()
    assert found.malformed is not None


def fragment6(offset: int, *, more: bool, octets: bytes, following: int = 58) -> bytes:
    header = struct.pack("!BBHI", following, 0, offset | more, 77)
    alert = hop_by_hop(bytes((5, 2, 0, 0, 1, 0)), 44)
    base = bytearray(V6[:54])
    base[18:20] = (len(alert) + 8 + len(octets)).to_bytes(2, "big")
    base[20] = 0
    return bytes(base) + alert + header + octets


def test_m33_fragments_of_mld_are_put_together() -> None:
    whole = encode_frame(MLD_REPORT)
    message = whole[62:]
    destination = whole[38:54]
    decoder = Decoder()
    frames = [
        patched(fragment6(offset, more=offset < 160, octets=message[offset : offset + 80]), 38,
                destination)
        for offset in range(0, len(message), 80)
    ]  # fmt: skip
    found = [
        decoded for n, data in enumerate(reversed(frames), 1)
        for decoded in decoder.decode(Frame(data, 0, n))
    ]  # fmt: skip

    (decoded,) = found
    assert decoded.frame.number == len(frames), "the entry stands at the completing frame"
    assert decoded.datagram.message == MLD_REPORT.message
    assert decoded.checksum == "ok"
    assert "V-24" in {finding.id for finding in find(decoded)}


def test_m33_an_atomic_fragment_is_read_at_once() -> None:
    frame = fragment6(0, more=False, octets=V6[62:])

    assert entry(frame).datagram.message == MLD_QUERY.message
    assert ids(frame) == {"M-37"}


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        (hop_by_hop(bytes((1, 4, 0, 0, 0, 0))), {"V-04"}),
        (hop_by_hop(bytes((5, 2, 0, 0)) * 3 + bytes((1, 0))), {"M-37"}),
        (hop_by_hop(bytes((1, 0, 5, 2, 0, 0))), set()),
        (hop_by_hop(bytes((0x3E, 0, 5, 2, 0, 0))), set()),
        (hop_by_hop(bytes((0xFE, 0, 5, 2, 0, 0))), {"M-37"}),
        (hop_by_hop(bytes((5, 2, 0, 0, 1, 9))), {"M-37"}),
    ],
    ids=["no RA", "RA thrice", "RA last", "unknown, skip", "unknown, discard", "option too long"],
)
def test_m34_hop_by_hop_options(chain: bytes, expected: set[str]) -> None:
    assert ids(v6_with(chain, 0)) == expected
    assert entry(v6_with(chain, 0)).datagram.message == MLD_QUERY.message


@pytest.mark.parametrize("value", [1, 2, 35, 0xFFFF])
def test_m35_another_router_alert(value: int) -> None:
    frame = v6_with(hop_by_hop(struct.pack("!BBHBB", 5, 2, value, 1, 0)), 0)

    assert entry(frame).datagram.router_alert == value
    assert ids(frame) == {"V-05"}


def test_m35_a_router_alert_of_another_length_is_none() -> None:
    frame = v6_with(hop_by_hop(bytes((5, 1, 0, 1, 1, 0))), 0)

    assert entry(frame).datagram.router_alert is None
    assert ids(frame) == {"V-04", "M-37"}


def test_m36_a_router_alert_behind_another_header_does_not_count() -> None:
    options = bytes((0, 0, 1, 4, 0, 0, 0, 0))
    frame = v6_with(options + hop_by_hop(bytes((5, 2, 0, 0, 1, 0))), 60)

    assert entry(frame).datagram.router_alert is None
    assert ids(frame) == {"V-04", "M-37"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (bytes((5, 2, 0, 0, 0, 0)), set()),
        (bytes((5, 2, 0, 0, 1, 0)), set()),
        (bytes((5, 2, 0, 0, 1, 8)) + bytes(8), set()),
        (bytes((5, 2, 0, 0, 1, 8)) + b"not zero", {"M-37"}),
    ],
    ids=["two Pad1", "PadN 0", "PadN 8", "PadN with text"],
)
def test_m37_padding_of_the_hop_by_hop_header(options: bytes, expected: set[str]) -> None:
    assert ids(v6_with(hop_by_hop(options), 0)) == expected


@pytest.mark.parametrize(
    ("options", "expected", "alert"),
    [
        (bytes((0x94, 4, 0, 1)), {"V-05"}, 1),
        (bytes((0x94, 4, 0, 0, 0x94, 4, 0, 0)), {"M-37"}, 0),
        (bytes((1, 1, 1, 1, 0x94, 4, 0, 0)), set(), 0),
        (bytes((0, 0, 0, 0, 0x94, 4, 0, 0)), {"V-04"}, None),
        (bytes((0x94, 3, 0, 0)), {"V-04", "M-37"}, None),
        (bytes((1, 1, 0x94, 4)), {"V-04", "M-37"}, None),
    ],
    ids=["value 1", "twice", "NOP before", "EOL before", "length 3", "runs out"],
)
def test_m38_ipv4_options(options: bytes, expected: set[str], alert: int | None) -> None:
    words = 5 + len(options) // 4
    header = bytearray(V4[14:34])
    header[0] = 0x40 | words
    header[2:4] = (words * 4 + 12).to_bytes(2, "big")
    frame = with_ip_sum(V4[:14] + bytes(header) + options + V4[38:])

    assert ids(frame) == expected
    assert entry(frame).datagram.router_alert == alert
    assert entry(frame).datagram.message == IGMP_QUERY.message


@pytest.mark.parametrize("hop_limit", [0, 2, 64, 255])
def test_m39_another_hop_limit(hop_limit: int) -> None:
    found = find(entry(patched(V6, 21, bytes((hop_limit,)))))
    assert [(finding.id, finding.severity) for finding in found] == [("V-03", "error")]

    found = find(entry(with_ip_sum(patched(V4, 22, bytes((hop_limit,))))))
    assert [(finding.id, finding.severity) for finding in found] == [("V-03", "warning")]


@pytest.mark.parametrize("source", ["::", "2001:db8::1", "fd00::1", "ff02::5", "::1"])
def test_m40_mld_from_an_address_that_is_not_link_local(source: str) -> None:
    query = Datagram(parse(source), MLD_QUERY.destination, MLD_QUERY.message, link_source=MAC)
    report = Datagram(parse(source), MLD_REPORT.destination, MLD_REPORT.message, link_source=MAC)

    assert ids(encode_frame(query)) == {"V-06"}
    assert ids(encode_frame(report)) == ({"V-07"} if source == "::" else {"V-08"})


def test_m40_the_whole_fe80_10_is_link_local() -> None:
    query = Datagram(parse("fe80:1::1"), MLD_QUERY.destination, MLD_QUERY.message, link_source=MAC)

    assert ids(encode_frame(query)) == set()


@pytest.mark.parametrize("source", ["255.255.255.255", "224.1.2.3", "127.0.0.1"])
def test_m41_igmp_from_an_address_of_no_subnet(source: str) -> None:
    assert ids(with_ip_sum(patched(V4, 26, parse(source)))) == {"V-23"}


def test_m41_v20_an_igmp_report_from_no_address_is_valid() -> None:
    report = Datagram(
        bytes(4), parse("239.1.1.1"), LegacyReport(2, parse("239.1.1.1")),
        traffic_class=0xC0, link_source=MAC,
    )  # fmt: skip

    assert ids(encode_frame(report)) == set()


@pytest.mark.parametrize(
    ("destination", "severity"), [("10.0.0.7", "info"), ("224.0.0.9", "error")]
)
def test_m42_a_query_to_another_destination(destination: str, severity: str) -> None:
    query = Datagram(
        IGMP_QUERY.source, parse(destination), IGMP_QUERY.message, traffic_class=0xC0,
        link_source=MAC, link_destination=bytes.fromhex("01005e000009"),
    )  # fmt: skip

    (finding,) = find(entry(encode_frame(query)))
    assert (finding.id, finding.severity) == ("D-20", severity)


@pytest.mark.parametrize(
    ("mac", "severity"),
    [("ffffffffffff", "error"), ("333300000001", "error"), ("020000000002", "info")],
)
def test_m43_another_hardware_address(mac: str, severity: str) -> None:
    (finding,) = find(entry(patched(V4, 0, bytes.fromhex(mac))))

    assert (finding.id, finding.severity) == ("D-25", severity)


def test_m44_snap_is_read_and_bounded_by_its_length() -> None:
    snap = b"\xaa\xaa\x03\0\0\0\x08\0" + V4[14:]
    frame = V4[:12] + len(snap).to_bytes(2, "big") + snap + b"padding"

    assert entry(frame).datagram.message == IGMP_QUERY.message
    assert ids(frame) == set()


@pytest.mark.parametrize("ethertype", ["0806", "88cc", "0026"])
def test_m44_other_protocols_are_not_ours(ethertype: str) -> None:
    assert decode(Frame(patched(V4, 12, bytes.fromhex(ethertype)), 0, 1)) is None


def test_m44_ipv6_under_the_ethertype_of_ipv4_is_neither() -> None:
    assert isinstance(decode(Frame(patched(V6, 12, b"\x08\x00"), 0, 1)), Broken)


@pytest.mark.parametrize("depth", range(1, 9))
@pytest.mark.parametrize("ethertype", ["8100", "88a8", "9100"])
def test_m45_vlan_tags_up_to_eight(ethertype: str, depth: int) -> None:
    tags = b"".join(
        bytes.fromhex(ethertype) + (0xE000 | number).to_bytes(2, "big")
        for number in range(1, depth + 1)
    )
    found = entry(V6[:12] + tags + V6[12:])

    assert found.datagram.vlan == tuple(range(1, depth + 1))
    assert find(found) == ()


def test_m45_nine_tags_and_a_cut_tag_are_broken() -> None:
    nine = decode(Frame(V6[:12] + b"\x81\x00\x00\x01" * 9 + V6[12:], 0, 1))
    cut = decode(Frame(V6[:12] + b"\x81\x00\x00", 0, 1))

    assert isinstance(nine, Broken)
    assert isinstance(cut, Broken)
    assert cut.id == "M-01"


def tunnelled(protocol: int, payload: bytes) -> bytes:
    header = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0,
        parse("192.0.2.1"), parse("192.0.2.2"),
    )  # fmt: skip
    return with_ip_sum(bytes(12) + b"\x08\x00" + header + payload)


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (tunnelled(17, struct.pack("!HHHH", 5000, 4789, 16 + len(V6), 0) + bytes(8) + V6), "vxlan"),
        (tunnelled(47, b"\0\0\x65\x58" + V6), "gre"),
        (tunnelled(47, b"\x30\0\x86\xdd" + bytes(8) + V6[14:]), "gre"),
        (tunnelled(41, V6[14:]), "ipip"),
        (tunnelled(4, V4[14:]), "ipip"),
    ],
    ids=["vxlan", "gre bridged", "gre routed with key and sequence", "6in4", "4in4"],
)
def test_m46_tunnels_are_looked_into_only_when_asked(frame: bytes, name: str) -> None:
    assert Decoder().decode(Frame(frame, 0, 1)) == ()

    (found,) = Decoder(tunnels=True).decode(Frame(frame, 0, 1))
    assert found.tunnel == name
    assert found.datagram.message in (IGMP_QUERY.message, MLD_QUERY.message)
    assert find(found) == ()


@pytest.mark.parametrize("kind", [0x13, 0x14, 0x1E, 0x1F, 0x99])
def test_m47_other_igmp_types_are_no_error(kind: int) -> None:
    payload = bytes((kind, 0, 0, 0)) + bytes(8)
    value = internet_checksum(payload)
    frame = V4[:38] + payload[:2] + value.to_bytes(2, "big") + payload[4:]
    found = entry(frame)

    assert found.kind == "other"
    assert [(finding.id, finding.severity) for finding in find(found)] == [("V-02", "info")]


@pytest.mark.parametrize("kind", [1, 128, 133, 134, 135, 136, 137, 144])
def test_m48_other_icmpv6_types_are_not_ours(kind: int) -> None:
    assert decode(Frame(patched(V6, 62, bytes((kind,))), 0, 1)) is None


SLL = struct.pack("!HHH8sH", 0, 1, 6, MAC + b"\0\0", 0x86DD)
SLL2 = struct.pack("!HHIHBB8s", 0x86DD, 0, 2, 1, 0, 6, MAC + b"\0\0")


@pytest.mark.parametrize(
    ("link_type", "header"),
    [
        (LinkType.LINUX_SLL, SLL),
        (LinkType.LINUX_SLL2, SLL2),
        (LinkType.RAW, b""),
        (LinkType.IPV6, b""),
        (LinkType.NULL, struct.pack("<I", 24)),
        (LinkType.NULL, struct.pack(">I", 28)),
        (LinkType.NULL, struct.pack("<I", 30)),
        (LinkType.NULL, struct.pack("<I", 10)),
        (LinkType.LOOP, struct.pack(">I", 30)),
    ],
)
def test_m49_m50_link_types(link_type: int, header: bytes) -> None:
    found = entry(header + V6[14:], link_type)

    assert found.datagram.message == MLD_QUERY.message
    assert found.datagram.link_destination is None
    cooked = link_type in (LinkType.LINUX_SLL, LinkType.LINUX_SLL2)
    assert found.datagram.link_source == (MAC if cooked else None)
    assert find(found) == ()


def test_m49_a_tag_inside_a_cooked_frame_is_kept() -> None:
    header = SLL[:14] + b"\x81\x00" + b"\x00\x05\x86\xdd"

    assert entry(header + V6[14:], LinkType.LINUX_SLL).datagram.vlan == (5,)


def test_m49_an_unknown_link_type_gives_nothing() -> None:
    assert decode(Frame(V6, 0, 1, 147)) is None


@pytest.mark.parametrize("link_type", [113, 276, 0, 108, 101])
def test_m49_a_cut_cooked_or_loopback_header_is_broken(link_type: int) -> None:
    assert isinstance(decode(Frame(b"\0\0" if link_type != 101 else b"", 0, 1, link_type)), Broken)


def test_a_routing_header_names_the_destination_of_the_checksum() -> None:
    final = parse("ff02::1")
    routing = bytes((0, 2, 0, 1, 0, 0, 0, 0)) + final
    frame = bytearray(v6_with(bytes((58,)) + routing[1:], 43))
    frame[38:54] = parse("fe80::9")
    found = entry(bytes(frame))

    assert found.datagram.destination == final
    assert found.checksum == "ok"
