"""Data, copies, clocks, shared MACs and reports from ::, rule by rule."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.analysis.engine import Analysis
from mldkit.model.addresses import parse
from mldkit.model.datagram import Frame, LinkType
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import GroupRecord, RecordType
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.analysis.conftest import Diagnosis

    Diagnose = Callable[..., Diagnosis]


def stream(stage: Stage, begin: float, end: float, **packet: Any) -> None:
    """Send five packets a second to group 1."""
    for number in range(int((end - begin) * 5)):
        stage.data(begin + number / 5, 1, **packet)


def test_streams_are_counted_by_group_and_source(stage: Stage, diagnose: Diagnose) -> None:
    stream(stage, 0, 2)
    stream(stage, 0, 4, source=2, hop_limit=1)

    (link,) = diagnose(stage, 10).result.links

    found = {(item.group, item.source): (item.packets, item.hop_limit) for item in link.streams}
    assert found == {
        (stage.group(1), stage.source(1)): (10, 8),
        (stage.group(1), stage.source(2)): (20, 1),
    }


@pytest.mark.parametrize(("until", "raised"), [(22, False), (24, True)])
def test_data_that_go_on_after_the_last_leave_are_d12(
    stage: Stage, diagnose: Diagnose, until: float, raised: bool
) -> None:
    stage.report(1, "TO_EX", 1)
    stage.report(20, "TO_IN", 1)
    stream(stage, 5, until)

    assert ("D-12" in diagnose(stage, 60).ids) is raised


def test_data_that_another_member_wants_are_no_d12(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(1, "TO_EX", 1)
    stage.report(1, "TO_EX", 1, host=2)
    stage.report(20, "TO_IN", 1)
    stream(stage, 5, 40)

    assert "D-12" not in diagnose(stage, 41).ids


@pytest.mark.parametrize(("reported", "raised"), [(50, True), (15, False)])
def test_data_that_stop_while_a_member_reports_are_d12(
    stage: Stage, diagnose: Diagnose, reported: float, raised: bool
) -> None:
    stage.report(1, "TO_EX", 1)
    stream(stage, 2, 20)
    stage.report(reported, "IS_EX", 1)

    assert ("D-12" in diagnose(stage, 60).ids) is raised


def test_data_of_a_source_that_is_not_wanted_may_stop(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(1, "ALLOW", 1, sources=(2,))
    stream(stage, 2, 20, source=1)
    stage.report(50, "IS_IN", 1, sources=(2,))

    assert "D-12" not in diagnose(stage, 60).ids


def test_data_to_a_wrong_group_mac_are_d25(stage: Stage, diagnose: Diagnose) -> None:
    stage.data(1, 1, mac=b"\x01\0\x5e\0\0\x09")

    assert diagnose(stage, 10).finding("D-25").severity == "error"


def test_data_over_unicast_macs_are_only_remarked(stage: Stage, diagnose: Diagnose) -> None:
    stage.data(1, 1, mac=b"\x02\0\0\0\0\x09")

    assert diagnose(stage, 10).finding("D-25").severity == "info"


def test_copies_within_a_millisecond_are_counted_and_left_out(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.report(1, "TO_EX", 1)
    stage.report(1.0005, "TO_EX", 1)

    diagnosis = diagnose(stage, 30)

    ((_, row),) = diagnosis.result.rows
    assert [capture.duplicates for capture in diagnosis.result.captures] == [1]
    assert row.reports == 1
    assert diagnosis.finding("M-56").severity == "info"


def test_a_repeat_after_a_millisecond_is_no_copy(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(1, "TO_EX", 1)
    stage.report(1.002, "TO_EX", 1)

    result = diagnose(stage, 30).result
    assert [capture.duplicates for capture in result.captures] == [0]


def test_a_message_that_comes_back_with_a_lower_hop_limit_is_d30(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.report(1, "TO_EX", 1, hop_limit=64)
    stage.report(1.01, "TO_EX", 1, hop_limit=63)

    assert diagnose(stage, 30).finding("D-30").severity == "error"


def test_a_hop_limit_of_1_that_comes_back_as_0_is_d30(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(1, "TO_EX", 1)
    stage.report(1.0003, "TO_EX", 1, hop_limit=0)

    assert "D-30" in diagnose(stage, 30).ids


def test_a_repeat_with_the_same_wrong_hop_limit_is_no_loop(
    stage: Stage, diagnose: Diagnose
) -> None:
    stage.report(1, "TO_EX", 1, hop_limit=64)
    stage.report(1.5, "TO_EX", 1, hop_limit=64)

    assert "D-30" not in diagnose(stage, 30).ids


def test_a_report_on_another_vlan_at_once_is_d30(stage: Stage, diagnose: Diagnose) -> None:
    stage.report(1, "IS_EX", 1, vlan=(10,))
    stage.report(1.0002, "IS_EX", 1, vlan=(20,))

    assert diagnose(stage, 30).finding("D-30").severity == "error"


@pytest.mark.parametrize("kind", ["TO_EX", "TO_IN", "ALLOW"])
def test_a_host_on_two_vlans_may_join_on_both_at_once(
    stage: Stage, diagnose: Diagnose, kind: str
) -> None:
    sources = (1,) if kind == "ALLOW" else ()
    for vlan, at in ((10, 1), (20, 1.0002)):
        stage.report(at, kind, 1, vlan=(vlan,), sources=sources)

    # A link-local address is the same on each, one of IPv4 belongs to one link.
    severity = "error" if stage.family is IGMP else "info"
    assert diagnose(stage, 30).finding("D-30").severity == severity


def test_a_querier_on_every_vlan_is_no_loop(stage: Stage, diagnose: Diagnose) -> None:
    stage.query(1, vlan=(10,))
    stage.query(1.0002, vlan=(20,))

    assert "D-30" not in diagnose(stage, 30).ids


def test_a_clock_that_runs_backwards_is_m55_and_makes_no_negative_delay(stage: Stage) -> None:
    stage.query(5)
    stage.report(6, "IS_EX", 1)
    query, report = stage.frames()
    early = Frame(report.data, (query.time_ns or 0) - 1_000_000_000, 2)
    analysis = Analysis()

    analysis.see(query)
    analysis.see(early)
    result = analysis.finish()

    (link,) = result.links
    assert link.delays.shortest_ns == 0
    assert [entry.id for entry in result.findings] == ["M-55"]


def test_groups_that_share_a_mac_are_d28(diagnose: Diagnose) -> None:
    stage = Stage(MLD)
    for name in ("ff05::7", "ff0e::1:0:7"):
        stage.records(1, [GroupRecord(RecordType.TO_EX, parse(name))])
    other = Stage(MLD)
    other.report(1, "TO_EX", 1, 2, 3)

    assert "D-28" in diagnose(stage, 30).ids
    assert "D-28" not in diagnose(other, 30).ids


UNSPECIFIED: dict[str, Any] = {"source": bytes(16), "link_source": b"\x02\0\0\0\0\x64"}


@pytest.mark.parametrize(("case", "raised"), [
    ("never again", True),
    ("repeated", False),
    ("detection before", False),
    ("detection after", False),
    ("capture ends", False),
])  # fmt: skip
def test_reports_from_unspecified_that_stay_alone_are_d29(
    diagnose: Diagnose, case: str, raised: bool
) -> None:
    stage = Stage(MLD)
    if case == "detection before":
        stage.detection(90)
    stage.report(100, "TO_EX", 1, **UNSPECIFIED)
    if case == "detection after":
        stage.detection(120)
    if case == "repeated":
        stage.report(103, "TO_EX", 1)

    diagnosis = diagnose(stage, 104 if case == "capture ends" else 150)

    assert ("D-29" in diagnosis.ids) is raised


def test_reports_from_unspecified_of_a_host_with_an_address_are_d29(diagnose: Diagnose) -> None:
    stage = Stage(MLD)
    stage.report(10, "TO_EX", 1)
    stage.report(100, "TO_EX", 1, **UNSPECIFIED)
    stage.report(101, "TO_EX", 1)

    # A link that went down and up again does so too, and a capture of MLD alone hides that.
    assert "D-29" not in diagnose(stage, 150).ids
    stage.detection(10, host=2)
    assert "D-29" in diagnose(stage, 150).ids
    assert "D-29" not in diagnose(stage, 150, with_data=False).ids, "detection is not seen"


def cooked(frame: Frame, *, packet_type: int = 0, device: int | None = None) -> Frame:
    """Return a frame as a capture of all devices has it; with a device number in version 2."""
    mac, ethertype, packet = frame.data[6:12], frame.data[12:14], frame.data[14:]
    if device is None:
        header = struct.pack("!HHH8s2s", packet_type, 1, 6, mac, ethertype)
        link_type = LinkType.LINUX_SLL
    else:
        header = struct.pack("!2sHIHBB8s", ethertype, 0, device, 1, packet_type, 6, mac)
        link_type = LinkType.LINUX_SLL2
    return Frame(header + packet, frame.time_ns, frame.number, link_type)


def test_a_frame_on_a_bridge_and_on_its_port_is_one_in_a_cooked_capture(stage: Stage) -> None:
    for at in (20, 20.5):
        stage.report(at, "TO_EX", 1)
    stage.query(60)
    analysis = Analysis()

    for frame in stage.frames():
        analysis.see(cooked(frame))
        later = replace(frame, time_ns=(frame.time_ns or 0) + 20_000)
        analysis.see(cooked(later, packet_type=4))

    result = analysis.finish()
    assert [capture.duplicates for capture in result.captures] == [3]
    assert {entry.id for entry in result.findings} == {"M-56"}


def test_devices_of_a_cooked_capture_are_links_of_their_own(stage: Stage) -> None:
    stage.query(0)
    stage.report(3, "IS_EX", 1)
    analysis = Analysis()

    for frame in stage.frames():
        for device in (2, 5):
            analysis.see(cooked(frame, device=device))

    result = analysis.finish()
    assert [link.key.interface for link in result.links] == ["if2", "if5"]
    assert [len(link.queriers.known) for link in result.links] == [1, 1]
    assert result.findings == ()


def test_a_device_of_a_vlan_and_the_one_below_are_no_loop() -> None:
    tagged, plain = Stage(MLD, vlan=(5,)), Stage(MLD)
    analysis = Analysis()
    for stage, device in ((plain, 5), (tagged, 2)):
        stage.report(1, "IS_EX", 1)
        (frame,) = stage.frames()
        analysis.see(cooked(frame, packet_type=4, device=device))
        analysis.see(cooked(frame, packet_type=4))

    assert "D-30" not in {entry.id for entry in analysis.finish().findings}


def test_a_loop_and_a_storm_are_of_their_device_in_a_cooked_capture(stage: Stage) -> None:
    for number in range(20):
        stage.report(1 + number / 250, "TO_EX", 1)
    stage.report(20, "TO_EX", 2)
    stage.report(20.0003, "TO_EX", 2, hop_limit=0)
    analysis = Analysis()

    for frame in stage.frames():
        analysis.see(cooked(frame, device=5))

    found = {entry.id: entry.link for entry in analysis.finish().findings}
    assert {found["D-30"], found["D-34"]} == set(analysis.links)


def test_a_hop_limit_of_1_that_comes_back_as_0_is_a_loop_on_a_cooked_link(stage: Stage) -> None:
    stage.report(20, "TO_EX", 2)
    stage.report(20.0003, "TO_EX", 2, hop_limit=0)
    analysis = Analysis()

    for frame in stage.frames():
        analysis.see(cooked(frame))

    assert "D-30" in {entry.id for entry in analysis.finish().findings}
