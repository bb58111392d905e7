"""What snooping switches send by themselves: nothing that a host or a router did wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import text
from mldkit.model.messages import Leave

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor

_SWITCH = b"\x02\0\0\0\0\xaa"


def _solicit(stage: Stage, at: float) -> None:
    """Let a switch send the global leave, as after a change of the spanning tree."""
    family = stage.family
    message = Leave(family.current_version - 1, family.unspecified)
    stage.send(at, stage.host(77), family.all_routers, message, link_source=_SWITCH)


def test_a_query_solicitation_is_told_as_what_it_is(stage: Stage, doctor: Doctor) -> None:
    for round_ in range(4):
        stage.query(125 * round_)
        stage.report(125 * round_ + 3, "IS_EX", 1)
    _solicit(stage, 200)
    stage.query(200.1)
    stage.report(203, "IS_EX", 1)

    told = doctor(stage)

    assert told.code == 0
    assert told.ids == {"D-35"}
    assert told.severity("D-35") == "info"
    assert "a switch asks for queries after a change of the topology" in told.text
    assert "flooded" in told.text


def test_the_switch_is_no_host_that_reports(stage: Stage, doctor: Doctor) -> None:
    _solicit(stage, 10)
    _solicit(stage, 300)

    told = doctor(stage)

    assert told.ids == {"D-35"}
    assert told.document["memberships"] == []


def test_a_leave_for_an_address_that_is_no_group_is_still_wrong(
    stage: Stage, doctor: Doctor
) -> None:
    stage.query(0)
    message = Leave(stage.family.current_version - 1, stage.source(1))
    stage.send(5, stage.host(), stage.family.all_routers, message)

    told = doctor(stage)

    assert told.severity("V-12") == "error"
    assert text(stage.source(1)) in told.findings("V-12")[0]["detail"]
    assert "D-35" not in told.ids
