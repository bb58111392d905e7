"""IPv4 header checksums of 0: left to the card of the host that captures, or wrong.

A capture on a host has its own packets before the card fills the checksum in; what others send
comes with checksums that are right.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mldkit.model.addresses import text
from mldkit.model.family import IGMP
from mldkit.testing.envelopes import patched
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from mldkit.model.datagram import Frame
    from tests.doctor.conftest import Doctor, Told

_SUM = 24
"""Offset of the checksum in an Ethernet frame without tags."""


def _answered(hosts: int) -> Stage:
    stage = Stage(IGMP)
    for round_ in range(3):
        stage.query(125 * round_)
        for host in range(1, hosts + 1):
            stage.report(125 * round_ + host, "IS_EX", 1, host=host)
    return stage


def _with_sum(stage: Stage, checksum: bytes, *senders: bytes) -> list[Frame]:
    """Return the frames, with another header checksum in those of some senders."""
    return [
        replace(frame, data=patched(frame.data, _SUM, checksum))
        if frame.data[26:30] in senders
        else frame
        for frame in stage.frames()
    ]


def _members(told: Told) -> set[str]:
    return {row["host"] for row in told.document["memberships"]}


def test_a_sum_of_0_in_what_one_host_sends_is_left_to_its_card(doctor: Doctor) -> None:
    stage = _answered(hosts=2)

    told = doctor(_with_sum(stage, b"\0\0", stage.host(1)))

    assert told.code == 0
    assert told.severity("V-25") == "info"
    assert "offload" in told.findings("V-25")[0]["detail"]
    assert "D-07" not in told.ids
    assert _members(told) == {text(stage.host(1)), text(stage.host(2))}


def test_a_card_may_fill_in_some_sums_only(doctor: Doctor) -> None:
    stage = _answered(hosts=1)
    frames = stage.frames()
    frames[1] = replace(frames[1], data=patched(frames[1].data, _SUM, b"\0\0"))

    told = doctor(frames)

    assert told.code == 0
    assert told.findings("V-25")[0]["count"] == 1
    assert told.document["memberships"][0]["reports"] == 3


def test_two_hosts_with_sums_of_0_are_wrong_and_count_for_nothing(doctor: Doctor) -> None:
    stage = _answered(hosts=3)

    told = doctor(_with_sum(stage, b"\0\0", stage.host(1), stage.host(2)))

    assert told.code == 1
    assert [finding["severity"] for finding in told.findings("V-25")] == ["error", "error"]
    assert sum(finding["count"] for finding in told.findings("V-25")) == 6
    assert _members(told) == {text(stage.host(3))}


def test_any_other_wrong_sum_is_an_error_that_counts_for_nothing(doctor: Doctor) -> None:
    stage = _answered(hosts=2)

    told = doctor(_with_sum(stage, b"\0\1", stage.host(1)))

    assert told.code == 1
    assert told.severity("V-25") == "error"
    assert "offload" not in told.text
    assert _members(told) == {text(stage.host(2))}


def test_each_interface_may_have_a_card_of_its_own(doctor: Doctor) -> None:
    stage = _answered(hosts=2)
    one = _with_sum(stage, b"\0\0", stage.host(1))
    other = _with_sum(stage, b"\0\0", stage.host(2))
    frames = [replace(frame, interface="eth0") for frame in one]
    frames += [replace(frame, interface="eth1") for frame in other]

    told = doctor(sorted(frames, key=lambda frame: frame.time_ns or 0))

    assert told.code == 0
    assert {finding["severity"] for finding in told.findings("V-25")} == {"info"}
