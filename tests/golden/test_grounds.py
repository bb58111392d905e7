"""Every severity that a row of advice gives grounds for is raised by something, as it says.

The cases of the other tables raise most of them; what they do not raise is told here. That no
severity is raised without grounds is held wherever `analyze` runs in a test of the doctor.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mldkit.advice.table import ROWS
from mldkit.analysis.engine import Analysis, analyze
from mldkit.link.capture import open_capture
from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.addresses import parse, parse_mac
from mldkit.model.datagram import Frame
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import GroupRecord, LegacyReport, RecordType, RouterAdvertisement
from mldkit.model.units import SECOND
from mldkit.testing.envelopes import V4, V6, patched, with_ip_sum
from mldkit.testing.stage import BEGIN_NS, Stage
from mldkit.wire.checksum import pseudo_header_sum
from tests.golden import test_every_rule as every_rule
from tests.golden.rule_captures import IN_CAPTURES
from tests.golden.test_defect_table import DEFECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from mldkit.model.family import Family

    Tell = Callable[[Stage], None]
    TellOfTwo = Callable[[Stage, Stage], None]

_PSEUDO = pseudo_header_sum(V6[22:38], V6[38:54], len(V6) - 62).to_bytes(2)

Raised = tuple[str, str]
"""A rule and a severity."""


def raised(frames: Iterable[Frame], begun_ns: int | None = None) -> set[Raised]:
    """Return the findings of an analysis of the frames, each rule with its severities."""
    analysis = Analysis()
    analysis.intake.begun_ns = begun_ns
    for frame in frames:
        analysis.see(replace(frame))
    return {(entry.id, entry.severity) for entry in analysis.finish().findings}


def on_a_link(tell: Tell, *families: Family) -> set[Raised]:
    found = set()
    for family in (IGMP, MLD):
        if family in families:
            stage = Stage(family)
            tell(stage)
            found |= raised(stage.frames(), BEGIN_NS)
    return found


def of_other_tables() -> set[Raised]:
    """Return what the cases of the other tables raise."""
    found = set()
    for case in every_rule.FRAMES.values():
        found |= raised(case.hit)
    for rule, (tell, _) in every_rule.STORIES.items():
        families = [
            family
            for family in (IGMP, MLD)
            if rule not in (every_rule.ONLY_MLD if family is IGMP else every_rule.ONLY_IGMP)
        ]
        found |= on_a_link(tell, *families)
    for defect in DEFECTS:
        frames = (*defect.before, defect.frame)
        found |= raised(
            Frame(data, number * SECOND, number) for number, data in enumerate(frames, 1)
        )
    return found


def stream_stops_in_silence(stage: Stage) -> None:
    stage.query(0)
    stage.report(2, "IS_EX", 1)
    stage.stream(0, 263, 1, 1)
    stage.report(312, "IS_EX", 2, host=2)


def joins_on_two_vlans(stage: Stage) -> None:
    stage.report(1, "TO_EX", 1, vlan=(10,))
    stage.report(1.0002, "TO_EX", 1, vlan=(20,))


def only_flooded(stage: Stage) -> None:
    for at in (0, 300):
        stage.records(at, [GroupRecord(RecordType.IS_EX, parse("224.0.0.251"))])


def never_answers(stage: Stage) -> None:
    stage.report(0, "TO_EX", 1)
    stage.report(0, "TO_EX", 2, host=2)
    for number in range(4):
        stage.query(100 + 125 * number)
        stage.report(105 + 125 * number, "IS_EX", 2, host=2)


def left_or_silent(stage: Stage) -> None:
    stage.older_report(0, 1, version=1)
    for number in range(4):
        stage.query(10 + 60 * number, version=1)


def asked_elsewhere(stage: Stage) -> None:
    """A host that answers nobody here, and tells its state when nobody asks."""
    for number in range(5):
        stage.query(125 * number)
        stage.report(125 * number + 3, "IS_EX", 1)
        stage.report(125 * number + 60, "IS_EX", 2, host=2)
    stage.report(512, "IS_EX", 2, host=2)


def leave(*queries: float) -> Tell:
    def tell(stage: Stage) -> None:
        stage.query(0)
        stage.report(3, "IS_EX", 1)
        stage.report(20, "TO_IN", 1)
        for at in queries:
            stage.query(at, 1, response=1)
        stage.query(60)

    return tell


def stream_ends(stage: Stage) -> None:
    for number in range(4):
        stage.query(125 * number)
        stage.report(125 * number + 3, "IS_EX", 1)
    stage.stream(5, 200, 2, 1)


def lost_sources(stage: Stage) -> None:
    group = parse("232.1.1.1")
    for at in (0, 125):
        stage.query(at)
        message = LegacyReport(2, group)
        stage.send(at + 3, bytes(4), group, message, link_source=b"\2\0\0\0\0\x5a")


def older_question(stage: Stage) -> None:
    stage.query(0)
    stage.report(3, "IS_EX", 1)
    stage.query(20, 1, version=stage.family.current_version - 1, response=1)


def to_one_device(stage: Stage) -> None:
    message = RouterAdvertisement(20, 125, 2)
    stage.send(1, stage.router(), stage.router(2), message, link_destination=b"\2\0\0\0\0\2")


def second_feed(stage: Stage) -> None:
    stage.query(0)
    stage.report(3, "IS_IN", 1, sources=[1])
    for source in (1, 2):
        stage.stream(0, 100, 2, 1, source=source)


def member_sends_back(stage: Stage) -> None:
    stage.query(0)
    stage.report(2, "IS_EX", 1)
    border = stage.frames()[-1].data[6:12]
    for number in range(20):
        payload = b"datagram %d" % number
        stage.data(5 + number, 1, hop_limit=64, payload=payload)
        stage.data(5.01 + number, 1, hop_limit=63, payload=payload, link_source=border)


def never_comes_back(stage: Stage) -> None:
    older = stage.family.current_version - 1
    for at in range(0, 500, 125):
        stage.query(at, version=older)
        stage.older_report(at + 3, 1, host=2)
    stage.older_report(5, 1, host=1)
    stage.stream(0, 265, 2, 1)


def looked_at(stage: Stage, *, host: int = 1, group: int = 1) -> None:
    """Tell of a link with a querier and a member, on which much else goes on."""
    for number in range(3):
        stage.query(125 * number)
        stage.report(125 * number + 2 + host, "IS_EX", group, 3, host=host)
    stage.chatter(0, 400)


def nobody_looked(near: Stage, far: Stage) -> None:
    """Both interfaces fall silent for an hour."""
    for stage in (near, far):
        for begin in (0, 3800):
            for at in (begin, begin + 125):
                stage.query(at)
                stage.report(at + 2, "IS_EX", 1)
            stage.chatter(begin + 1, begin + 200)


def moves(reported: float) -> TellOfTwo:
    """A host whose interface goes down at 200 s reports at the other one."""

    def tell(near: Stage, far: Stage) -> None:
        for at in (0, 125):
            near.query(at)
            near.report(at + 3, "IS_EX", 1)
        near.stream(0, 200, 2, 1)
        near.chatter(0, 200)
        for at in (0, 125, 250, 375):
            far.query(at)
        far.report(reported, "IS_EX", 1)
        far.report(378, "IS_EX", 1)
        far.stream(reported + 0.5, 400, 2, 1)

    return tell


def other_half(near: Stage, far: Stage) -> None:
    """A host that talks here listens there."""
    for host in (1, 2):
        looked_at(near, host=host, group=host)
        near.stream(host / 2, 290, 0.4, 1, host=host)
    looked_at(far, host=3)


def one_mac(mac: str) -> Tell:
    """Two hosts that report from it in turn."""

    def tell(stage: Stage) -> None:
        for number in range(3):
            stage.query(125 * number)
            for host in (1, 2):
                at = 125 * number + 2 * host
                stage.report(at, "IS_EX", 1, host=host, link_source=parse_mac(mac))

    return tell


def neighbour_asked_for(*, begin: bool) -> Tell:
    """A host asks for the router, which reports no group; its first query comes before, or not."""

    def tell(stage: Stage) -> None:
        if not begin:
            stage.query(0)
        stage.advertise(1, stage.router())
        for at in (7, 8, 9):
            stage.solicit(at, stage.router())
        stage.query(20)
        stage.report(22, "IS_EX", 1)

    return tell


ON_TWO: dict[Raised, TellOfTwo] = {
    ("D-40", "info"): nobody_looked,
    ("D-44", "info"): moves(200.2),
    ("D-44", "warning"): moves(253),
    ("D-49", "warning"): other_half,
}
ON_A_LINK: dict[Raised, Tell] = {
    ("D-01", "error"): stream_stops_in_silence,
    ("D-07", "error"): never_answers,
    ("D-08", "info"): asked_elsewhere,
    ("D-11", "warning"): leave(25),
    ("D-11", "info"): leave(20.1),
    ("D-12", "info"): stream_ends,
    ("D-37", "warning"): one_mac("00:00:5e:00:01:33"),
    ("D-37", "info"): one_mac("02:00:00:00:77:01"),
    ("D-39", "warning"): older_question,
    ("D-41", "info"): never_comes_back,
    ("D-42", "info"): to_one_device,
    ("D-43", "info"): second_feed,
    ("D-48", "warning"): member_sends_back,
}
IN_MLD: dict[Raised, Tell] = {
    ("D-30", "info"): joins_on_two_vlans,
    ("D-38", "info"): neighbour_asked_for(begin=True),
    ("D-38", "warning"): neighbour_asked_for(begin=False),
}
IN_IGMP: dict[Raised, Tell] = {
    ("D-01", "info"): only_flooded,
    ("D-07", "info"): left_or_silent,
    ("D-36", "warning"): lost_sources,
}
FRAMES: dict[Raised, bytes] = {
    ("M-02", "error"): patched(V4, 14, b"\x44"),
    ("V-01", "info"): patched(V6, 64, _PSEUDO),
    ("V-05", "warning"): with_ip_sum(patched(V4, 36, b"\0\1")),
    ("V-25", "info"): patched(V4, 24, b"\0\0"),
}


@pytest.mark.parametrize("family", [IGMP, MLD], ids=["igmp", "mld"])
@pytest.mark.parametrize("what", ON_A_LINK, ids=" ".join)
def test_a_severity_is_raised_on_its_grounds(what: Raised, family: Family) -> None:
    assert what in on_a_link(ON_A_LINK[what], family)


@pytest.mark.parametrize("what", IN_IGMP, ids=" ".join)
def test_a_severity_of_igmp_is_raised_on_its_grounds(what: Raised) -> None:
    assert what in on_a_link(IN_IGMP[what], IGMP)


@pytest.mark.parametrize("what", IN_MLD, ids=" ".join)
def test_a_severity_of_mld_is_raised_on_its_grounds(what: Raised) -> None:
    assert what in on_a_link(IN_MLD[what], MLD)


@pytest.mark.parametrize("what", FRAMES, ids=" ".join)
def test_a_severity_of_a_frame_is_raised_on_its_grounds(what: Raised) -> None:
    assert what in raised([Frame(FRAMES[what], SECOND, 1)])


@pytest.mark.parametrize("family", [IGMP, MLD], ids=["igmp", "mld"])
@pytest.mark.parametrize("what", ON_TWO, ids=" ".join)
def test_a_severity_on_two_interfaces_is_raised_on_its_grounds(
    what: Raised, family: Family, tmp_path: Path
) -> None:
    stages = Stage(family), Stage(family)
    ON_TWO[what](*stages)
    frames = [
        replace(frame, interface=name)
        for stage, name in zip(stages, ("eth1", "eth2"), strict=True)
        for frame in stage.frames()
    ]

    found = in_a_capture(sorted(frames, key=lambda frame: frame.time_ns or 0), tmp_path)

    assert what in found


def test_no_ground_is_given_for_what_nothing_raises(tmp_path: Path) -> None:
    given = {(row.rule, ground.severity) for row in ROWS.values() for ground in row.grounds}
    told = (
        of_other_tables() | set(ON_A_LINK) | set(IN_IGMP) | set(IN_MLD) | set(FRAMES) | set(ON_TWO)
    )
    for hit, _ in IN_CAPTURES.values():
        told |= in_a_capture(hit, tmp_path)

    assert told == given


def in_a_capture(frames: Iterable[Frame], folder: Path) -> set[Raised]:
    """Return the findings of an analysis of a file, which knows what else was captured."""
    path = str(folder / "capture.pcapng")
    with CaptureWriter(path) as writer:
        for frame in frames:
            writer.write(frame)
    with open_capture(path, data=True) as capture:
        result = analyze([capture], Analysis())
    return {(entry.id, entry.severity) for entry in result.findings}
