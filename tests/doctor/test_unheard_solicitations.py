"""IPv6 dies behind MLD snooping where a neighbour does not report the group it is asked in."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import parse, solicited_node
from mldkit.model.family import MLD
from mldkit.model.messages import GroupRecord, RecordType
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.doctor.conftest import Doctor

BURST = (7, 8, 9)
"""A host gives up after three solicitations, a second apart."""


def lan(*, reported: Iterable[str] = (), rounds: int = 3) -> Stage:
    """Return a link whose router asks, where host 1 answers; `reported` are further groups."""
    stage = Stage(MLD)
    for round_ in range(rounds):
        stage.query(125 * round_)
        stage.report(125 * round_ + 2, "IS_EX", 1)
        for group in reported:
            records = [GroupRecord(RecordType.IS_EX, parse(group))]
            stage.records(125 * round_ + 3, records, host=2)
    return stage


def solicit(stage: Stage, *times: float, target: bytes | None = None, host: int = 1) -> None:
    for at in times:
        stage.solicit(at, target or stage.router(), host=host)


def test_a_router_that_nobody_finds_is_named_with_its_group(doctor: Doctor) -> None:
    stage = lan()
    solicit(stage, *BURST)

    told = doctor(stage)

    (finding,) = told.findings("D-38")
    assert finding["severity"] == "warning"
    assert finding["host"] == "fe80::1"
    assert finding["group"] == "ff02::1:ff00:1"
    assert finding["frames"] == [3, 4, 5]
    assert finding["detail"].startswith("fe80::1 does not answer 3 solicitations of fe80::64,")
    assert "ff02::1:ff00:1" in told.text


@pytest.mark.parametrize("reporter", ["the neighbour", "somebody without an address"])
def test_who_reports_the_group_of_its_address_is_another_case(
    doctor: Doctor, reporter: str
) -> None:
    stage = lan()
    record = GroupRecord(RecordType.IS_EX, solicited_node(stage.router()))
    source = stage.router() if reporter == "the neighbour" else bytes(16)
    stage.records(3, [record], source=source, link_source=b"\2\0\0\0\0\1")
    solicit(stage, *BURST)

    assert "D-38" not in doctor(stage).ids


@pytest.mark.parametrize("to_all", [False, True])
def test_an_answer_to_the_last_solicitation_is_an_answer(doctor: Doctor, to_all: bool) -> None:
    stage = lan()
    solicit(stage, *BURST)
    stage.advertise(9.001, stage.router(), to=None if to_all else stage.host())

    assert "D-38" not in doctor(stage).ids


def test_what_is_not_answered_after_an_answer_counts_anew(doctor: Doctor) -> None:
    stage = lan()
    solicit(stage, 7)
    stage.advertise(7.001, stage.router(), to=stage.host())
    solicit(stage, 60, 61, 62)

    (finding,) = doctor(stage).findings("D-38")

    assert finding["count"] == 3


def test_two_solicitations_may_both_be_lost(doctor: Doctor) -> None:
    stage = lan()
    solicit(stage, *BURST[:2])

    assert "D-38" not in doctor(stage).ids


def test_a_host_that_asks_once_a_minute_may_have_been_answered_elsewhere(doctor: Doctor) -> None:
    """A switch brings answers to who asked only, so they need not be in the capture."""
    stage = lan()
    solicit(stage, *range(10, 240, 20))

    assert "D-38" not in doctor(stage).ids


def test_where_other_answers_to_the_host_are_in_the_capture_the_missing_ones_are_none(
    doctor: Doctor,
) -> None:
    stage = lan()
    solicit(stage, *range(10, 240, 20))
    solicit(stage, 5, target=stage.host(3))
    stage.advertise(5.001, stage.host(3), to=stage.host())

    (finding,) = doctor(stage).findings("D-38")

    assert finding["count"] == 12


def test_one_solicitation_on_two_interfaces_is_one(doctor: Doctor) -> None:
    stage = lan()
    solicit(stage, 7, 7.0001, 7.1, 8, 8.0001)

    assert "D-38" not in doctor(stage).ids


def test_who_is_not_heard_again_may_be_gone(doctor: Doctor) -> None:
    stage = lan()
    stage.packet(4, stage.host(9), parse("ff02::fb"), 17, bytes(12))
    solicit(stage, *BURST, target=stage.host(9))

    assert "D-38" not in doctor(stage).ids


def test_who_is_away_for_long_is_not_blamed(doctor: Doctor) -> None:
    stage = lan(rounds=8)
    for at in (4, 800):
        stage.packet(at, stage.host(9), parse("ff02::fb"), 17, bytes(12))
    solicit(stage, 400, 401, 402, target=stage.host(9))

    assert "D-38" not in doctor(stage).ids


def test_any_packet_of_the_neighbour_shows_that_it_lives(doctor: Doctor) -> None:
    stage = lan()
    for at in (4, 200):
        stage.packet(at, stage.host(9), parse("ff02::fb"), 17, bytes(12))
    solicit(stage, *BURST, target=stage.host(9))

    (finding,) = doctor(stage).findings("D-38")

    assert finding["host"] == "fe80::6c"


def test_a_member_that_reports_other_groups_lives(doctor: Doctor) -> None:
    stage = lan(reported=["ff05::77"])
    solicit(stage, *BURST, target=stage.host(2))

    (finding,) = doctor(stage).findings("D-38")

    assert finding["host"] == "fe80::65"


def test_a_global_address_made_of_the_same_mac_lives_too(doctor: Doctor) -> None:
    stage = lan()
    own, other = parse("fe80::ff:fe00:9"), parse("2001:db8::ff:fe00:9")
    for at in (4, 200):
        stage.packet(at, own, parse("ff02::fb"), 17, bytes(12))
    solicit(stage, *BURST, target=other)

    (finding,) = doctor(stage).findings("D-38")

    assert finding["host"] == "2001:db8::ff:fe00:9"


def test_without_a_query_the_group_may_have_been_reported_before(doctor: Doctor) -> None:
    stage = Stage(MLD)
    stage.report(1, "TO_EX", 1)
    for at in (2, 30):
        stage.packet(at, stage.host(9), parse("ff02::fb"), 17, bytes(12))
    solicit(stage, *BURST, target=stage.host(9))

    told = doctor(stage)

    assert told.severity("D-38") == "info"
    assert "no General Query came before" in told.findings("D-38")[0]["detail"]


def test_a_capture_without_reports_cannot_tell_who_reported(doctor: Doctor) -> None:
    stage = Stage(MLD)
    for round_ in range(3):
        stage.query(125 * round_)
    solicit(stage, *BURST)

    assert "D-38" not in doctor(stage).ids


def test_a_host_that_looks_for_its_own_address_wants_no_answer(doctor: Doctor) -> None:
    stage = lan()
    for at in BURST:
        stage.detection(at, host=9)
    for at in (4, 100):
        stage.packet(at, stage.host(9), parse("ff02::fb"), 17, bytes(12))

    assert "D-38" not in doctor(stage).ids


def dhcpv6(stage: Stage, at: float, kind: int, transaction: int) -> None:
    message = struct.pack("!I", kind << 24 | transaction)
    datagram = struct.pack("!HHHH", 546, 547, 8 + len(message), 0) + message
    stage.packet(at, stage.host(), parse("ff02::1:2"), 17, datagram)


def test_dhcpv6_requests_that_nobody_answers_are_told_and_are_no_finding(doctor: Doctor) -> None:
    stage = lan()
    for at in (5, 6, 8, 12, 20):
        dhcpv6(stage, at, 1, 0x616263)

    told = doctor(stage)

    assert "5 DHCPv6 requests to ff02::1:2 without an answer." in told.text
    assert told.ids == set()


def test_dhcpv6_that_goes_on_was_answered(doctor: Doctor) -> None:
    stage = lan()
    for at in (5, 6, 8):
        dhcpv6(stage, at, 1, 0x616263)
    dhcpv6(stage, 8.5, 3, 0x616264)
    dhcpv6(stage, 100, 5, 0x616265)
    dhcpv6(stage, 150, 5, 0x616266)

    assert "DHCPv6" not in doctor(stage).text
