"""Senders whose address does not fit the link: what is seen is told, and nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import parse
from mldkit.model.family import IGMP
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from tests.doctor.conftest import Doctor


def test_a_sender_of_another_subnet_is_told_without_a_prefix(doctor: Doctor) -> None:
    stage = Stage(IGMP)
    stage.query(0)
    stage.report(2, "IS_EX", 1, host=1)
    stage.report(3, "IS_EX", 1, host=2, source=parse("192.168.58.1"))

    told = doctor(stage)

    (finding,) = told.findings("V-23")
    assert finding["detail"] == "192.168.58.1 shares no subnet with the 2 other senders on the link"
    assert "/8" not in told.text


def test_two_senders_of_a_second_subnet_are_no_finding(doctor: Doctor) -> None:
    stage = Stage(IGMP)
    stage.query(0)
    stage.report(2, "IS_EX", 1, host=1)
    for last in (1, 2):
        stage.report(2 + last, "IS_EX", 1, host=2 + last, source=parse(f"192.168.58.{last}"))

    assert "V-23" not in doctor(stage).ids
