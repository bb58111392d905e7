"""`watch` on an interface that is renamed while it is followed, on a scripted machine."""

from __future__ import annotations

import pytest

from mldkit.testing.story import Story
from mldkit.watch import LinkEvent
from tests.unit.scripted_link import ALWAYS_UP, NAME, Scripted, brief, follow


@pytest.mark.parametrize("tells_names", [True, False])
def test_each_event_has_the_name_of_its_moment_and_the_link_stays_one(*, tells_names: bool) -> None:
    story = Story(NAME)
    story.query(0.5, "10.0.0.1", interval=10, max_response=1)
    for second, host in ((1, 2), (12, 3), (22, 4)):
        story.report(second, f"10.0.0.{host}", "IS_EX(239.1.2.3)")
    names: list[tuple[float, str]] = [(0, NAME), (10, "lan0"), (20, "wan0")]
    machine = Scripted(ALWAYS_UP, story.in_order(), called=names, tells_names=tells_names)

    watch, told = follow(machine, 30)

    seen = [
        (event.interface if isinstance(event, LinkEvent) else event.link.interface, kind)
        for event, (_, kind) in zip(told, brief(told), strict=True)
        if kind != "finding"
    ]
    assert seen == [
        (NAME, "querier"), (NAME, "join"),
        ("lan0", "up"), ("lan0", "join"),
        ("wan0", "up"), ("wan0", "querier"), ("wan0", "join"), ("wan0", "expire"),
    ]  # fmt: skip
    assert [event.text for event in told if isinstance(event, LinkEvent)] == [
        "was eth1 until now",
        "was lan0 until now",
    ]
    assert watch.interface == "wan0"
    assert len(watch.analysis.links) == 1
    assert machine.opened == 1


def test_a_capture_has_frames_with_the_name_of_their_moment() -> None:
    story = Story(NAME)
    for second in (1, 12):
        story.report(second, "10.0.0.2", "IS_EX(239.1.2.3)")
    machine = Scripted(ALWAYS_UP, story.in_order(), called=[(0, NAME), (10, "lan0")])
    written: list[str | None] = []

    follow(machine, 15, on_frame=lambda frame: written.append(frame.interface))

    assert written == [NAME, "lan0"]


def test_once_removed_the_last_name_is_looked_for() -> None:
    machine = Scripted(
        [(0, (3, True)), (10, None), (20, (4, True)), (30, (5, True))],
        called=[(0, NAME), (5, "lan0"), (20, NAME), (30, "lan0")],
    )

    watch, told = follow(machine, 40)

    assert brief(told)[0] == (5, "up")
    assert [event.text for event in told if isinstance(event, LinkEvent)][1:] == [
        "was removed",
        "is there again",
    ]
    assert brief(told)[-1][0] == pytest.approx(30, abs=0.2)
    assert watch.interface == "lan0"
