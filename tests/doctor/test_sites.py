"""Several captures: what belongs together is judged together, all others apart."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.family import IGMP, MLD
from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mldkit.model.datagram import Frame
    from mldkit.model.family import Family

    Look = Callable[..., dict[str, Any]]


@pytest.fixture
def look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Look:
    """Write captures, each with its name, and return what `analyze` says of all together."""

    def run(captures: dict[str, list[Frame]]) -> dict[str, Any]:
        names = []
        for name, frames in captures.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            with CaptureWriter(str(path)) as writer:
                for frame in frames:
                    writer.write(frame)
            names.append(str(path))
        code = main(["analyze", *names])
        text = capsys.readouterr().out
        assert main(["analyze", "--json", *names]) == code
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return {**document, "text": text, "ids": {one["id"] for one in document["findings"]}}

    return run


def site(family: Family, router: int, *, version: int | None = None, begin: int = 0) -> Stage:
    """A sound link with its querier and its host, for some minutes."""
    stage = Stage(family)
    for second in range(begin, begin + 400, 125):
        stage.query(second, router=router, version=version)
        if version in (None, family.current_version):
            stage.report(second + 3, "IS_EX", router, host=router)
        else:
            stage.older_report(second + 3, router, host=router)
    return stage


@pytest.mark.parametrize("family", [IGMP, MLD], ids=("igmp", "mld"))
def test_two_sites_in_the_same_minutes_have_nothing_to_do_with_each_other(
    family: Family, look: Look
) -> None:
    older = family.current_version - 1
    north, south = site(family, 1), site(family, 2, version=older)
    # Only the south has a fault of its own.
    south.report(10, "IS_EX", 9, host=9, link_destination=bytes.fromhex("01005e7f0001"))

    found = look({"north.pcapng": north.frames(), "south.pcapng": south.frames()})

    # One querier that does not yield, two versions on one link: neither is true.
    assert found["ids"].isdisjoint({"D-02", "D-03", "D-06", "D-14"})
    (fault,) = [one for one in found["findings"] if one["id"] == "D-25"]
    assert fault["captures"] == [1]
    name = family.name.upper()
    assert f"{name} in north.pcapng: querier is" in found["text"]
    assert f"{name} in south.pcapng: querier is" in found["text"]
    assert [one["captures"] for one in found["queriers"]] == [[0], [1]]
    assert {tuple(row["captures"]) for row in found["memberships"]} == {(0,), (1,)}
    assert all(one["elected"] for one in found["queriers"])


def test_each_of_two_sites_says_what_it_says_alone(look: Look) -> None:
    north, south = site(IGMP, 1), site(IGMP, 2, version=2)
    south.report(450, "TO_EX", 7)
    north.stream(0, 300, 2, 1)

    together = look({"a.pcapng": north.frames(), "b.pcapng": south.frames()})
    alone = [look({"a.pcapng": north.frames()}), look({"b.pcapng": south.frames()})]

    def key(rows: list[dict[str, Any]]) -> list[str]:
        return sorted(
            json.dumps({**row, "captures": 0, "capture": 0}, sort_keys=True) for row in rows
        )

    for what in ("memberships", "queriers", "streams", "findings"):
        assert key(together[what]) == key([row for one in alone for row in one[what]]), what


def test_two_places_of_one_link_are_known_by_their_querier(look: Look) -> None:
    link = site(IGMP, 1)
    near, far = site(IGMP, 1), Stage(IGMP)
    for second in range(0, 400, 125):
        far.query(second + 0.5)
    far.report(200, "TO_EX", 5, host=5)

    found = look({"near.pcapng": near.frames(), "far.pcapng": far.frames()})

    assert " in near.pcapng" not in found["text"]
    assert len(found["queriers"]) == 1
    assert {tuple(row["captures"]) for row in found["memberships"]} == {(0, 1)}
    assert len(link.frames()) == len(near.frames())


def test_the_same_frames_are_of_one_link_though_nobody_queries(look: Look) -> None:
    hosts = Stage(IGMP)
    for second in range(0, 200, 10):
        hosts.report(second, "TO_EX", 1 + second // 10)
    frames = hosts.frames()
    mirrored = [replace(frame, time_ns=(frame.time_ns or 0) + 40_000_000) for frame in frames[5:15]]

    found = look({"a.pcapng": frames, "b.pcapng": mirrored})

    assert {row["host"] for row in found["memberships"]} == {"10.9.0.100"}
    assert " in a.pcapng" not in found["text"]


def test_pieces_of_two_rotations_in_the_same_hours_go_with_their_own(look: Look) -> None:
    pieces = {}
    for name, router in (("north", 1), ("south", 2)):
        for number in range(3):
            begin = 500 * number + router
            stage = site(IGMP, router, version=4 - router, begin=begin)
            # What is between two pieces of one capture is less than a second of nothing.
            stage.data(begin + 499.9, 9)
            pieces[f"{name}-{number}.pcapng"] = stage.frames()

    found = look(pieces)

    assert found["ids"].isdisjoint({"D-02", "D-03", "D-06", "D-01"})
    queriers = {one["address"]: one["captures"] for one in found["queriers"]}
    assert queriers == {"10.9.0.1": [0, 1, 2], "10.9.0.2": [3, 4, 5]}
    assert "IGMP in north-0.pcapng and 2 more: querier is 10.9.0.1, IGMPv3" in found["text"]


def test_pieces_without_a_querier_go_by_the_names_of_their_files(look: Look) -> None:
    pieces = {}
    for name, host in (("north", 1), ("south", 2)):
        for number in range(2):
            stage = Stage(IGMP)
            begin = 100 * number + host
            for second in range(begin, begin + 99, 10):
                stage.report(second, "IS_EX", host, host=host)
            pieces[f"{name}_{number:05}.pcapng"] = stage.frames()

    found = look(pieces)

    rows = {row["host"]: row["captures"] for row in found["memberships"]}
    assert rows == {"10.9.0.100": [0, 1], "10.9.0.101": [2, 3]}


def test_what_follows_on_another_interface_is_another_link(look: Look) -> None:
    first, second = site(IGMP, 1), site(IGMP, 2, begin=500)
    frames = [
        [replace(frame, interface=name) for frame in stage.frames()]
        for name, stage in (("eth0", first), ("eth1", second))
    ]

    found = look({"a.pcapng": frames[0], "b.pcapng": frames[1]})

    assert "IGMP on eth0 in a.pcapng: querier is 10.9.0.1" in found["text"]
    assert "IGMP on eth1 in b.pcapng: querier is 10.9.0.2" in found["text"]


def test_events_name_the_captures_that_show_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = []
    for number, router in enumerate((1, 2)):
        path = tmp_path / f"{number}.pcapng"
        with CaptureWriter(str(path)) as writer:
            for frame in site(IGMP, router).frames():
                writer.write(frame)
        names.append(str(path))

    main(["analyze", "--format", "ndjson", *names])

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    by_host = {(one["host"], tuple(one["captures"])) for one in events if one["host"]}
    assert {captures for host, captures in by_host if host == "10.9.0.1"} == {(0,)}
    assert {captures for host, captures in by_host if host == "10.9.0.2"} == {(1,)}
    times = [one["time"] for one in events]
    assert times == sorted(times)


def test_an_empty_capture_and_one_that_is_none_stop_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, cut = tmp_path / "good.pcapng", tmp_path / "cut.pcapng"
    with CaptureWriter(str(good)) as writer:
        for frame in site(IGMP, 1).frames():
            writer.write(frame)
    # tcpdump in the middle of writing: the last packet is not all there yet.
    cut.write_bytes(good.read_bytes()[:-20])
    (tmp_path / "empty.pcapng").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not a capture\n")
    names = [str(tmp_path / name) for name in ("notes.txt", "empty.pcapng", "good.pcapng")]

    assert main(["analyze", *names]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("IGMP: querier is 10.9.0.1")
    assert "notes.txt: is not a capture" in err
    assert "empty.pcapng: is empty" in err

    assert main(["analyze", str(cut), names[0]]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("IGMP: querier is 10.9.0.1")
    assert "cut.pcapng: damaged at octet" in err

    assert main(["analyze", *names[:2]]) == 3
    assert capsys.readouterr().out == ""
