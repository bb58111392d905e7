"""Switches that report in place of their hosts, from the router's side and from both sides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.addresses import parse, text
from mldkit.model.family import IGMP
from mldkit.model.messages import GroupRecord, LegacyReport, RecordType
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.doctor.conftest import Doctor

    Compare = Callable[[Stage, Stage], tuple[str, dict[str, Any]]]

SWITCH = b"\2\0\0\0\0\x5a"
SSM = parse("232.1.1.1")


def stands_in(stage: Stage, at: float, group: bytes, *, source: bytes = bytes(4)) -> None:
    """Let the switch report a group in the version before the current one."""
    message = LegacyReport(stage.family.current_version - 1, group)
    stage.send(at, source, group, message, link_source=SWITCH)


@pytest.fixture
def compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Compare:
    def run(side_a: Stage, side_b: Stage) -> tuple[str, dict[str, Any]]:
        paths = [str(tmp_path / name) for name in ("a.pcapng", "b.pcapng")]
        for path, side in zip(paths, (side_a, side_b), strict=True):
            with CaptureWriter(path) as writer:
                for frame in side.frames():
                    writer.write(frame)
        main(["analyze", "--compare", *paths])
        words = capsys.readouterr().out
        main(["analyze", "--json", "--compare", *paths])
        return words, json.loads(capsys.readouterr().out)

    return run


def test_answers_from_nobody_in_an_older_version_are_those_of_a_switch(doctor: Doctor) -> None:
    stage = Stage(IGMP)
    for at in 0, 125:
        stage.query(at)
        stands_in(stage, at + 3, stage.group(1))
        stands_in(stage, at + 4, stage.group(2))

    told = doctor(stage)

    (finding,) = told.findings("D-36")
    assert (finding["severity"], finding["count"]) == ("info", 4)
    assert "02:00:00:00:00:5a answers from 0.0.0.0 in IGMPv2 for 2 groups" in finding["detail"]


def test_where_sources_are_lost_it_is_a_warning(doctor: Doctor) -> None:
    stage = Stage(IGMP)
    for at in 0, 125:
        stage.query(at)
        stands_in(stage, at + 3, SSM)

    told = doctor(stage)

    assert told.severity("D-36") == "warning"
    assert "the sources that they want of 232.1.1.1 are lost" in told.text


@pytest.mark.parametrize("case", ["once", "current version", "older mode", "gets an address"])
def test_a_host_without_an_address_is_no_switch(doctor: Doctor, case: str) -> None:
    stage = Stage(IGMP)
    for at in 0, 125:
        stage.query(at, version=2 if case == "older mode" else 3)
        if case == "current version":
            stage.report(at + 3, "IS_EX", 1, source=bytes(4), link_source=SWITCH)
        elif case != "once" or not at:
            stands_in(stage, at + 3, stage.group(1))
        if case == "gets an address":
            stage.report(at + 20, "TO_EX", 2, link_source=SWITCH)

    assert "D-36" not in doctor(stage).ids


def both_sides(stage: Stage, source: bytes, *groups: bytes) -> tuple[Stage, Stage]:
    """Return the host port, at which two hosts answer, and the router port."""
    host_side, router_side = Stage(stage.family), Stage(stage.family)
    for at in 0, 60, 120:
        for side in host_side, router_side:
            side.query(at)
        wanted = [GroupRecord(RecordType.IS_EX, stage.group(1))]
        wanted.append(GroupRecord(RecordType.IS_IN, stage.group(2), (stage.source(1),)))
        host_side.records(at + 2, wanted)
        host_side.records(at + 3, wanted[:1], host=2)
        for group in groups:
            stands_in(router_side, at + 0.5, group, source=source)
    return host_side, router_side


def test_what_a_switch_tells_instead_of_its_hosts_is_told_as_that(
    stage: Stage, compare: Compare
) -> None:
    nobody = stage.family.unspecified

    words, document = compare(*both_sides(stage, nobody, stage.group(1), stage.group(2)))

    (proxy,) = document["proxies"]
    assert proxy["source"] == text(nobody)
    assert proxy["hosts"] == [text(stage.host(1)), text(stage.host(2))]
    assert proxy["groups"] == [text(stage.group(1)), text(stage.group(2))]
    assert proxy["sources_lost"] == [text(stage.group(2))]
    assert document["elsewhere"] == []
    assert "reports in place of the hosts, as a reporting proxy" in words
    assert "behind other ports" not in words


def test_a_switch_with_an_address_speaks_for_all_groups_in_an_older_version(
    stage: Stage, compare: Compare
) -> None:
    _, document = compare(*both_sides(stage, stage.host(90), stage.group(1), stage.group(2)))

    (proxy,) = document["proxies"]
    assert proxy["source"] == text(stage.host(90))


def test_a_host_behind_another_port_in_one_of_the_groups_is_no_switch(
    stage: Stage, compare: Compare
) -> None:
    words, document = compare(*both_sides(stage, stage.host(90), stage.group(1)))

    assert document["proxies"] == []
    assert len(document["elsewhere"]) == 3
    assert "behind other ports" in words


def test_groups_that_nobody_here_wants_are_those_of_other_ports(
    stage: Stage, compare: Compare
) -> None:
    _, document = compare(*both_sides(stage, stage.family.unspecified, stage.group(7)))

    assert document["proxies"] == []
