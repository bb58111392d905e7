"""What `watch` makes of packets that the kernel dropped, on a scripted machine."""

from __future__ import annotations

from mldkit.model.units import SECOND
from mldkit.testing.story import EPOCH_NS, Story
from mldkit.watch import LinkEvent, Watch, WatchEvent
from tests.unit.scripted_link import ALWAYS_UP, NAME, Scripted, brief, follow, found_in


def links(events: list[WatchEvent]) -> list[LinkEvent]:
    return [event for event in events if isinstance(event, LinkEvent)]


def test_a_loss_is_an_event_with_its_number_and_since_when() -> None:
    machine = Scripted(ALWAYS_UP, drops=[(4.1, 7), (8.1, 5)])

    watch, told = follow(machine, 12)

    first, second = links(told)
    assert (first.lost, first.dropped, second.lost, second.dropped) == (7, 7, 5, 12)
    assert [event.since_ns for event in (first, second)] == [
        EPOCH_NS + 4 * SECOND,
        EPOCH_NS + 8 * SECOND,
    ]
    assert second.text.startswith("the kernel dropped 5 packets since ")
    assert second.text.endswith(" UTC, 12 so far")
    assert watch.last_loss_ns == second.time_ns


def test_losses_that_go_on_are_told_together() -> None:
    story = Story(NAME)
    for number in range(4000):
        story.report(5 + number / 1000, "10.0.0.2", "IS_EX(239.1.2.3)")
    drops = [(5 + number / 1000, 1) for number in range(4000)]
    machine = Scripted(ALWAYS_UP, story.in_order(), drops=drops)

    _, told = follow(machine, 12)

    assert sum(event.lost for event in links(told)) == 4000
    assert len(links(told)) <= 4 * SECOND // (SECOND // 4) + 1


def unanswered() -> Story:
    """Return a member that does not answer a query: D-07."""
    story = Story(NAME)
    story.query(1, "10.0.0.1")
    story.report(3, "10.0.0.2", "IS_EX(239.1.2.3)")
    story.query(126, "10.0.0.1")
    # What comes later shows that the time to answer is over.
    story.report(150, "10.0.0.3", "IS_EX(239.1.2.4)")
    return story


def test_what_waits_behind_a_loss_judges_nobody_by_it() -> None:
    for drops, expected in (([], ["D-07"]), ([(127.0, 9)], [])):
        machine = Scripted(ALWAYS_UP, unanswered().in_order(), drops=list(drops))
        told: list[WatchEvent] = []
        watch = Watch(NAME, machine, told.append)
        while machine.monotonic_ns < 125 * SECOND:
            watch.listen(machine.monotonic_ns + SECOND)
        # It stood still: query, end of the answers and a later report are read in one go.
        machine.monotonic_ns = 160 * SECOND

        watch.listen(161 * SECOND)
        watch.listen(200 * SECOND)
        watch.finish()

        assert found_in(told) == expected
        # What waited keeps its own time.
        (join,) = [time for time, kind in brief(told) if kind == "join" and time > 100]
        assert join == 150


def test_the_account_is_balanced_at_each_end() -> None:
    story = Story(NAME)
    for number in range(20):
        story.report(number, "10.0.0.2", "IS_EX(239.1.2.3)")
    machine = Scripted(ALWAYS_UP, story.in_order())
    watch = Watch(NAME, machine, lambda _: None)
    watch.listen(5 * SECOND + 1)
    machine.monotonic_ns = 16 * SECOND

    watch.catch_up(10 * SECOND)
    watch.finish(10 * SECOND)

    assert (watch.account.folded, watch.account.left) == (11, 6)
