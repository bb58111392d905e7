"""The loop of `watch` on a scripted machine: its clock, its interface and its frames are a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from mldkit.analysis.answers import about_queriers
from mldkit.errors import LinkError
from mldkit.link.device import InterfaceDown, InterfaceRemoved, Statistics
from mldkit.link.interfaces import Interface
from mldkit.model.addresses import text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.testing.story import EPOCH_NS, Story
from mldkit.watch import SLICE_NS, LinkEvent, Watch

if TYPE_CHECKING:
    from mldkit.model.datagram import Frame
    from mldkit.watch import Told

NAME = "eth1"


def interface(index: int, *, is_up: bool, has_carrier: bool = True, kind: str = "") -> Interface:
    runs = is_up and has_carrier
    return Interface(index, NAME, bytes(6), 1500, 1, is_up, runs, is_multicast=True, kind=kind)


@dataclass
class Scripted:
    """A machine whose interface lives by a list: second, and what it is from then on.

    `None` is no interface, else index and whether it is up.
    """

    states: list[tuple[float, tuple[int, bool] | None]]
    frames: list[Frame] = field(default_factory=list)
    drops: list[tuple[float, int]] = field(default_factory=list)
    unplugged: tuple[float, float] = (0, 0)
    """From and until when the cable is out."""
    kind: str = ""
    monotonic_ns: int = 0
    opened: int = 0
    closed: int = 0

    def now_ns(self) -> int:
        return self.monotonic_ns

    def wall_ns(self) -> int:
        return EPOCH_NS + self.monotonic_ns

    def wait_ns(self, duration_ns: int) -> None:
        self.monotonic_ns += duration_ns

    def at(self, time_ns: int) -> tuple[int, bool] | None:
        found = None
        for second, state in self.states:
            if second * SECOND <= time_ns:
                found = state
        return found

    def look(self) -> Interface | None:
        found = self.at(self.monotonic_ns)
        if found is None:
            return None
        begun, ended = self.unplugged
        plugged = not begun * SECOND <= self.monotonic_ns < ended * SECOND
        return interface(found[0], is_up=found[1], has_carrier=plugged, kind=self.kind)

    def open(self) -> ScriptedDevice:
        found = self.look()
        if found is None:
            raise LinkError(f"{NAME}: no such interface")
        if not found.is_up:
            raise InterfaceDown(f"{NAME}: the interface is down")
        self.opened += 1
        return ScriptedDevice(self, found)


@dataclass
class ScriptedDevice:
    """A socket as the kernel makes them: one error at each change, silence while down."""

    machine: Scripted
    interface: Interface
    was_up: bool = True

    def receive(self, until_ns: int | None = None) -> Frame | None:
        machine = self.machine
        assert until_ns is not None
        while True:
            frames = machine.frames
            next_ns = (frames[0].time_ns or 0) - EPOCH_NS if frames else until_ns + 1
            changes = [
                round(second * SECOND)
                for second, _ in machine.states
                if machine.monotonic_ns < second * SECOND <= min(until_ns, next_ns)
            ]
            machine.monotonic_ns = max(machine.monotonic_ns, min([*changes, next_ns, until_ns]))
            state = machine.at(machine.monotonic_ns)
            if state is None or state[0] != self.interface.index:
                raise InterfaceRemoved(NAME)
            if self.was_up and not state[1]:
                self.was_up = False
                raise InterfaceDown(NAME)
            self.was_up = state[1]
            if machine.monotonic_ns >= until_ns and next_ns > until_ns:
                return None
            if next_ns <= machine.monotonic_ns:
                frame = frames.pop(0)
                if state[1]:
                    return frame

    def statistics(self) -> Statistics:
        second = self.machine.monotonic_ns / SECOND
        return Statistics(0, sum(count for at, count in self.machine.drops if at <= second))

    def close(self) -> None:
        self.machine.closed += 1


def follow(machine: Scripted, seconds: float) -> tuple[Watch, list[Told]]:
    """Watch a machine for some time, slice by slice."""
    told: list[Told] = []
    watch = Watch(NAME, machine, told.append)
    slices = 0
    while machine.monotonic_ns < seconds * SECOND:
        watch.listen(machine.monotonic_ns + SLICE_NS)
        slices += 1
    # A slice may end early where something happens, but never again and again.
    assert slices <= seconds * SECOND / SLICE_NS + 2 * len(machine.states)
    return watch, told


def brief(events: list[Told]) -> list[tuple[float, str]]:
    """Return second and kind of the events; link events by their state."""
    return [
        (
            round((event.time_ns - EPOCH_NS) / SECOND, 3),
            event.state if isinstance(event, LinkEvent) else event.kind,
        )
        for event in events
    ]


def found_in(events: list[Told]) -> list[str]:
    """Return the rules that were broken, in the order in which that was told."""
    findings = [event.finding for event in events if not isinstance(event, LinkEvent)]
    return [finding.id for finding in findings if finding is not None]


ALWAYS_UP: list[tuple[float, tuple[int, bool] | None]] = [(0, (3, True))]


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
    told: list[Told] = []
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
    told: list[Told] = []
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
    assert watch.errors == 1


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


def test_a_bridge_is_told_to_hide_what_it_asks_its_ports() -> None:
    machine = Scripted(ALWAYS_UP)
    assert Watch(NAME, machine, print).notes == ()

    machine.kind = "bridge"
    (line,) = Watch(NAME, machine, print).notes
    assert line.startswith("eth1 is a bridge")
    assert line.endswith("watch a port")


def test_drops_are_told_with_their_sum_over_all_sockets() -> None:
    machine = Scripted([(0, (3, True)), (4, None), (5, (9, True))], drops=[(1.1, 7), (2.1, 5)])
    told: list[Told] = []
    watch = Watch(NAME, machine, told.append)
    while machine.monotonic_ns < 4 * SECOND:
        watch.listen(machine.monotonic_ns + SLICE_NS)
    machine.drops = [(6, 100)]
    while machine.monotonic_ns < 8 * SECOND:
        watch.listen(machine.monotonic_ns + SLICE_NS)

    assert watch.dropped == 112
    sums = [event.dropped for event in told if isinstance(event, LinkEvent)]
    assert sums == [7, 12, 12, 12, 112]


def test_error_findings_are_counted_and_ended_stays_are_not_kept() -> None:
    story = Story(NAME)
    for number in range(200):
        story.report(number / 10, "10.0.0.2", f"TO_EX(239.1.2.{number})")
        story.report(number / 10 + 0.05, "10.0.0.2", f"TO_IN(239.1.2.{number})")
    # Hosts report and nobody queries for more than 255 s (RFC 9776 §8.5).
    story.report(280, "10.0.0.2", "TO_EX(239.1.2.3)")

    watch, told = follow(Scripted(ALWAYS_UP, story.in_order()), 300)

    (link,) = watch.analysis.links.values()
    assert link.memberships.ended == []
    assert sum(kind == "leave" for _, kind in brief(told)) == 200
    assert watch.errors == 1
    assert text(told[0].host if not isinstance(told[0], LinkEvent) else b"") == "10.0.0.2"


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
