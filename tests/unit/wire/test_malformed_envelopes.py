"""The catalogue of malformed input, M-01 to M-07 and M-34 to M-43: IP headers."""

from __future__ import annotations

import struct
import time

import pytest

from mldkit.model.addresses import parse
from mldkit.model.datagram import Broken, Datagram, Frame
from mldkit.model.messages import GroupRecord, LegacyReport, RecordType, Report
from mldkit.testing.envelopes import (
    IGMP_QUERY,
    MAC,
    MLD_QUERY,
    V4,
    V6,
    entry,
    hop_by_hop,
    ids,
    patched,
    v6_with,
    with_ip_sum,
)
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.validity import find

MLD_REPORT = Datagram(
    parse("fe80::1"), parse("ff02::16"),
    Report(tuple(GroupRecord(RecordType.IS_EX, parse(f"ff05::{n}")) for n in range(1, 9))),
    link_source=MAC,
)  # fmt: skip


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


def test_m02_what_a_broken_header_does_not_show_is_no_finding() -> None:
    cut = entry(V4[:37])
    short = entry(with_ip_sum(patched(V4, 16, b"\0\x10")))

    for found in (cut, short):
        assert [finding.id for finding in find(found)] == ["M-02"]


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


@pytest.mark.parametrize("kind", [0, 44, 51, 60], ids=["hop-by-hop", "fragment", "AH", "options"])
def test_a_chain_as_long_as_the_packet_is_one_irregularity_and_read_in_linear_time(
    kind: int,
) -> None:
    link = {0: bytes((0, 0, 1, 4, 0, 0, 0, 0)), 44: bytes((44, 0, 0, 0, 0, 0, 0, 0))}
    one = link.get(kind, bytes((kind, 0, 1, 4, 0, 0, 0, 0)))
    chain = one * 8180 + bytes((58, *one[1:]))
    began = time.process_time()
    found = entry(v6_with(chain, kind))

    assert found.datagram.message == MLD_QUERY.message
    assert sum(finding.id == "M-37" for finding in find(found)) == 1
    assert time.process_time() - began < 2


def test_m34_options_without_end_are_few_findings() -> None:
    odd = bytes(octet for number in range(1022) for octet in (0xC3 + number % 60, 0))
    found = find(entry(v6_with(hop_by_hop(odd + bytes(2)), 0)))

    assert 1 < sum(finding.id == "M-37" for finding in found) <= 8
