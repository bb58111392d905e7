"""W-08, W-15, W-16: what `query` and `report` would send, and where to.

Nothing is sent: the frames of a dry run are read by their octets, whose places are those of the
RFCs' figures. Source addresses are given, so any machine with a loopback interface will do.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from mldkit.cli.main import main
from mldkit.model.addresses import parse

SOURCES = {"4": "10.0.0.1", "6": "fe80::1"}


def sent(capsys: pytest.CaptureFixture[str], family: str, *arguments: str) -> list[dict[str, Any]]:
    """Return the messages of a dry run on the loopback interface."""
    verb, *rest = arguments
    options = ("-i", "lo", "--source", SOURCES[family], "--dry-run", "--format", "json")
    assert main([verb, *rest, *options]) == 0
    messages: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["sent"]
    return messages


DESTINATIONS = [
    ("4", "query", "224.0.0.1", "01:00:5e:00:00:01"),
    ("4", "query --version igmp1", "224.0.0.1", "01:00:5e:00:00:01"),
    ("4", "query --version igmp2", "224.0.0.1", "01:00:5e:00:00:01"),
    ("4", "query 239.129.1.1", "239.129.1.1", "01:00:5e:01:01:01"),
    ("4", "query 10.0.0.9@232.1.1.1", "232.1.1.1", "01:00:5e:01:01:01"),
    ("4", "query --version igmp2 239.1.1.1", "239.1.1.1", "01:00:5e:01:01:01"),
    ("4", "report IS_EX(239.1.1.1)", "224.0.0.22", "01:00:5e:00:00:16"),
    ("4", "report --version igmp1 239.1.1.1", "239.1.1.1", "01:00:5e:01:01:01"),
    ("4", "report --version igmp2 239.1.1.1", "239.1.1.1", "01:00:5e:01:01:01"),
    ("4", "report --version igmp2 --leave 239.1.1.1", "224.0.0.2", "01:00:5e:00:00:02"),
    ("6", "query", "ff02::1", "33:33:00:00:00:01"),
    ("6", "query --version mld1", "ff02::1", "33:33:00:00:00:01"),
    ("6", "query ff05::1:2", "ff05::1:2", "33:33:00:01:00:02"),
    ("6", "query 2001:db8::9@ff3e::7", "ff3e::7", "33:33:00:00:00:07"),
    ("6", "report TO_IN(ff05::1)", "ff02::16", "33:33:00:00:00:16"),
    ("6", "report --version mld1 ff05::1", "ff05::1", "33:33:00:00:00:01"),
    ("6", "report --version mld1 --leave ff05::1", "ff02::2", "33:33:00:00:00:02"),
]


@pytest.mark.parametrize(("family", "command", "destination", "mac"), DESTINATIONS)
def test_w15_w16_each_message_goes_where_its_rfc_sends_it(
    capsys: pytest.CaptureFixture[str], family: str, command: str, destination: str, mac: str
) -> None:
    (message,) = sent(capsys, family, *command.split())
    octets = bytes.fromhex(message["bytes"])
    address = octets[30:34] if family == "4" else octets[38:54]

    assert address == parse(destination)
    assert octets[:6].hex(":") == mac
    assert message["findings"] == []


@pytest.mark.parametrize(
    ("family", "command", "field"),
    [
        ("4", "query --version igmp2 --max-response 25.5s", "ff"),
        ("4", "query --version igmp2 --max-response 20s", "c8"),
        ("4", "query --version igmp1", "00"),
        ("4", "query --max-response 20s", "89"),
        ("6", "query --version mld1 --max-response 40s", "9c40"),
        ("6", "query --version mld1 --max-response 65.535s", "ffff"),
        ("6", "query --max-response 40s", "8388"),
    ],
)
def test_w08_the_response_time_is_linear_in_older_versions_alone(
    capsys: pytest.CaptureFixture[str], family: str, command: str, field: str
) -> None:
    (message,) = sent(capsys, family, *command.split())
    octets = bytes.fromhex(message["bytes"])
    # Ethernet 14, IPv4 with Router Alert 24, type; Ethernet 14, IPv6 40, hop-by-hop 8, head 4.
    at = 39 if family == "4" else 66

    assert octets[at : at + len(field) // 2].hex() == field


def test_w18_a_report_for_many_groups_is_split_to_the_mtu(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for family, first, place in (
        ("4", "IS_EX(239.0.{}.{})", 44),
        ("6", "IS_EX(ff05::{:x}{:02x})", 68),
    ):
        records = [first.format(number >> 8, number & 255) for number in range(8200)]
        messages = sent(capsys, family, "report", *records)
        octets = [bytes.fromhex(message["bytes"]) for message in messages]

        assert sum(int.from_bytes(frame[place : place + 2]) for frame in octets) == 8200
        assert len(octets) > 1
        assert max(map(len, octets)) <= 14 + 65_535
