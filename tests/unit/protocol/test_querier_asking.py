"""Asking whether anybody is left: counts, intervals, S flag (RFC 9776 §6.6.3, RFC 9777 §7.6.3)."""

from __future__ import annotations

import pytest

from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.messages import Query
from mldkit.model.units import SECOND
from mldkit.protocol.querier_events import MembershipChanged
from mldkit.protocol.variables import Variables
from mldkit.testing.addressing import numbers_of
from tests.unit.protocol.router import Router

ROBUST = Variables(robustness=3)


@pytest.fixture(params=[IGMP, MLD], ids=repr)
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = request.param
    return found


def asked(router: Router) -> list[tuple[float, set[int], bool]]:
    """Return time, sources and S flag of the queries that were not general."""
    return [
        (at, numbers_of(query.sources), query.suppress)
        for at, query in router.queries()
        if not query.is_general
    ]


def test_a_leave_is_asked_after_robustness_times_and_believed(family: Family) -> None:
    router = Router(family, variables=ROBUST)
    router.record("IS_EX")
    router.run(10)
    router.record("TO_IN")
    router.run(20)
    assert asked(router) == [(at, set(), False) for at in (10, 11, 12)]
    assert router.kinds() == [(0, "join"), (13, "leave")]


def test_a_leave_tells_what_was_listened_to(family: Family) -> None:
    router = Router(family)
    router.record("IS_IN", {1, 2})
    router.record("IS_EX", {3}, group=2)
    router.run(10)
    router.record("BLOCK", {1, 2})
    router.record("TO_IN", {}, group=2)
    router.run(20)
    last = router.events[-2:]
    assert all(isinstance(event, MembershipChanged) for event in last)
    told = {
        (event.kind, event.exclude, event.sources)
        for event in last
        if isinstance(event, MembershipChanged)
    }
    assert told == {
        ("leave", False, router.sources({1, 2})), ("leave", True, router.sources({3}))
    }  # fmt: skip


def test_group_queries_go_to_the_group_with_the_last_member_interval(family: Family) -> None:
    router = Router(family)
    router.record("IS_EX")
    router.record("TO_IN")
    _, datagram = router.sent[-1]
    assert datagram.destination == router.group()
    assert isinstance(datagram.message, Query)
    assert datagram.message.max_response_ns == SECOND
    assert datagram.message.robustness == 2


def test_an_answer_keeps_the_group_and_sets_the_s_flag_of_what_is_still_asked(
    family: Family,
) -> None:
    router = Router(family, variables=ROBUST)
    router.record("IS_EX")
    router.run(10)
    router.record("TO_IN")
    router.run(10.5)
    router.record("IS_EX")
    router.run(100)
    assert asked(router) == [(10, set(), False), (11, set(), True), (12, set(), True)]
    assert router.state() == ("EXCLUDE", set(), set())


def test_a_leave_told_twice_is_asked_after_once(family: Family) -> None:
    router = Router(family)
    router.record("IS_EX")
    router.run(10)
    router.record("TO_IN")
    for again in (10.7, 11.9):
        router.run(again)
        router.record("TO_IN")
    router.run(20)
    assert [at for at, _, _ in asked(router)] == [10, 11]
    assert router.kinds() == [(0, "join"), (12, "leave")]


def test_a_second_leave_after_an_answer_is_asked_after_again(family: Family) -> None:
    router = Router(family)
    router.record("IS_EX")
    router.run(10)
    router.record("TO_IN")
    router.run(10.4)
    router.record("IS_EX")
    router.run(10.6)
    router.record("TO_IN")
    router.run(20)
    assert asked(router) == [(10, set(), False), (10.6, set(), False), (11.6, set(), False)]
    assert router.kinds()[-1] == (12.6, "leave")


def test_blocked_sources_are_asked_for_and_fall_away_one_by_one(family: Family) -> None:
    router = Router(family)
    router.record("IS_IN", {1, 2, 3})
    router.run(10)
    router.record("BLOCK", {1, 2, 9})
    router.run(11.5)
    router.record("IS_IN", {2})
    router.run(20)
    assert asked(router) == [(10, {1, 2}, False), (11, {1, 2}, False)]
    assert router.state() == ("INCLUDE", {2, 3}, set())


def test_queries_for_sources_are_two_messages_by_what_is_still_wanted(family: Family) -> None:
    router = Router(family)
    router.record("IS_IN", {1, 2, 3})
    router.run(10)
    router.record("BLOCK", {1, 2})
    router.run(10.5)
    router.record("IS_IN", {2})
    router.run(20)
    assert asked(router) == [(10, {1, 2}, False), (11, {2}, True), (11, {1}, False)]


def test_a_source_that_is_blocked_later_is_asked_for_robustness_times_as_well(
    family: Family,
) -> None:
    router = Router(family)
    router.record("IS_IN", {1, 2})
    router.run(10)
    router.record("BLOCK", {1})
    router.run(10.5)
    router.record("BLOCK", {2})
    router.run(20)
    assert asked(router) == [
        (10, {1}, False), (10.5, {1, 2}, False), (11.5, {2}, False)
    ]  # fmt: skip
    assert router.kinds() == [(0, "join"), (12, "change"), (12.5, "leave")]


def test_current_state_records_make_nobody_ask(family: Family) -> None:
    router = Router(family)
    router.record("IS_EX")
    router.record("IS_IN", {1})
    router.record("IS_EX", {1})
    router.run(100)
    assert asked(router) == []


def test_a_long_list_is_asked_for_in_messages_that_fit_the_mtu(family: Family) -> None:
    router = Router(family, mtu=1280)
    numbers = range(1, 251)
    for first in range(1, 251, 50):
        router.record("IS_IN", range(first, first + 50))
    router.run(10)
    router.record("BLOCK", range(1, 61))
    for first in range(61, 251, 60):
        router.record("BLOCK", range(first, min(first + 60, 251)))
    router.run(10)
    most = (1280 - 24 - 12) // 4 if family is IGMP else (1280 - 48 - 28) // 16
    lists = [query.sources for _, query in router.queries(10) if query.sources]
    assert max(map(len, lists)) <= most
    assert {number for sources in lists for number in numbers_of(sources)} == set(numbers)


def test_who_is_not_the_querier_asks_nothing_and_waits(family: Family) -> None:
    router = Router(family)
    router.record("IS_EX")
    router.run(10)
    router.general(router=1)
    router.record("TO_IN")
    router.run(100)
    assert asked(router) == []
    assert router.state() == ("EXCLUDE", set(), set())


def test_queries_of_the_elected_one_lower_the_timers_of_the_others(family: Family) -> None:
    router = Router(family)
    router.record("IS_EX")
    router.record("IS_IN", {1, 2}, group=2)
    router.run(10)
    router.general(router=1)
    version = family.current_version
    router.query(router.settings.group_query(version, router.group(), suppress=False))
    router.query(
        router.settings.group_query(version, router.group(2), router.sources({1}), suppress=False)
    )
    router.run(12)
    assert router.state() == ("INCLUDE", set(), set())
    assert router.state(2) == ("INCLUDE", {2}, set())


def test_the_s_flag_leaves_the_timers_alone_but_not_the_election(family: Family) -> None:
    router = Router(family)
    router.record("IS_EX")
    router.run(10)
    version = family.current_version
    router.query(router.settings.group_query(version, router.group(), suppress=True))
    router.run(100)
    assert router.state() == ("EXCLUDE", set(), set())
    query = Query(version, family.unspecified, 100, suppress=True, robustness=2, interval_code=125)
    router.query(query)
    assert not router.is_querier()


def test_an_election_that_is_lost_ends_what_was_being_asked(family: Family) -> None:
    router = Router(family, variables=ROBUST)
    router.record("IS_EX")
    router.run(10)
    router.record("TO_IN")
    router.run(10.5)
    router.general(router=1)
    router.run(100)
    assert [at for at, _, _ in asked(router)] == [10]


def test_a_membership_nobody_reports_ends_after_its_time(family: Family) -> None:
    router = Router(family)
    router.run(7)
    router.record("IS_EX")
    router.run(7 + 270 - 0.001)
    assert router.state() == ("EXCLUDE", set(), set())
    router.run(7 + 270)
    assert router.kinds() == [(7, "join"), (277, "expire")]


def test_exclude_ends_as_include_of_the_sources_somebody_still_wants(family: Family) -> None:
    router = Router(family)
    router.record("IS_EX", {1})
    router.run(100)
    router.record("ALLOW", {2})
    router.run(270)
    assert router.state() == ("INCLUDE", {2}, set())
    router.run(370)
    assert router.kinds()[-1] == (370, "expire")
