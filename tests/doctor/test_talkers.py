"""A clock that talks to everybody and listens to nobody, and senders that need not listen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import text

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor

PTP, ANY = 320, 6000


def talk(
    stage: Stage, *listeners: int, port: int = PTP, talkers: tuple[int, ...] = (1, 2, 3)
) -> None:
    """Let hosts talk in group 1, some of them being members; all are members of group 2."""
    for number in range(4):
        stage.query(125 * number)
        for host in talkers:
            groups = (1, 2) if host in listeners else (2,)
            stage.report(125 * number + 1 + host, "IS_EX", *groups, host=host)
    for host in talkers:
        stage.stream(host / 10, 390, 2 if host == 1 else 0.5, 1, host=host, port=port)


@pytest.mark.parametrize("port", [PTP, ANY])
def test_a_master_clock_that_never_reports_its_group_is_remarked(
    stage: Stage, doctor: Doctor, port: int
) -> None:
    talk(stage, 2, 3, port=port)

    told = doctor(stage)

    assert told.code == 0
    assert told.ids == {"D-47"}
    assert told.severity("D-47") == "info"
    master, group = text(stage.host(1)), text(stage.group(1))
    assert f"{master} sends to {group} and was asked 3 times, but never reports it" in told.text


def test_one_slave_is_enough_where_the_port_is_that_of_a_clock(
    stage: Stage, doctor: Doctor
) -> None:
    talk(stage, 2, talkers=(1, 2))

    assert doctor(stage).ids == {"D-47"}


@pytest.mark.parametrize(
    ("listeners", "talkers", "port"),
    [((1, 2, 3), (1, 2, 3), PTP), ((2,), (1, 2), ANY), ((), (1,), PTP)],
    ids=("all listen", "two senders, one of them a member", "one way"),
)
def test_who_need_not_listen_is_not_named(
    stage: Stage, doctor: Doctor, listeners: tuple[int, ...], talkers: tuple[int, ...], port: int
) -> None:
    talk(stage, *listeners, talkers=talkers, port=port)

    assert doctor(stage).ids == set()


def test_a_report_of_an_older_version_silences_others(stage: Stage, doctor: Doctor) -> None:
    talk(stage, 2, 3)
    stage.older_report(60, 1, host=4)

    assert "D-47" not in doctor(stage).ids


def test_who_never_reports_anything_may_be_behind_another_port(
    stage: Stage, doctor: Doctor
) -> None:
    talk(stage, 2, 3, talkers=(2, 3))
    stage.stream(0, 390, 2, 1, host=1, port=PTP)

    assert "D-47" not in doctor(stage).ids
