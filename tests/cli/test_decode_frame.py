"""`decode --frame N`: every link type, offsets as tshark has them, and the findings."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.datagram import Frame, LinkType
from mldkit.testing.envelopes import V4, V6, patched

if TYPE_CHECKING:
    from pathlib import Path

IPV4, IPV6 = V4[14:], V6[14:]
SLL = "00020001000602000000000200000800"
SLL2 = "0800000000000001000102060200000000020000"
# Data frame from an access point, LLC and SNAP (IEEE 802.11-2020 §9.3.2, RFC 1042).
AIR = "0802000001005e0000010200000000020200000000010000" + "aaaa030000000800"
LINKS = [
    pytest.param(LinkType.ETHERNET, V6, id="ethernet"),
    pytest.param(LinkType.RAW, IPV4, id="raw"),
    pytest.param(LinkType.IPV4, IPV4, id="ipv4"),
    pytest.param(LinkType.IPV6, IPV6, id="ipv6"),
    pytest.param(LinkType.LINUX_SLL, bytes.fromhex(SLL) + IPV4, id="sll"),
    pytest.param(LinkType.LINUX_SLL2, bytes.fromhex(SLL2) + IPV4, id="sll2"),
    pytest.param(LinkType.IEEE802_11, bytes.fromhex(AIR) + IPV4, id="802.11"),
    pytest.param(
        LinkType.IEEE802_11_RADIOTAP,
        bytes.fromhex("0000080000000000" + AIR) + IPV4,
        id="802.11 behind radiotap",
    ),
    pytest.param(LinkType.NULL, bytes.fromhex("1e000000") + IPV6, id="null of macOS"),
    pytest.param(LinkType.NULL, bytes.fromhex("02000000") + IPV4, id="null"),
    pytest.param(LinkType.LOOP, bytes.fromhex("00000018") + IPV6, id="loop of OpenBSD"),
    pytest.param(LinkType.LOOP, bytes.fromhex("00000002") + IPV4, id="loop"),
]
# Field of tshark, and the field of ours that holds the same octets.
SAME = {
    "ip.src": ("IP", "src"),
    "ip.ttl": ("IP", "ttl"),
    "igmp.maddr": ("IGMPv3Query", "group"),
    "igmp.num_src": ("IGMPv3Query", "number_of_sources"),
    "ipv6.hlim": ("IPv6", "hlim"),
    "ipv6.opt.router_alert": ("RouterAlert[0]", "value"),
    "icmpv6.mld.multicast_address": ("MLDv2Query", "group"),
    "icmpv6.checksum": ("MLDv2Query", "checksum"),
}


def decode(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mldkit", "decode", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def capture_of(path: Path, link_type: int, *frames: bytes) -> Path:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    records = (struct.pack("<IIII", 7, 0, len(data), len(data)) + data for data in frames)
    path.write_bytes(head + b"".join(records))
    return path


@pytest.mark.parametrize(("link_type", "octets"), LINKS)
def test_fields_stand_where_tshark_says(tmp_path: Path, link_type: int, octets: bytes) -> None:
    if shutil.which("tshark") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("tshark is not installed")
        pytest.skip("tshark is not installed")
    path = capture_of(tmp_path / "one.pcap", link_type, octets)
    command = ["tshark", "-n", "-r", str(path), "-T", "pdml"]
    pdml = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    fields = re.findall(r'<field name="([^"]+)".* size="(\d+)" pos="(\d+)"', pdml)
    theirs = {SAME[name]: (int(at), int(size)) for name, size, at in fields if name in SAME}

    done = decode("--frame", 1, "--json", path)

    document = json.loads(done.stdout)
    ours = {
        (row["layer"], row["name"]): (row["offset"], len(row["octets"]) // 2)
        for row in document["fields"]
    }
    assert len(theirs) == 4
    assert theirs.items() <= ours.items()
    assert document["messages"][0]["kind"] == "query"
    assert (done.returncode, done.stderr) == (0, "")


def test_the_findings_of_the_frame_follow_its_fields() -> None:
    done = decode("--frame", 1, "--hex", patched(V6, 21, b"\x40").hex())

    *_, summary, finding = done.stdout.splitlines()
    assert summary.startswith("MLDv2 General Query")
    assert finding.strip().startswith("error V-03: ")
    assert done.returncode == 1


def test_a_frame_that_breaks_early_says_where() -> None:
    done = decode("--frame", 1, "--hex", V6[:9].hex())
    document = json.loads(decode("--frame", 1, "--json", "--hex", V6[:9].hex()).stdout)

    assert "ended before the protocol was known" in done.stdout
    assert document["broken"]["offset"] == 9
    assert document["messages"] == []


def test_the_frame_that_completes_a_datagram_shows_the_message(tmp_path: Path) -> None:
    # RFC 791 §3.2: offset in units of 8 octets, More Fragments on all but the last.
    first = patched(V4, 16, struct.pack(">HHH", 24 + 8, 7, 0x2000))[: 14 + 24 + 8]
    last = patched(V4[:38] + V4[46:], 16, struct.pack(">HHH", 24 + 4, 7, 1))
    path = capture_of(tmp_path / "two.pcap", LinkType.ETHERNET, first, last)

    messages = [
        json.loads(decode("--frame", number, "--json", path).stdout)["messages"]
        for number in (1, 2)
    ]

    assert messages[0] == []
    assert [found["group"] for found in messages[1]] == ["0.0.0.0"]


def test_a_long_field_is_wrapped_at_sixteen_octets() -> None:
    octets = V4 + b"\0" * 40

    done = decode("--frame", 1, "--hex", octets.hex())

    first, second, third = done.stdout.partition("Padding\n")[2].splitlines()[:3]
    assert first.split() == [str(len(V4)), "00" * 16, "load", "40", "octets"]
    assert second.split() == [str(len(V4) + 16), "00" * 16]
    assert third.split() == [str(len(V4) + 32), "00" * 8]


def test_time_and_interface_are_said(tmp_path: Path) -> None:
    path = tmp_path / "named.pcapng"
    with CaptureWriter(str(path)) as writer:
        writer.write(Frame(V6, 1_700_000_000_000_000_001, 1, interface="eth7"))

    headline = decode("--frame", 1, path).stdout.splitlines()[0]

    assert headline == (
        f"frame 1, ethernet, {len(V6)} octets, time 1700000000.000000001, interface eth7"
    )


def test_a_link_type_that_is_not_read_is_named(tmp_path: Path) -> None:
    done = decode("--frame", 1, capture_of(tmp_path / "usb.pcap", 189, bytes(40)))

    assert done.returncode == 3
    assert done.stderr.startswith("mldkit: frame 1 is of link type 189, which is not read\nhint: ")


def test_a_link_type_is_for_hex_alone(tmp_path: Path) -> None:
    done = decode("--link-type", "raw", capture_of(tmp_path / "x.pcap", 1, V6))

    assert done.returncode == 2
    assert "--link-type" in done.stderr
