"""Limits hold, and what they leave out is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.analysis import limits
from mldkit.analysis.limits import MOST, MOST_CHANGES, MOST_OPEN, MOST_SOURCES
from mldkit.model.addresses import consecutive, parse
from mldkit.model.family import IGMP
from mldkit.model.messages import GroupRecord, RecordType
from mldkit.render.left_out import left_out_text
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.analysis.result import AnalysisResult
    from tests.unit.analysis.conftest import Diagnosis

    Diagnose = Callable[..., Diagnosis]


def test_a_sound_link_has_no_limits(stage: Stage, diagnose: Diagnose) -> None:
    for second in (0, 125, 250):
        stage.query(second)
        stage.report(second + 3, "IS_EX", 1, 2, 3)

    assert diagnose(stage, 300).result.left_out == ()


def spoofed(stage: Stage, count: int, *, first: float = 10) -> None:
    """Reports without Router Alert, each of another sender."""
    begin = parse("10.66.0.0" if stage.family is IGMP else "fe80::66:0")
    for number, source in enumerate(consecutive(begin, count)):
        at = first + number / 100
        stage.report(at, "IS_EX", 1, source=source, router_alert=None, hop_limit=1)


def left_out(result: AnalysisResult) -> dict[str, int]:
    """Return what found no room, and how much of it."""
    return {item.what: item.count for item in result.left_out}


@pytest.mark.parametrize("count", [50, 51])
def test_findings_of_forged_senders_are_as_many_as_there_is_room_for(
    stage: Stage, diagnose: Diagnose, count: int
) -> None:
    stage.query(0)
    spoofed(stage, count)

    result = diagnose(stage, 30, most={**MOST, limits.FINDINGS: 50}).result

    assert len(result.findings) == 50
    assert left_out(result) == ({} if count == 50 else {limits.FINDINGS: 1})


def test_a_flood_that_breaks_one_rule_leaves_the_findings_of_others_alone(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.older_report(1, 3, host=2, version=2 if stage.family is IGMP else 1)
    stage.report(1, "IS_EX", 2, hop_limit=64)
    spoofed(stage, 200)

    result = diagnose(stage, 30, most={**MOST, limits.FINDINGS: 20}).result

    assert {entry.id for entry in result.findings} >= {"V-03", "V-04"}
    assert len(result.findings) == 20


@pytest.mark.parametrize("count", [3, 4])
def test_links_beyond_the_limit_make_room(diagnose: Diagnose, count: int) -> None:
    stage = Stage(IGMP)
    vlans = range(1, count + 1)
    for vlan in vlans:
        stage.vlan = (vlan,)
        stage.report(vlan, "IS_EX", 1)
        stage.data(vlan + 0.5, 1)

    result = diagnose(stage, 30, most={**MOST, limits.LINKS: 3}).result

    # The first one had no more to tell than the others, and was there before them.
    assert [link.key.vlan for link in result.links] == [(vlan,) for vlan in vlans][-3:]
    assert left_out(result) == ({} if count == 3 else {limits.LINKS: 1})


@pytest.mark.parametrize("count", [10, 11])
def test_stays_beyond_the_limit_make_room_the_oldest_first(
    stage: Stage, diagnose: Diagnose, count: int
) -> None:
    stage.report(1, "IS_EX", *range(1, count + 1))

    result = diagnose(stage, 30, most={**MOST, limits.STAYS: 10}).result

    groups = {stage.group(number) for number in range(count - 9, count + 1)}
    assert {row.group for _, row in result.rows} == groups
    assert left_out(result) == ({} if count == 10 else {limits.STAYS: 1})


def test_a_stay_of_many_sources_takes_the_room_of_several(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(1, "IS_EX", *range(1, 9))
    stage.report(2, "ALLOW", 20, sources=range(1, 17))

    result = diagnose(stage, 30, most={**MOST, limits.STAYS: 10}).result

    # Eight sources weigh as much as a stay: eight stays and one of weight three.
    assert len(result.rows) == 8
    assert left_out(result) == {limits.STAYS: 1}


@pytest.mark.parametrize("count", [10, 11])
def test_past_stays_beyond_the_limit_are_counted(
    stage: Stage, diagnose: Diagnose, count: int
) -> None:
    for number in range(count):
        stage.report(1 + number, "TO_EX", 1, host=number + 1)
        stage.report(1.5 + number, "TO_IN", 1, host=number + 1)

    result = diagnose(stage, 30, most={**MOST, limits.PAST_STAYS: 10}).result

    assert len(result.rows) == 10
    assert left_out(result) == ({} if count == 10 else {limits.PAST_STAYS: 1})


def test_long_lists_and_many_changes_are_told(stage: Stage, diagnose: Diagnose) -> None:
    first = parse("10.66.0.0" if stage.family is IGMP else "2001:db8::66:0")
    sources = consecutive(first, MOST_SOURCES + 80)
    for number in range(0, len(sources), 80):
        record = GroupRecord(RecordType.ALLOW, stage.group(1), tuple(sources[number : number + 80]))
        stage.records(number / 10, [record])

    told = [left_out_text(item) for item in diagnose(stage, 30_000).result.left_out]

    # Each report makes the list longer, and the last two too long.
    assert len(sources) // 80 < MOST_CHANGES
    assert [line.partition(": ")[2] for line in told] == [
        "2 changes to lists of more than 512 sources, which are not kept whole"
    ]

    for number in range(2 * MOST_CHANGES):
        record = GroupRecord(RecordType.TO_IN, stage.group(2), (sources[number],))
        stage.records(600 + number, [record])
    told = [left_out_text(item) for item in diagnose(stage, 900).result.left_out]
    assert any("100 older changes" in line for line in told)


def test_queries_without_end_are_told(stage: Stage, diagnose: Diagnose) -> None:
    for number in range(MOST_OPEN + 6):
        stage.query(number / 100, 1, response=10, interval=number + 1)
        stage.query(10 + number / 1000, response=0, interval=number + 1)

    (line,) = map(left_out_text, diagnose(stage, 60).result.left_out)

    assert "6 specific queries not paired with answers" in line


@pytest.mark.parametrize("count", [5, 6])
def test_streams_beyond_the_limit_are_counted(stage: Stage, diagnose: Diagnose, count: int) -> None:
    for number in range(1, count + 1):
        stage.data(number, number)

    result = diagnose(stage, 20, most={**MOST, limits.STREAMS: 5}).result

    assert len(result.links[0].streams) == 5
    assert left_out(result) == ({} if count == 5 else {limits.STREAMS: 1})
