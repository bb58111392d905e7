"""The member is on one interface, the data are on the other one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import text
from mldkit.model.family import IGMP, MLD
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from mldkit.model.family import Family
    from tests.doctor.conftest import Doctor


@pytest.fixture(params=(IGMP, MLD), ids=("igmp", "mld"))
def two(request: pytest.FixtureRequest) -> tuple[Stage, Stage]:
    """A wire and a radio of one machine, each with a querier that is answered."""
    family: Family = request.param
    wire, radio = Stage(family), Stage(family)
    for number in range(3):
        for at, stage in ((0.0, wire), (0.5, radio)):
            stage.query(125 * number + at)
    return wire, radio


def member(stage: Stage, host: int, *groups: int) -> None:
    for number in range(3):
        stage.report(125 * number + 2 + host, "IS_EX", *groups, host=host)


def test_a_host_talks_on_the_wire_and_listens_on_the_radio(
    two: tuple[Stage, Stage], doctor: Doctor
) -> None:
    wire, radio = two
    member(wire, 1, 2)
    member(wire, 2, 1)
    member(radio, 3, 1, 2)
    for host in (1, 2):
        wire.stream(host / 2, 290, 0.4, 1, host=host)

    told = doctor(two, interfaces=("eth0", "wlan0"))

    assert told.ids == {"D-49"}
    assert told.severity("D-49") == "warning"
    group = text(wire.group(1))
    assert f"is a member of {group} on wlan0, where no data for it come" in told.text
    assert "they come on eth0 only" in told.text.split("\n\n")[0]


def test_data_of_another_link_are_remarked(two: tuple[Stage, Stage], doctor: Doctor) -> None:
    wire, radio = two
    member(radio, 3, 1)
    wire.stream(0, 290, 5, 1, hop_limit=1)

    told = doctor(two, interfaces=("eth0", "wlan0"))

    name = "TTL" if wire.family is IGMP else "hop limit"
    assert told.severity("D-49") == "info"
    assert f"with {name} 1 no router forwards them" in told.text.split("\n\n")[0]


@pytest.mark.parametrize("case", ["forwarded", "members on both", "seldom"])
def test_what_is_in_order_is_not_told(two: tuple[Stage, Stage], doctor: Doctor, case: str) -> None:
    wire, radio = two
    member(radio, 3, 1)
    if case == "seldom":
        wire.stream(0, 290, 1 / 20, 1)
    else:
        wire.stream(0, 290, 5, 1)
    if case == "members on both":
        member(wire, 1, 1)
    if case == "forwarded":
        radio.stream(0, 290, 5, 1, hop_limit=7)

    assert "D-49" not in doctor(two, interfaces=("eth0", "wlan0")).ids
