"""W-17, W-18: how much fits a packet, and what becomes of reports that do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mldkit.errors import BuildError
from mldkit.link.capture import open_capture
from mldkit.model.addresses import consecutive, parse
from mldkit.model.datagram import Datagram, Decoded
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.messages import GroupRecord, Query, RecordType, Report
from mldkit.model.units import MILLISECOND
from mldkit.testing import strategies
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_packet
from mldkit.wire.split import split_report

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mldkit.model.messages import Message

GROUPS = {IGMP: parse("239.1.0.0"), MLD: parse("ff05::1:0")}
SOURCES = {IGMP: parse("10.0.0.1"), MLD: parse("2001:db8::1")}
SENDERS = {IGMP: parse("10.9.0.2"), MLD: parse("fe80::ff:fe00:2")}
SPLIT = (RecordType.IS_IN, RecordType.TO_IN, RecordType.ALLOW, RecordType.BLOCK)
TRUNCATED = (RecordType.IS_EX, RecordType.TO_EX)


def packet_octets(message: Message, family: Family) -> int:
    return len(encode_packet(Datagram(SENDERS[family], family.reports, message)))


def groups(family: Family, count: int) -> list[GroupRecord]:
    return [GroupRecord(RecordType.IS_EX, g) for g in consecutive(GROUPS[family], count)]


def listed(family: Family, kind: int, count: int) -> GroupRecord:
    return GroupRecord(kind, GROUPS[family], consecutive(SOURCES[family], count))


def records(reports: Iterable[Report]) -> list[GroupRecord]:
    return [record for report in reports for record in report.records]


# The numbers are what a Linux 6.18 kernel put into packets of these sizes, and for 1500 octets
# also the examples of RFC 9776 §4.1.8 and RFC 9777 §5.1.10. That MLD of the kernel stops at 3,760
# octets whatever the MTU is its memory, not the protocol.
CAPACITY = [
    (IGMP, 300, 33, 65),
    (IGMP, 1500, 183, 365),
    (IGMP, 9000, 1121, 2240),
    (MLD, 1280, 61, 75),
    (MLD, 1500, 72, 89),
]


@pytest.mark.parametrize(("family", "mtu", "empty", "sources"), CAPACITY)
def test_w17_as_many_groups_fit_a_packet_as_the_kernel_puts_there(
    family: Family, mtu: int, empty: int, sources: int
) -> None:
    (whole,) = split_report(groups(family, empty), family, mtu)
    first, second = split_report(groups(family, empty + 1), family, mtu)

    assert [len(report.records) for report in (whole, first, second)] == [empty, empty, 1]
    assert packet_octets(whole, family) <= mtu < packet_octets(whole, family) + family.record_octets
    (full,) = split_report([listed(family, RecordType.ALLOW, sources)], family, mtu)
    assert packet_octets(full, family) <= mtu
    assert len(split_report([listed(family, RecordType.ALLOW, sources + 1)], family, mtu)) == 2


def test_w17_an_igmp_report_for_a_jumbo_frame_has_8976_octets() -> None:
    (report,) = split_report(groups(IGMP, 1121), IGMP, 9000)

    # [V27]: the length of the IGMP message, without the 24 octets of its header.
    assert packet_octets(report, IGMP) - 24 == 8976


@pytest.mark.parametrize("family", [IGMP, MLD])
def test_w17_no_packet_is_larger_than_its_length_field_can_say(family: Family) -> None:
    # The MTU of Linux' loopback interface is 65,536 octets.
    found = split_report(groups(family, 10_000), family, 65_536)

    assert records(found) == groups(family, 10_000)
    assert max(packet_octets(report, family) for report in found) <= 65_535


@pytest.mark.parametrize(("family", "most"), [(IGMP, 366), (MLD, 89)])
def test_w17_sources_of_a_query_that_fit_1500_octets(family: Family, most: int) -> None:
    def octets(count: int) -> int:
        sources = consecutive(SOURCES[family], count)
        query = Query(family.current_version, GROUPS[family], 10, sources=sources)
        return packet_octets(query, family)

    assert octets(most) <= 1500 < octets(most + 1)


@pytest.mark.parametrize("kind", SPLIT)
@pytest.mark.parametrize("family", [IGMP, MLD])
def test_w18_long_lists_go_on_in_the_next_packet(family: Family, kind: int) -> None:
    record = listed(family, kind, 1000)
    found = split_report([record], family, 1280)

    assert len(found) > 1
    assert all(packet_octets(report, family) <= 1280 for report in found)
    parts = records(found)
    assert {(part.type, part.group) for part in parts} == {(kind, GROUPS[family])}
    assert sum((part.sources for part in parts), ()) == record.sources


@pytest.mark.parametrize("kind", TRUNCATED)
@pytest.mark.parametrize(
    ("family", "mtu", "kept"), [(family, mtu, sources) for family, mtu, _, sources in CAPACITY]
)
def test_w18_exclude_lists_are_cut_to_one_record(
    family: Family, mtu: int, kept: int, kind: int
) -> None:
    record = listed(family, kind, 5000)
    (report,) = split_report([record], family, mtu)

    assert report.records == (record._replace(sources=record.sources[:kept]),)


def test_w18_an_exclude_list_that_fits_a_packet_of_its_own_gets_one() -> None:
    before, long = groups(MLD, 1), listed(MLD, RecordType.IS_EX, 75)
    first, second = split_report([*before, long], MLD, 1280)

    assert first.records == tuple(before)
    assert second.records == (long,)


RECORDING = "kernel-captures/14-mld-split-truncate.pcap"
"""A host with an MTU of 1,280 octets, 70 groups, and two lists of 100 sources each."""
HOST = bytes.fromhex("020000000002")


def runs_of_the_kernel(path: Path) -> list[list[Report]]:
    """Return the reports that the host sent at one go, within a millisecond."""
    runs: list[list[Report]] = []
    last_ns = 0
    with open_capture(str(path)) as capture:
        for frame in capture.candidates():
            found = decode(frame)
            if not isinstance(found, Decoded) or found.datagram.link_source != HOST:
                continue
            message, time_ns = found.datagram.message, frame.time_ns or 0
            assert isinstance(message, Report)
            if time_ns - last_ns > MILLISECOND:
                runs.append([])
            runs[-1].append(message)
            last_ns = time_ns
    return runs


def as_wanted(reports: list[Report]) -> list[GroupRecord]:
    """Return the records before they were split or truncated."""
    wanted: list[GroupRecord] = []
    for record in records(reports):
        if record.type in TRUNCATED and record.sources:
            whole = consecutive(record.sources[0], 100)
            wanted.append(record._replace(sources=whole))
        elif wanted and wanted[-1][:2] == record[:2]:
            wanted[-1] = record._replace(sources=wanted[-1].sources + record.sources)
        else:
            wanted.append(record)
    return wanted


def test_w18_the_kernel_splits_and_truncates_the_same_way(shared: Path) -> None:
    runs = [run for run in runs_of_the_kernel(shared / RECORDING) if len(run) > 1]

    assert len(runs) == 6
    for run in runs:
        assert list(split_report(as_wanted(run), MLD, 1280)) == run


@given(st.data(), st.sampled_from((IGMP, MLD)), st.integers(1280, 9000))
def test_no_source_and_no_group_is_lost_but_by_truncation(
    data: st.DataObject, family: Family, mtu: int
) -> None:
    wanted = data.draw(st.lists(strategies.records(family), max_size=8))
    wanted = [record._replace(sources=record.sources * 200) for record in wanted]

    found = split_report(wanted, family, mtu)

    assert all(packet_octets(report, family) <= mtu for report in found)
    left = records(found)
    for record in wanted:
        part = left.pop(0)
        assert (part.type, part.group) == (record.type, record.group)
        sources = part.sources
        while record.type not in TRUNCATED and len(sources) < len(record.sources):
            sources += left.pop(0).sources
        assert sources == record.sources[: len(sources)]
    assert left == []


@pytest.mark.parametrize("kind", [RecordType.ALLOW, RecordType.TO_EX])
@pytest.mark.parametrize("sources", [0, 10])
def test_auxiliary_data_that_fits_no_packet_is_refused(kind: int, sources: int) -> None:
    record = listed(IGMP, kind, sources)._replace(aux_data=bytes(1020))

    with pytest.raises(BuildError, match="1020 octets of auxiliary data"):
        split_report([record], IGMP, 300)


def test_an_mtu_without_room_for_a_record_is_refused() -> None:
    with pytest.raises(BuildError, match="too small"):
        split_report([], MLD, 80)
