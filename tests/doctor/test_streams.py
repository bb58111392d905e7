"""A stream is something that flows: what is no stream stops nobody's picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import parse, text
from mldkit.model.family import IGMP

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor

ABOUT_DATA = {"D-12", "D-43", "D-46", "D-47", "D-48", "D-49"}
ROUTER = bytes.fromhex("020000000001")


def answered_rounds(stage: Stage, rounds: int, group: int = 1, host: int = 1) -> None:
    """Let the querier ask each 125 s and a member answer."""
    for number in range(rounds):
        stage.report(125 * number + 1 + host, "IS_EX", group, host=host)


def asked(stage: Stage, rounds: int) -> None:
    for number in range(rounds):
        stage.query(125 * number)


def ssdp(stage: Stage) -> bytes:
    return parse("239.255.255.250" if stage.family is IGMP else "ff05::c")


def test_announcements_at_power_on_are_no_stream(stage: Stage, doctor: Doctor) -> None:
    # A socket at the wall says sixteen times what it is, and that was all.
    asked(stage, 2)
    answered_rounds(stage, 2)
    for number in range(16):
        stage.data(3 + number / 100, 1, host=1)
    stage.query(250)

    told = doctor(stage)

    assert told.ids == set()
    assert "stream" not in told.text.split("\n\n")[0]


@pytest.mark.parametrize("rate", [1, 10, 100])
def test_searches_are_no_stream_at_any_rate(stage: Stage, doctor: Doctor, rate: float) -> None:
    asked(stage, 2)
    for number in range(2):
        stage.report(125 * number + 2, "IS_EX", 1, 2)
    for place in range(round(60 * rate)):
        stage.data(3 + place / rate, ssdp(stage), port=1900)
        stage.data(3 + place / rate, 2, port=3702)
    stage.query(250)

    assert doctor(stage).ids == set()


@pytest.mark.parametrize(("every", "is_stream"), [(0.5, True), (2.4, True), (2.6, False)])
def test_what_comes_seldom_is_no_stream(
    stage: Stage, doctor: Doctor, every: float, is_stream: bool
) -> None:
    asked(stage, 2)
    answered_rounds(stage, 3)
    for number in range(round(80 / every)):
        stage.data(5 + number * every, 1)
    stage.query(255)

    told = doctor(stage)

    assert ("D-12" in told.ids) is is_stream
    assert {one["flows"] for one in told.document["streams"]} == {is_stream}


@pytest.mark.parametrize(("packets", "is_stream"), [(20, True), (19, False)])
def test_twenty_packets_make_a_stream(
    stage: Stage, doctor: Doctor, packets: int, is_stream: bool
) -> None:
    for number in range(packets):
        stage.data(1 + number / 2, 1)

    told = doctor(stage)

    assert ("nobody reported to be a member" in told.text) is False
    assert {one["flows"] for one in told.document["streams"]} == {is_stream}


@pytest.mark.parametrize(("seconds", "is_stream"), [(5, True), (4.9, False)])
def test_five_seconds_make_a_stream(
    stage: Stage, doctor: Doctor, seconds: float, is_stream: bool
) -> None:
    for number in range(51):
        stage.data(1 + number * seconds / 50, 1)

    assert {one["flows"] for one in doctor(stage).document["streams"]} == {is_stream}


def test_what_a_member_sends_itself_stops_nobody(stage: Stage, doctor: Doctor) -> None:
    asked(stage, 3)
    answered_rounds(stage, 3)
    stage.stream(3, 60, 10, 1, host=1)

    assert doctor(stage).ids == set()


def test_what_a_host_sends_to_a_group_that_it_left_goes_on_as_it_may(
    stage: Stage, doctor: Doctor
) -> None:
    asked(stage, 1)
    answered_rounds(stage, 1)
    stage.stream(3, 120, 10, 1, host=1)
    for at in (60, 60.5):
        stage.report(at, "TO_IN", 1)
    for at in (60.1, 61.1):
        stage.query(at, 1, response=1)

    assert doctor(stage).ids == set()


@pytest.mark.parametrize(("begin", "severity"), [(6, "warning"), (0.5, "info"), (8, "info")])
def test_data_after_the_last_leave_are_wrong_where_memberships_count(
    stage: Stage, doctor: Doctor, begin: float, severity: str
) -> None:
    # Where they did not begin with the member, perhaps nothing here goes by memberships.
    asked(stage, 1)
    answered_rounds(stage, 1)
    stage.stream(begin, 120, 10, 1)
    for at in (60, 60.5):
        stage.report(at, "TO_IN", 1)
    for at in (60.1, 61.1):
        stage.query(at, 1, response=1)

    told = doctor(stage)

    assert told.severity("D-12") == severity
    assert "goes on 59.9 s after the last member left" in told.text


def test_a_router_must_stop_data_after_the_last_leave(stage: Stage, doctor: Doctor) -> None:
    asked(stage, 1)
    answered_rounds(stage, 1)
    stage.stream(0.5, 120, 10, 1, link_source=ROUTER)
    for at in (60, 60.5):
        stage.report(at, "TO_IN", 1)
    for at in (60.1, 61.1):
        stage.query(at, 1, response=1)

    assert doctor(stage).severity("D-12") == "warning"


def test_a_stream_that_ends_under_a_member_is_remarked(stage: Stage, doctor: Doctor) -> None:
    # A sender that is switched off looks the same as one that is cut off.
    asked(stage, 3)
    answered_rounds(stage, 3)
    stage.stream(5, 100, 10, 1)

    told = doctor(stage)

    assert told.code == 0
    assert told.severity("D-12") == "info"
    assert "22:14:59 UTC" in told.text
    assert "whether the sender stopped or something cut it off is not seen here" in told.text


def test_a_stream_that_a_report_brings_back_had_been_forgotten(
    stage: Stage, doctor: Doctor
) -> None:
    asked(stage, 3)
    answered_rounds(stage, 3)
    stage.stream(5, 100, 10, 1)
    stage.stream(127.1, 260, 10, 1)

    told = doctor(stage)

    assert told.severity("D-12") == "warning"
    assert "paused for 27 s, from 22:14:59 UTC to 22:15:27 UTC" in told.text
    assert f"it came back 100 ms after a report of {text(stage.host())}" in told.text


def test_a_pause_that_ends_by_itself_is_remarked(stage: Stage, doctor: Doctor) -> None:
    asked(stage, 3)
    answered_rounds(stage, 3)
    stage.stream(5, 100, 10, 1)
    stage.stream(120, 260, 10, 1)

    told = doctor(stage)

    assert told.severity("D-12") == "info"
    assert "paused for 20 s" in told.first + told.text


def test_speech_pauses_by_itself(stage: Stage, doctor: Doctor) -> None:
    # Loudspeakers are members all day, and now and then somebody talks, 50 packets a second.
    asked(stage, 4)
    for host in (1, 2, 3):
        answered_rounds(stage, 4, host=host)
    for begin in (10, 40, 90, 160, 270):
        stage.stream(begin, begin + 8, 50, 1)

    assert doctor(stage).ids == set()


def test_announcements_each_ten_seconds_may_end(stage: Stage, doctor: Doctor) -> None:
    asked(stage, 8)
    answered_rounds(stage, 8)
    for number in range(40):
        stage.data(10 * number, 1)

    assert doctor(stage).ids == set()


def test_bursts_of_a_video_are_no_pauses(stage: Stage, doctor: Doctor) -> None:
    asked(stage, 3)
    answered_rounds(stage, 3)
    for second in range(130):
        for number in range(8):
            stage.data(2 * second + number / 1000, 1)

    assert doctor(stage).ids == set()


def test_a_stream_at_the_borders_of_the_capture_is_sound(stage: Stage, doctor: Doctor) -> None:
    asked(stage, 3)
    answered_rounds(stage, 3)
    stage.stream(0, 255, 10, 1)

    assert doctor(stage).ids == set()


def test_another_source_that_takes_over_leaves_nobody_alone(stage: Stage, doctor: Doctor) -> None:
    asked(stage, 3)
    answered_rounds(stage, 3)
    stage.stream(5, 100, 10, 1)
    stage.stream(100, 255, 10, 1, source=2)

    assert doctor(stage).ids == set()


@pytest.mark.parametrize("order", ["join leave stop", "leave stop join", "stop leave join"])
def test_members_come_and_go_in_any_order(stage: Stage, doctor: Doctor, order: str) -> None:
    # One viewer of a programme that begins and ends with its viewers.
    stage.query(0)
    times = {name: 20 + 30 * place for place, name in enumerate(order.split())}
    first_s = min(times.values())
    if order.startswith("join"):
        stage.stream(times["join"] + 0.1, times["leave"] + 2, 10, 1)
    else:
        stage.report(1, "TO_EX", 1)
        stage.report(1.5, "TO_EX", 1)
        stage.stream(2, min(times["stop"], times["leave"] + 2), 10, 1)
    for name, kind in (("join", "TO_EX"), ("leave", "TO_IN")):
        for after in (0, 0.5):
            stage.report(times[name] + after, kind, 1)
    for after in (0.1, 1.1):
        stage.query(times["leave"] + after, 1, response=1)
    stage.query(125)

    assert first_s == 20
    assert doctor(stage).ids & ABOUT_DATA == set()


def test_a_hop_limit_of_1_is_no_news_where_members_are_on_the_link(
    stage: Stage, doctor: Doctor
) -> None:
    asked(stage, 3)
    answered_rounds(stage, 3)
    stage.stream(0, 255, 1, 1, hop_limit=1)

    told = doctor(stage)

    assert told.code == 0
    assert "no router forwards" not in told.text


def test_a_hop_limit_of_1_matters_where_nobody_here_is_a_member(
    stage: Stage, doctor: Doctor
) -> None:
    asked(stage, 1)
    answered_rounds(stage, 1)
    stage.stream(5, 30, 5, 9, hop_limit=1)

    told = doctor(stage)

    name = "TTL" if stage.family is IGMP else "hop limit"
    assert (
        f"come, but nobody reported to be a member; they have {name} 1,"
        " so no router forwards them to another link"
    ) in told.text
