"""Election, rhythm and absence of queriers, rule by rule: what must be raised and what not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.analysis.result import QuerierFacts
from mldkit.model.addresses import text
from mldkit.model.family import IGMP, MLD
from mldkit.model.units import SECOND
from mldkit.testing.stage import BEGIN_NS, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.analysis.conftest import Diagnosis

    Diagnose = Callable[..., Diagnosis]


def querier(diagnosis: Diagnosis, stage: Stage, router: int) -> QuerierFacts:
    (link,) = diagnosis.result.links
    (found,) = [one for one in link.queriers.known if one.address == stage.router(router)]
    return found


def acting(of: QuerierFacts) -> list[tuple[float, float]]:
    return [
        ((begun - BEGIN_NS) / SECOND, (ended - BEGIN_NS) / SECOND) for begun, ended in of.acting
    ]


def test_reports_without_any_query_for_255_s_are_d01(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(10, "TO_EX", 1)
    stage.report(256, "TO_EX", 2)

    finding = diagnose(stage, 260).finding("D-01")

    assert finding.severity == "warning"
    assert finding.frames == (2,)


def test_a_shorter_capture_cannot_tell(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(10, "TO_EX", 1)

    assert "D-01" not in diagnose(stage, 254).ids


def test_a_querier_that_falls_silent_is_d01_after_its_own_interval(
    stage: Stage, diagnose: Diagnose
) -> None:
    # RFC 9776 §8.5: RV x QI + QRI / 2 = 2 x 20 + 2.
    stage.query(0, interval=20, response=4)
    stage.report(1, "IS_EX", 1)

    assert "D-01" not in diagnose(stage, 42).ids
    assert "D-01" in diagnose(stage, 43).ids


def test_a_link_without_reports_needs_no_querier(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)

    assert "D-01" not in diagnose(stage, 600).ids


def test_a_router_that_goes_on_after_a_lower_one_is_d02(stage: Stage, diagnose: Diagnose) -> None:
    for round_number in range(3):
        stage.query(125 * round_number, router=1)
        stage.query(125 * round_number + 60, router=2)

    finding = diagnose(stage, 400).finding("D-02")

    assert finding.host == stage.router(2)
    assert finding.frames == (4, 6)


def test_a_router_that_gives_way_is_no_d02(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0, router=2)
    stage.query(31, router=2)
    stage.query(60, router=1)
    stage.query(185, router=1)

    assert "D-02" not in diagnose(stage, 200).ids


def test_the_first_queries_of_a_start_are_no_d02(stage: Stage, diagnose: Diagnose) -> None:
    # RFC 9776 §8.6: a start queries RV times at a quarter of the interval.
    stage.query(0, router=1)
    stage.query(60, router=2)
    stage.query(91.25, router=2)
    stage.query(125, router=1)

    assert "D-02" not in diagnose(stage, 130).ids


def test_the_lower_address_takes_over_and_acts(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0, router=2)
    stage.query(50, router=1)

    diagnosis = diagnose(stage, 100)

    assert acting(querier(diagnosis, stage, 2)) == [(0, 50)]
    assert acting(querier(diagnosis, stage, 1)) == [(50, 100)]


def test_a_higher_address_takes_over_after_silence(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0, router=1)
    stage.query(300, router=2)

    diagnosis = diagnose(stage, 310)

    assert acting(querier(diagnosis, stage, 1)) == [(0, 255)]
    assert acting(querier(diagnosis, stage, 2)) == [(300, 310)]


def test_three_changes_within_two_intervals_are_d03(stage: Stage, diagnose: Diagnose) -> None:
    for at, router in ((0, 4), (50, 3), (100, 2), (150, 1)):
        stage.query(at, router=router)

    assert "D-03" in diagnose(stage, 200).ids


def test_two_changes_are_no_d03(stage: Stage, diagnose: Diagnose) -> None:
    for at, router in ((0, 3), (50, 2), (100, 1)):
        stage.query(at, router=router)

    assert "D-03" not in diagnose(stage, 200).ids


@pytest.mark.parametrize(("every", "raised"), [(125, False), (138, True), (136, False), (60, True)])
def test_queries_off_their_announced_interval_by_a_tenth_are_d04(
    stage: Stage, diagnose: Diagnose, every: int, raised: bool
) -> None:
    for at in (0, 31, *range(156, 156 + 5 * every, every)):
        stage.query(at)

    diagnosis = diagnose(stage, 900)

    assert ("D-04" in diagnosis.ids) is raised
    assert querier(diagnosis, stage, 1).observed_ns == every * SECOND


@pytest.mark.parametrize("response", [5, 10, 20])
def test_an_interval_need_not_be_longer_than_the_response_time(
    stage: Stage, diagnose: Diagnose, response: int
) -> None:
    for number in range(12):
        # Timers of a kernel are late by some milliseconds, now more and now less.
        stage.query(10 * number + 0.02 * (number % 2), interval=10, response=response)

    diagnosis = diagnose(stage, 130)

    assert "D-04" not in diagnosis.ids
    assert round((querier(diagnosis, stage, 1).observed_ns or 0) / SECOND) == 10


def test_queries_much_closer_than_they_announce_are_d04(stage: Stage, diagnose: Diagnose) -> None:
    for number in range(40):
        stage.query(5 * number)

    diagnosis = diagnose(stage, 210)

    router = text(stage.router())
    assert diagnosis.finding("D-04").detail == f"{router} announces 125 s and queries every 5 s"


@pytest.mark.parametrize("interval", [20, 125])
def test_copies_and_repeats_make_no_interval(
    stage: Stage, diagnose: Diagnose, interval: int
) -> None:
    for number in range(8):
        for repeat in (0, 0.5, 1):
            stage.query(interval * number + repeat, interval=interval, response=4)

    diagnosis = diagnose(stage, interval * 8)

    assert "D-04" not in diagnosis.ids
    assert querier(diagnosis, stage, 1).observed_ns == interval * SECOND


def test_a_short_burst_of_queries_is_no_interval(stage: Stage, diagnose: Diagnose) -> None:
    for number in range(100):
        stage.query(number / 10)

    diagnosis = diagnose(stage, 100)

    assert "D-04" not in diagnosis.ids
    assert querier(diagnosis, stage, 1).observed_ns is None


def test_a_silence_is_no_interval(stage: Stage, diagnose: Diagnose) -> None:
    for at in (0, 31, 156, 281, 4000):
        stage.query(at)

    assert querier(diagnose(stage, 4001), stage, 1).observed_ns == 125 * SECOND


def test_a_querier_that_announces_no_interval_is_held_to_none(
    stage: Stage, diagnose: Diagnose
) -> None:
    for number in range(8):
        stage.query(60 * number, interval=0)

    diagnosis = diagnose(stage, 480)

    assert "D-04" not in diagnosis.ids
    assert querier(diagnosis, stage, 1).announced_ns == 0


def test_two_gaps_are_too_few_for_d04(stage: Stage, diagnose: Diagnose) -> None:
    for at in (0, 31, 60, 120, 180):
        stage.query(at)

    assert "D-04" not in diagnose(stage, 200).ids


def test_general_queries_of_two_versions_are_d06(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0, router=1)
    stage.query(60, router=2, version=stage.family.current_version - 1)

    finding = diagnose(stage, 100).finding("D-06")

    assert finding.severity == "error"
    assert finding.frames == (2,)


def test_an_older_query_long_after_is_no_d06(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    stage.query(256, version=stage.family.current_version - 1)

    assert "D-06" not in diagnose(stage, 300).ids


def test_one_mac_with_two_querier_addresses_is_d14(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0, router=1, link_source=b"\x02\0\0\0\0\x09")
    stage.query(60, router=2, link_source=b"\x02\0\0\0\0\x09")

    assert "D-14" in diagnose(stage, 100).ids


def test_two_queriers_of_their_own_are_no_d14(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0, router=1)
    stage.query(60, router=2)

    assert "D-14" not in diagnose(stage, 100).ids


def test_a_switch_that_also_asks_from_no_address_is_no_d14(diagnose: Diagnose) -> None:
    stage = Stage(IGMP)
    stage.query(0, link_source=b"\x02\0\0\0\0\x09")
    stage.query(60, source=bytes(4), link_source=b"\x02\0\0\0\0\x09")

    assert "D-14" not in diagnose(stage, 100).ids


def test_two_mld_queriers_with_one_interface_identifier_are_d14(diagnose: Diagnose) -> None:
    stage = Stage(MLD)
    stage.query(0, router=1)
    stage.query(60, source=bytes.fromhex("fe800000000000070000000000000001"), link_source=bytes(6))

    assert "D-14" in diagnose(stage, 100).ids


def test_mld_compares_the_low_64_bits_only(diagnose: Diagnose) -> None:
    stage = Stage(MLD)
    high = bytes.fromhex("febf0000000000000000000000000001")
    stage.query(0, router=2)
    stage.query(60, source=high, link_source=b"\x02\0\0\0\0\x77")

    (link,) = diagnose(stage, 100).result.links

    assert link.queriers.elected is not None
    assert text(link.queriers.elected.address) == text(high)


def test_a_snooping_switch_wins_no_election(diagnose: Diagnose) -> None:
    stage = Stage(IGMP)
    stage.query(0, router=1)
    stage.query(60, source=bytes(4), link_source=b"\x02\0\0\0\0\x77")

    (link,) = diagnose(stage, 100).result.links

    assert link.queriers.elected is not None
    assert link.queriers.elected.address == stage.router(1)


def test_a_query_that_hosts_drop_is_no_querier(diagnose: Diagnose) -> None:
    stage = Stage(MLD)
    stage.query(0, hop_limit=64)

    (link,) = diagnose(stage, 100).result.links

    assert link.queriers.known == ()


def test_a_silence_between_queries_is_d01_in_its_full_length(
    stage: Stage, diagnose: Diagnose
) -> None:
    # Members say nothing while nobody asks, so no report falls into the silence.
    stage.query(0)
    stage.report(1, "IS_EX", 1)
    stage.query(700)
    stage.report(701, "IS_EX", 1)

    diagnosis = diagnose(stage, 800)

    assert diagnosis.finding("D-01").detail == "no General Query for 700 s"
    assert diagnosis.finding("D-01").count == 1


def test_d01_tells_the_longest_of_several_silences(stage: Stage, diagnose: Diagnose) -> None:
    for at in (0, 300, 900, 1200):
        stage.query(at)
        stage.report(at + 1, "IS_EX", 1)
    for at in (260, 560, 1160):
        stage.report(at, "TO_EX", 2)

    finding = diagnose(stage, 1210).finding("D-01")

    assert finding.detail == "no General Query for 600 s"
    assert finding.count == 3


def test_changes_back_and_forth_are_d03_too(stage: Stage, diagnose: Diagnose) -> None:
    # Router 1 announces 10 s, so router 2 is heard again 25 s after it went.
    for at in (0, 50, 110):
        stage.query(at, router=2)
    for at in (10, 70, 80):
        stage.query(at, router=1, interval=10, response=1)

    diagnosis = diagnose(stage, 120)

    assert "D-03" in diagnosis.ids
    assert acting(querier(diagnosis, stage, 2)) == [(0, 10), (50, 70), (110, 120)]


def test_a_querier_that_dies_and_returns_is_no_d03(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0, router=1)
    stage.query(256, router=2)
    stage.query(260, router=1)

    assert "D-03" not in diagnose(stage, 300).ids


def test_the_time_in_which_another_one_acted_is_no_interval(
    stage: Stage, diagnose: Diagnose
) -> None:
    for at in (0, 31, 60, 560, 591, 620, 745, 870, 995):
        stage.query(at, router=2)
    for at in (100, 200, 300):
        stage.query(at, router=1)

    diagnosis = diagnose(stage, 1000)

    assert querier(diagnosis, stage, 2).observed_ns == 125 * SECOND


def test_v23_of_a_stranger_names_its_first_frame(diagnose: Diagnose) -> None:
    stage = Stage(IGMP)
    stage.query(0)
    for host in (1, 2):
        stage.report(2 + host, "IS_EX", 1, host=host)
    stranger = b"\xc0\xa8\x01\x03"
    for second in (6, 7):
        stage.report(second, "IS_EX", 1, host=9, source=stranger)

    found = diagnose(stage, 20).finding("V-23")

    assert (found.host, found.frames) == (stranger, (4,))
