"""Two captures of one time: what a switch swallowed, changed, and how far the clocks differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.comparison import (
    Changed,
    Comparison,
    compare,
    outside,
    read_messages,
)
from mldkit.model.datagram import Frame
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage


def fill(stage: Stage) -> None:
    """Three queries and the answers to them."""
    for number in range(3):
        stage.query(125 * number)
        stage.report(125 * number + 2.5, "IS_EX", 1, 2)
        stage.report(125 * number + 4, "IS_EX", 3, host=2)
    stage.report(7, "TO_EX", 9)
    stage.report(270, "TO_IN", 9)


def other_side(frames: list[Frame], *, late_ns: int, without: set[int]) -> list[Frame]:
    """Return the frames as another clock saw them, some of them lost."""
    kept = [frame for frame in frames if frame.number not in without]
    return [
        Frame(frame.data, (frame.time_ns or 0) + late_ns, number)
        for number, frame in enumerate(kept, 1)
    ]


def of(side_a: list[Frame], side_b: list[Frame]) -> Comparison:
    return compare(read_messages(side_a), read_messages(side_b))


def test_equal_sides_match_whatever_their_clocks(stage: Stage) -> None:
    fill(stage)
    frames = stage.frames()
    offset_ns = 3600 * SECOND + 70 * MILLISECOND

    found = of(frames, other_side(frames, late_ns=offset_ns, without=set()))

    assert found.offset_ns == offset_ns
    assert found.matched == len(frames)
    assert (found.only_a, found.only_b, found.changed) == ([], [], [])


def test_swallowed_messages_are_named_by_their_frame(stage: Stage) -> None:
    fill(stage)
    frames = stage.frames()

    found = of(frames, other_side(frames, late_ns=-5 * SECOND, without={2, 8}))
    reverse = of(other_side(frames, late_ns=-5 * SECOND, without={2, 8}), frames)

    assert [seen.frame for seen in found.only_a] == [2, 8]
    assert found.only_b == []
    assert [seen.frame for seen in reverse.only_b] == [2, 8]


def test_a_record_that_was_taken_out_is_a_change(stage: Stage) -> None:
    stage.query(0)
    stage.report(2, "IS_EX", 1, 2)
    whole = stage.frames()
    part = type(stage)(stage.family)
    part.query(0)
    part.report(2, "IS_EX", 1)

    found = of(whole, part.frames())

    assert found.changed == [Changed(2, 2, ("records",))]
    assert (found.only_a, found.only_b) == ([], [])


def test_another_hop_limit_is_a_change_of_the_envelope(stage: Stage) -> None:
    stage.query(0)
    changed = type(stage)(stage.family)
    changed.query(0, hop_limit=64)

    found = of(stage.frames(), changed.frames())

    assert found.matched == 1
    assert found.changed == [Changed(1, 1, ("hop_limit",))]


def test_a_tag_that_an_access_port_takes_off_is_no_change(stage: Stage) -> None:
    stage.query(0)
    tagged = type(stage)(stage.family)
    tagged.query(0, vlan=(20,))

    assert of(stage.frames(), tagged.frames()).changed == []


def test_messages_more_than_two_seconds_apart_are_not_the_same(stage: Stage) -> None:
    fill(stage)
    frames = stage.frames()
    moved = [
        Frame(frame.data, (frame.time_ns or 0) + (3 * SECOND if frame.number == 2 else 0), number)
        for number, frame in enumerate(frames, 1)
    ]

    found = of(frames, moved)

    assert [seen.frame for seen in found.only_a] == [2]
    assert [seen.frame for seen in found.only_b] == [2]


def test_nothing_in_common_gives_no_offset(stage: Stage) -> None:
    stage.query(0)

    found = of(stage.frames(), [])

    assert found.offset_ns is None
    assert len(found.only_a) == 1


def again_and_again(stage: Stage) -> list[Frame]:
    """The same messages in every round: none of them is the only one of its kind."""
    for number in range(8):
        stage.query(125 * number)
        stage.report(125 * number + 3 + number / 10, "IS_EX", 1)
    return stage.frames()


def test_a_side_that_began_later_has_not_another_clock(stage: Stage) -> None:
    frames = again_and_again(stage)
    later = other_side(frames, late_ns=0, without=set(range(1, 7)))

    found = of(frames, later)

    assert found.offset_ns == 0
    assert found.matched == len(later)
    assert [seen.frame for seen in found.only_a] == [1, 2, 3, 4, 5, 6]
    assert found.only_b == []


def test_a_clock_that_is_wrong_shows_where_delays_differ(stage: Stage) -> None:
    frames = again_and_again(stage)

    found = of(frames, other_side(frames, late_ns=40 * SECOND, without={1, 2, 5}))

    assert found.offset_ns == 40 * SECOND
    assert [seen.frame for seen in found.only_a] == [1, 2, 5]


def test_what_lies_outside_the_time_of_the_other_side_is_told_apart(stage: Stage) -> None:
    frames = again_and_again(stage)
    times = [frame.time_ns or 0 for frame in frames]
    missing = of(frames, other_side(frames, late_ns=0, without={1, 2, 9})).only_a

    assert [seen.frame for seen in outside(missing, times[2], times[-1], 0)] == [1, 2]
    assert [seen.frame for seen in outside(missing, None, None, 0)] == [1, 2, 9]
    assert outside(missing, times[2] + SECOND, times[-1] + SECOND, SECOND) == missing[:2]


def test_one_frame_may_hold_several_messages(stage: Stage) -> None:
    stage.query(0)
    for host in (1, 2):
        stage.report(2, "IS_EX", host, host=host)
    query, *reports = read_messages(stage.frames())
    together = [seen._replace(frame=2) for seen in reports]

    found = compare([query, *together], [query])

    assert [seen.frame for seen in found.only_a] == [2, 2]
