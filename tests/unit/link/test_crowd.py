"""Machines that share a link behave as each would alone, in whatever order they are served."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from mldkit.link.crowd import Crowd
from mldkit.testing.envelopes import MLD_QUERY, V6, entry

if TYPE_CHECKING:
    from random import Random

    from mldkit.model.datagram import Datagram, Decoded

QUERY = entry(V6)
LAST = 10_000


@dataclass
class Timed:
    """Answers each message after its own delay; a second message moves a pending answer."""

    delay: int
    deadline_ns: int | None = None
    log: list[tuple[str, int]] = field(default_factory=list)

    def receive(self, decoded: Decoded, now_ns: int) -> None:
        assert decoded is QUERY
        self.log.append(("heard", now_ns))
        self.deadline_ns = now_ns + self.delay

    def poll(self, now_ns: int) -> list[Datagram]:
        assert self.deadline_ns is not None
        assert self.deadline_ns <= now_ns
        self.log.append(("sent", self.deadline_ns))
        self.deadline_ns = None
        return [MLD_QUERY]


def alone(delay: int, heard: list[int]) -> list[tuple[str, int]]:
    machine = Timed(delay)
    for time_ns in heard:
        if machine.deadline_ns is not None and machine.deadline_ns <= time_ns:
            machine.poll(time_ns)
        machine.receive(QUERY, time_ns)
    if machine.deadline_ns is not None:
        machine.poll(LAST)
    return machine.log


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=12),
    st.lists(st.integers(1, 200), max_size=8).map(sorted),
    st.randoms(use_true_random=False),
)
def test_each_machine_sees_its_messages_and_timers_in_the_order_of_time(
    delays: list[int], times: list[int], chance: Random
) -> None:
    machines = [Timed(delay) for delay in delays]
    hearers = list(range(len(machines)))

    def audience(_: Decoded) -> list[int]:
        chance.shuffle(hearers)
        return list(hearers)

    crowd = Crowd(machines, audience)
    count = 0
    for now in [*times, LAST]:
        while chance.random() < 0.7 and crowd.next_ns is not None and crowd.next_ns <= now:
            if chance.random() < 0.5 or not crowd.waiting:
                crowd.poll(now, 3)
            else:
                crowd.deliver(2)
            count += sum(len(datagrams) for datagrams, _ in crowd.sent())
        if now != LAST:
            crowd.hear(QUERY, now)
    while crowd.next_ns is not None:
        if not crowd.poll(LAST, 3):
            crowd.deliver(2)
        count += sum(len(datagrams) for datagrams, _ in crowd.sent())

    assert [machine.log for machine in machines] == [alone(delay, times) for delay in delays]
    assert count == sum(name == "sent" for machine in machines for name, _ in machine.log)


def test_those_in_a_hurry_hear_first_and_the_others_before_they_are_due() -> None:
    slow, quick = Timed(50), Timed(5)
    crowd = Crowd([slow, quick], lambda _: [1, 0])
    slow.deadline_ns = 90
    crowd.refresh()
    crowd.hear(QUERY, 100)
    crowd.deliver(1)

    assert (slow.log, quick.log) == ([], [("heard", 100)])
    crowd.poll(100, 1)
    crowd.deliver(1)
    assert slow.log == [("sent", 90), ("heard", 100)]
    assert crowd.deadline_ns == 105


def test_a_machine_outside_the_audience_hears_nothing() -> None:
    machines = [Timed(5), Timed(5)]
    crowd = Crowd(machines, lambda _: [1])
    crowd.hear(QUERY, 100)
    crowd.deliver(8)

    assert [machine.log for machine in machines] == [[], [("heard", 100)]]
    assert not crowd.waiting
