"""The events of a capture, one a line: in order of time, findings when they became certain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.analysis.event_order import EventOrder
from mldkit.analysis.events import Event
from mldkit.analysis.facts import LinkKey
from mldkit.cli.main import main
from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.addresses import text
from mldkit.model.family import IGMP
from mldkit.model.units import SECOND
from mldkit.testing.stage import BEGIN_NS, Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Listen = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def listen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Listen:
    """Run stages through `analyze --format ndjson`; return the events, each with its second."""

    def run(stages: list[Stage], *options: str) -> list[dict[str, Any]]:
        path = tmp_path / "capture.pcapng"
        frames = [frame for stage in stages for frame in stage.frames()]
        with CaptureWriter(str(path)) as writer:
            for frame in sorted(frames, key=lambda frame: frame.time_ns or 0):
                writer.write(frame)
        main(["analyze", "--format", "ndjson", *options, str(path)])
        lines = capsys.readouterr().out.splitlines()
        return [{**event, "second": _second(event)} for event in map(json.loads, lines)]

    return run


def _second(event: dict[str, Any]) -> float:
    return round(float(event["time"]) - BEGIN_NS / SECOND, 3)


def briefly(events: list[dict[str, Any]]) -> list[tuple[float, str]]:
    """Return second and kind of each event, of findings the rule."""
    return [
        (event["second"], event["finding"]["id"] if event["finding"] else event["event"])
        for event in events
    ]


def test_the_end_of_a_membership_stands_at_its_time(stage: Stage, listen: Listen) -> None:
    stage.query(0)
    stage.report(1, "TO_EX", 1)
    stage.report(200, "TO_EX", 2, host=2)
    stage.query(250)
    stage.report(300, "TO_EX", 3, host=3)
    stage.query(375)

    events = listen([stage])

    # 2 x 125 s + 2 x 10 s after the report (RFC 9776 §8.4)
    ends = [event for event in events if event["event"] == "expire"]
    assert [(one["second"], one["host"]) for one in ends] == [(271, text(stage.host(1)))]
    seconds = [event["second"] for event in events]
    assert seconds == sorted(seconds)
    assert seconds.index(271) < seconds.index(300)


def test_an_expiry_is_told_once_though_the_host_comes_back(stage: Stage, listen: Listen) -> None:
    stage.query(0)
    stage.report(1, "TO_EX", 1)
    for second in (125, 250, 375):
        stage.query(second)
    stage.report(400, "TO_EX", 1)

    told = [one for one in briefly(listen([stage])) if one[1] in ("join", "expire")]

    assert told == [(1, "join"), (271, "expire"), (400, "join")]


def test_a_finding_is_told_when_it_is_certain(stage: Stage, listen: Listen) -> None:
    stage.query(0)
    for host in (1, 2):
        stage.report(2 + host, "IS_EX", host, host=host)
    stage.report(20, "TO_IN", 1)
    stage.report(20.5, "TO_IN", 1)
    stage.report(40, "IS_EX", 2, host=2)

    events = listen([stage])

    (finding,) = [
        event for event in events if event["finding"] and event["finding"]["id"] == "D-11"
    ]
    # That nobody asks is certain when the time to ask is over, which the next message shows.
    assert finding["second"] > 22
    assert finding["finding"]["time"] < finding["time"]


def test_events_of_several_links_are_in_one_order(listen: Listen) -> None:
    stages = []
    for vlan in (5, 6, 7):
        stage = Stage(IGMP, vlan=(vlan,))
        for number in range(20):
            at = 31 * number + vlan
            stage.query(at)
            stage.report(at + 2, "IS_EX", number % 5, host=number % 7)
            if number % 3 == 0:
                stage.report(at + 5, "TO_IN", number % 5, host=number % 7)
        stages.append(stage)

    events = listen(stages)

    seconds = [event["second"] for event in events]
    assert len(events) > 100
    assert seconds == sorted(seconds)
    assert {"join", "leave", "expire", "querier", "finding"} <= {one["event"] for one in events}


def test_filters_hold_for_events_of_findings(stage: Stage, listen: Listen) -> None:
    stage.query(0)
    stage.report(2, "IS_EX", 1, host=1)
    stage.report(3, "IS_EX", 2, host=2)
    stage.report(5, "IS_EX", 2, host=2, link_destination=bytes.fromhex("01005e7f0001"))

    one = listen([stage], "--group", text(stage.group(1)))
    other = listen([stage], "--group", text(stage.group(2)))

    assert "D-25" not in {kind for _, kind in briefly(one)}
    assert "D-25" in {kind for _, kind in briefly(other)}


@pytest.mark.parametrize(
    ("most", "order"), [(0, [5, 9, 7, 8]), (1, [5, 7, 8, 9]), (9, [5, 7, 8, 9])]
)
def test_as_many_events_wait_as_there_is_room_for(most: int, order: list[int]) -> None:
    given: list[int] = []
    events = EventOrder(lambda event: given.append(event.time_ns), most)
    for time_ns in (5, 9, 7, 8):
        events.take(Event("join", time_ns, LinkKey(None, (), IGMP)))
    events.finish()

    assert given == order
