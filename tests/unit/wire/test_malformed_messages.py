"""The catalogue of malformed input, M-08 to M-29 and M-59: lengths, counts and lists."""

from __future__ import annotations

import tracemalloc

import pytest

from mldkit.model.addresses import parse, text
from mldkit.model.messages import GroupRecord, Query, RecordType, Report
from mldkit.testing.frames import ids, query, read, record, records, report

G4, G6 = parse("239.1.1.1"), parse("ff05::1")
S4, S6 = parse("10.0.0.9"), parse("2001:db8::9")
ANY4, ANY6 = bytes(4), bytes(16)


def igmp_report(count: int, body: bytes) -> bytes:
    return report(0x22, count, body)


def mld_report(count: int, body: bytes) -> bytes:
    return report(143, count, body)


@pytest.mark.parametrize("octets", [0, 1, 2, 3])
def test_m08_a_message_without_room_for_a_checksum(octets: int) -> None:
    decoded = read(b"\x11\x0a\0"[:octets], "224.0.0.1", fix=False)

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-09"
    assert decoded.datagram.message is None


@pytest.mark.parametrize("octets", [1, 2, 3])
def test_m08_the_same_for_mld(octets: int) -> None:
    decoded = read(b"\x82\0\0"[:octets], "ff02::1", fix=False)

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-09"


@pytest.mark.parametrize("octets", [4, 5, 6, 7])
@pytest.mark.parametrize("kind", [0x11, 0x12, 0x16, 0x17, 0x22, 0x30])
def test_m09_igmp_of_four_to_seven_octets(kind: int, octets: int) -> None:
    decoded = read(bytes((kind, 10, 0, 0, 0, 0, 0))[:octets], "224.0.0.1")

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-09"
    assert decoded.kind in ("query", "report", "leave", "mrd-advertisement")


@pytest.mark.parametrize(("kind", "to"), [(0x31, "224.0.0.2"), (0x32, "224.0.0.106")])
def test_m09_discovery_messages_of_four_octets_are_whole(kind: int, to: str) -> None:
    decoded = read(bytes((kind, 0, 0, 0)), to)

    assert decoded.malformed is None
    assert decoded.kind in ("mrd-solicitation", "mrd-termination")
    assert ids(decoded) == set()


@pytest.mark.parametrize("octets", [9, 10, 11])
def test_m10_igmp_queries_that_belong_to_no_version(octets: int) -> None:
    decoded = read(query(G4)[:octets], "239.1.1.1")

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-09"
    assert decoded.version is None
    assert decoded.kind == "query"


@pytest.mark.parametrize("octets", [4, 20, 23, 25, 26, 27])
def test_m11_mld_queries_that_belong_to_no_version(octets: int) -> None:
    decoded = read(query(ANY6)[:octets], "ff02::1")

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-09"
    assert decoded.version is None


@pytest.mark.parametrize("kind", [0x12, 0x16, 0x17])
def test_m12_older_igmp_uses_its_first_eight_octets(kind: int) -> None:
    destination = "224.0.0.2" if kind == 0x17 else "239.1.1.1"
    decoded = read(bytes((kind, 0, 0, 0)) + G4 + b"abcd", destination)

    assert decoded.malformed is None
    assert decoded.checksum == "ok", "the sum covers all octets"
    assert getattr(decoded.datagram.message, "group", None) == G4
    assert ids(decoded) == {"V-21"}


@pytest.mark.parametrize("kind", [131, 132])
def test_m12_older_mld_uses_its_first_24_octets(kind: int) -> None:
    destination = "ff02::2" if kind == 132 else "ff05::1"
    decoded = read(bytes((kind, 0, 0, 0, 0, 0, 0, 0)) + G6 + b"abcd", destination)

    assert getattr(decoded.datagram.message, "group", None) == G6
    assert ids(decoded) == {"V-15"}


@pytest.mark.parametrize("octets", [8, 16, 23])
def test_m12_older_mld_cut_in_its_fixed_part(octets: int) -> None:
    decoded = read((bytes((131, 0, 0, 0, 0, 0, 0, 0)) + G6)[:octets], "ff05::1")

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-10"


@pytest.mark.parametrize(
    ("decoded", "present"),
    [
        (lambda: read(query(G4, sources=10), "239.1.1.1"), 0),
        (lambda: read(query(G4, sources=1, present=S4[:3]), "239.1.1.1"), 0),
        (lambda: read(query(G6, sources=1, present=S6[:15]), "ff05::1"), 0),
        (lambda: read(query(G6, sources=3, present=S6), "ff05::1"), 1),
        (lambda: read(query(G4, sources=65535, present=S4), "239.1.1.1"), 1),
    ],
    ids=["M-13", "M-14 igmp", "M-14 mld", "3 claimed 1 there", "M-16"],
)
def test_m13_m14_m16_queries_that_claim_more_sources(decoded, present: int) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    found = decoded()

    assert found.malformed is not None
    assert found.malformed.id == "V-10"
    assert len(found.datagram.message.sources) == present


def test_m15_sources_behind_a_count_of_zero_are_trailing_octets() -> None:
    decoded = read(query(G6, present=S6), "ff05::1")
    message = decoded.datagram.message

    assert isinstance(message, Query)
    assert message.is_group_specific
    assert message.trailing == S6
    assert ids(decoded) == {"V-15"}


@pytest.mark.parametrize("family", ["igmp", "mld"])
def test_m16_m18_claims_cost_nothing(family: str) -> None:
    if family == "igmp":
        messages = [query(G4, sources=65535), igmp_report(65535, record(G4, sources=65535))]
        destination = "224.0.0.22"
    else:
        messages = [query(G6, sources=65535), mld_report(65535, record(G6, sources=65535))]
        destination = "ff02::16"
    read(messages[0], destination)

    tracemalloc.start()
    for message in messages:
        read(message, destination)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 32_768


def test_m17_a_general_query_with_sources() -> None:
    decoded = read(query(ANY4, sources=1, present=S4), "224.0.0.1")

    assert decoded.malformed is None
    assert ids(decoded) == {"V-18"}


@pytest.mark.parametrize("claimed", [2, 65535])
def test_m18_a_report_that_claims_more_records(claimed: int) -> None:
    for decoded in (
        read(igmp_report(claimed, record(G4)), "224.0.0.22"),
        read(mld_report(claimed, record(G6)), "ff02::16"),
    ):
        assert decoded.malformed is not None
        assert decoded.malformed.id == "V-11"
        assert len(records(decoded)) == 1


def test_m19_a_report_without_records_is_valid() -> None:
    decoded = read(mld_report(0, b""), "ff02::16")

    assert records(decoded) == []
    assert ids(decoded) == set()


def test_m20_records_behind_a_count_of_zero_are_trailing_octets() -> None:
    decoded = read(igmp_report(0, record(G4)), "224.0.0.22")

    assert records(decoded) == []
    assert ids(decoded) == {"V-15"}


@pytest.mark.parametrize("octets", range(1, 8))
def test_m21_an_igmp_record_cut_in_its_fixed_part(octets: int) -> None:
    decoded = read(igmp_report(2, record(G4) + record(G4)[:octets]), "224.0.0.22")

    assert records(decoded) == ["TO_EX(239.1.1.1)"]
    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-10"
    # Ethernet 14, IPv4 with Router Alert 24, report 8, first record 8
    assert decoded.malformed.offset == 14 + 24 + 8 + 8


@pytest.mark.parametrize("octets", range(1, 20))
def test_m21_an_mld_record_cut_in_its_fixed_part(octets: int) -> None:
    decoded = read(mld_report(2, record(G6) + record(G6)[:octets]), "ff02::16")

    assert records(decoded) == ["TO_EX(ff05::1)"]
    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-10"
    assert decoded.malformed.offset == 14 + 40 + 8 + 8 + 20


def test_m22_a_record_that_claims_three_sources_and_has_two() -> None:
    decoded = read(mld_report(2, record(G6) + record(G6, 5, sources=3) + S6 + S6), "ff02::16")

    assert records(decoded) == ["TO_EX(ff05::1)"]
    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-10"


@pytest.mark.parametrize("words", [2, 255])
def test_m23_auxiliary_data_that_is_not_there(words: int) -> None:
    decoded = read(igmp_report(1, record(G4, aux=words)), "224.0.0.22")

    assert records(decoded) == []
    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-10"


def test_m24_auxiliary_data_counted_in_octets() -> None:
    decoded = read(igmp_report(1, record(G4, aux=5) + b"scapy"), "224.0.0.22")

    assert decoded.malformed is not None
    assert decoded.malformed.id == "V-10"


def test_m25_auxiliary_data_is_skipped_by_words() -> None:
    body = record(G6, aux=2) + b"ABCDEFGH" + record(parse("ff05::2"), 3)
    decoded = read(mld_report(2, body), "ff02::16")

    assert records(decoded) == ["TO_EX(ff05::1)", "TO_IN(ff05::2)"]
    assert ids(decoded) == {"V-14"}


@pytest.mark.parametrize("kind", [0, 7, 255])
def test_m26_unknown_record_types_leave_the_others_alone(kind: int) -> None:
    decoded = read(igmp_report(2, record(G4, kind) + record(G4, 3)), "224.0.0.22")

    assert records(decoded) == [f"TYPE_{kind}(239.1.1.1)", "TO_IN(239.1.1.1)"]
    assert ids(decoded) == {"V-13"}


@pytest.mark.parametrize("group", ["fb02::1", "::", "2001:db8::1"])
def test_m27_a_record_for_something_that_is_no_group(group: str) -> None:
    decoded = read(mld_report(1, record(parse(group))), "ff02::16")

    assert ids(decoded) == {"V-12"}


def test_m28_a_group_twice_is_valid_and_noted() -> None:
    body = record(G4, 5, sources=1) + S4 + record(G4, 5, sources=1) + parse("10.0.0.8")
    decoded = read(igmp_report(2, body), "224.0.0.22")

    assert decoded.malformed is None
    assert ids(decoded) == {"M-28"}


@pytest.mark.parametrize(
    "sources", [S4 + S4, parse("0.0.0.0") + S4, parse("239.1.1.1") + S4], ids=bytes.hex
)
def test_m29_odd_sources_are_noted(sources: bytes) -> None:
    decoded = read(igmp_report(1, record(G4, 5, sources=2) + sources), "224.0.0.22")

    assert ids(decoded) == {"M-29"}


def test_m59_a_report_of_64_kib_is_read_to_its_end() -> None:
    groups = [parse("239.0.0.0")[:2] + number.to_bytes(2, "big") for number in range(8184)]
    body = b"".join(record(group) for group in groups)
    decoded = read(igmp_report(len(groups), body), "224.0.0.22")
    message = decoded.datagram.message

    assert isinstance(message, Report)
    assert [record.group for record in message.records] == groups
    assert decoded.malformed is None


def test_m59_long_source_lists_are_read_without_keeping_a_format_for_each_length() -> None:
    sources = tuple(parse("10.0.0.0")[:2] + number.to_bytes(2, "big") for number in range(16000))
    expected = GroupRecord(RecordType.ALLOW, G4, sources)
    message = read(
        igmp_report(1, record(G4, 5, sources=len(sources)) + b"".join(sources)), "224.0.0.22"
    ).datagram.message

    assert isinstance(message, Report)
    assert message.records == (expected,)


def test_v22_a_group_in_an_igmpv1_query_does_not_hide_it() -> None:
    decoded = read(bytes((0x11, 0, 0, 0)) + G4, "224.0.0.1")
    message = decoded.datagram.message

    assert isinstance(message, Query)
    assert message.version == 1
    assert text(message.group) == "239.1.1.1"
