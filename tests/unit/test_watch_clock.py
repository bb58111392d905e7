"""`watch` while the clock of its machine is set and while the machine sleeps: injected stamps."""

from __future__ import annotations

import pytest

from mldkit.analysis import limits
from mldkit.model.units import SECOND
from mldkit.testing.story import EPOCH_NS, Story
from mldkit.watch import SLICE_NS, LinkEvent, Watch, WatchEvent
from tests.unit.scripted_link import ALWAYS_UP, NAME, Scripted, brief, follow, found_in


def a_story() -> Story:
    """Return a querier and a member that answers it, until 62 s; times are monotonic."""
    story = Story(NAME)
    for second in range(1, 62, 10):
        story.query(second, "10.0.0.1", interval=10, max_response=1)
        story.report(second + 0.5, "10.0.0.2", "IS_EX(239.1.2.3)")
    return story


@pytest.mark.parametrize("seconds", [3600, 5, -5, -3600])
def test_nothing_expires_or_is_missed_because_the_clock_was_set(seconds: int) -> None:
    machine = Scripted(ALWAYS_UP, a_story().in_order(), clock_set=[(25, seconds)])

    _, told = follow(machine, 62)

    where = "forward" if seconds > 0 else "back"
    assert [event.text for event in told if isinstance(event, LinkEvent)] == [
        f"the clock of this machine was set {where} by {abs(seconds):,} s"
    ]
    assert found_in(told) == []
    kinds = [kind for _, kind in brief(told)]
    assert kinds == ["querier", "join", "up"]


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_an_expiry_comes_in_its_time_and_with_the_clock_of_then(seconds: int) -> None:
    machine = Scripted(ALWAYS_UP, a_story().in_order(), clock_set=[(63, seconds)])

    _, told = follow(machine, 90)

    # The last report came at 61.5 s: RV x QI + 2 x QRI = 22 s later (RFC 9776 §8.4).
    events = [event for event in told if not isinstance(event, LinkEvent)]
    assert events[-1].kind == "expire"
    assert events[-1].time_ns == EPOCH_NS + (83 + seconds) * SECOND + SECOND // 2
    assert events[0].time_ns == EPOCH_NS + SECOND


def test_a_clock_that_goes_there_and_back_is_told_twice_and_changes_nothing() -> None:
    machine = Scripted(ALWAYS_UP, a_story().in_order(), clock_set=[(25, -7200), (45, 7200)])

    watch, told = follow(machine, 62)

    assert [kind for _, kind in brief(told)] == ["querier", "join", "up", "up"]
    assert found_in(told) == []
    (link,) = watch.analysis.links.values()
    assert link.delays.longest_ns == SECOND // 2


@pytest.mark.parametrize("seconds", [300, -300])
def test_frames_that_waited_while_the_clock_was_set_keep_their_order_and_delays(
    seconds: int,
) -> None:
    machine = Scripted(ALWAYS_UP, a_story().in_order(), clock_set=[(25, seconds)])
    told: list[WatchEvent] = []
    watch = Watch(NAME, machine, told.append)
    watch.listen(2 * SECOND)
    # It did not run from here to there, so most frames wait when the clock is seen to be set.
    machine.monotonic_ns = 50 * SECOND

    while machine.monotonic_ns < 62 * SECOND:
        watch.listen(machine.monotonic_ns + SLICE_NS)

    assert found_in(told) == []
    assert [kind for _, kind in brief(told)] == ["querier", "join", "up"]
    (link,) = watch.analysis.links.values()
    assert link.delays.count == 7
    assert link.delays.longest_ns == SECOND // 2


def test_a_machine_that_slept_blames_nobody_and_lets_the_time_pass() -> None:
    story = a_story()
    story.query(65, "10.0.0.1", interval=10, max_response=1)
    machine = Scripted(ALWAYS_UP, story.in_order(), slept=[(64, 3600)])

    _, told = follow(machine, 70)

    texts = [event.text for event in told if isinstance(event, LinkEvent)]
    assert texts == ["this machine slept for 3,600 s, nothing was heard"]
    assert found_in(told) == []
    # RV x QI + 2 x QRI = 22 s and RV x QI + QRI / 2 = 20.5 s after what came last (RFC 9776 §8).
    assert sorted(brief(told)) == [
        (1, "querier"), (1.5, "join"), (81.5, "querier"), (83.5, "expire"), (3664, "up"),
        (3665, "querier"),
    ]  # fmt: skip


def test_the_table_tells_time_by_what_passed() -> None:
    machine = Scripted(ALWAYS_UP, a_story().in_order(), clock_set=[(25, 3600)])

    watch, _ = follow(machine, 30)

    (line,) = [one for one in watch.members(10)[0] if one.member is not None]
    assert line.member is not None
    assert watch.now_ns() - line.member.last_ns == 30 * SECOND - 21 * SECOND - SECOND // 2


def test_what_found_no_room_is_told_with_the_clock_and_the_name_of_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = dict.fromkeys(limits.MOST_LIVE, 3)
    monkeypatch.setattr("mldkit.watch.enlarged", lambda *_: small)
    story = Story(NAME)
    for number in range(40):
        story.report(20 + number / 10, f"10.0.1.{number}", f"IS_EX(239.1.2.{number})")
    machine = Scripted(
        ALWAYS_UP,
        story.in_order(),
        clock_set=[(10, 3600)],
        called=[(0, NAME), (12, "lan0")],
    )

    _, told = follow(machine, 30)

    events = [event for event in told if not isinstance(event, LinkEvent)]
    (limit, *_) = [event for event in events if event.kind == "left-out"]
    assert limit.left_out is not None
    begun_ns = EPOCH_NS + (3600 + 20) * SECOND
    assert begun_ns < limit.left_out.since_ns <= limit.time_ns < begun_ns + 4 * SECOND
    assert limit.link.interface == "lan0"
    assert limit.left_out.link is None or limit.left_out.link.interface == "lan0"
