"""Stays of hosts in groups: when they begin and end, and how their filters change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mldkit.analysis.facts import LinkKey, host_address
from mldkit.analysis.memberships import Memberships
from mldkit.analysis.room import LinkRoom, Room
from mldkit.analysis.stays import Heard, Stay
from mldkit.model.addresses import IPV4_UNSPECIFIED, parse, text
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import GroupRecord, RecordType
from mldkit.model.units import SECOND
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.analysis.conftest import Diagnosis

    Diagnose = Callable[..., Diagnosis]


def only_row(diagnosis: Diagnosis) -> Stay:
    ((_, row),) = diagnosis.result.rows
    return row


def test_a_stay_begins_with_the_first_report_and_ends_with_the_leave(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.report(1, "TO_EX", 1)
    stage.report(1.5, "TO_EX", 1)
    stage.report(20, "TO_IN", 1)
    stage.report(20.5, "TO_IN", 1)

    assert diagnose(stage, 30).stays == [(1, 20, "leave")]


@pytest.mark.parametrize(("profile", "lifetime"), [("rfc9776", 270), ("rfc3376", 260)])
def test_without_reports_a_stay_expires_by_the_profile(
    stage: Stage, diagnose: Diagnose, profile: str, lifetime: int
) -> None:
    # RFC 9776 §8.4: RV x QI + 2 x QRI; RFC 3376 §8.4: RV x QI + 1 x QRI.
    stage.report(5, "TO_EX", 1)

    assert diagnose(stage, 400, profile=profile).stays == [(5, 5 + lifetime, "expiry")]


def test_the_lifetime_is_that_of_the_last_general_query_before_the_report(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.query(0, robustness=3, interval=20, response=4)
    stage.report(1, "IS_EX", 1)

    assert diagnose(stage, 300).stays == [(1, 1 + 3 * 20 + 2 * 4, "expiry")]


def test_zero_variables_of_a_query_are_the_defaults(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0, robustness=0, interval=0)
    stage.report(1, "IS_EX", 1)

    assert diagnose(stage, 400).stays == [(1, 271, "expiry")]


def test_what_lasts_ends_with_the_capture(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(1, "TO_EX", 1)

    assert diagnose(stage, 100).stays == [(1, 100, "capture-end")]


def test_a_report_after_the_expiry_begins_another_stay(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(0, "TO_EX", 1)
    stage.report(300, "IS_EX", 1)

    assert diagnose(stage, 310).stays == [(0, 270, "expiry"), (300, 310, "capture-end")]


CHANGES = [
    # RFC 9776 §5.1: records from the old to the new filter, and the filter that must come out.
    pytest.param([("ALLOW", (1, 2))], ("INCLUDE", {1, 2}), id="INCLUDE by ALLOW"),
    pytest.param([("ALLOW", (1,)), ("ALLOW", (2,))], ("INCLUDE", {1, 2}), id="ALLOW more"),
    pytest.param([("ALLOW", (1, 2)), ("BLOCK", (1,))], ("INCLUDE", {2}), id="BLOCK one"),
    pytest.param([("TO_EX", ())], ("EXCLUDE", set()), id="any source"),
    pytest.param([("TO_EX", (1,)), ("BLOCK", (2,))], ("EXCLUDE", {1, 2}), id="EXCLUDE more"),
    pytest.param([("TO_EX", (1, 2)), ("ALLOW", (1,))], ("EXCLUDE", {2}), id="EXCLUDE less"),
    pytest.param([("TO_EX", ()), ("TO_IN", (3,))], ("INCLUDE", {3}), id="EXCLUDE to INCLUDE"),
    pytest.param([("ALLOW", (1,)), ("TO_EX", (2,))], ("EXCLUDE", {2}), id="INCLUDE to EXCLUDE"),
    pytest.param([("IS_IN", (1,)), ("IS_IN", (2,))], ("INCLUDE", {2}), id="current state"),
    pytest.param([("IS_EX", (1,)), ("IS_EX", (2,))], ("EXCLUDE", {2}), id="current exclude"),
]


@pytest.mark.parametrize(("records", "expected"), CHANGES)
def test_records_change_the_filter(
    stage: Stage,
    diagnose: Diagnose,
    records: list[tuple[str, tuple[int, ...]]],
    expected: tuple[str, set[int]],
) -> None:
    for number, (kind, sources) in enumerate(records):
        stage.report(number + 1, kind, 1, sources=sources)

    row = only_row(diagnose(stage, 30))

    assert ("EXCLUDE" if row.exclude else "INCLUDE") == expected[0]
    assert set(row.sources) == {stage.source(number) for number in expected[1]}
    assert len(row.changes) == len(records)


def test_a_block_that_empties_an_include_list_is_a_leave(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(1, "ALLOW", 1, sources=(1, 2))
    stage.report(5, "BLOCK", 1, sources=(1,))
    stage.report(9, "BLOCK", 1, sources=(2,))

    assert diagnose(stage, 30).stays == [(1, 9, "leave")]


@pytest.mark.parametrize(("kind", "sources"), [("BLOCK", (1,)), ("BLOCK", ()), ("ALLOW", ())])
@pytest.mark.parametrize("begins", ["IS_IN", "IS_EX"])
def test_a_record_that_asks_for_nothing_prolongs_no_stay(
    stage: Stage, diagnose: Diagnose, begins: str, kind: str, sources: tuple[int, ...]
) -> None:
    # RFC 9776 §6.4.2: no row of the table starts a timer of its own for BLOCK.
    stage.report(1, begins, 1, sources=(1, 2))
    stage.report(100, kind, 1, sources=sources)

    assert diagnose(stage, 400).stays == [(1, 271, "expiry")]


@pytest.mark.parametrize("kind", ["IS_IN", "IS_EX"])
def test_sources_that_are_allowed_prolong_a_stay(
    stage: Stage, diagnose: Diagnose, kind: str
) -> None:
    stage.report(1, kind, 1, sources=(1,))
    stage.report(100, "ALLOW", 1, sources=(2,))

    assert diagnose(stage, 400).stays == [(1, 370, "expiry")]


@pytest.mark.parametrize("number", [0, 7, 255])
@pytest.mark.parametrize("kind", ["IS_IN", "IS_EX"])
def test_a_record_of_an_unknown_type_says_nothing(
    stage: Stage, diagnose: Diagnose, kind: str, number: int
) -> None:
    # RFC 9776 §4.2.13: unrecognized types are silently ignored.
    sources = (stage.source(1),)
    stage.report(1, kind, 1, sources=(1,))
    for second in (100, 101):
        stage.records(second, [GroupRecord(number, stage.group(1), sources)])

    diagnosis = diagnose(stage, 400)

    assert diagnosis.stays == [(1, 271, "expiry")]
    assert only_row(diagnosis).reports == 1


def test_an_answer_for_single_sources_does_not_shrink_the_list(
    stage: Stage, diagnose: Diagnose
) -> None:
    # RFC 9776 §5.2: the answer to a source query names only those of its sources that are wanted.
    stage.report(1, "ALLOW", 1, sources=(1, 2, 3))
    stage.query(5, 1, sources=(1,), response=1)
    stage.report(5.5, "IS_IN", 1, sources=(1,))

    assert len(only_row(diagnose(stage, 30)).sources) == 3


def test_a_list_that_goes_on_in_the_next_packet_is_one_list(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.report(1, "IS_IN", 1, sources=range(1, 21))
    stage.report(1.001, "IS_IN", 1, sources=range(21, 31))

    assert len(only_row(diagnose(stage, 30)).sources) == 30


def test_older_reports_and_leaves_make_stays_too(stage: Stage, diagnose: Diagnose) -> None:
    stage.older_report(1, 1)
    stage.leave(9, 1)

    diagnosis = diagnose(stage, 30)

    assert diagnosis.stays == [(1, 9, "leave")]
    assert only_row(diagnosis).version == stage.family.current_version - 1


def test_only_the_leave_of_the_host_itself_counts(stage: Stage, diagnose: Diagnose) -> None:
    stage.older_report(1, 1, host=1)
    stage.leave(9, 1, host=2)

    assert diagnose(stage, 30).stays == [(1, 30, "capture-end")]


def test_igmp_from_no_address_belongs_to_the_one_address_of_its_mac(diagnose: Diagnose) -> None:
    stage = Stage(IGMP)
    mac = b"\x02\0\0\0\0\x64"
    stage.report(1, "TO_EX", 1, source=bytes(4), link_source=mac)
    stage.report(9, "IS_EX", 1, link_source=mac)

    diagnosis = diagnose(stage, 30)

    assert diagnosis.stays == [(1, 30, "capture-end")]
    assert text(host_address(only_row(diagnosis).host)) == "10.9.0.100"


def test_igmp_from_no_address_without_another_stays_so(diagnose: Diagnose) -> None:
    stage = Stage(IGMP)
    stage.report(1, "TO_EX", 1, source=bytes(4), link_source=b"\x02\0\0\0\0\x01")
    stage.report(1, "TO_EX", 1, source=bytes(4), link_source=b"\x02\0\0\0\0\x02")

    rows = [row for _, row in diagnose(stage, 30).result.rows]

    assert [host_address(row.host) for row in rows] == [parse("0.0.0.0")] * 2


DROPPED = [
    pytest.param({"hop_limit": 2}, id="V-03"),
    pytest.param({"router_alert": None}, id="V-04"),
    pytest.param({"router_alert": 1}, id="V-05"),
    pytest.param({"source": parse("2001:db8::1")}, id="V-08"),
    pytest.param({"source": bytes(16)}, id="V-07"),
]


@pytest.mark.parametrize("envelope", DROPPED)
def test_what_a_receiver_must_drop_changes_nothing(
    diagnose: Diagnose, envelope: dict[str, Any]
) -> None:
    stage = Stage(MLD)
    stage.report(1, "TO_EX", 1, **envelope)

    assert diagnose(stage, 30).stays == []


@pytest.mark.parametrize(
    "envelope", [{"hop_limit": 64}, {"router_alert": None}, {"source": bytes(4)}]
)
def test_igmp_counts_whatever_its_envelope(diagnose: Diagnose, envelope: dict[str, Any]) -> None:
    stage = Stage(IGMP)
    stage.report(1, "TO_EX", 1, **envelope)

    assert diagnose(stage, 30).stays == [(1, 30, "capture-end")]


def test_vlans_and_hosts_have_rows_of_their_own(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(1, "TO_EX", 1, host=1)
    stage.report(2, "TO_EX", 1, host=2)
    stage.report(3, "TO_EX", 1, host=1, vlan=(20,))

    diagnosis = diagnose(stage, 30)

    assert len(diagnosis.stays) == 3
    assert {key.vlan for key, _ in diagnosis.result.rows} == {(), (20,)}


def test_who_has_an_address_after_all_is_recognised_by_that_alone() -> None:
    memberships = Memberships(LinkRoom(LinkKey(None, (), IGMP), Room()), None)
    mac, address = b"\x02\0\0\0\0\1", parse("10.0.0.1")
    nameless = IPV4_UNSPECIFIED + mac
    records = (GroupRecord(RecordType.IS_EX, parse("239.1.1.1")),)
    for host in (nameless, address):
        memberships.report(Heard(host, mac, 3, 0, SECOND, is_faultless=True), records)

    memberships.rename(nameless, address)

    assert memberships.recognised.rows(nameless, records) is None
    assert memberships.recognised.rows(address, records) == list(memberships.rows())
