"""The answers in plain words: what people ask first is told, and only what was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import text
from mldkit.model.family import IGMP
from mldkit.model.messages import LegacyReport
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.model.words import delay_text, seconds_text
from mldkit.render.summary import MOST_LINES, summary
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.analysis.conftest import Diagnosis

    Diagnose = Callable[..., Diagnosis]


def words(diagnosis: Diagnosis) -> str:
    lines = summary(diagnosis.result, 1000)
    assert len(lines) <= MOST_LINES
    return "\n".join(lines)


def test_a_stream_that_stops_in_a_silence_and_goes_on_after_it(
    stage: Stage, diagnose: Diagnose
) -> None:
    for at in (0, 700):
        stage.query(at)
        stage.report(at + 2, "IS_EX", 1)
    for at in (*range(262), *range(702, 720)):
        stage.data(at, 1)

    told = words(diagnose(stage, 720))

    group = text(stage.group(1))
    assert "nobody queried for 700 s, from 22:13:20 UTC on" in told
    assert (
        f"your stream to {group} stopped 259 s after the last report, at 22:17:41 UTC,"
        " and went on at 22:25:02 UTC"
    ) in told


def test_the_querier_that_fell_silent_is_named(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    stage.report(2, "IS_EX", 1)
    stage.report(300, "TO_EX", 2)

    told = words(diagnose(stage, 312))

    router = text(stage.router())
    assert f"no querier in 312 s, since {router} fell silent at 22:13:20 UTC." in told


def test_hosts_that_fell_back_are_named_with_who_made_them(
    stage: Stage, diagnose: Diagnose
) -> None:
    current = stage.family.current_version
    stage.query(0)
    for host in (1, 2):
        stage.report(3, "IS_EX", 1, host=host)
    stage.query(60, router=2, version=current - 1)
    stage.older_report(63, 1, host=1)
    stage.report(1000, "IS_EX", 1, host=1)

    told = words(diagnose(stage, 1001))

    name = stage.family.name.upper()
    fallen, router = text(stage.host(1)), text(stage.router(2))
    assert f"{fallen} fell back to {name}v{current - 1} because of {router}" in told
    assert text(stage.host(2)) not in told


def test_a_host_may_speak_an_older_version_by_itself(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    stage.older_report(5, 1)

    assert "though no querier asks in it" in words(diagnose(stage, 60))


def test_leaves_and_the_data_after_them(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    stage.report(2, "IS_EX", 1)
    stage.report(20, "TO_IN", 1)
    stage.query(20.25, 1, response=1)
    stage.query(21.25, 1, response=1)
    for tenth in range(30, 223):
        stage.data(tenth / 10, 1)

    told = words(diagnose(stage, 60))

    assert "the leave was asked about after 250 ms; data went on for 2.2 s after it" in told


def test_data_without_a_member(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    stage.report(2, "IS_EX", 1)
    stage.stream(3, 12, 3, 9)

    told = words(diagnose(stage, 20))

    assert f"data to {text(stage.group(9))} come, but nobody reported to be a member" in told


def test_ten_lines_hold_three_links_and_the_worst_findings(diagnose: Diagnose) -> None:
    crowd = Stage(IGMP)
    for vlan in range(1, 6):
        crowd.query(0, vlan=(vlan,), hop_limit=9)
        crowd.query(60, router=2, version=2, vlan=(vlan,))
        crowd.report(62, "IS_EX", 1, vlan=(vlan,))
        crowd.report(63, "IS_EX", 2, vlan=(vlan,), hop_limit=7)

    lines = summary(diagnose(crowd, 100).result, 20)

    assert len(lines) == MOST_LINES
    assert "2 more links are in the tables below." in lines
    assert sum(line.startswith("error ") for line in lines) >= 2
    assert lines[-1].endswith("remarks.")


def test_findings_that_are_alike_are_one_line(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    for host in range(1, 21):
        stage.report(2, "IS_EX", 1, host=host, router_alert=None)

    told = words(diagnose(stage, 20))

    assert told.count(" V-04: ") == 1
    assert "and 19 more like it." in told


def test_how_long_members_are_remembered_is_what_the_querier_announced(
    stage: Stage, diagnose: Diagnose
) -> None:
    for second in range(0, 100, 10):
        stage.query(second, interval=10, response=5)
        stage.report(second + 3, "IS_EX", 1)
    stage.report(180, "IS_EX", 1)

    told = words(diagnose(stage, 200))

    # RV x QI + QRI and RV x QI + 2 x QRI
    assert (
        "forgets members 25 s (RFC 3376) or 30 s (RFC 9776) after their last report by what the"
        " querier announced, the Linux bridge 260 s after it"
    ) in told


def test_an_older_host_is_remembered_as_long_as_the_querier_announced(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.query(0, interval=10, response=5)
    stage.older_report(3, 1)

    group = text(stage.group(1))
    expected = f"routers treat {group} by the older version for 25 s"
    assert expected in words(diagnose(stage, 8))


def test_an_older_querier_announces_no_interval(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(0)
    stage.query(60, version=stage.family.current_version - 1)

    told = words(diagnose(stage, 70))

    assert f"v{stage.family.current_version - 1}." in told.splitlines()[0]
    assert "announces" not in told.splitlines()[0]


def test_who_spoke_an_older_version_before_is_not_blamed_on_a_later_query(
    stage: Stage, diagnose: Diagnose
) -> None:
    older = stage.family.current_version - 1
    stage.query(0)
    stage.report(3, "IS_EX", 1)
    stage.older_report(5, 1, host=2)
    for second in (125, 250, 375):
        stage.query(second)
        stage.report(second + 3, "IS_EX", 1)
        stage.older_report(second + 5, 1, host=2)
    stage.older_report(376, 2, host=3)
    stage.query(400, version=older, router=2)
    stage.older_report(403, 1)

    told = words(diagnose(stage, 420))

    one, two, three = (text(stage.host(number)) for number in (1, 2, 3))
    router = text(stage.router(2))
    name = f"{stage.family.name.upper()}v{older}"
    # Of host 2 nobody heard a newer version; of host 3 no query before the capture is the reason.
    assert f"{one} fell back to {name} because of {router}" in told
    assert two not in told
    assert f"{three} speaks {name} before any querier asked in it" in told


def test_no_router_keeps_a_group_that_is_never_reported(diagnose: Diagnose) -> None:
    stage = Stage(IGMP)
    stage.query(0)
    everybody = IGMP.all_hosts
    message = LegacyReport(2, everybody)
    stage.send(5, stage.host(), everybody, message)

    told = words(diagnose(stage, 60))

    assert "though no querier asks in it." in told
    assert "routers treat" not in told


def test_times_are_no_powers_of_ten() -> None:
    assert [seconds_text(round(value * SECOND)) for value in (0.25, 125, 999.9, 31744)] == [
        "0.25 s",
        "125 s",
        "1,000 s",
        "31,744 s",
    ]
    assert [delay_text(round(value * MILLISECOND)) for value in (0.01, 250, 1034)] == [
        "0.1 ms",
        "250 ms",
        "1.03 s",
    ]


def test_the_inner_tag_of_a_stack_is_in_the_outer_one(diagnose: Diagnose) -> None:
    stage = Stage(IGMP, vlan=(100, 5))
    stage.query(0)

    assert words(diagnose(stage, 5)).startswith("IGMP on VLAN 5 in 100: ")


def test_one_more_link_is_one(diagnose: Diagnose) -> None:
    stage = Stage(IGMP)
    for vlan in range(1, 5):
        stage.query(0, vlan=(vlan,))

    assert "1 more link is in the tables below." in words(diagnose(stage, 5)).splitlines()


def test_two_addresses_of_one_mac_are_two_hosts_on_one_device(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.query(0)
    for host in (1, 2):
        stage.report(2 + host, "IS_EX", 1, host=host, link_source=bytes.fromhex("020000000001"))
    stage.report(6, "IS_EX", 1, host=3)

    assert "3 hosts on 2 devices in 1 group" in words(diagnose(stage, 20))
