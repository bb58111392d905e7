"""Limits hold, and what they leave out is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.analysis import admission, limits, traffic
from mldkit.analysis.engine import Analysis
from mldkit.analysis.limits import MOST_CHANGES, MOST_OPEN, MOST_SOURCES
from mldkit.model.addresses import consecutive, parse, text
from mldkit.model.family import IGMP
from mldkit.model.messages import GroupRecord, RecordType
from mldkit.model.units import SECOND
from mldkit.render.left_out import left_out_text
from mldkit.testing.stage import BEGIN_NS, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

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


def test_senders_beyond_the_limit_are_counted_and_those_known_are_heard(
    stage: Stage, diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "MOST_SENDERS", 50)
    stage.query(0)
    stage.report(2, "TO_EX", 2)
    spoofed(stage, 200)
    stage.report(20, "TO_IN", 2)

    result = diagnose(stage, 30).result

    # The querier and the host are senders too.
    assert len({entry.host for entry in result.findings if entry.id == "V-04"}) == 48
    assert len(result.rows) <= 50
    assert ("leave", stage.group(2)) in {(row.ended_by, row.group) for _, row in result.rows}
    assert [left_out_text(item) for item in result.left_out] == [
        "152 messages of further senders not looked at: at most 50 are"
    ]


def test_a_long_watch_makes_room_for_new_senders(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "MOST_SENDERS", 50)
    spoofed(stage, 80)
    for second in (600, 601):
        stage.report(second, "TO_EX", 3)
    analysis = Analysis(with_data=False)
    for frame in stage.frames():
        now_ns = frame.time_ns or 0
        analysis.poll(now_ns)
        if now_ns >= BEGIN_NS + 600 * SECOND:
            analysis.forget()
        analysis.see(frame)

    (link,) = analysis.links.values()
    assert {row.host for row in link.memberships.rows()} == {stage.host()}
    assert left_out_text(analysis.left_out()[0]).startswith("30 messages of further senders")


def test_links_beyond_the_limit_are_counted(
    diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "MOST_LINKS", 3)
    stage = Stage(IGMP)
    for vlan in range(1, 10):
        stage.report(vlan, "IS_EX", 1, vlan=(vlan,))
        stage.vlan = (vlan + 100,)
        stage.data(vlan + 0.5, 1)

    result = diagnose(stage, 30).result

    assert len(result.links) == 3
    assert left_out_text(result.left_out[0]).startswith("15 packets on further links not looked at")


def test_stays_beyond_the_limit_are_counted(
    stage: Stage, diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_STAYS", 10)
    stage.report(1, "IS_EX", *range(1, 26))
    stage.report(2, "TO_IN", 1)
    stage.report(3, "IS_EX", 30)

    result = diagnose(stage, 30).result

    assert len(result.rows) == 10
    (line,) = map(left_out_text, result.left_out)
    assert line.startswith(f"{stage.family.name.upper()}: 16 records of further members")


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
        "2 changes to lists of more than 4,096 sources, which are not kept whole"
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


def test_streams_beyond_the_limit_are_counted(
    stage: Stage, diagnose: Diagnose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "MOST_STREAMS", 5)
    for number in range(1, 9):
        stage.data(number, number)
        stage.data(number + 0.5, number)

    (line,) = map(left_out_text, diagnose(stage, 20).result.left_out)

    assert "6 packets of further streams" in line
    assert text(stage.group(1)) not in line
