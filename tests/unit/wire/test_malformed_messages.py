"""The catalogue of malformed input, M-08 to M-31 and M-57 to M-59: the message itself."""

from __future__ import annotations

import struct
import tracemalloc

import pytest

from mldkit.model.addresses import parse, text
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.family import family_of
from mldkit.model.messages import GroupRecord, Other, Query, RecordType, Report
from mldkit.wire.checksum import icmpv6_checksum, internet_checksum
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.validity import find

G4, G6 = parse("239.1.1.1"), parse("ff05::1")
A4, A6 = parse("10.0.0.1"), parse("fe80::1")
S4, S6 = parse("10.0.0.9"), parse("2001:db8::9")


def read(payload: bytes, destination: bytes, *, fix: bool = True) -> Decoded:
    """Decode `payload` behind a sound envelope, with the right checksum unless `fix` is off."""
    source = A4 if len(destination) == 4 else A6
    if fix and len(payload) >= 4:
        blank = payload[:2] + b"\0\0" + payload[4:]
        value = (
            internet_checksum(blank)
            if len(destination) == 4
            else icmpv6_checksum(source, destination, blank)
        )
        payload = blank[:2] + value.to_bytes(2, "big") + blank[4:]
    whole = encode_frame(
        Datagram(
            source,
            destination,
            Other(0, payload),
            traffic_class=family_of(destination).traffic_class,
            link_source=bytes(6),
        )
    )
    found = decode(Frame(whole, 0, 1))
    assert isinstance(found, Decoded)
    return found


def igmp(payload: bytes, destination: str = "224.0.0.1") -> Decoded:
    return read(payload, parse(destination))


def mld(payload: bytes, destination: str = "ff02::1") -> Decoded:
    return read(payload, parse(destination))


def ids(decoded: Decoded) -> set[str]:
    return {finding.id for finding in find(decoded)}


def records(decoded: Decoded) -> list[str]:
    message = decoded.datagram.message
    assert isinstance(message, Report)
    return [str(record) for record in message.records]


def igmp_query(*, sources: int = 0, present: bytes = b"", group: bytes = bytes(4)) -> bytes:
    return struct.pack("!BBH4sBBH", 0x11, 10, 0, group, 2, 125, sources) + present


def mld_query(*, sources: int = 0, present: bytes = b"", group: bytes = bytes(16)) -> bytes:
    return struct.pack("!BBHHH16sBBH", 130, 0, 0, 1000, 0, group, 2, 125, sources) + present


def igmp_report(count: int, body: bytes) -> bytes:
    return struct.pack("!BBHHH", 0x22, 0, 0, 0, count) + body


def mld_report(count: int, body: bytes) -> bytes:
    return struct.pack("!BBHHH", 143, 0, 0, 0, count) + body


def record4(kind: int = 4, *, aux: int = 0, sources: int = 0, group: bytes = G4) -> bytes:
    return struct.pack("!BBH4s", kind, aux, sources, group)


def record6(kind: int = 4, *, aux: int = 0, sources: int = 0, group: bytes = G6) -> bytes:
    return struct.pack("!BBH16s", kind, aux, sources, group)


@pytest.mark.parametrize("octets", [0, 1, 2, 3])
def test_m08_a_message_without_room_for_a_checksum(octets: int) -> None:
    decoded = read(b"\x11\x0a\0"[:octets], parse("224.0.0.1"), fix=False)

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-09"
    assert decoded.datagram.message is None


@pytest.mark.parametrize("octets", [1, 2, 3])
def test_m08_the_same_for_mld(octets: int) -> None:
    decoded = read(b"\x82\0\0"[:octets], parse("ff02::1"), fix=False)

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-09"


@pytest.mark.parametrize("octets", [4, 5, 6, 7])
@pytest.mark.parametrize("kind", [0x11, 0x12, 0x16, 0x17, 0x22, 0x30])
def test_m09_igmp_of_four_to_seven_octets(kind: int, octets: int) -> None:
    decoded = igmp(bytes((kind, 10, 0, 0, 0, 0, 0))[:octets])

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-09"
    assert decoded.kind in ("query", "report", "leave", "mrd-advertisement")


@pytest.mark.parametrize("kind", [0x31, 0x32])
def test_m09_discovery_messages_of_four_octets_are_whole(kind: int) -> None:
    decoded = igmp(bytes((kind, 0, 0, 0)), "224.0.0.2")

    assert decoded.malformed is None
    assert decoded.kind in ("mrd-solicitation", "mrd-termination")
    assert ids(decoded) == set()


@pytest.mark.parametrize("octets", [9, 10, 11])
def test_m10_igmp_queries_that_belong_to_no_version(octets: int) -> None:
    decoded = igmp(igmp_query(group=G4)[:octets], "239.1.1.1")

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-09"
    assert decoded.version is None
    assert decoded.kind == "query"


@pytest.mark.parametrize("octets", [4, 20, 23, 25, 26, 27])
def test_m11_mld_queries_that_belong_to_no_version(octets: int) -> None:
    decoded = mld(mld_query()[:octets])

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-09"
    assert decoded.version is None


@pytest.mark.parametrize("kind", [0x12, 0x16, 0x17])
def test_m12_older_igmp_uses_its_first_eight_octets(kind: int) -> None:
    destination = "224.0.0.2" if kind == 0x17 else "239.1.1.1"
    decoded = igmp(bytes((kind, 0, 0, 0)) + G4 + b"abcd", destination)

    assert decoded.malformed is None
    assert decoded.checksum == "ok", "the sum covers all octets"
    assert getattr(decoded.datagram.message, "group", None) == G4
    assert ids(decoded) == {"V-21"}


@pytest.mark.parametrize("kind", [131, 132])
def test_m12_older_mld_uses_its_first_24_octets(kind: int) -> None:
    destination = "ff02::2" if kind == 132 else "ff05::1"
    decoded = mld(bytes((kind, 0, 0, 0, 0, 0, 0, 0)) + G6 + b"abcd", destination)

    assert getattr(decoded.datagram.message, "group", None) == G6
    assert ids(decoded) == {"V-15"}


@pytest.mark.parametrize("octets", [8, 16, 23])
def test_m12_older_mld_cut_in_its_fixed_part(octets: int) -> None:
    decoded = mld((bytes((131, 0, 0, 0, 0, 0, 0, 0)) + G6)[:octets], "ff05::1")

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-10"


@pytest.mark.parametrize(
    ("decoded", "present"),
    [
        (lambda: igmp(igmp_query(sources=10, group=G4), "239.1.1.1"), 0),
        (lambda: igmp(igmp_query(sources=1, present=S4[:3], group=G4), "239.1.1.1"), 0),
        (lambda: mld(mld_query(sources=1, present=S6[:15], group=G6), "ff05::1"), 0),
        (lambda: mld(mld_query(sources=3, present=S6, group=G6), "ff05::1"), 1),
        (lambda: igmp(igmp_query(sources=65535, present=S4, group=G4), "239.1.1.1"), 1),
    ],
    ids=["M-13", "M-14 igmp", "M-14 mld", "3 claimed 1 there", "M-16"],
)
def test_m13_m14_m16_queries_that_claim_more_sources(decoded, present: int) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    found = decoded()

    assert found.malformed is not None
    assert found.malformed.id == "V-10"
    assert len(found.datagram.message.sources) == present


def test_m15_sources_behind_a_count_of_zero_are_trailing_octets() -> None:
    decoded = mld(mld_query(present=S6, group=G6), "ff05::1")
    message = decoded.datagram.message

    assert isinstance(message, Query)
    assert message.is_group_specific
    assert message.trailing == S6
    assert ids(decoded) == {"V-15"}


@pytest.mark.parametrize("family", ["igmp", "mld"])
def test_m16_m18_claims_cost_nothing(family: str) -> None:
    if family == "igmp":
        messages = [igmp_query(sources=65535, group=G4), igmp_report(65535, record4(sources=65535))]
        destination = parse("224.0.0.22")
    else:
        messages = [mld_query(sources=65535, group=G6), mld_report(65535, record6(sources=65535))]
        destination = parse("ff02::16")
    read(messages[0], destination)

    tracemalloc.start()
    for message in messages:
        read(message, destination)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 32_768


def test_m17_a_general_query_with_sources() -> None:
    decoded = igmp(igmp_query(sources=1, present=S4))

    assert decoded.malformed is None
    assert ids(decoded) == {"V-18"}


@pytest.mark.parametrize("claimed", [2, 65535])
def test_m18_a_report_that_claims_more_records(claimed: int) -> None:
    for decoded in (
        igmp(igmp_report(claimed, record4()), "224.0.0.22"),
        mld(mld_report(claimed, record6()), "ff02::16"),
    ):
        assert decoded.malformed is not None
        assert decoded.malformed.id == "V-11"
        assert len(records(decoded)) == 1


def test_m19_a_report_without_records_is_valid() -> None:
    decoded = mld(mld_report(0, b""), "ff02::16")

    assert records(decoded) == []
    assert ids(decoded) == set()


def test_m20_records_behind_a_count_of_zero_are_trailing_octets() -> None:
    decoded = igmp(igmp_report(0, record4()), "224.0.0.22")

    assert records(decoded) == []
    assert ids(decoded) == {"V-15"}


@pytest.mark.parametrize("octets", range(1, 8))
def test_m21_an_igmp_record_cut_in_its_fixed_part(octets: int) -> None:
    decoded = igmp(igmp_report(2, record4() + record4()[:octets]), "224.0.0.22")

    assert records(decoded) == ["TO_EX(239.1.1.1)"]
    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-10"
    # Ethernet 14, IPv4 with Router Alert 24, report 8, first record 8
    assert decoded.malformed.offset == 14 + 24 + 8 + 8


@pytest.mark.parametrize("octets", range(1, 20))
def test_m21_an_mld_record_cut_in_its_fixed_part(octets: int) -> None:
    decoded = mld(mld_report(2, record6() + record6()[:octets]), "ff02::16")

    assert records(decoded) == ["TO_EX(ff05::1)"]
    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-10"
    assert decoded.malformed.offset == 14 + 40 + 8 + 8 + 20


def test_m22_a_record_that_claims_three_sources_and_has_two() -> None:
    decoded = mld(mld_report(2, record6() + record6(5, sources=3) + S6 + S6), "ff02::16")

    assert records(decoded) == ["TO_EX(ff05::1)"]
    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-10"


@pytest.mark.parametrize("words", [2, 255])
def test_m23_auxiliary_data_that_is_not_there(words: int) -> None:
    decoded = igmp(igmp_report(1, record4(aux=words)), "224.0.0.22")

    assert records(decoded) == []
    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-10"


def test_m24_auxiliary_data_counted_in_octets() -> None:
    decoded = igmp(igmp_report(1, record4(aux=5) + b"scapy"), "224.0.0.22")

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-10"


def test_m25_auxiliary_data_is_skipped_by_words() -> None:
    body = record6(aux=2) + b"ABCDEFGH" + record6(3, group=parse("ff05::2"))
    decoded = mld(mld_report(2, body), "ff02::16")

    assert records(decoded) == ["TO_EX(ff05::1)", "TO_IN(ff05::2)"]
    assert ids(decoded) == {"V-14"}


@pytest.mark.parametrize("kind", [0, 7, 255])
def test_m26_unknown_record_types_leave_the_others_alone(kind: int) -> None:
    decoded = igmp(igmp_report(2, record4(kind) + record4(3)), "224.0.0.22")

    assert records(decoded) == [f"TYPE_{kind}(239.1.1.1)", "TO_IN(239.1.1.1)"]
    assert ids(decoded) == {"V-13"}


@pytest.mark.parametrize("group", ["fb02::1", "::", "2001:db8::1"])
def test_m27_a_record_for_something_that_is_no_group(group: str) -> None:
    decoded = mld(mld_report(1, record6(group=parse(group))), "ff02::16")

    assert ids(decoded) == {"V-12"}


def test_m28_a_group_twice_is_valid_and_noted() -> None:
    body = record4(5, sources=1) + S4 + record4(5, sources=1) + parse("10.0.0.8")
    decoded = igmp(igmp_report(2, body), "224.0.0.22")

    assert decoded.malformed is None
    assert ids(decoded) == {"M-28"}


@pytest.mark.parametrize(
    "sources", [S4 + S4, parse("0.0.0.0") + S4, parse("239.1.1.1") + S4], ids=bytes.hex
)
def test_m29_odd_sources_are_noted(sources: bytes) -> None:
    decoded = igmp(igmp_report(1, record4(5, sources=2) + sources), "224.0.0.22")

    assert ids(decoded) == {"M-29"}


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        (lambda _right, _: 0, "never filled in"),
        (lambda right, _: right ^ 1, "one too"),
        (lambda right, _: (right << 8 | right >> 8) & 0xFFFF, "swapped"),
        (lambda _, message: internet_checksum(message), "pseudo-header was left out"),
        (
            lambda _, message: icmpv6_checksum(A6, parse("ff02::16"), message),
            "summed for destination ff02::16",
        ),
    ],
    ids=["zero", "off by one", "swapped octets", "no pseudo-header", "other destination"],
)
def test_m30_wrong_checksums_are_named_when_recognised(change, pattern: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    message = mld_query(group=G6)
    right = icmpv6_checksum(A6, G6, message)
    value = change(right, message)
    decoded = read(message[:2] + value.to_bytes(2, "big") + message[4:], G6, fix=False)

    (finding,) = find(decoded)
    assert finding.id == "V-01"
    assert finding.severity == "error"
    assert pattern in finding.detail
    assert f"0x{right:04x}" in finding.detail


def test_m30_a_sum_over_eight_of_twelve_octets_is_recognised() -> None:
    message = igmp_query()
    wrong = internet_checksum(message[:8])
    decoded = read(
        message[:2] + wrong.to_bytes(2, "big") + message[4:], parse("224.0.0.1"), fix=False
    )

    assert "only the first 8 octets" in find(decoded)[0].detail


def test_m31_a_checksum_left_to_the_device_is_no_error() -> None:
    # What CHECKSUM_PARTIAL leaves in the field: the folded sum of the pseudo-header.
    message = mld_query()
    words = struct.unpack("!16H", A6 + parse("ff02::1"))
    total = sum(words) + len(message) + 58
    folded = (total & 0xFFFF) + (total >> 16)
    decoded = read(
        message[:2] + folded.to_bytes(2, "big") + message[4:], parse("ff02::1"), fix=False
    )

    assert decoded.checksum == "unknown"
    assert [(finding.id, finding.severity) for finding in find(decoded)] == [("V-01", "info")]


E_QUERY = 0x80
TLV = struct.pack("!HH", 65534, 2) + b"ab"


@pytest.mark.parametrize(
    ("tail", "expected", "found"),
    [
        (b"", {"X-03"}, 0),
        (TLV + b"\0", {"X-03"}, 0),
        (TLV + b"\0\0\0", {"X-03"}, 0),
        (struct.pack("!HH", 65534, 200) + b"ab", {"X-03"}, 0),
        (struct.pack("!HH", 0, 0), set(), 1),
        (TLV, {"X-04"}, 1),
        (struct.pack("!HH", 0, 0) * 300, set(), 300),
    ],
    ids=["none", "1 left", "3 left", "too long", "no-op", "unknown", "many"],
)
def test_m57_extensions_are_read_whole_or_not_at_all(
    tail: bytes, expected: set[str], found: int
) -> None:
    query = bytearray(mld_query())
    query[24] |= E_QUERY
    decoded = mld(bytes(query) + tail)
    message = decoded.datagram.message

    assert isinstance(message, Query)
    assert ids(decoded) == expected
    assert len(message.extensions) == found
    assert message.trailing == (tail if expected == {"X-03"} else b"")
    assert decoded.malformed is None, "the message itself still counts"


def test_m57_a_report_has_its_flag_in_the_first_of_sixteen_bits() -> None:
    report = struct.pack("!BBHHH", 0x22, 0, 0, 0x8000, 1) + record4() + TLV
    message = igmp(report, "224.0.0.22").datagram.message

    assert isinstance(message, Report)
    assert [(item.type, item.value) for item in message.extensions] == [(65534, b"ab")]


def test_m58_without_the_flag_extensions_are_trailing_octets() -> None:
    decoded = mld(mld_query() + TLV)

    assert ids(decoded) == {"V-15"}


def test_m59_a_report_of_64_kib_is_read_to_its_end() -> None:
    groups = [parse("239.0.0.0")[:2] + number.to_bytes(2, "big") for number in range(8184)]
    body = b"".join(record4(group=group) for group in groups)
    decoded = igmp(igmp_report(len(groups), body), "224.0.0.22")
    message = decoded.datagram.message

    assert isinstance(message, Report)
    assert [record.group for record in message.records] == groups
    assert decoded.malformed is None


def test_m59_long_source_lists_are_read_without_keeping_a_format_for_each_length() -> None:
    sources = tuple(parse("10.0.0.0")[:2] + number.to_bytes(2, "big") for number in range(16000))
    record = GroupRecord(RecordType.ALLOW, G4, sources)
    message = igmp(
        igmp_report(1, record4(5, sources=len(sources)) + b"".join(sources)), "224.0.0.22"
    ).datagram.message

    assert isinstance(message, Report)
    assert message.records == (record,)


def test_v22_a_group_in_an_igmpv1_query_does_not_hide_it() -> None:
    decoded = igmp(bytes((0x11, 0, 0, 0)) + G4, "224.0.0.1")
    message = decoded.datagram.message

    assert isinstance(message, Query)
    assert message.version == 1
    assert text(message.group) == "239.1.1.1"
