"""Hosts that come and go in their turn: nobody is forgotten, and never more than may."""

from __future__ import annotations

import pytest

from mldkit.link.rate_limit import RateLimit
from mldkit.model.addresses import parse
from mldkit.model.family import IGMP
from mldkit.model.messages import GroupRecord, RecordType, Report
from mldkit.model.notation import parse_group_spec
from mldkit.model.units import SECOND
from mldkit.responder.movement import Movement
from mldkit.responder.population import PopulationPlan, Resident, populate
from mldkit.wire.split import split_report

GONE = GroupRecord(RecordType.TO_IN, parse("239.1.2.3"))


def residents(count: int) -> tuple[Resident, ...]:
    spec = parse_group_spec("239.1.2.3")
    plan = PopulationPlan((spec,), (IGMP,), 1, count, "linux", 250, None, (), is_distinct=False)
    return populate(plan, bytes.fromhex("020000000001"), 1500, split_report).residents


def drain(movement: Movement) -> list[tuple[int, int]]:
    """Return who moved when, with the clock at the turns that it asks for."""
    moved, now_ns = [], 0
    while True:
        index = movement.next(now_ns)
        if index is not None:
            moved.append((index, now_ns))
        elif movement.turn.deadline_ns is None:
            return moved
        else:
            now_ns = movement.turn.deadline_ns
            movement.turn.poll(now_ns)


@pytest.mark.parametrize("limit", [None, RateLimit(80, at_once=800)], ids=["flood", "limit"])
def test_everybody_is_switched_on_once_and_in_turn(limit: RateLimit | None) -> None:
    crowd = residents(105)
    moved = drain(Movement(crowd, limit))

    assert [index for index, _ in moved] == list(range(105))
    # A host says up to eight things: 100 may come at once, then ten a second.
    late = [] if limit is None else [tenth * SECOND // 10 for tenth in range(1, 6)]
    assert [now_ns for _, now_ns in moved if now_ns] == late
    assert all(one.host.deadline_ns is not None for one in crowd)


def test_who_leaves_goes_at_once_as_far_as_may_and_nobody_is_left() -> None:
    crowd = residents(12)
    movement = Movement(crowd, RateLimit(80, at_once=80))
    drain(movement)
    movement.leave(0)
    # Ten came at once and two in their turn, so that nobody may leave at once.
    left = [index for index, _ in drain(movement)]

    assert left == list(range(12))
    for one in crowd:
        said = []
        while (deadline_ns := one.host.deadline_ns) is not None:
            said += [datagram.message for datagram in one.host.poll(deadline_ns)]
        assert any(isinstance(each, Report) and each.records == (GONE,) for each in said)


def test_who_was_not_switched_on_does_not_leave() -> None:
    crowd = residents(3)
    movement = Movement(crowd, None)
    assert movement.next(0) == 0
    movement.leave(0)

    assert not movement.is_leaving
    assert movement.next(0) is None
    assert [one.host.deadline_ns is None for one in crowd] == [False, True, True]
