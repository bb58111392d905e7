"""Times with their date where a capture needs it, and devices by the names that people know."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import main
from mldkit.link import clock
from mldkit.model.addresses import text
from mldkit.model.family import IGMP
from mldkit.model.units import SECOND
from mldkit.model.words import clock_text
from mldkit.testing.stage import BEGIN_NS, Stage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doctor.conftest import Doctor

CARD = r"\Device\NPF_{5C0A19B1-2E3F-4A56-9B7C-0123456789AB}"


@pytest.mark.parametrize("days", [0, 58, 59, 60, 789, 790, 11_016, 19_675, 19_782, 47_540, 47_541])
def test_dates_are_those_of_the_calendar(days: int) -> None:
    second = days * 86_400 + 4321

    told = clock_text(second * SECOND)

    assert told == f"{datetime.fromtimestamp(second, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"


def test_a_capture_of_one_day_needs_no_date(stage: Stage, doctor: Doctor) -> None:
    for at in (0, 700):
        stage.query(at)
        stage.report(at + 2, "IS_EX", 1)

    told = doctor(stage)

    assert "nobody queried for 700 s, from 22:13:20 UTC on" in told.text
    # The day is said once, and no time has it.
    assert [line for line in told.text.splitlines() if "2023-11-14" in line] == [
        "Times are of 2023-11-14, UTC."
    ]


def test_past_midnight_every_time_has_its_date(stage: Stage, doctor: Doctor) -> None:
    # The stage begins at 22:13:20.
    for at in (0, 7000):
        stage.query(at)
        stage.report(at + 2, "IS_EX", 1)

    told = doctor(stage)

    assert "nobody queried for 7000 s, from 2023-11-14 22:13:20 UTC on" in told.text


def windows_capture(*cards: tuple[str, str]) -> bytes:
    """Return a pcapng in which each card, a name with a description, has a query and a report."""
    stage = Stage(IGMP)
    stage.query(0)
    stage.report(2, "IS_EX", 1)
    octets = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    for card in cards:
        options = b"".join(
            struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)
            for code, value in zip((2, 3), (text.encode() for text in card), strict=True)
            if value
        )
        octets += _block(1, struct.pack("<HHI", 1, 0, 0) + options + bytes(4))
    for number in range(len(cards)):
        for frame in stage.frames():
            data, micros = frame.data, (frame.time_ns or 0) // 1000
            head = struct.pack(
                "<IIIII", number, micros >> 32, micros & 0xFFFFFFFF, len(data), len(data)
            )
            octets += _block(6, head + data + bytes(-len(data) % 4))
    return octets


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


@pytest.mark.parametrize(("description", "known"), [("Wi-Fi", "Wi-Fi"), ("", "NPF 5C0A19B1")])
def test_a_card_of_windows_has_the_name_that_people_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], description: str, known: str
) -> None:
    path = tmp_path / "windows.pcapng"
    path.write_bytes(windows_capture((CARD, description)))

    main(["analyze", str(path)])
    text = capsys.readouterr().out
    main(["analyze", "--json", str(path)])
    document = capsys.readouterr().out

    assert text.startswith(f"IGMP on {known}: querier is")
    assert "Device" not in text
    assert CARD.replace("\\", "\\\\") in document


def test_cards_of_one_kind_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "windows.pcapng"
    other = CARD.replace("5C0A", "77FF")
    path.write_bytes(windows_capture((CARD, "Ethernet"), (other, "Ethernet"), ("eth0", "Office")))

    main(["analyze", str(path)])

    text = capsys.readouterr().out
    for name in ("Ethernet (5C0A19B1)", "Ethernet (77FF19B1)", "eth0"):
        assert f"IGMP on {name}: querier is" in text
    assert "Office" not in text


def test_a_host_that_was_asked_about_and_not_heard_is_named(stage: Stage, doctor: Doctor) -> None:
    stage.query(0)
    stage.report(3, "IS_EX", 1)
    absent, present = text(stage.host(9)), text(stage.host(1))

    assert f"No message of {absent} was heard." in doctor(stage, "--host", absent).text
    assert "was heard" not in doctor(stage, "--host", present).text
    assert "was heard" not in doctor(stage, "--host", text(stage.router())).text


def test_the_day_is_told_of_times_that_are_not_of_today(
    stage: Stage, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in (0, 125, 250, 375):
        stage.query(at)
    stage.report(3, "IS_EX", 1)

    # The member falls silent, and it is said when it was last heard.
    # 2023-11-14, when the stage begins.
    assert "UTC" in doctor(stage).text
    assert "Times are of 2023-11-14, UTC." in doctor(stage).text
    monkeypatch.setattr(clock, "wall_ns", lambda: BEGIN_NS + SECOND)
    assert "Times are of" not in doctor(stage).text
