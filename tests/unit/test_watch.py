"""The loop of `watch` on a scripted machine: its clock, its interface and its frames are a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.errors import LinkError
from mldkit.link.device import InterfaceDown
from mldkit.model.addresses import text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.render.analysis_json import event_json
from mldkit.testing.story import Story
from mldkit.watch import SLICE_NS, LinkEvent, Watch, WatchEvent
from tests.unit.scripted_link import ALWAYS_UP, NAME, Scripted, ScriptedDevice, brief, follow

if TYPE_CHECKING:
    from mldkit.model.datagram import Frame


def test_join_change_leave_and_expiry_are_told_when_they_happen() -> None:
    story = Story(NAME)
    story.query(0.5, "10.0.0.1", interval=10, max_response=1)
    story.report(1, "10.0.0.2", "TO_EX(239.1.2.3)")
    story.report(2, "10.0.0.2", "TO_EX(239.1.2.3,{10.9.9.9})")
    story.report(3, "10.0.0.2", "TO_IN(239.1.2.3)")
    story.report(4, "10.0.0.3", "IS_EX(239.1.2.3)")

    watch, told = follow(Scripted(ALWAYS_UP, story.in_order()), 40)

    # Expiry after RV x QI + 2 x QRI = 2 x 10 + 2 x 1 s (RFC 9776 §8.4).
    assert [item for item in brief(told) if item[1] != "finding"] == [
        (0.5, "querier"), (1, "join"), (2, "change"), (3, "leave"), (4, "join"), (21, "querier"),
        (26, "expire"),
    ]  # fmt: skip
    assert watch.events == len(told)


def test_a_host_that_changes_its_version_is_a_change_there_and_back() -> None:
    story = Story(NAME)
    story.query(0.5, "10.0.0.1")
    story.report(1, "10.0.0.2", "IS_EX(239.1.2.3)")
    story.older_report(60, "10.0.0.2", 2, "239.1.2.3")
    story.query(125.5, "10.0.0.1")
    story.older_report(126, "10.0.0.2", 2, "239.1.2.3")
    story.query(250.5, "10.0.0.1")
    story.report(251, "10.0.0.2", "IS_EX(239.1.2.3)")

    _, told = follow(Scripted(ALWAYS_UP, story.in_order()), 260)

    events = [event for event in told if not isinstance(event, LinkEvent)]
    changes = [(event.kind, event.version) for event in events if event.group]
    assert changes == [("join", 3), ("change", 2), ("change", 3)]
    assert [event_json(event)["version"] for event in events if event.kind == "change"] == [2, 3]


def test_a_querier_that_falls_silent_is_told_without_an_address() -> None:
    story = Story(NAME)
    story.query(1, "10.0.0.1", interval=10, max_response=1)
    story.query(60, "10.0.0.1", interval=10, max_response=1)

    _, told = follow(Scripted(ALWAYS_UP, story.in_order()), 62)

    # Other Querier Present interval RV x QI + QRI / 2 = 20.5 s (RFC 9776 §8.5).
    assert brief(told) == [(1, "querier"), (21.5, "querier"), (60, "querier")]
    hosts = [text(event.host) for event in told if not isinstance(event, LinkEvent)]
    assert hosts == ["10.0.0.1", "", "10.0.0.1"]


def test_an_expiry_is_told_though_nothing_is_heard_any_more() -> None:
    story = Story(NAME)
    story.query(0.5, "10.0.0.1", interval=10, max_response=1)
    story.report(1, "10.0.0.2", "IS_EX(239.1.2.3)")
    told: list[WatchEvent] = []
    machine = Scripted(ALWAYS_UP, story.in_order())
    watch = Watch(NAME, machine, told.append)

    while not any(kind == "expire" for _, kind in brief(told)):
        watch.listen(machine.monotonic_ns + SLICE_NS)

    assert machine.monotonic_ns <= 23 * SECOND + SLICE_NS


def test_a_report_that_waits_in_the_buffer_prevents_its_expiry() -> None:
    story = Story(NAME)
    story.query(0.5, "10.0.0.1", interval=10, max_response=1)
    story.report(1, "10.0.0.2", "IS_EX(239.1.2.3)")
    story.report(22.9, "10.0.0.2", "IS_EX(239.1.2.3)")
    machine = Scripted(ALWAYS_UP, story.in_order())
    told: list[WatchEvent] = []
    watch = Watch(NAME, machine, told.append)
    watch.listen(2 * SECOND)
    # The machine was busy elsewhere; it is late when the slice up to 23.1 s is read.
    machine.monotonic_ns = 60 * SECOND

    watch.listen(23 * SECOND + 100 * MILLISECOND)

    assert "expire" not in [kind for _, kind in brief(told)]


def test_down_and_up_are_told_and_the_same_socket_goes_on() -> None:
    story = Story(NAME)
    story.report(1, "10.0.0.2", "TO_EX(239.1.2.3)")
    story.report(9, "10.0.0.2", "TO_EX(239.1.2.4)")
    machine = Scripted([(0, (3, True)), (3, (3, False)), (6, (3, True))], story.in_order())

    _, told = follow(machine, 12)

    kinds = [kind for _, kind in brief(told) if kind != "finding"]
    assert kinds == ["join", "down", "up", "join"]
    assert machine.opened == 1


def test_what_waited_when_the_link_went_down_is_heard_before_that_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = Story(NAME)
    story.report(1, "10.0.0.2", "TO_EX(239.1.2.3)")
    story.report(1.001, "10.0.0.3", "TO_EX(239.1.2.3)")
    machine = Scripted(ALWAYS_UP, story.in_order())
    told: list[WatchEvent] = []
    kept: list[int] = []
    watch = Watch(NAME, machine, told.append, on_frame=lambda frame: kept.append(frame.number))

    def take(self: ScriptedDevice) -> Frame:
        if not self.machine.frames:
            raise InterfaceDown(NAME)
        return self.machine.frames.pop(0)

    monkeypatch.setattr(ScriptedDevice, "take", take)
    watch.listen(2 * SECOND)

    assert [kind for _, kind in brief(told) if kind != "finding"] == ["join", "join", "down"]
    assert len(kept) == 2


def test_a_cable_that_is_pulled_out_and_put_in_is_told() -> None:
    machine = Scripted(ALWAYS_UP, unplugged=(3, 6))

    watch, told = follow(machine, 8)

    assert [(state, round(second)) for second, state in brief(told)] == [("down", 3), ("up", 6)]
    assert [event.text for event in told if isinstance(event, LinkEvent)] == [
        "has no carrier",
        "is up again",
    ]
    assert watch.state == "up"
    assert machine.opened == 1


@pytest.mark.parametrize(
    "again",
    [
        pytest.param([(3, None), (6, (9, True))], id="gone for a while"),
        pytest.param([(3, (9, True))], id="replaced at once"),
        pytest.param([(3, (3, False)), (3.1, (9, True))], id="replaced while it was down"),
        pytest.param([(3, (3, False)), (4, None), (6, (9, True))], id="down, gone, there"),
    ],
)
def test_an_interface_of_the_same_name_is_taken_up_again(
    again: list[tuple[float, tuple[int, bool] | None]],
) -> None:
    story = Story(NAME)
    story.report(1, "10.0.0.2", "TO_EX(239.1.2.3)")
    story.report(9, "10.0.0.3", "TO_EX(239.1.2.3)")
    machine = Scripted([(0, (3, True)), *again], story.in_order())

    watch, told = follow(machine, 12)

    kinds = [kind for _, kind in brief(told) if kind != "finding"]
    assert kinds[0] == kinds[-1] == "join"
    assert kinds[-3:-1] == ["missing", "up"]
    assert watch.state == "up"
    assert machine.opened == 2
    watch.finish()
    assert machine.closed == 2


def test_an_interface_that_comes_back_down_is_waited_for() -> None:
    machine = Scripted([(0, (3, True)), (2, None), (4, (9, False)), (6, (9, True))])

    _, told = follow(machine, 8)

    assert [kind for _, kind in brief(told)] == ["missing", "down", "up"]
    (_, down), (up_at, _) = brief(told)[1:]
    assert down == "down"
    assert 6 <= up_at <= 6.1


def test_an_interface_that_is_down_at_the_start_is_waited_for() -> None:
    machine = Scripted([(0, (3, False)), (5, (3, True))])

    watch, told = follow(machine, 8)

    assert [kind for _, kind in brief(told)] == ["down", "up"]
    assert watch.state == "up"


def test_an_interface_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(LinkError):
        Watch(NAME, Scripted([(0, None)]), print)


def test_drops_are_told_with_their_sum_over_all_sockets() -> None:
    machine = Scripted([(0, (3, True)), (4, None), (5, (9, True))], drops=[(1.1, 7), (2.1, 5)])
    told: list[WatchEvent] = []
    watch = Watch(NAME, machine, told.append)
    while machine.monotonic_ns < 4 * SECOND:
        watch.listen(machine.monotonic_ns + SLICE_NS)
    machine.drops = [(6, 100)]
    while machine.monotonic_ns < 8 * SECOND:
        watch.listen(machine.monotonic_ns + SLICE_NS)

    assert watch.account.dropped == 112
    sums = [event.dropped for event in told if isinstance(event, LinkEvent)]
    assert sums == [7, 12, 12, 12, 112]


def test_error_findings_are_counted_and_ended_stays_are_not_kept() -> None:
    story = Story(NAME)
    for number in range(200):
        story.report(number / 10, "10.0.0.2", f"TO_EX(239.1.2.{number})")
        story.report(number / 10 + 0.05, "10.0.0.2", f"TO_IN(239.1.2.{number})")
    # A switch that snoops asks once, then nobody for more than 255 s (RFC 9776 §8.5).
    story.query(21, "0.0.0.0")
    story.report(280, "10.0.0.2", "TO_EX(239.1.2.3)")

    watch, told = follow(Scripted(ALWAYS_UP, story.in_order()), 300)

    (link,) = watch.analysis.links.values()
    assert link.memberships.ended == []
    assert sum(kind == "leave" for _, kind in brief(told)) == 200
    assert watch.errors == 1
    assert text(told[0].host if not isinstance(told[0], LinkEvent) else b"") == "10.0.0.2"
