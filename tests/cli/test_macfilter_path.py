"""`macfilter explain -i`: its JSON, its words, what it refuses, and what an ordinary user sees."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.link.ethtool import Driver
from mldkit.macfilter.register_dump import decode
from tests.unit.path.readings import device, reading

if TYPE_CHECKING:
    from tests.conftest import Ordinary

STAGES = [
    "card", "xdp", "tap", "tc", "vlan", "bridge", "netfilter", "group", "reverse-path",
    "netfilter-input", "source-filter", "socket",
]  # fmt: skip


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["macfilter", "explain", "-i", "lo", *arguments, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["schema"] == "mldkit.macfilter/1"
    return document


def test_each_frame_has_its_way(capsys: pytest.CaptureFixture[str]) -> None:
    document = explained(capsys, "239.77.2.3", "ff15::77:1", "33:33:00:00:00:09")
    assert document["interface"] == "lo"
    assert [frame["input"] for frame in document["frames"]] == [
        "239.77.2.3", "ff15::77:1", "33:33:00:00:00:09",
    ]  # fmt: skip
    for frame in document["frames"]:
        assert frame.keys() >= {"input", "mac", "groups", "verdict", "reason", "bit"}
        assert [entry["stage"] for entry in frame["path"]] == STAGES
        for entry in frame["path"]:
            assert entry.keys() >= {"stage", "verdict", "reason", "counter", "confirm"}
            assert entry["verdict"] in ("passes", "dropped", "unknown", None)
            assert entry["reason"]
    joined, other, bare = document["frames"]
    assert joined["stage"] == other["stage"] == "group"
    assert bare["stage"] is None


def test_a_frame_can_have_a_tag(capsys: pytest.CaptureFixture[str]) -> None:
    for tag, stage in (("20", "vlan"), ("0", "group")):
        (frame,) = explained(capsys, "239.77.2.3", "--vlan", tag)["frames"]
        assert (frame["verdict"], frame["stage"]) == ("dropped", stage)


@pytest.mark.parametrize(
    ("dump", "told", "notes"),
    [
        (None, None, 1),
        (0, {"held": "RCTL.UPE 0, RCTL.MPE 0, RCTL.VFE 0", "differ": []}, 0),
        (1 << 4, {"held": "RCTL.UPE 0, RCTL.MPE 1, RCTL.VFE 0",
                  "differ": ["RCTL.MPE is 1, 0 was expected"]}, 0),
    ],
)  # fmt: skip
def test_registers_are_told_and_that_they_are_hidden_is_said_once(
    dump: int | None,
    told: dict[str, Any] | None,
    notes: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    octets = None if dump is None else struct.pack("=32I", 0, 0, dump, *(0,) * 29)
    found = reading(
        [device(2, "lo")], named="lo", joined=("239.77.2.3",), driver=Driver("e1000e"),
        dumped=decode("e1000e", octets),
    )  # fmt: skip
    monkeypatch.setattr("mldkit.path.reading.take", lambda *_: found)
    arguments = ["macfilter", "explain", "-i", "lo", "239.77.2.3", "239.77.2.4", "--json"]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["card"]["registers"] == told
    assert captured.err.count("does not show its registers") == notes


def test_what_comes_after_the_end_is_not_reached(capsys: pytest.CaptureFixture[str]) -> None:
    (frame,) = explained(capsys, "239.77.2.3")["frames"]
    after = frame["path"][STAGES.index("group") + 1 :]
    assert {entry["verdict"] for entry in after} == {None}
    assert after[0]["reason"].startswith("not reached")


def test_ndjson_is_a_line_a_frame(capsys: pytest.CaptureFixture[str]) -> None:
    groups = ("239.77.2.3+5",)
    assert main(["macfilter", "explain", "-i", "lo", *groups, "--format", "ndjson"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["input"] for line in lines] == [f"239.77.2.{n}" for n in range(3, 8)]


def test_a_source_is_for_the_groups_of_its_family(capsys: pytest.CaptureFixture[str]) -> None:
    document = explained(capsys, "239.77.2.3", "ff15::77:1", "--from", "192.0.2.7")
    assert [frame["source"] for frame in document["frames"]] == ["192.0.2.7", None]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("-i", "lo", "239.1.2.3", "--nic", "e1000e"), "argument --nic"),
        (("-i", "lo", "239.1.2.3", "--joined", "239.1.2.3"), "argument --joined"),
        (("-i", "lo", "239.1.2.3", "--promisc"), "argument --promisc"),
        (("-i", "lo", "239.1.2.3", "--allmulti"), "argument --allmulti"),
        (("-i", "lo", "239.1.2.3", "--unicast", "02:00:00:00:00:01"), "argument --unicast"),
        (("-i", "lo", "239.1.2.3", "--collide", "3"), "argument --collide"),
        (("-i", "lo", "239.1.2.3", "--from", "ff15::1"), "--from: ff15::1: a source is a unicast"),
        (("-i", "lo", "239.1.2.3", "--from", "fe80::1"), "no group of its family"),
        (("-i", "lo", "239.1.2.3", "--from", "nobody"), "argument --from"),
        (("-i", "lo", "239.1.2.3", "--link-destination", "02:00"), "argument --link-destination"),
        (("-i", "lo", "239.1.2.3", "--port", "70000"), "argument --port"),
        (("-i", "lo", "239.1.2.3", "--duration", "1s"), "--duration: it needs --watch"),
        (("-i", "lo", "239.1.0.0+1025"), "at most 1,024 frames"),
        (("239.1.2.3", "--from", "192.0.2.7"), "argument --from: it needs -i"),
        (("239.1.2.3", "--watch"), "argument --watch: it needs -i"),
        (("239.1.2.3", "--vlan", "20"), "argument --vlan: it needs -i"),
        (("-i", "lo", "239.1.2.3", "--vlan", "4095"), "argument --vlan: '4095' is not"),
        (("-i", "lo"), "GROUP|MAC"),
    ],
)
def test_what_makes_no_sense(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], complaint: str
) -> None:
    try:
        code: object = main(["macfilter", "explain", *arguments])
    except SystemExit as ended:
        code = ended.code
    captured = capsys.readouterr()
    assert code == 2
    assert complaint in captured.err
    assert captured.err.count("\n") <= 2
    assert not captured.out


def test_the_frame_that_joined_has_swallowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["macfilter", "explain", "--joined", "239.1.2.3", "239.99.2.3"]) == 2
    assert "name the frame first" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nothere0", "", "a" * 300, "-", "eth0\n"])
def test_an_interface_that_is_not_there(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["macfilter", "explain", f"--interface={name}", "239.1.2.3"]) == 3
    captured = capsys.readouterr()
    assert "no such interface" in captured.err
    assert "interfaces here:" in captured.err
    assert captured.err.count("\n") == 2


def test_an_ordinary_user_is_told_what_stays_unknown(ordinary: Ordinary) -> None:
    arguments = ("-m", "mldkit", "macfilter", "explain", "-i", "lo", "224.0.0.1", "--json")
    done = ordinary.run(ordinary.python, *arguments)
    assert done.returncode == 0, done.stderr
    assert "without root" in done.stderr
    (frame,) = json.loads(done.stdout)["frames"]
    stages = {entry["stage"]: entry for entry in frame["path"]}
    assert stages["netfilter"]["verdict"] == "unknown"
    assert "root" in stages["netfilter"]["reason"]
    assert frame["verdict"] != "passes"
