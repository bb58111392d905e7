"""What stands first: the link in trouble, and never a sentence that the findings contradict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mldkit.model.addresses import text
from mldkit.model.family import IGMP
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from tests.doctor.conftest import Doctor

WRONG = bytes.fromhex("01005e7f0001")
"""A MAC of another group."""


def test_the_link_in_error_is_told_before_busier_ones(doctor: Doctor) -> None:
    # Only the untagged hosts go unasked, and lose a stream; six VLANs are busy with queries.
    busy = [Stage(IGMP, vlan=(vlan,)) for vlan in range(311, 317)]
    for stage in busy:
        for second in range(0, 300, 20):
            stage.query(second)
    quiet = Stage(IGMP)
    # Who remembers members by the RFC forgets this one while its data flow: harm is seen.
    quiet.stream(0, 320, 2, 1)
    for second in (1, 310):
        quiet.report(second, "IS_EX", 1)
    quiet.stream(2, 261, 4, 1)

    told = doctor([*busy, quiet])

    assert told.severity("D-01") == "error"
    assert "no querier in" in told.first


def test_links_with_members_are_told_before_links_without(doctor: Doctor) -> None:
    busy = [Stage(IGMP, vlan=(vlan,)) for vlan in range(1, 5)]
    for stage in busy:
        for second in range(0, 100, 10):
            stage.query(second)
    home = Stage(IGMP, vlan=(20,))
    home.query(0)
    home.report(2, "IS_EX", 1)

    told = doctor([*busy, home])

    assert told.first.startswith("IGMP on VLAN 20: querier is")


def test_an_error_in_the_data_is_not_called_nothing(stage: Stage, doctor: Doctor) -> None:
    for tenth in range(20):
        stage.data(tenth / 10, 1)
    frames = [replace(frame, data=WRONG + frame.data[6:]) for frame in stage.frames()]

    told = doctor(frames)

    assert told.code == 1
    assert "Nothing to analyse" not in told.text
    assert told.first.startswith("error D-25: ")
    assert "none of them IGMP or MLD" in told.text


def test_a_capture_without_messages_and_faults_is_nothing(stage: Stage, doctor: Doctor) -> None:
    for tenth in range(20):
        stage.data(tenth / 10, 1)

    told = doctor(stage)

    assert told.code == 0
    assert told.first.startswith("Nothing to analyse: 20 packets")


def test_filters_hold_for_findings_and_for_the_exit_code(stage: Stage, doctor: Doctor) -> None:
    # Host 1, in group 1, is in order. Host 2, in groups 2 and 3, reports to a wrong MAC.
    stage.query(0)
    stage.report(2, "IS_EX", 1, host=1)
    stage.report(3, "IS_EX", 2, host=2)
    stage.report(4, "TO_EX", 3, host=2)
    stage.report(5, "IS_EX", 2, host=2, link_destination=WRONG)

    everything = doctor(stage)
    one = doctor(stage, "--group", text(stage.group(1)))
    other = doctor(stage, "--group", text(stage.group(2)))
    host = doctor(stage, "--host", text(stage.host(1)))

    assert everything.severity("D-25") == other.severity("D-25") == "error"
    assert everything.code == other.code == 1
    assert one.severity("D-25") is host.severity("D-25") is None
    assert one.code == host.code == 0


def test_a_vlan_is_asked_about_alone(doctor: Doctor) -> None:
    sound, faulty = Stage(IGMP), Stage(IGMP, vlan=(20,))
    for stage in (sound, faulty):
        stage.query(0)
        stage.report(2, "IS_EX", 1)
    faulty.report(5, "IS_EX", 1, link_destination=WRONG)

    assert doctor([sound, faulty], "--vlan", "0").code == 0
    assert doctor([sound, faulty], "--vlan", "20").code == 1
