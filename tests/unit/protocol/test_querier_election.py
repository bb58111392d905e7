"""Who queries and when: start, election, other-querier timer (RFC 9776 §6.6.2, §8; 9777 §7.6.2)."""

from __future__ import annotations

import pytest

from mldkit.errors import UsageError
from mldkit.model.addresses import parse
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.messages import Query
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.protocol.querier import Querier
from mldkit.protocol.querier_events import OtherQuerier, VersionChanged
from mldkit.protocol.querier_settings import QuerierSettings
from mldkit.protocol.variables import Variables
from tests.unit.protocol.router import MAC, OWN, Router, general_query

OTHER_QUERIER_PRESENT = 2 * 125 + 10 / 2
SHORT = Variables(robustness=3, interval_ns=20 * SECOND, response_ns=4 * SECOND)


@pytest.fixture(params=[IGMP, MLD], ids=repr)
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = request.param
    return found


def test_a_start_is_robustness_queries_at_a_quarter_of_the_interval(family: Family) -> None:
    router = Router(family)
    router.run(500)
    assert router.times() == [0, 31.25, 156.25, 281.25, 406.25]


def test_robustness_and_interval_are_as_configured(family: Family) -> None:
    router = Router(family, variables=SHORT)
    router.run(60)
    assert router.times() == [0, 5, 10, 30, 50]
    _, query = router.queries()[0]
    assert (query.robustness, query.interval_ns, query.max_response_ns) == (
        3, 20 * SECOND, 4 * SECOND
    )  # fmt: skip


def test_general_queries_go_to_all_hosts_from_the_own_address(family: Family) -> None:
    router = Router(family)
    _, datagram = router.sent[0]
    assert datagram.destination == family.all_hosts
    assert datagram.source == router.router(OWN)
    assert datagram.link_source == MAC
    assert (datagram.hop_limit, datagram.router_alert) == (1, 0)


def test_before_the_start_nothing_is_pending(family: Family) -> None:
    router = Router(family, starts=False)
    assert router.querier.deadline_ns is None
    assert router.querier.elected(family) is None


def test_a_lower_address_heard_before_the_start_keeps_it_silent(family: Family) -> None:
    router = Router(family, starts=False)
    router.general(router=1)
    router.run(2)
    router.querier.start(router.now_ns)
    router.run(OTHER_QUERIER_PRESENT - 1)
    assert router.times() == []
    router.run(OTHER_QUERIER_PRESENT)
    assert router.times() == [OTHER_QUERIER_PRESENT]


def test_a_higher_address_heard_before_the_start_keeps_nobody_silent(family: Family) -> None:
    router = Router(family, starts=False)
    router.general(router=OWN + 1)
    router.querier.start(router.now_ns)
    router.run(2)
    assert router.is_querier()


def test_a_lower_address_silences_until_it_has_gone(family: Family) -> None:
    router = Router(family)
    router.run(200)
    router.general(router=OWN - 1)
    assert not router.is_querier()
    router.run(200 + OTHER_QUERIER_PRESENT - 0.001)
    assert router.times() == [0, 31.25, 156.25]
    router.run(200 + OTHER_QUERIER_PRESENT)
    assert router.is_querier()
    assert router.times()[3:] == [200 + OTHER_QUERIER_PRESENT]
    router.run(1000)
    gaps = [later - at for at, later in zip(router.times()[3:], router.times()[4:], strict=False)]
    assert set(gaps) == {125}
    assert [own for _, _, own in router.elections()] == [True, False, True]


def test_each_query_of_the_elected_one_starts_the_timer_anew(family: Family) -> None:
    router = Router(family)
    for at in range(10, 1000, 250):
        router.run(at)
        router.general(router=1)
    router.run(760 + OTHER_QUERIER_PRESENT - 1)
    assert router.times() == [0]


def test_a_start_that_was_interrupted_is_not_taken_up_again(family: Family) -> None:
    router = Router(family)
    router.run(10)
    router.general(router=1)
    router.run(10 + OTHER_QUERIER_PRESENT + 130)
    assert router.times() == [0, 10 + OTHER_QUERIER_PRESENT, 10 + OTHER_QUERIER_PRESENT + 125]


def test_a_higher_address_changes_nothing_and_is_told_once(family: Family) -> None:
    router = Router(family)
    for at in (10, 20, 30):
        router.run(at)
        router.general(router=OWN + 1)
    router.run(200)
    assert router.is_querier()
    assert router.times() == [0, 31.25, 156.25]
    told = [event for event in router.events if isinstance(event, OtherQuerier)]
    assert [(event.address, event.is_tie) for event in told] == [(router.router(OWN + 1), False)]


def test_the_lowest_of_several_is_the_elected_one(family: Family) -> None:
    router = Router(family)
    for at, number in ((10, 20), (11, 10), (12, 20)):
        router.run(at)
        router.general(router=number)
    assert router.querier.elected(family) == router.router(10)
    router.run(11 + OTHER_QUERIER_PRESENT - 0.001)
    router.general(router=20)
    assert router.querier.elected(family) == router.router(10)
    router.run(11 + OTHER_QUERIER_PRESENT)
    router.general(router=20)
    assert router.querier.elected(family) == router.router(20)


def test_mld_compares_the_low_64_bits_alone() -> None:
    router = Router(MLD)
    own = router.router(OWN)
    # fe80::/10 is link-local as a whole; the high bits must not count.
    higher_prefix = parse("febf:ffff::1")
    router.hear(general_query(MLD), higher_prefix, MLD.all_hosts)
    assert router.querier.elected(MLD) == higher_prefix
    tie = Router(MLD)
    tie.hear(general_query(MLD), parse("fe90::64"), MLD.all_hosts)
    assert tie.querier.elected(MLD) == own
    assert [event.is_tie for event in tie.events if isinstance(event, OtherQuerier)] == [True]


def test_igmp_compares_all_octets_and_lets_0_0_0_0_win_nothing() -> None:
    router = Router(IGMP)
    router.hear(general_query(IGMP), parse("0.0.0.0"), IGMP.all_hosts)
    router.hear(general_query(IGMP), parse("10.9.1.1"), IGMP.all_hosts)
    assert router.is_querier()
    router.hear(general_query(IGMP), parse("10.8.255.255"), IGMP.all_hosts)
    assert not router.is_querier()


def test_a_querier_at_0_0_0_0_loses_against_everybody() -> None:
    events: list[object] = []
    settings = QuerierSettings(IGMP, 3)
    querier = Querier(MAC, {parse("0.0.0.0"): settings}, events.append)
    querier.start(0)
    router = Router(IGMP)
    router.querier = querier
    router.hear(general_query(IGMP), parse("223.255.255.254"), IGMP.all_hosts)
    assert not querier.is_querier(IGMP)


def test_the_variables_of_the_elected_one_are_adopted(family: Family) -> None:
    router = Router(family)
    router.run(100)
    router.general(robustness=3, interval_code=10)
    assert router.times() == [0, 31.25]
    router.run(100 + 3 * 10 + 5 - 0.001)
    assert not router.is_querier()
    router.run(100 + 3 * 10 + 5)
    assert router.is_querier()
    # Memberships too, while the other one rules: RV x QI + 2 x QRI.
    router.general(robustness=3, interval_code=10)
    router.record("IS_EX")
    router.run(135 + 3 * 10 + 2 * 10)
    assert router.kinds() == [(135, "join"), (185, "expire")]


def test_zero_in_a_query_stands_for_the_defaults(family: Family) -> None:
    router = Router(family, variables=SHORT)
    router.general(robustness=0, interval_code=0)
    router.run(OTHER_QUERIER_PRESENT - 1)
    assert not router.is_querier()
    router.run(OTHER_QUERIER_PRESENT)
    assert router.is_querier()


def test_queries_for_groups_elect_nobody(family: Family) -> None:
    router = Router(family)
    router.query(
        router.settings.group_query(family.current_version, router.group(), suppress=False)
    )
    assert router.is_querier()


@pytest.mark.parametrize(("family", "version"), [(IGMP, 2), (IGMP, 1), (MLD, 1)], ids=repr)
def test_an_older_querier_makes_this_one_speak_its_version(family: Family, version: int) -> None:
    router = Router(family)
    router.run(100)
    router.query(general_query(family, version=version), router=OWN + 5)
    assert router.is_querier()
    router.run(400)
    versions = [(at, query.version) for at, query in router.queries() if query.is_general]
    current = family.current_version
    # 260 s is how long hosts speak the older version (RFC 9776 §7.2.1, RFC 9777 §8.2.1).
    assert versions == [(0, current), (31.25, current), (156.25, version), (281.25, version)]
    router.run(500)
    assert router.queries()[-1][1].version == current
    told = [event for event in router.events if isinstance(event, VersionChanged)]
    assert [(event.time_ns // SECOND, event.version) for event in told] == [
        (100, version), (360, current)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("family", "version", "code"),
    [(IGMP, 1, 0), (IGMP, 2, 100), (MLD, 1, 10_000)],
    ids=["IGMPv1", "IGMPv2", "MLDv1"],
)
def test_older_queries_are_as_their_rfcs_have_them(family: Family, version: int, code: int) -> None:
    router = Router(family, version=version)
    assert router.queries() == [(0, Query(version, family.unspecified, code))]


def test_older_response_times_are_linear_not_floating() -> None:
    long = Variables(interval_ns=200 * SECOND, response_ns=20 * SECOND)
    (_, igmp), (_, mld) = (
        Router(family, version=family.current_version - 1, variables=long).queries()[0]
        for family in (IGMP, MLD)
    )
    assert (igmp.max_response_code, mld.max_response_code) == (200, 20_000)


@pytest.mark.parametrize(
    ("variables", "version", "words"),
    [
        (Variables(robustness=0), 3, "robustness"),
        (Variables(robustness=8), 3, "robustness"),
        (Variables(interval_ns=SECOND // 2, response_ns=SECOND // 4), 3, "1 s"),
        (Variables(interval_ns=10 * SECOND), 3, "not below"),
        (Variables(interval_ns=5 * SECOND, response_ns=SECOND), 1, "not below"),
        (Variables(response_ns=50 * MILLISECOND), 3, "below 100 ms"),
        (Variables(), 4, "IGMPv4"),
    ],
)
def test_what_the_fields_cannot_say_is_refused(
    variables: Variables, version: int, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        QuerierSettings(IGMP, version, variables)


@pytest.mark.parametrize(
    ("version", "way_out"), [(1, "longer interval ("), (3, "shorter response")]
)
def test_the_hint_offers_what_the_version_can_say(version: int, way_out: str) -> None:
    variables = Variables(interval_ns=10 * SECOND)

    with pytest.raises(UsageError) as refused:
        QuerierSettings(IGMP, version, variables)

    assert way_out in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("family", "version", "interval_s", "response_ms", "told"),
    [
        # The codes hold 30720 s and 900 ms (RFC 9776 §4.1.1, §4.1.7).
        (IGMP, 3, 31_700, 999, (30_720, 900)),
        (MLD, 2, 125, 999, (125, 999)),
        # What has no field is not announced: others go by their own value.
        (IGMP, 2, 200, 999, (200, 900)),
        (IGMP, 1, 200, 999, (200, 10_000)),
    ],
)
def test_others_learn_what_the_fields_of_a_query_hold(
    family: Family, version: int, interval_s: int, response_ms: int, told: tuple[int, int]
) -> None:
    variables = Variables(2, interval_s * SECOND, response_ms * MILLISECOND)

    announced = QuerierSettings(family, version, variables).announced

    interval_ns, response_ns = (told[0] * SECOND, told[1] * MILLISECOND)
    assert announced == Variables(2, interval_ns, response_ns)
