"""Several interfaces in one capture: each has its own clock, and each may go down by itself.

The oracle is reordercap: what is said of a capture is what is said of the same one put in order.
"""

from __future__ import annotations

import json
import random
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.family import IGMP, MLD
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mldkit.model.datagram import Frame
    from tests.doctor.conftest import Doctor

    Verdict = Callable[[Sequence[Frame]], dict[str, Any]]

PACKET = 6


def on(name: str | None, *stages: Stage) -> list[Frame]:
    """Return what happened on stages, in order of time, as an interface sees it."""
    frames = [replace(frame, interface=name) for stage in stages for frame in stage.frames()]
    return sorted(frames, key=lambda frame: frame.time_ns or 0)


def without_places(value: Any) -> Any:
    """Return a document without what depends on the order of the file."""
    if isinstance(value, dict):
        left_out = ("frames", "shown_by", "file", "captures")
        return {key: without_places(item) for key, item in value.items() if key not in left_out}
    if isinstance(value, list):
        return sorted((without_places(item) for item in value), key=str)
    return value


def describe_first(path: Path) -> None:
    """Move the descriptions of interfaces in front of all packets, where reordercap wants them."""
    octets = path.read_bytes()
    blocks = []
    while octets:
        kind, length = struct.unpack_from("<II", octets)
        blocks.append((kind == PACKET, octets[:length]))
        octets = octets[length:]
    path.write_bytes(b"".join(block for _, block in sorted(blocks, key=lambda block: block[0])))


@pytest.fixture
def in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verdict:
    """Return what is said of frames after reordercap has sorted them."""
    if shutil.which("reordercap") is None:
        pytest.skip("reordercap is not installed")

    def run(frames: Sequence[Frame]) -> dict[str, Any]:
        mixed, ordered = str(tmp_path / "mixed.pcapng"), str(tmp_path / "ordered.pcapng")
        with CaptureWriter(mixed) as writer:
            for frame in frames:
                writer.write(frame)
        describe_first(Path(mixed))
        subprocess.run(["reordercap", mixed, ordered], check=True, capture_output=True)
        main(["analyze", "--json", ordered])
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    return run


def sound(stage: Stage, begin: float = 0, count: int = 4, *, host: int = 1) -> Stage:
    for number in range(count):
        at = begin + 125 * number
        stage.query(at)
        stage.report(at + 3, "IS_EX", 1, host=host)
        for second in range(0, 125, 4):
            stage.data(at + second + 0.5, 1)
    return stage


def test_interfaces_one_after_the_other_are_judged_by_their_own_clocks(
    stage: Stage, doctor: Doctor, in_order: Verdict
) -> None:
    other = sound(Stage(stage.family))
    frames = [*on("eth0", sound(stage)), *on("eth1", other)]

    told = doctor(frames)

    assert told.code == 0
    assert told.ids == set()
    assert without_places(told.document) == without_places(in_order(frames))


def faulty(rng: random.Random, family: Any) -> Stage:
    """Return a link on which things go wrong by chance: silence, no answer, no repeats, leaves."""
    stage = Stage(family)
    at = rng.uniform(0, 20)
    for _ in range(rng.randrange(2, 8)):
        if rng.random() < 0.8:
            stage.query(round(at, 3), router=rng.choice((1, 1, 1, 2)))
        for host in (1, 2):
            if rng.random() < 0.8:
                stage.report(round(at + rng.uniform(0.1, 13), 3), "IS_EX", 1, host=host)
        if rng.random() < 0.4:
            change = round(at + rng.uniform(20, 100), 3)
            for repeat in range(rng.randrange(1, 3)):
                stage.report(change + 0.5 * repeat, rng.choice(("TO_EX", "TO_IN")), 2)
        at += 125
    stage.chatter(0, at, every=7)
    return stage


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", ["appended", "batches"])
def test_the_verdict_is_that_of_the_capture_put_in_order(
    kind: str, seed: int, doctor: Doctor, in_order: Verdict
) -> None:
    rng = random.Random(seed)
    feeds = [on(name, faulty(rng, IGMP), faulty(rng, MLD)) for name in ("eth0", "eth1", "eth2")]
    if kind == "appended":
        frames = [frame for feed in feeds for frame in feed]
    else:
        # Each interface is written out every third of a second, at a moment of its own.
        frames = sorted(
            (frame for feed in feeds for frame in feed),
            key=lambda frame: ((frame.time_ns or 0) // 333_000_000, frame.interface),
        )

    told = doctor(frames)

    assert without_places(told.document) == without_places(in_order(frames))
    assert "M-55" not in told.ids


def test_an_interface_that_dies_while_another_goes_on_is_down(stage: Stage, doctor: Doctor) -> None:
    dies = stage
    for at in (0, 125):
        dies.query(at)
        dies.report(at + 3, "IS_EX", 1)
    dies.chatter(0, 200, every=2)
    other = sound(Stage(stage.family), count=6, host=2)

    told = doctor([dies, other], interfaces=("eth0", "eth1"))

    assert told.code == 0
    assert told.ids == {"D-40"}
    assert "Nothing at all came on eth0 from 22:16:38 UTC" in told.text
    assert "while other interfaces went on: it was down or cut off" in told.text
    gone = [row for row in told.document["memberships"] if row["interface"] == "eth0"]
    assert [row["ended_by"] for row in gone] == ["capture-end"]


def test_a_querier_that_dies_alone_on_one_of_two_interfaces_is_missed(
    stage: Stage, doctor: Doctor
) -> None:
    for at in (0, 125):
        stage.query(at)
        stage.report(at + 3, "IS_EX", 1)
    stage.chatter(0, 700, every=2)
    other = sound(Stage(stage.family), count=6, host=2)

    told = doctor([stage, other], interfaces=("eth0", "eth1"))

    (finding,) = told.findings("D-01")
    assert finding["interface"] == "eth0"
    assert "D-40" not in told.ids


def test_messages_alone_that_end_on_one_interface_leave_open_whether_it_is_down(
    stage: Stage, doctor: Doctor
) -> None:
    for at in (0, 125, 250):
        stage.query(at)
        stage.report(at + 3, "IS_EX", 1)
    other = sound(Stage(stage.family), count=20, host=2)

    told = doctor([stage, other], interfaces=("eth0", "eth1"))

    assert "D-01" in told.ids
    assert "whether anybody looked is not known" in told.text


def test_captures_of_two_interfaces_that_follow_each_other_miss_nobody(
    stage: Stage, doctor: Doctor
) -> None:
    later = sound(Stage(stage.family), begin=7200)

    told = doctor([sound(stage), later], interfaces=("eth0", "eth1"))

    assert told.code == 0
    assert told.ids == set()


def test_an_interface_that_is_down_for_a_while_is_told_of_when_it_is_back(
    stage: Stage, doctor: Doctor
) -> None:
    for begin in (0, 1000):
        stage.query(begin)
        stage.report(begin + 3, "IS_EX", 1)
        stage.chatter(begin, begin + 100, every=2)
    other = sound(Stage(stage.family), count=9, host=2)

    told = doctor([stage, other], interfaces=("eth0", "eth1"))

    assert told.ids == {"D-40"}
    assert "eth0" in told.findings("D-40")[0]["detail"]


def blocks(path: Path) -> list[bytes]:
    octets = path.read_bytes()
    found = []
    while octets:
        length = struct.unpack_from("<II", octets)[1]
        found.append(octets[:length])
        octets = octets[length:]
    return found


def appended(first: Sequence[Frame], second: Sequence[Frame], path: Path, *, merged: bool) -> Path:
    """Write two captures into one file, as two sections or as two interfaces of one section."""
    octets = []
    for number, frames in enumerate((first, second)):
        with CaptureWriter(str(path)) as writer:
            for frame in frames:
                writer.write(frame)
        for block in blocks(path):
            kind = struct.unpack_from("<I", block)[0]
            if number and merged and kind == PACKET:
                octets.append(block[:8] + struct.pack("<I", 1) + block[12:])
            elif kind in (1, PACKET) or not (number and merged):
                octets.append(block)
    path.write_bytes(b"".join(octets))
    return path


@pytest.mark.parametrize("merged", [False, True], ids=["two sections", "one section"])
@pytest.mark.parametrize("name", ["eth0", None])
def test_captures_of_one_name_and_the_same_time_are_two_interfaces(
    stage: Stage,
    name: str | None,
    merged: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = sound(Stage(stage.family), host=2)
    path = appended(on(name, sound(stage)), on(name, other), tmp_path / "a", merged=merged)

    code = main(["analyze", "--json", str(path)])

    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document["findings"] == []
    assert [one["interface"] for one in document["queriers"]] == [
        name, "eth0 (2)" if name else "interface (2)"
    ]  # fmt: skip


@pytest.mark.parametrize("merged", [False, True], ids=["two sections", "one section"])
def test_pieces_of_a_capture_go_on_with_the_same_interface(
    stage: Stage, merged: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = sound(Stage(stage.family), begin=500)
    path = appended(on("eth0", sound(stage)), on("eth0", other), tmp_path / "a", merged=merged)

    assert main(["analyze", "--json", str(path)]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["findings"] == []
    (querier,) = document["queriers"]
    assert querier["general_queries"] == 8
    (row,) = document["memberships"]
    assert row["reports"] == 8


def test_pieces_that_are_hours_apart_miss_nobody(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = sound(Stage(stage.family), begin=7200)
    path = appended(on("eth0", sound(stage)), on("eth0", other), tmp_path / "a", merged=False)

    assert main(["analyze", "--json", str(path)]) == 0

    document = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in document["findings"]] == ["D-40"]


def test_an_interface_that_is_back_with_a_single_message_was_down_all_the_same(
    stage: Stage, doctor: Doctor
) -> None:
    for at in (0, 125, 1000):
        stage.query(at)
        stage.report(at + 3, "IS_EX", 1)
    stage.chatter(0, 200, every=2)
    other = sound(Stage(stage.family), count=9, host=2)

    told = doctor([stage, other], interfaces=("eth0", "eth1"))

    assert told.ids == {"D-40"}
    assert "eth0" in told.findings("D-40")[0]["detail"]
