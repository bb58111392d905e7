"""What `decode` and `analyze` say of frames inside others: links, notes, what is left out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.model.datagram import LinkType
from mldkit.model.family import IGMP, MLD
from mldkit.testing.encapsulations import LINKS
from mldkit.testing.stage import Stage
from mldkit.testing.tunnels import TUNNELS, in_ipv4

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.datagram import Frame
    from mldkit.model.family import Family

    Capture = Callable[..., str]
    Output = pytest.CaptureFixture[str]

PPPOE = next(way for way in LINKS if way.name == "PPPoE session")
VXLAN = next(way for way in TUNNELS if way.name == "VXLAN")


def story(family: Family, *, vlan: tuple[int, ...] = ()) -> list[Frame]:
    """Return a querier, a member that answers, and a stream to its group."""
    stage = Stage(family, vlan=vlan)
    for at in (0, 125, 250):
        stage.query(at)
        stage.report(at + 2, "IS_EX", 1)
        stage.data(at + 3, 1)
    return stage.frames()


def wrapped(frames: list[Frame], way: Any = PPPOE) -> list[Frame]:
    return [replace(frame, data=way.wrap(frame.data)) for frame in frames]


def document(capsys: Output, *arguments: str) -> dict[str, Any]:
    main(list(arguments))
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("family", [IGMP, MLD], ids=lambda family: family.name)
def test_a_session_is_a_link_of_its_own(capture: Capture, capsys: Output, family: Family) -> None:
    frames = sorted([*story(family), *wrapped(story(family))], key=lambda one: one.time_ns or 0)
    name = capture("both.pcapng", frames)

    assert main(["analyze", name]) == 0

    out = capsys.readouterr().out
    session = f"{family.name.upper()} on PPPoE session 7"
    assert f"{session}: querier is" in out
    assert f"{family.name.upper()}: querier is" in out
    assert "No errors and no warnings." in out
    found = document(capsys, "analyze", "--json", name)
    circuits = [row.get("circuit") for row in found["memberships"]]
    assert circuits == [None, [{"kind": "pppoe", "number": 7}]]
    data = out[out.index("\ndata\n") :]
    assert f"\n{session}  " in data
    assert f"\n{family.name.upper()}  " in data
    assert not [one for one in found["findings"] if one["id"] == "D-25"]


def test_decode_tells_the_session(capture: Capture, capsys: Output) -> None:
    name = capture("session.pcapng", wrapped(story(IGMP)[:1]))

    assert main(["decode", name]) == 0
    assert " PPPoE session 7  IGMPv3 General Query" in capsys.readouterr().out
    (message,) = document(capsys, "decode", "--json", name)["messages"]
    assert message["link"] == {
        "src": "02:00:00:00:0b:01", "dst": "02:00:00:00:0b:02", "vlan": [],
        "circuit": [{"kind": "pppoe", "number": 7}],
    }  # fmt: skip
    assert message["findings"] == []


def test_a_priority_tag_is_no_vlan(capture: Capture, capsys: Output) -> None:
    tagged = [frame for frame in story(IGMP, vlan=(0,)) if frame.data[34:38] != b"\0\0\0\0"]
    queries = [frame for frame in story(IGMP) if frame.data[30:34] == b"\xe0\0\0\1"]
    reports = [frame for frame in tagged if frame.data[34:38] != b"\xe0\0\0\1"]
    name = capture("priority.pcapng", sorted(queries + reports, key=lambda one: one.time_ns or 0))

    found = document(capsys, "analyze", "--json", name)

    assert [one["id"] for one in found["findings"] if one["severity"] != "info"] == []
    (querier,), (row,) = found["queriers"], found["memberships"]
    assert (querier["vlan"], row["vlan"], row["reports"]) == ([], [], 3)
    assert document(capsys, "analyze", "--json", "--vlan", "0", name)["memberships"] == [row]
    messages = document(capsys, "decode", "--json", name)["messages"]
    assert {tuple(one["link"]["vlan"]) for one in messages} == {(), (0,)}


@pytest.mark.parametrize("verb", ["decode", "analyze"])
def test_tunnels_that_were_not_looked_into_are_counted(
    capture: Capture, capsys: Output, verb: str
) -> None:
    tunnelled = wrapped(story(IGMP), VXLAN)
    encrypted = [replace(frame, data=in_ipv4(50, bytes(80))) for frame in story(IGMP)[:2]]
    name = capture("tunnel.pcapng", tunnelled + encrypted)

    assert main([verb, name]) == 0

    out, err = capsys.readouterr()
    assert "note: 9 frames in VXLAN were not looked into (--tunnels)\n" in err
    assert "note: 2 frames in ESP were not looked into (encrypted)\n" in err
    assert "none of them" not in out
    assert main([verb, "--tunnels", name]) == 0
    out, err = capsys.readouterr()
    assert "VXLAN" not in err
    assert "note: 2 frames in ESP" in err
    assert ("in vxlan" if verb == "decode" else "IGMP on VXLAN 5: querier is") in out


def test_nothing_is_denied_of_what_was_not_looked_into(capture: Capture, capsys: Output) -> None:
    name = capture("tunnel.pcapng", wrapped(story(MLD), VXLAN))

    main(["analyze", name])

    out = capsys.readouterr().out
    assert out.startswith(
        "Nothing to analyse: no IGMP or MLD in what could be read of 9 packets.\n"
    )
    assert "\n9 frames in VXLAN were not looked into (--tunnels).\n" in out


def test_nothing_is_denied_of_frames_that_were_cut(capture: Capture, capsys: Output) -> None:
    cut = [replace(frame, data=frame.data[:14]) for frame in story(IGMP)]

    main(["analyze", capture("cut.pcapng", cut)])

    assert "none of them" not in capsys.readouterr().out


def test_packets_of_foreign_link_types_are_not_counted_as_read(
    capture: Capture, capsys: Output
) -> None:
    stage = Stage(MLD)
    stage.data(1, 1)
    (frame,) = stage.frames()
    foreign = replace(frame, link_type=147, interface="other")

    main(["analyze", capture("two.pcapng", [frame, foreign, foreign])])

    out, err = capsys.readouterr()
    assert "Nothing to analyse: 1 packet, none of them IGMP or MLD." in out
    assert "note: 2 packets of link type 147, which is not read" in err


@pytest.mark.parametrize("way", LINKS, ids=lambda way: way.name)
def test_one_frame_is_shown_field_by_field_whatever_it_is_in(
    capture: Capture, capsys: Output, way: Any
) -> None:
    (frame, *_) = story(IGMP)
    name = capture(
        "one.pcapng", [replace(frame, data=way.wrap(frame.data), link_type=way.link_type)]
    )

    assert main(["decode", "--frame", "1", name]) == 0

    out = capsys.readouterr().out
    assert LinkType(way.link_type).name.lower().replace("_", "-") in out
    assert "IGMPv3 General Query" in out


def test_a_session_is_shown_with_its_fields(capture: Capture, capsys: Output) -> None:
    main(["decode", "--frame", "1", capture("one.pcapng", wrapped(story(IGMP)[:1]))])

    out = capsys.readouterr().out
    assert "\nPPPoE\n" in out
    assert "\nIGMPv3Query\n" in out


def test_a_frame_that_is_not_looked_into_says_so(capture: Capture, capsys: Output) -> None:
    name = capture("one.pcapng", wrapped(story(IGMP)[:1], VXLAN))

    main(["decode", "--frame", "1", name])
    assert "1 frame in VXLAN was not looked into (--tunnels)" in capsys.readouterr().out
    main(["decode", "--frame", "1", "--tunnels", name])
    assert "IGMPv3 General Query" in capsys.readouterr().out
