"""`macfilter explain`: its JSON, its words, and what it refuses; without root, Scapy and rich."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.macfilter.devices import DEVICES

if TYPE_CHECKING:
    from tests.conftest import Ordinary


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["macfilter", "explain", *arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "mldkit.macfilter/1"
    frames: list[dict[str, Any]] = document["frames"]
    return frames


def test_one_entry_an_argument_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("ff02::1:ff00:2", "239.1.2.3", "33:33:00:00:00:01", "02:00:00:00:00:01")
    frames = explained(capsys, *arguments, "--joined", "ff02::1")
    assert [frame["input"] for frame in frames] == list(arguments)
    assert [frame["mac"] for frame in frames] == [
        "33:33:ff:00:00:02", "01:00:5e:01:02:03", "33:33:00:00:00:01", "02:00:00:00:00:01",
    ]  # fmt: skip
    assert [frame["verdict"] for frame in frames] == ["dropped", "dropped", "passes", "unknown"]
    assert all(set(frame) >= {"groups", "reason", "bit"} for frame in frames)
    assert "225.1.2.3" in frames[1]["groups"]
    assert len(frames[1]["groups"]) == 32


def test_a_shared_bit_of_the_large_table_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    (frame,) = explained(
        capsys, "239.99.2.3", "--nic", "e1000e", "--joined", "239.1.2.3", "ff15::1+3"
    )
    assert frame["verdict"] == "passes"
    assert frame["bit"] == 0x030
    assert frame["reason"] == "hash bit 0x030 shared with 239.1.2.3"


@pytest.mark.parametrize("nic", [device.id for device in DEVICES])
def test_collisions_pass_the_filter_that_they_collide_in(
    nic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (frame,) = explained(capsys, "239.1.2.3", "--nic", nic, "--collide", "20")
    assert len(set(frame["collisions"])) == 20
    # Devices with both kinds of table put the first groups into exact slots.
    has_slots = nic in ("e1000", "e1000@qemu", "tulip", "lan78xx", "tap")
    joined = ["ff15::1+32", "239.1.2.3"] if has_slots else ["239.1.2.3"]
    again = explained(capsys, *frame["collisions"], "--nic", nic, "--joined", *joined)
    if nic in ("ena", "gve", "xen-netfront"):
        assert {entry["verdict"] for entry in again} == {"unknown"}
    else:
        assert {entry["verdict"] for entry in again} == {"passes"}
    assert {entry["bit"] for entry in again} == {frame["bit"]}


def test_flags_open_the_filter(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("239.1.2.3", "02:00:00:00:00:07", "--unicast", "02:00:00:00:00:01")
    assert [f["verdict"] for f in explained(capsys, *arguments)] == ["dropped", "dropped"]
    assert [f["verdict"] for f in explained(capsys, *arguments, "--allmulti")] == [
        "passes", "dropped",
    ]  # fmt: skip
    assert [f["verdict"] for f in explained(capsys, *arguments, "--promisc")] == ["passes"] * 2


def test_groups_of_one_host_are_never_loaded_and_never_received(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["macfilter", "explain", "ff01::1", "ff01::7", "--joined", "ff01::7", "ff02::1", "--json"])
    captured = capsys.readouterr()
    first, second = json.loads(captured.out)["frames"]
    assert first["verdict"] == "passes"  # ff02::1 has the same MAC
    assert "dropped by the IPv6 layer" in first["after_the_filter"]
    assert second["verdict"] == "dropped"
    assert "ff01::7 is never given to a device" in captured.err


def test_text_says_that_the_list_is_exact_where_no_nic_was_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["macfilter", "explain", "239.1.2.3", "--joined", "225.1.2.3"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[:2] == [
        "239.1.2.3  01:00:5e:01:02:03",
        "  an exact list: passes, exact entry 1 (225.1.2.3)",
    ]
    assert "exact list without limits" in captured.err


def test_lines_of_json_stand_alone(capsys: pytest.CaptureFixture[str]) -> None:
    main(["macfilter", "explain", "239.1.2.3", "ff15::1", "--nic", "igb", "--format", "ndjson"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["nic"], line["input"]) for line in lines] == [
        ("igb", "239.1.2.3"), ("igb", "ff15::1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("10.0.0.1",), "'10.0.0.1' is not a multicast group"),
        (("fe80::1",), "'fe80::1' is not a multicast group"),
        (("nonsense",), "'nonsense' is not an IPv4 or IPv6 address, nor a MAC address"),
        (("01:00:5e:00:00:zz",), "nor a MAC address"),
        (("239.1.2.3", "--nic", "eth0"), "'eth0': no such NIC"),
        (("239.1.2.3", "--joined", "10.0.0.1"), "argument --joined"),
        (("239.1.2.3", "--unicast", "33:33:00:00:00:01"), "this is a group address"),
        (("239.1.2.3", "--collide", "0"), "argument --collide"),
        ((), "GROUP|MAC"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_argument(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(["macfilter", "explain", *arguments])
    except SystemExit as ended:
        code = ended.code
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert said in captured.err


def test_it_is_quick_and_loads_neither_scapy_nor_rich() -> None:
    code = (
        "import sys; from mldkit.cli.main import main; "
        "main(['-q', 'macfilter', 'explain', '239.1.2.3', '--nic', 'igb', '--json']); "
        "print({'scapy', 'rich', 'netns'} & set(sys.modules), file=sys.stderr)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stderr == "set()\n"
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


@pytest.mark.netns
def test_an_ordinary_user_may_ask(ordinary: Ordinary) -> None:
    done = ordinary.run(ordinary.python, "-m", "mldkit", "macfilter", "explain", "ff15::1")
    assert done.returncode == 0
    assert done.stdout.startswith("ff15::1  33:33:00:00:00:01\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-i", "eth1"), "-i and --peer go together"),
        (("--peer", "other/eth1"), "-i and --peer go together"),
        (("-i", "eth1", "--peer", "x/y", "--on", "tap"), "--on makes its own interfaces"),
        (("--on", "hub"), "'hub' is no vehicle (vehicles: tap, macvlan, bridge, veth, qemu)"),
        (("--nic", "igb"), "--nic belongs to -i"),
        (("--group", "10.0.0.1@232.1.1.1"), "--group takes no sources"),
        (("--group", "ff01::5"), "--group ff01::5: the kernel has it already, or never loads it"),
        (("--group", "224.0.0.1"), "--group 224.0.0.1"),
        (("--group", "239.1.1.1+65"), "--group: at most 64 groups"),
        (("--on", "tap,macvlan", "--group", "239.1.1.1+65"), "--group: at most 64 groups"),
        (("--on", "tap,bridge", "--group", "239.1.1.1+1025"), "--group: at most 1,024 groups"),
        (("-i", "lo", "--peer", "eth1"), "write NETNS/INTERFACE"),
    ],
)
def test_a_check_that_makes_no_sense_is_refused(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(["macfilter", "check", *arguments])
    except SystemExit as ended:
        code = ended.code
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert said in captured.err


def test_a_guest_that_cannot_be_had_is_a_skip(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLDKIT_KERNEL", "/nowhere/kernel.deb")
    assert main(["macfilter", "check", "--on", "qemu"]) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("mldkit: qemu: ")
