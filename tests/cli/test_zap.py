"""`zap` before it touches an interface, and what it prints."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from mldkit.cli.main import build_parser, main
from mldkit.cli.zap import order_of
from mldkit.model.addresses import parse
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.render.pictures.switches import save
from mldkit.render.zap import switch_json, text_lines
from mldkit.zap.channel import Viewing
from mldkit.zap.switch import Switch

if TYPE_CHECKING:
    from pathlib import Path

GROUPS = tuple(map(parse, ("239.10.1.1", "239.10.1.2", "239.10.1.3")))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["239.1.1.1"], "argument GROUP: 2 to 10,000 channels, not 1"),
        (["239.1.1.1", "239.1.1.1"], "argument GROUP: 2 to 10,000 channels, not 1"),
        (["239.0.0.0+20000"], "argument GROUP: 2 to 10,000 channels, not 20,000"),
        (["10.0.0.1@232.1.1.1", "232.1.1.2"], "argument GROUP: a channel is a group"),
        (["224.0.0.1", "239.1.1.1"], "argument GROUP: no host ever reports 224.0.0.1"),
        (["239.1.1.1+2", "--seed", "1"], "argument --seed: it needs --random"),
        (["239.1.1.1+2", "--every", "0"], "argument --every"),
        (["239.1.1.1+2", "-w", "-"], "argument -w"),
    ],
)
def test_wrong_use_is_refused_and_named(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["zap", "-i", "lo", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"mldkit: {named}")


def test_an_interface_that_is_missing_is_the_environment() -> None:
    assert main(["zap", "-i", "no-such-if0", "239.1.1.1+2"]) == 3


@pytest.mark.parametrize("options", [(), ("--random", "--seed", "7")])
def test_there_are_as_many_switches_as_asked_for_and_each_changes_the_channel(
    options: tuple[str, ...],
) -> None:
    words = ["zap", "-i", "lo", "239.10.1.1+3", "--count", "50", *options]
    args = build_parser("zap").parse_args(words)
    order = order_of(args, GROUPS, 7)
    assert len(order) == 51
    assert set(order) == set(GROUPS)
    assert all(one != other for one, other in pairwise(order))
    assert order == order_of(args, GROUPS, 7)


def switch(join_ms: int, leave_ms: int | None) -> Switch:
    viewing = Viewing()
    viewing.first_ns = SECOND + join_ms * MILLISECOND
    viewing.datagrams, viewing.is_rtp, viewing.lost = 100, True, 1
    return Switch(
        GROUPS[0],
        GROUPS[1],
        left_ns=SECOND,
        reported_ns=SECOND,
        ended_ns=None if leave_ms is None else SECOND + leave_ms * MILLISECOND,
        viewing=viewing,
    )


def test_people_read_the_spread_the_losses_and_a_histogram() -> None:
    lines = list(text_lines([switch(number, 2000) for number in range(1, 21)]))
    assert " ".join(lines[0].split()) == (
        "join delay min 1.0 ms median 10.0 ms 95 % 19.0 ms most 20.0 ms report to first datagram"
    )
    assert "median    2.00 s" in lines[1]
    assert "20 of 2,000 datagrams (RTP)" in lines[3]
    assert sum(int(line.rpartition(" ")[2]) for line in lines[5:]) == 20


def test_what_is_not_known_is_null() -> None:
    document = switch_json(Switch(GROUPS[0], GROUPS[1]))
    unknown = ("join_delay_ms", "leave_delay_ms", "overlap_ms", "key_frame_ms", "lost", "gaps")
    assert [document[name] for name in unknown] == [None] * 6
    assert switch_json(switch(5, None))["leave_delay_ms"] is None


@pytest.mark.parametrize("name", ["delays.png", "delays.svg"])
def test_the_picture_shows_how_many_were_measured(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    save([switch(number, None if number % 2 else 2000) for number in range(1, 11)], str(file))
    octets = file.read_bytes()
    if name.endswith("png"):
        assert octets.startswith(b"\x89PNG")
    else:
        words = "".join(ElementTree.fromstring(octets).itertext())  # noqa: S314 (our own)
        assert "Join delay, 10 of 10 switches" in words
        assert "Leave delay, 5 of 10 switches" in words


def test_another_ending_of_a_picture_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zap", "-i", "lo", "239.1.1.1+2", "--plot", "delays.txt"]) == 2
    assert "delays.txt" in capsys.readouterr().err
