"""What `watch` makes of what it cannot hear: nobody is blamed, and the end says who queries."""

from __future__ import annotations

import pytest

from mldkit.analysis.events import Event
from mldkit.render.summary import about_queriers
from mldkit.testing.story import Story
from mldkit.watch import Watch
from tests.unit.scripted_link import ALWAYS_UP, NAME, Scripted, follow, found_in

AWAY: dict[str, list[tuple[float, tuple[int, bool] | None]]] = {
    "down": [(0, (3, True)), (30, (3, False)), (330, (3, True))],
    "unplugged": [(0, (3, True))],
    "gone": [(0, (3, True)), (30, None), (330, (9, True))],
}


@pytest.mark.parametrize("how", list(AWAY))
def test_nobody_is_blamed_for_what_could_not_be_heard(how: str) -> None:
    story = Story(NAME)
    story.query(1, "10.0.0.1")
    story.report(3, "10.0.0.2", "IS_EX(239.1.2.3)")
    story.query(29, "10.0.0.1")
    story.report(29.5, "10.0.0.3", "TO_EX(239.1.2.4)")
    story.report(29.8, "10.0.0.2", "TO_IN(239.1.2.3)")
    for second in (331, 331.5):
        story.report(second, "10.0.0.2", "TO_EX(239.1.2.3)")
    story.query(340, "10.0.0.1")
    story.report(344, "10.0.0.2", "IS_EX(239.1.2.3)")
    cable = (30, 330) if how == "unplugged" else (0, 0)
    machine = Scripted(AWAY[how], story.in_order(), unplugged=cable)

    watch, told = follow(machine, 400)
    watch.finish()

    assert found_in(told) == [], "no D-01, D-07, D-10 or D-11"
    (link,) = watch.analysis.links.values()
    assert link.delays.count == 2, "answers after the break belong to queries after it"


def test_a_silence_after_the_link_came_back_is_still_told() -> None:
    story = Story(NAME)
    story.query(1, "10.0.0.1")
    for second in (331, 600):
        story.report(second, "10.0.0.2", "IS_EX(239.1.2.3)")

    watch, told = follow(Scripted(AWAY["down"], story.in_order()), 610)

    assert found_in(told) == ["D-01"]
    assert watch.errors == 0
    found = [event.finding for event in told if isinstance(event, Event)]
    assert [one.severity for one in found if one is not None] == ["warning"]


def test_nobody_is_blamed_for_what_the_kernel_dropped() -> None:
    story = Story(NAME)
    story.query(1, "10.0.0.1")
    story.report(3, "10.0.0.2", "IS_EX(239.1.2.3)")
    story.query(126, "10.0.0.1")
    frames = story.in_order()
    sound = Scripted(ALWAYS_UP, list(frames))
    dropping = Scripted(ALWAYS_UP, list(frames), drops=[(127, 9)])

    ids = []
    for machine in (sound, dropping):
        watch, told = follow(machine, 200)
        watch.finish()
        ids.append(found_in(told))

    assert ids == [["D-07"], []]


def test_a_bridge_is_told_to_hide_what_it_asks_its_ports() -> None:
    machine = Scripted(ALWAYS_UP)
    assert Watch(NAME, machine, print).notes == ()

    machine.kind = "bridge"
    (line,) = Watch(NAME, machine, print).notes
    assert line.startswith("eth1 is a bridge")
    assert line.endswith("watch a port, or say --vantage bridge")


def test_the_end_says_who_queries() -> None:
    story = Story(NAME)
    story.report(1, "10.0.0.2", "IS_EX(239.1.2.3)")
    without, _ = follow(Scripted(ALWAYS_UP, story.in_order()), 130)
    story.query(60, "10.0.0.1")
    asked, _ = follow(Scripted(ALWAYS_UP, story.in_order()), 130)

    assert about_queriers(without.finish()) == [
        "IGMP on eth1: no General Query in 130 s of capture, which is too short to tell whether a"
        " querier is missing."
    ]
    assert about_queriers(asked.finish()) == [
        "IGMP on eth1: querier is 10.0.0.1, IGMPv3, announces 125 s."
    ]
