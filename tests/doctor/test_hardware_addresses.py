"""Data by their IP destination: what hardware address they have is another question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import group_mac, mac_text, parse
from mldkit.model.family import IGMP

if TYPE_CHECKING:
    from mldkit.testing.stage import Stage
    from tests.doctor.conftest import Doctor

STATION, OTHER_STATION = bytes.fromhex("020000000064"), bytes.fromhex("020000000065")
EVERYBODY = b"\xff" * 6


def rounds(stage: Stage) -> None:
    for number in range(3):
        stage.query(125 * number)
        stage.report(125 * number + 2, "IS_EX", 1)


def test_an_access_point_sends_a_stream_to_its_station(stage: Stage, doctor: Doctor) -> None:
    # To the group for some seconds, then to the station that joined.
    rounds(stage)
    stage.stream(3, 10, 2, 1)
    stage.stream(10, 255, 2, 1, mac=STATION)

    told = doctor(stage)

    (data,) = told.document["streams"]
    assert told.code == 0
    assert told.ids == {"D-25"}
    assert told.severity("D-25") == "info"
    assert data["packets"] == 504
    assert "sent to 02:00:00:00:00:64" in told.text
    assert "multicast-to-unicast" in told.text


@pytest.mark.parametrize("vlan", [(), (5,)], ids=("untagged", "tagged"))
def test_each_station_is_told_once(stage: Stage, doctor: Doctor, vlan: tuple[int, ...]) -> None:
    stage.vlan = vlan
    for number in range(50):
        for later, mac in enumerate((STATION, OTHER_STATION)):
            stage.data(1 + number + later / 1000, 1, mac=mac)

    (found,) = doctor(stage).findings("D-25")

    assert found["count"] == 2


def test_data_to_a_station_of_the_link_itself_are_none(stage: Stage, doctor: Doctor) -> None:
    rounds(stage)
    stage.stream(3, 255, 2, stage.host(2), mac=STATION)

    told = doctor(stage)

    assert told.ids == set()
    assert told.document["streams"] == []


@pytest.mark.parametrize(
    ("mac", "severity"),
    [(None, None), (b"\x01\0\x5e\0\0\x09", "error"), (EVERYBODY, "error"), (STATION, "info")],
    ids=("right", "of another group", "of everybody", "of a station"),
)
def test_groups_of_the_link_have_hardware_addresses_too(
    stage: Stage, doctor: Doctor, mac: bytes | None, severity: str | None
) -> None:
    # mDNS, which everybody gets who listens: behind a wrong address nobody does.
    group = parse("224.0.0.251" if stage.family is IGMP else "ff02::fb")
    rounds(stage)
    for second in range(3, 9):
        stage.data(second, group, mac=mac, port=5353)

    told = doctor(stage)

    assert told.severity("D-25") == severity
    assert told.document["streams"] == []
    if mac is not None:
        assert f"sent to {mac_text(mac)}, not {mac_text(group_mac(group))}" in told.text
