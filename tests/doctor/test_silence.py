"""Nobody queries: how bad that is goes by what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import parse, text
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import GroupRecord, Leave, RecordType, RouterSolicitation
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from tests.doctor.conftest import Doctor


def _report(stage: Stage, at: float, group: str) -> None:
    stage.records(at, [GroupRecord(RecordType.TO_EX, parse(group))])


def _stream(stage: Stage, begin: float, end: float, *, source: int = 1) -> None:
    """Let data come four times a second."""
    for quarter in range(int(4 * begin), int(4 * end)):
        stage.data(quarter / 4, 1, source=source)


def test_a_stream_that_is_cut_off_is_an_error_in_the_first_lines(
    stage: Stage, doctor: Doctor
) -> None:
    stage.report(2, "TO_EX", 1)
    _stream(stage, 3, 262)
    stage.report(400, "TO_EX", 2, host=2)

    told = doctor(stage)

    assert told.code == 1
    assert told.severity("D-01") == "error"
    group = text(stage.group(1))
    assert f"your stream to {group} stopped 260 s after the last one" in told.first
    detail = told.findings("D-01")[0]["detail"]
    assert "a stream stopped 260 s after the last report of a member, at 22:17:41 UTC" in detail


def test_a_member_that_is_forgotten_while_its_data_come_is_an_error(
    stage: Stage, doctor: Doctor
) -> None:
    stage.report(2, "TO_EX", 1)
    _stream(stage, 3, 330)
    stage.report(320, "TO_EX", 2, host=2)

    told = doctor(stage)

    assert told.severity("D-01") == "error"
    group = text(stage.group(1))
    forgotten = f"the last member of {group} was forgotten at 22:17:52 UTC, while its data came"
    assert forgotten in told.first
    assert (
        "a member was forgotten 270 s after its last report, at 22:17:52 UTC, while its data came"
    ) in told.findings("D-01")[0]["detail"]


def test_hosts_that_report_and_are_not_asked_are_a_warning(stage: Stage, doctor: Doctor) -> None:
    stage.report(2, "TO_EX", 1)
    stage.report(300, "TO_EX", 2, host=2)

    told = doctor(stage)

    assert told.code == 0
    assert told.severity("D-01") == "warning"
    assert "no querier in 300 s" in told.first or "no querier in 298 s" in told.first


@pytest.mark.parametrize("seconds", [100, 250])
def test_a_shorter_capture_cannot_tell(stage: Stage, doctor: Doctor, seconds: int) -> None:
    stage.report(0, "TO_EX", 1)
    stage.report(seconds, "TO_EX", 2)

    told = doctor(stage)

    assert "D-01" not in told.ids
    assert "too short to tell" in told.first


def test_groups_that_switches_flood_are_a_remark(doctor: Doctor) -> None:
    stage = Stage(IGMP)
    _report(stage, 0, "224.0.0.251")
    _report(stage, 300, "224.0.0.252")

    told = doctor(stage)

    assert told.code == 0
    assert told.severity("D-01") == "info"
    assert "no group is reported that switches prune" in told.findings("D-01")[0]["detail"]


def test_one_group_that_switches_prune_is_enough_for_a_warning(doctor: Doctor) -> None:
    stage = Stage(IGMP)
    _report(stage, 0, "224.0.0.251")
    _report(stage, 300, "224.0.0.252")
    _report(stage, 310, "239.255.255.250")

    told = doctor(stage)

    (finding,) = told.findings("D-01")
    assert (finding["severity"], finding["detail"]) == (
        "warning", "no General Query in 310 s of capture",
    )  # fmt: skip


def test_link_scope_groups_of_ipv6_are_pruned(doctor: Doctor) -> None:
    stage = Stage(MLD)
    _report(stage, 0, "ff02::fb")
    _report(stage, 300, "ff02::1:ff00:64")

    assert doctor(stage).severity("D-01") == "warning"


def test_a_switch_that_snoops_makes_it_an_error(stage: Stage, doctor: Doctor) -> None:
    stage.report(2, "TO_EX", 1)
    family = stage.family
    leave = Leave(family.current_version - 1, family.unspecified)
    stage.send(20, stage.host(9), family.all_routers, leave)
    stage.report(300, "TO_EX", 2, host=2)

    told = doctor(stage)

    assert told.severity("D-01") == "error"
    assert "a switch snoops here" in told.findings("D-01")[0]["detail"]


def test_a_switch_that_looks_for_routers_snoops(stage: Stage, doctor: Doctor) -> None:
    stage.report(2, "TO_EX", 1)
    stage.send(20, stage.host(9), stage.family.all_routers, RouterSolicitation())
    stage.report(300, "TO_EX", 2, host=2)

    assert doctor(stage).severity("D-01") == "error"


def test_a_silence_in_which_nothing_came_is_a_warning(doctor: Doctor) -> None:
    # It may be the fault itself, or nobody may have looked: the capture cannot tell.
    stage = Stage(IGMP)
    for at in (0, 125, 250, 3775):
        stage.query(at, source=bytes(4))
        stage.report(at + 2, "IS_EX", 1)

    told = doctor(stage)

    assert told.severity("D-01") in ("warning", None)
    assert "D-01" in told.ids or "not known" in told.text


def test_announcements_are_no_stream_that_could_stop(doctor: Doctor) -> None:
    stage = Stage(IGMP)
    _report(stage, 1, "239.1.1.1")
    for burst in range(2):
        for number in range(16):
            stage.data(2 + 258 * burst + number / 10, 1)
    stage.report(300, "TO_EX", 2, host=2)

    told = doctor(stage)

    assert told.severity("D-01") == "warning"
    assert "your stream" not in told.text


def test_what_a_member_sends_itself_is_not_taken_from_it(doctor: Doctor) -> None:
    stage = Stage(IGMP)
    stage.report(2, "TO_EX", 1, source=stage.source(1))
    _stream(stage, 3, 262)
    stage.report(300, "TO_EX", 2, host=2)

    assert doctor(stage).severity("D-01") == "warning"


def test_who_reports_again_is_not_forgotten(stage: Stage, doctor: Doctor) -> None:
    for at in (2, 200, 400):
        stage.report(at, "TO_EX", 1)
    _stream(stage, 3, 420)

    assert doctor(stage).severity("D-01") == "warning"


def test_queries_that_hosts_must_drop_are_one_story(doctor: Doctor) -> None:
    stage = Stage(MLD)
    for round_ in range(4):
        stage.query(125 * round_, hop_limit=64)
        stage.report(125 * round_ + 60, "TO_EX", 1)

    told = doctor(stage)

    assert told.first.startswith(
        "MLD: no query in 435 s that hosts may answer, they must drop those of fe80::1 (V-03)"
    )
    assert told.severity("V-03") == "error"
    assert "D-01" not in told.ids


def test_queries_that_hosts_must_drop_and_a_stream_that_stops(doctor: Doctor) -> None:
    stage = Stage(MLD)
    stage.report(2, "TO_EX", 1)
    for round_ in range(4):
        stage.query(125 * round_, source=parse("2001:db8::1"))
    _stream(stage, 3, 262)

    told = doctor(stage)

    assert f"your stream to {text(stage.group(1))} stopped 260 s" in told.first
    assert told.severity("D-01") == "error"
    assert told.findings("D-01")[0]["detail"].startswith("no General Query that hosts may answer")


def test_when_the_queries_that_hosts_drop_end_nobody_queries(doctor: Doctor) -> None:
    stage = Stage(MLD)
    stage.query(0, hop_limit=64)
    stage.report(2, "TO_EX", 1)
    stage.report(400, "TO_EX", 2)

    told = doctor(stage)

    assert told.severity("D-01") == "warning"
    assert told.findings("D-01")[0]["detail"] == "no General Query for 400 s"


def test_the_rule_that_makes_hosts_drop_a_query_is_named(doctor: Doctor) -> None:
    stage = Stage(IGMP)
    for at in (0, 60):
        # That Router Alert is missing makes nobody drop it, that it names sources does.
        stage.query(at, sources=(1,), router_alert=None)

    assert "they must drop those of 10.9.0.1 (V-18)" in doctor(stage).first


def test_a_short_look_says_that_every_query_is_dropped(doctor: Doctor) -> None:
    stage = Stage(MLD)
    stage.query(0, source=parse("2001:db8::1"))
    stage.report(60, "TO_EX", 1)

    told = doctor(stage)

    assert told.first == (
        "MLD: no query in 60 s that hosts may answer, they must drop those of 2001:db8::1 (V-06)."
    )


def test_the_change_of_the_querier_is_told_with_its_time(stage: Stage, doctor: Doctor) -> None:
    for at in (0, 125):
        stage.query(at, router=2)
    for at in (200, 325):
        stage.query(at, router=1)

    first, second = text(stage.router(1)), text(stage.router(2))
    told = doctor(stage)

    assert f"querier is {first}" in told.first
    assert f"took over from {second} at 22:16:40 UTC" in told.first


def test_several_changes_are_counted(stage: Stage, doctor: Doctor) -> None:
    for at, router in ((0, 3), (100, 2), (200, 1)):
        stage.query(at, router=router)

    second = text(stage.router(2))
    assert (
        f"the querier changed 2 times, the last time from {second} at 22:16:40 UTC"
        in doctor(stage).first
    )
