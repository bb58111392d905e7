"""Room that nobody else can take: of hosts that answered two General Queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.analysis import limits
from mldkit.testing.stage import Stage
from tests.unit.analysis.forger import FAMILIES
from tests.unit.analysis.test_floods import FEW, HOSTS, SMALL, Site

if TYPE_CHECKING:
    from mldkit.analysis.link_state import LinkState


@pytest.fixture(params=FAMILIES)
def site(request: pytest.FixtureRequest) -> Site:
    return Site(FAMILIES[request.param])


def link(site: Site) -> LinkState:
    (one,) = site.analysis.links.values()
    return one


@pytest.mark.parametrize("answers", [1, 2])
def test_a_host_has_reserved_room_once_it_answered_two_general_queries(
    site: Site, answers: int
) -> None:
    site.settle(answers)
    site.ask()
    site.flood("join", 0, FEW)

    assert len(site.real_members()) == (HOSTS if answers == 2 else 0)


def test_answers_to_a_querier_that_does_not_act_reserve_nothing(site: Site) -> None:
    site.settle(1)
    for _ in range(3):
        stage = Stage(site.family)
        stage.query(0, router=9)
        site.play(stage)
        site.answer()
        site.pass_on(30)

    assert link(site).responses.windows.latest == 3
    assert site.analysis.room.reserved == 0


def test_a_new_group_of_a_host_with_reserved_room_has_some_too(site: Site) -> None:
    site.settle(2)
    stage = Stage(site.family)
    stage.report(0, "TO_EX", 90, host=1)
    site.play(stage)
    site.flood("join", 0, FEW)

    groups = {group for _, group in site.real_members()}
    assert stage.group(90) in groups


def test_reserved_room_is_given_back_with_the_membership(site: Site) -> None:
    site.settle(2)
    assert site.analysis.room.reserved_hosts == HOSTS

    stage = Stage(site.family)
    stage.report(0, "TO_IN", 1, host=1)
    site.play(stage)

    room = site.analysis.room
    assert (room.reserved, room.reserved_hosts, room.reserved_links) == (HOSTS - 1, HOSTS - 1, 1)
    site.pass_on(600)
    assert (room.reserved, room.reserved_hosts, room.reserved_links) == (0, 0, 0)
    assert room.stays.taken == 0


def test_who_answers_from_a_thousand_addresses_takes_nothing_from_those_before(site: Site) -> None:
    site.settle(2)
    for turn in range(3):
        site.ask()
        site.flood("imitation", 0, 100)
        site.pass_on(100)
        assert turn < 2 or site.analysis.room.reserved_hosts == SMALL[limits.RESERVED_HOSTS]
        site.answer()
    site.flood("join", 0, FEW)

    assert len(site.real_members()) == HOSTS
    assert len(site.joins(200)) == 1


@pytest.mark.parametrize("hosts", [HOSTS - 1, HOSTS])
def test_no_more_hosts_have_reserved_room_than_there_is(hosts: int) -> None:
    site = Site(FAMILIES["igmp"], SMALL | {limits.RESERVED_HOSTS: hosts})
    site.settle(3)

    assert site.analysis.room.reserved_hosts == hosts


@pytest.mark.parametrize("weight", [HOSTS - 1, HOSTS])
def test_no_more_stays_have_reserved_room_than_there_is(weight: int) -> None:
    site = Site(FAMILIES["igmp"], SMALL | {limits.RESERVED: weight})
    site.settle(3)

    assert site.analysis.room.reserved == weight


def test_a_host_has_no_more_reserved_room_than_others(site: Site) -> None:
    site = Site(site.family, {**limits.MOST_LIVE})
    most = limits.MOST_RESERVED_OF_HOST
    for _ in range(3):
        site.ask()
        for number in range(most + 10):
            site.see(site.forger.report(1, "IS_EX", site.forger.group(number)))
        site.pass_on(100)

    assert site.analysis.room.reserved == most
    assert len(link(site).memberships.groups) == most + 10


def test_sources_without_end_take_reserved_room_away_again(site: Site) -> None:
    site.settle(3)
    assert site.analysis.room.reserved == HOSTS
    stage = Stage(site.family)
    stage.report(0, "TO_IN", 1, host=1, sources=range(1, 8 * SMALL[limits.RESERVED] + 1))
    site.play(stage)

    assert site.analysis.room.reserved == HOSTS - 1


def test_the_acting_querier_is_known_after_a_flood_of_others(site: Site) -> None:
    site.settle(3)
    acting = link(site).queriers.acting
    site.flood("general_query", 0, FEW)

    queriers = link(site).queriers
    assert queriers.acting is acting
    assert queriers.known[Stage(site.family).router()] is acting
    assert len(queriers.known) == SMALL[limits.QUERIERS]


def test_findings_of_a_host_with_reserved_room_stay(site: Site) -> None:
    site.settle(3)
    stage = Stage(site.family)
    stage.report(0, "IS_EX", 1, hop_limit=64)
    site.play(stage)
    site.flood("bad_report", 0, FEW)

    findings = site.analysis.finish().findings
    host = Stage(site.family).host()
    assert host in {entry.host for entry in findings if entry.id == "V-03"}
    assert len(findings) <= SMALL[limits.FINDINGS] * 5 // 4


def test_a_vlan_with_reserved_room_outlives_a_flood_of_vlans(site: Site) -> None:
    site.settle(3)
    before = link(site)
    site.flood("vlan", 0, FEW)

    assert before in site.analysis.links.values()
    assert len(site.analysis.links) == SMALL[limits.LINKS]
