"""Captures of one link that were taken one after the other, or of several links at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.model.family import IGMP
from mldkit.testing.stage import BEGIN_NS, Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mldkit.model.datagram import Frame

    Capture = Callable[..., str]
    Output = pytest.CaptureFixture[str]


def document(output: Output) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(output.readouterr().out)
    return parsed


def at(seconds: int) -> str:
    return f"{BEGIN_NS // 10**9 + seconds}.000000000"


def two_days() -> tuple[list[Frame], list[Frame]]:
    """The same link on two days, sound on both."""
    days = []
    for day in (0, 86_400):
        stage = Stage(IGMP)
        for at in (0, 125, 250):
            stage.query(day + at)
            stage.report(day + at + 3, "IS_EX", 1)
            stage.report(day + at + 4, "IS_EX", 2, host=2)
        stage.data(day + 255, 1)
        days.append(stage.frames())
    return days[0], days[1]


def test_what_nobody_looked_at_between_two_captures_proves_nothing(
    capture: Capture, capsys: Output
) -> None:
    first, second = two_days()
    names = [capture("b.pcapng", second), capture("a.pcapng", first)]

    assert main(["analyze", "--json", *names]) == 0

    found = document(capsys)
    assert found["findings"] == []
    assert {row["ended_by"] for row in found["memberships"]} == {"capture-end"}
    assert [row["to"] for row in found["memberships"]] == [at(255)] * 2 + [at(86_655)] * 2
    (querier,) = found["queriers"]
    assert querier["acting"] == [[at(0), at(255)], [at(86_400), at(86_655)]]
    assert querier["interval_s"]["observed_median"] is None
    assert "querier is 10.9.0.1, IGMPv3, announces 125 s." in found["summary"][0]


def test_a_silence_within_one_of_two_captures_is_still_told(
    capture: Capture, capsys: Output
) -> None:
    first, second = two_days()
    stage = Stage(IGMP)
    stage.report(86_900, "IS_EX", 1)

    names = [capture("a.pcapng", first), capture("b.pcapng", [*second, *stage.frames()])]

    main(["analyze", "--json", *names])
    assert document(capsys)["findings"] == []
    names[1] = capture("c.pcapng", [*second[:1], *stage.frames()])
    main(["analyze", "--json", *names])
    assert [item["id"] for item in document(capsys)["findings"]] == ["D-01"]


def test_files_of_one_capture_that_was_cut_in_pieces_are_one_sitting(
    capture: Capture, capsys: Output
) -> None:
    stage = Stage(IGMP)
    for at_s in (0, 125, 250, 600):
        stage.query(at_s)
        stage.report(at_s + 3, "IS_EX", 1)
    stage.data(400, 1)
    frames = stage.frames()

    main(["analyze", "--json", capture("whole.pcapng", frames)])
    whole = document(capsys)
    main(["analyze", "--json", *(capture(f"{n}.pcapng", [f]) for n, f in enumerate(frames))])
    pieces = document(capsys)

    for found in (pieces, whole):
        for row in (*found["memberships"], *found["queriers"]):
            row["captures"] = len(row["captures"])
    assert [row.pop("captures") for row in pieces["memberships"]] == [6, 1]
    assert [row.pop("captures") for row in whole["memberships"]] == [1, 1]
    assert pieces["memberships"] == whole["memberships"]
    assert [{**row, "captures": 1} for row in pieces["queriers"]] == whole["queriers"]
    assert {item["id"] for item in pieces["findings"]} == {"D-01"}


def rounds(stage: Stage, begin: int, end: int, *, router: int = 1) -> None:
    """A sound link: a General Query every 125 s and an answer to each."""
    for at_s in range(begin, end, 125):
        stage.query(at_s, router=router)
        stage.report(at_s + 3, "IS_EX", router, host=router)


def on(interface: str, stage: Stage) -> list[Frame]:
    return [replace(frame, interface=interface) for frame in stage.frames()]


@pytest.mark.parametrize("named", [True, False], ids=["interfaces", "VLANs"])
def test_each_link_was_looked_at_by_its_own_captures(
    named: bool,
    capture: Capture,
    capsys: Output,
) -> None:
    first, second = Stage(IGMP, vlan=() if named else (5,)), Stage(IGMP, vlan=(6,))
    rounds(first, 0, 1001)
    # The second link has a host first and a query soon after: its capture began at 910 s.
    second.report(910, "TO_EX", 2, host=2)
    second.report(910.5, "TO_EX", 2, host=2)
    rounds(second, 950, 1600, router=2)
    names = [
        capture("b.pcapng", on("eth1", second) if named else second.frames()),
        capture("a.pcapng", on("eth0", first) if named else first.frames()),
    ]

    assert main(["analyze", "--json", *names]) == 0

    found = document(capsys)
    assert found["findings"] == []
    assert all("querier is" in line for line in found["summary"][:3:2])
    ends = {tuple(row["vlan"]): (row["to"], row["ended_by"]) for row in found["memberships"]}
    assert ends == {
        () if named else (5,): (at(1003), "capture-end"),
        (6,): (at(1578), "capture-end"),
    }


def test_a_link_that_is_looked_at_again_is_not_covered_by_a_capture_of_another(
    capture: Capture, capsys: Output
) -> None:
    first, other, again = Stage(IGMP), Stage(IGMP), Stage(IGMP)
    rounds(first, 0, 300)
    rounds(other, 200, 2100, router=2)
    rounds(again, 2000, 2300)
    names = [
        capture("a.pcapng", on("eth0", first)),
        capture("b.pcapng", on("eth1", other)),
        capture("c.pcapng", on("eth0", again)),
    ]

    assert main(["analyze", "--json", *names]) == 0

    found = document(capsys)
    rows = [row for row in found["memberships"] if row["interface"] == "eth0"]
    assert [(row["from"], row["to"], row["ended_by"]) for row in rows] == [
        (at(3), at(253), "capture-end"),
        (at(2003), at(2253), "capture-end"),
    ]


def test_a_piece_in_which_a_link_is_silent_was_looking_at_it(
    capture: Capture, capsys: Output
) -> None:
    # Three pieces of one capture: in the second only another VLAN has something to say.
    first, other, last = Stage(IGMP, vlan=(5,)), Stage(IGMP, vlan=(6,)), Stage(IGMP, vlan=(5,))
    rounds(first, 0, 300)
    rounds(other, 310, 1000)
    last.report(1010, "IS_EX", 1)
    pieces = [first.frames(), other.frames(), last.frames()]

    names = [capture(f"{number}.pcapng", frames) for number, frames in enumerate(pieces)]

    assert main(["analyze", "--json", *names]) == 0
    found = [(item["id"], item["severity"], item["vlan"]) for item in document(capsys)["findings"]]
    assert found == [("D-01", "warning", [5])]


def test_frames_and_ends_have_the_name_of_their_capture(
    capture: Capture, capsys: Output, tmp_path: Path
) -> None:
    first, second = Stage(IGMP), Stage(IGMP, vlan=(6,))
    rounds(first, 0, 300)
    rounds(second, 100, 400)
    second.report(103, "IS_EX", 1, hop_limit=9)
    for at_s in (430, 460, 490, 520):
        second.query(at_s)
    names = [capture("a.pcapng", first.frames()), capture("b.pcapng", second.frames())]
    page = tmp_path / "page.html"

    main(["analyze", "--html", str(page), *names])
    out = capsys.readouterr().out
    main(["analyze", "--json", *names])
    found = document(capsys)["findings"]

    assert "(IGMP on VLAN 6); frame 3 of b.pcapng" in out
    assert "frame 3 of b.pcapng" in page.read_text()
    assert {item["id"] for item in found} > {"V-03", "D-04"}
    assert {item["capture"] for item in found} == {1}
    main(["analyze", names[1]])
    assert "(IGMP on VLAN 6); frame 3\n" in capsys.readouterr().out
