"""A link that reports more groups and sources than any has: what is kept has an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.messages import GroupRecord, RecordType, Report
from mldkit.model.units import SECOND
from mldkit.protocol.querier_events import RoomChanged
from mldkit.protocol.querier_room import QUIET_NS, Room
from tests.unit.protocol.router import Router

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.addresses import Address

RECORDS = 180
"""That fit a report of IGMP."""
ROOM = Room(groups=1000, sources=1024, sources_of_group=256)
"""As the default, but filled in no time."""
SOURCES = 64


@pytest.fixture(params=[IGMP, MLD], ids=repr)
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = request.param
    return found


def groups(router: Router, count: int) -> Iterator[Address]:
    first = int.from_bytes(router.group(1), "big")
    octets = router.family.address_octets
    return (number.to_bytes(octets, "big") for number in range(first, first + count))


def report(router: Router, records: list[GroupRecord]) -> None:
    router.hear(Report(tuple(records)), router.router(200), router.family.reports)


def flood(router: Router, records: list[GroupRecord], *, at_once: int) -> None:
    for start in range(0, len(records), at_once):
        report(router, records[start : start + at_once])


def kept_sources(router: Router) -> int:
    return sum(len(member.sources) for member in router.querier.members(router.now_ns))


def test_groups_beyond_all_measure_are_left_out_and_room_comes_back() -> None:
    router = Router(IGMP, room=ROOM)
    spoofed = [GroupRecord(RecordType.IS_EX, one) for one in groups(router, ROOM.groups + 100)]

    flood(router, spoofed, at_once=RECORDS)

    assert len(list(router.querier.members(router.now_ns))) == ROOM.groups
    assert router.querier.left_out == 100

    # Those that were reported first went first.
    kept = {member.group for member in router.querier.members(router.now_ns)}
    assert kept == {record.group for record in spoofed[100:]}

    router.run(200)
    report(router, spoofed[-1:])
    router.run(300)
    report(router, spoofed[:1])

    assert router.querier.left_out == 100
    members = router.querier.members(router.now_ns)
    assert [member.group for member in members] == [spoofed[-1].group, spoofed[0].group]


@pytest.mark.parametrize("answers", [1, 2])
def test_a_group_that_was_reported_to_two_questions_outlives_any_flood(
    family: Family, answers: int
) -> None:
    router = Router(family, room=ROOM)
    real = GroupRecord(RecordType.IS_EX, router.group(1))
    report(router, [real])
    for number in range(answers):
        router.run(125 * (number + 1))
        report(router, [real])
    spoofed = list(groups(router, ROOM.groups + 100))[1:]

    flood(router, [GroupRecord(RecordType.IS_EX, one) for one in spoofed], at_once=60)

    kept = {member.group for member in router.querier.members(router.now_ns)}
    assert (real.group in kept) == (answers == 2)
    assert len(kept) == ROOM.groups


def test_no_more_than_half_of_the_room_is_reserved(family: Family) -> None:
    router = Router(family, room=ROOM)
    first = [GroupRecord(RecordType.IS_EX, one) for one in groups(router, ROOM.groups)]
    for number in range(3):
        flood(router, first, at_once=60)
        router.run(125 * (number + 1))
    later = list(groups(router, 3 * ROOM.groups))[2 * ROOM.groups :]

    flood(router, [GroupRecord(RecordType.IS_EX, one) for one in later], at_once=60)

    kept = {member.group for member in router.querier.members(router.now_ns)}
    assert len(kept & {record.group for record in first}) == ROOM.groups // 2
    assert len(kept) == ROOM.groups


@pytest.mark.parametrize("more", [0, 1])
def test_no_room_is_an_event_and_room_again_another(family: Family, more: int) -> None:
    router = Router(family, room=ROOM)
    records = [GroupRecord(RecordType.IS_EX, one) for one in groups(router, ROOM.groups + more)]
    flood(router, records, at_once=60)
    begun_ns = router.now_ns
    router.run(QUIET_NS / SECOND + 1)

    told = [event for event in router.events if isinstance(event, RoomChanged)]
    assert [(event.is_over, event.left_out) for event in told] == [(False, 1), (True, 1)][
        : 2 * more
    ]
    assert all(event.since_ns == begun_ns for event in told)


def test_sources_of_one_group_have_an_end(family: Family) -> None:
    router = Router(family, room=ROOM)
    sources = list(groups(router, ROOM.sources_of_group + SOURCES))
    group = router.group(1)

    flood(
        router,
        [
            GroupRecord(RecordType.ALLOW, group, tuple(sources[start : start + SOURCES]))
            for start in range(0, len(sources), SOURCES)
        ],
        at_once=1,
    )

    assert kept_sources(router) == ROOM.sources_of_group
    assert router.querier.left_out == 1


def test_sources_of_all_groups_have_an_end_and_are_forgotten_with_them(family: Family) -> None:
    router = Router(family, room=ROOM)
    sources = tuple(groups(router, SOURCES))
    count = ROOM.sources // SOURCES
    spoofed = [GroupRecord(RecordType.ALLOW, one, sources) for one in groups(router, count + 2)]

    flood(router, spoofed, at_once=1)

    assert kept_sources(router) == ROOM.sources
    assert router.querier.left_out == 2
    router.run(300)
    flood(router, spoofed[-2:], at_once=1)
    assert kept_sources(router) == 2 * SOURCES
