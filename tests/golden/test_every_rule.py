"""Every rule that `analyze` can name: something that raises it, and a neighbour that does not.

Rules about what one frame says stand in the table of defects; here are those about envelopes and
those that need more than one frame. A rule without a case fails the last test.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest

from mldkit.analysis.engine import Analysis, analyze
from mldkit.analysis.rules import BY_ID
from mldkit.cli.main import main
from mldkit.link.capture import open_capture
from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.addresses import parse, text
from mldkit.model.datagram import Datagram, Frame, LinkType
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.messages import (
    GroupRecord,
    Other,
    Query,
    RecordType,
    Report,
    RouterAdvertisement,
)
from mldkit.model.units import SECOND
from mldkit.testing.envelopes import V4, V6, patched, v6_with, with_ip_sum
from mldkit.testing.stage import BEGIN_NS, Stage
from mldkit.wire.encode import encode_frame
from tests.golden import data_stories, host_stories, querier_stories
from tests.golden.heard import Heard
from tests.golden.querier_stories import every
from tests.golden.rule_captures import IN_CAPTURES
from tests.golden.test_defect_table import DEFECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    Tell = Callable[[Stage], None]

G4, S4 = parse("239.1.1.1"), parse("10.0.0.9")
QUERY, SAID = Query(3, bytes(4), 100, robustness=2, interval_code=125), RecordType.IS_EX
TAG = b"\x81\0\0\5"
SNAP = b"\xaa\xaa\3\0\0\0\x08\0"
AIR = b"\x08%c\0\0" + V4[:6] + bytes(6) + V4[6:12] + b"\0\0"
"""Header of an 802.11 data frame from an access point."""


class Case(NamedTuple):
    """Frames that raise a rule, and frames that do not."""

    hit: list[Frame]
    neighbour: list[Frame]


def igmp(message: Query | Report | Other, **envelope: object) -> bytes:
    to = parse("224.0.0.1" if isinstance(message, Query) else "224.0.0.22")
    fields = {"traffic_class": 0xC0, "link_source": bytes(6)} | envelope
    return encode_frame(Datagram(parse("10.0.0.1"), to, message, **fields))  # type: ignore[arg-type]


def discovery(to: str) -> bytes:
    return encode_frame(
        Datagram(parse("10.0.0.1"), parse(to), RouterAdvertisement(), link_source=bytes(6))
    )


def says(*records: GroupRecord) -> bytes:
    return igmp(Report(records))


def one(
    data: bytes, link_type: int = LinkType.ETHERNET, original: int | None = None
) -> list[Frame]:
    return [Frame(data, SECOND, 1, link_type, original)]


def fragments(data: bytes) -> list[Frame]:
    """Return an IPv4 frame in two fragments, the second from the ninth octet of the message."""
    end = 14 + (data[14] & 15) * 4
    first = with_ip_sum(patched(patched(data, 16, (end - 6).to_bytes(2)), 20, b"\x20\0"))
    second = with_ip_sum(patched(patched(data, 16, (len(data) - 22).to_bytes(2)), 20, b"\0\1"))
    parts = first[: end + 8], second[:end] + second[end + 8 :]
    return [Frame(part, number * SECOND, number) for number, part in enumerate(parts, 1)]


FRAMES = {
    "V-02": Case(one(igmp(Other(0, b"\x1f\0\0\0\0\0\0\0"))), one(igmp(QUERY))),
    "V-24": Case(fragments(V4), one(V4)),
    "V-26": Case(one(with_ip_sum(patched(V4, 16, b"\0\x60"))), one(V4, original=None)),
    "D-22": Case(one(igmp(QUERY, traffic_class=0)), one(igmp(QUERY))),
    "D-24": Case(one(says(GroupRecord(RecordType.ALLOW, G4))),
                 one(says(GroupRecord(RecordType.ALLOW, G4, (S4,))))),
    "D-42": Case(one(discovery("224.0.0.1")), one(discovery("224.0.0.106"))),
    "M-01": Case(one(V4[:13]), one(V4)),
    "M-02": Case(one(V4[:20]), one(V4)),
    "M-03": Case(one(V4[:-4], original=len(V4)), one(V4, original=len(V4))),
    "M-05": Case(one(V6[:56]), one(V6)),
    "M-06": Case(one(patched(V6, 18, b"\0\0")), one(V6)),
    "M-28": Case(one(says(GroupRecord(SAID, G4), GroupRecord(SAID, G4))),
                 one(says(GroupRecord(SAID, G4), GroupRecord(SAID, parse("239.1.1.2"))))),
    "M-29": Case(one(says(GroupRecord(SAID, G4, (S4, S4)))),
                 one(says(GroupRecord(SAID, G4, (S4,))))),
    "M-37": Case(one(v6_with(bytes.fromhex("3a01050200000106010000000000")+ b"\0\0", 0)), one(V6)),
    "M-44": Case(one(patched(V4, 14, b"\x66")), one(V4)),
    "M-45": Case(one(V4[:12] + TAG * 9 + V4[12:]), one(V4[:12] + TAG * 8 + V4[12:])),
    "M-49": Case(one(AIR % 0x42 + SNAP + V4[14:], LinkType.IEEE802_11),
                 one(AIR % 0x02 + SNAP + V4[14:], LinkType.IEEE802_11)),
    "M-55": Case([Frame(V4, 5 * SECOND, 1), Frame(V4, 3 * SECOND, 2)],
                 [Frame(V4, 3 * SECOND, 1), Frame(V4, 5 * SECOND, 2)]),
    "M-56": Case([Frame(V4, SECOND, 1), Frame(V4, SECOND + 900_000, 2)],
                 [Frame(V4, SECOND, 1), Frame(V4, SECOND + 1_100_000, 2)]),
}  # fmt: skip


def answered(*delays: float | None) -> Tell:
    """A member that answers queries after delays, or not at all."""

    def tell(stage: Stage) -> None:
        stage.report(0, "TO_EX", 1)
        for number, delay in enumerate(delays):
            at = 100 + 125 * number
            stage.query(at)
            if delay is not None:
                stage.report(at + delay, "IS_EX", 1)
        stage.query(100 + 125 * len(delays))

    return tell


def newer_report(seconds: float) -> Tell:
    """An older query, the answer to it, and a report of the current version."""

    def tell(stage: Stage) -> None:
        stage.query(0, version=stage.family.current_version - 1)
        stage.older_report(3, 1)
        stage.report(seconds, "IS_EX", 1)

    return tell


def changed(times: int) -> Tell:
    def tell(stage: Stage) -> None:
        every(40, 2)(stage)
        for number in range(times):
            stage.report(20 + number / 2, "TO_EX", 1)

    return tell


def left(*queries: float, suppress: bool = False) -> Tell:
    def tell(stage: Stage) -> None:
        every(60, 2)(stage)
        stage.report(3, "IS_EX", 1)
        stage.report(20, "TO_IN", 1)
        for at in queries:
            stage.query(at, 1, response=1, suppress=suppress)

    return tell


def data_until(seconds: int) -> Tell:
    def tell(stage: Stage) -> None:
        left(20.1, 21.1)(stage)
        for at in range(5, seconds):
            stage.data(at, 1)

    return tell


def flood(groups: int) -> Tell:
    def tell(stage: Stage) -> None:
        for number in range(20):
            stage.report(10 + number / 25, "TO_EX", *range(1, groups + 1))

    return tell


def groups(four: str, six: str) -> Tell:
    """A member of group 1, 239.1.1.1 or ff05::1:1, and of another one."""

    def tell(stage: Stage) -> None:
        other = parse(four if stage.family is IGMP else six)
        stage.report(1, "TO_EX", 1)
        stage.records(2, [GroupRecord(RecordType.TO_EX, other)])

    return tell


def from_nowhere(*, again: bool) -> Tell:
    def tell(stage: Stage) -> None:
        stage.report(40, "TO_EX", 1, source=bytes(16))
        if again:
            stage.report(41, "TO_EX", 1)
        stage.report(60, "IS_EX", 2, host=2)

    return tell


def forwarded(*hop_limits: int) -> Tell:
    def tell(stage: Stage) -> None:
        for number, hop_limit in enumerate(hop_limits):
            stage.report(5 + number / 500, "IS_EX", 1, hop_limit=hop_limit)

    return tell


STORIES: dict[str, tuple[Tell, Tell]] = {
    "D-07": (answered(5, None, 5), answered(5, 9.9, 5)),
    "D-08": (answered(5, 11.4, 5), answered(5, 11.2, 5)),
    "D-09": (newer_report(200), newer_report(400)),
    "D-10": (changed(1), changed(2)),
    "D-11": (left(), left(20.1, 21.1)),
    "D-12": (data_until(30), data_until(22)),
    "D-13": (left(20.1, 21.1, suppress=True), left(20.1, 21.1)),
    "D-17": (flood(60), flood(40)),
    "D-28": (groups("239.129.1.1", "ff15::1:1"), groups("239.1.1.129", "ff15::1:81")),
    "D-29": (from_nowhere(again=False), from_nowhere(again=True)),
    "D-30": (forwarded(3, 2), forwarded(3, 3)),
    **host_stories.STORIES,
    **data_stories.STORIES,
    **querier_stories.STORIES,
}
ONLY_MLD, ONLY_IGMP = {"D-29", "D-38"}, {"D-36"}
ON_A_LINK = [
    pytest.param(rule, family, id=f"{rule} {family.name}")
    for rule in STORIES
    for family in (IGMP, MLD)
    if rule not in (ONLY_MLD if family is IGMP else ONLY_IGMP)
]


def heard(frames: Iterable[Frame], begun_ns: int | None = None) -> Heard:
    """Return what an analysis says of the frames."""
    analysis = Analysis()
    analysis.intake.begun_ns = begun_ns
    frames = tuple(frames)
    for frame in frames:
        analysis.see(replace(frame))
    return Heard(frames, analysis.finish())


def held(rule: str, hit: Heard, neighbour: Heard) -> None:
    """Fail with the story that went wrong."""
    assert rule in hit, f"{rule} is not told\n{hit.story}"
    assert rule not in neighbour, f"{rule} is told\n{neighbour.story}"


@pytest.mark.parametrize("rule", FRAMES)
def test_a_rule_on_frames_is_raised_and_its_neighbour_is_not(rule: str) -> None:
    hit, neighbour = FRAMES[rule]

    held(rule, heard(hit), heard(neighbour))


@pytest.mark.parametrize(("rule", "family"), ON_A_LINK)
def test_a_rule_on_a_link_is_raised_and_its_neighbour_is_not(rule: str, family: Family) -> None:
    hit, neighbour = (Stage(family) for _ in STORIES[rule])
    for tell, stage in zip(STORIES[rule], (hit, neighbour), strict=True):
        tell(stage)

    held(rule, heard(hit.frames(), BEGIN_NS), heard(neighbour.frames(), BEGIN_NS))


@pytest.mark.parametrize("rule", IN_CAPTURES)
def test_a_rule_on_captures_is_raised_and_its_neighbour_is_not(rule: str, tmp_path: Path) -> None:
    hit, neighbour = (
        _of_capture(frames, tmp_path / f"{name}.pcapng")
        for name, frames in zip(("hit", "neighbour"), IN_CAPTURES[rule], strict=True)
    )

    held(rule, hit, neighbour)


def _of_capture(frames: Iterable[Frame], path: Path) -> Heard:
    """Write frames to a capture and return what an analysis says of it."""
    frames = tuple(frames)
    with CaptureWriter(str(path)) as writer:
        for frame in frames:
            writer.write(frame)
    with open_capture(str(path), data=True) as capture:
        return Heard(frames, analyze([capture], Analysis()))


def test_every_rule_has_a_case() -> None:
    told = {case.id for case in DEFECTS if case.id is not None}

    assert told | set(FRAMES) | set(STORIES) | set(IN_CAPTURES) == set(BY_ID)


def test_everything_that_is_wrong_in_one_long_capture_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = Stage(MLD)
    for number in range(8):
        sound.query(125 * number)
        sound.report(125 * number + 3, "IS_EX", 77, host=77)
    wrong = [frame for case in FRAMES.values() for frame in case.hit]
    wrong += [Frame(case.frame) for case in DEFECTS]
    cuts = [
        Frame(frame.data[:octets], link_type=frame.link_type)
        for frame in wrong
        for octets in range(0, len(frame.data), 7)
    ]
    strange = [Frame(data, link_type=kind) for kind in LinkType for data in (V4, V6, b"")]
    between = [*wrong, *cuts, *strange]
    step_ns = 900 * SECOND // len(between)
    for number, frame in enumerate(between):
        between[number] = replace(frame, time_ns=BEGIN_NS + number * step_ns)
    frames = sorted([*sound.frames(), *between], key=lambda frame: frame.time_ns or 0)
    file = tmp_path / "wrong.pcapng"
    with CaptureWriter(str(file)) as writer:
        for frame in frames:
            writer.write(frame)

    code = main(["analyze", "--json", str(file)])

    found = json.loads(capsys.readouterr().out)
    told = {item["id"] for item in found["findings"]}
    assert code == 1
    assert told >= {case.id for case in DEFECTS if case.id and not case.before}
    assert told >= set(FRAMES) - {"M-55", "M-56", "V-24"}
    (member,) = [row for row in found["memberships"] if row["host"] == text(sound.host(77))]
    assert member["reports"] == 8
    assert member["ended_by"] == "capture-end"
    assert len(found["summary"]) <= 10
