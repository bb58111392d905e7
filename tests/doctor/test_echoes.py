"""Data that come back: a router sends what it received to where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.testing.stage import Stage

if TYPE_CHECKING:
    from tests.doctor.conftest import Doctor

BORDER = bytes.fromhex("020000000065")
OTHER = bytes.fromhex("0200000000cc")


def sent(stage: Stage, *, back_from: bytes | None, later: float = 0.004, lower: int = 1) -> None:
    """Let data come each 2 s, and come back from a MAC; host 2 is a member."""
    for number in range(3):
        stage.query(125 * number)
        stage.report(125 * number + 3, "IS_EX", 1, host=2)
    for number in range(120):
        payload = b"datagram %d" % number
        stage.data(10 + 2 * number, 1, hop_limit=64, payload=payload)
        if back_from is not None:
            stage.data(
                10 + 2 * number + later, 1,
                hop_limit=64 - lower, payload=payload, link_source=back_from,
            )  # fmt: skip


def test_each_datagram_comes_back_from_a_member_and_is_counted_once(
    stage: Stage, doctor: Doctor
) -> None:
    sent(stage, back_from=BORDER)

    told = doctor(stage)

    (data,) = told.document["streams"]
    assert data["packets"] == 120
    assert data["returned"] == {"mac": "02:00:00:00:00:65", "hop_limit": 63, "packets": 120}
    assert told.severity("D-48") == "warning"
    assert "come back from 02:00:00:00:00:65" in told.text
    assert "120 of 120 packets" in told.text


def test_two_links_in_one_capture_look_alike(stage: Stage, doctor: Doctor) -> None:
    # A mirror port of two VLANs without tags has what a router forwards twice.
    sent(stage, back_from=OTHER)

    told = doctor(stage)

    assert told.severity("D-48") == "info"
    assert "unless the capture holds two links as one" in told.text


def test_data_that_come_once_do_not_come_back(stage: Stage, doctor: Doctor) -> None:
    sent(stage, back_from=None)

    told = doctor(stage)

    assert told.ids == set()
    assert told.document["streams"][0]["returned"] is None


def test_a_second_path_with_the_same_hop_limit_is_no_echo(stage: Stage, doctor: Doctor) -> None:
    sent(stage, back_from=OTHER, lower=0)

    assert "D-48" not in doctor(stage).ids


def test_a_longer_way_from_some_time_on_is_no_echo(stage: Stage, doctor: Doctor) -> None:
    stage.query(0)
    stage.report(3, "IS_EX", 1, host=2)
    for number in range(100):
        is_late = number >= 50
        stage.data(
            4 + number, 1,
            hop_limit=62 if is_late else 64, payload=b"%d" % number,
            link_source=OTHER if is_late else BORDER,
        )  # fmt: skip

    told = doctor(stage)

    assert "D-48" not in told.ids
    assert told.document["streams"][0]["packets"] == 100
