"""Captures with a snapshot length: nobody is blamed for what was not kept, and it is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mldkit.model.family import IGMP, MLD
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from mldkit.model.datagram import Frame
    from mldkit.model.family import Family
    from tests.doctor.conftest import Doctor


def kept(stage: Stage, octets: int) -> list[Frame]:
    """Return the frames as `tcpdump -s OCTETS` keeps them."""
    return [
        replace(frame, data=frame.data[:octets], original_length=len(frame.data))
        for frame in stage.frames()
    ]


def talk(stage: Stage) -> None:
    """Let a querier ask, two hosts answer with several groups, and a stream flow."""
    for second in range(0, 500, 125):
        stage.query(second)
        stage.report(second + 2, "IS_EX", 1, 2, 3)
        stage.report(second + 3, "IS_EX", 4, host=2)
    stage.stream(3, 490, 2, 1)


@pytest.mark.parametrize(("octets", "family"), [(34, IGMP), (40, IGMP), (68, MLD)])
def test_cut_messages_show_no_missing_querier(doctor: Doctor, octets: int, family: Family) -> None:
    stage = Stage(family)
    talk(stage)

    told = doctor(kept(stage, octets))

    assert "the capture cut all 12 messages" in told.first
    assert "no querier" not in told.text
    assert "nobody reported" not in told.text
    assert told.ids == {"M-03"}
    assert told.code == 0


@pytest.mark.parametrize(("octets", "family"), [(60, IGMP), (96, MLD)])
def test_what_stands_before_the_cut_is_told_and_that_there_was_more(
    doctor: Doctor, octets: int, family: Family
) -> None:
    stage = Stage(family)
    talk(stage)

    told = doctor(kept(stage, octets))

    assert "querier is" in told.first
    assert "4 of 12 messages are cut by the capture" in told.text
    assert told.ids == {"M-03"}


def test_of_whole_packets_nothing_is_said_to_be_cut(stage: Stage, doctor: Doctor) -> None:
    talk(stage)

    assert "cut" not in doctor(kept(stage, 1514)).text


def test_an_ipv4_header_that_was_sent_too_short_is_an_error(doctor: Doctor) -> None:
    stage = Stage(IGMP)
    talk(stage)
    frames = [replace(frame, data=frame.data[:34]) for frame in stage.frames()]

    assert doctor(frames).severity("M-02") == "error"
