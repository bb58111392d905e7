"""Datagrams to groups in captures: tshark reads the same from the same frames."""

from __future__ import annotations

import shutil
import subprocess
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from mldkit.lab.datagrams import datagrams, flows
from mldkit.link.capture import open_capture
from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.addresses import text
from mldkit.model.datagram import Frame

if TYPE_CHECKING:
    from pathlib import Path

ETHERNET = "3333432112340200000000{:02x}{}"
IPV6 = "6000000000{:02x}11{:02x}" + ip_address("fe80::1").packed.hex()
UDP = "c0001388000a00006869"
FRAMES = [
    ETHERNET.format(1, "86dd") + IPV6.format(10, 16) + ip_address("ff15::1").packed.hex() + UDP,
    ETHERNET.format(1, "86dd") + IPV6.format(10, 1) + ip_address("ff15::1").packed.hex() + UDP,
    ETHERNET.format(1, "86dd") + IPV6.format(10, 16) + ip_address("fe80::2").packed.hex() + UDP,
    ETHERNET.format(2, "0800") + "4500001e00000000011100000a090001ef010203" + UDP,
    ETHERNET.format(2, "0800") + "4600002200000000011100000a090001ef01020394040000" + UDP,
    ETHERNET.format(2, "0800") + "4500001e00000000010200000a090001ef010203" + UDP,
    ETHERNET.format(2, "0800") + "4500001e00000000011100000a090001ef010203",
    ETHERNET.format(3, "86dd"),
]


@pytest.mark.skipif(not shutil.which("tshark"), reason="no tshark")
def test_tshark_reads_the_same_datagrams(tmp_path: Path) -> None:
    path = tmp_path / "data.pcapng"
    with CaptureWriter(str(path)) as writer:
        for number, octets in enumerate(FRAMES, start=1):
            writer.write(Frame(bytes.fromhex(octets), time_ns=number, number=number))
    fields = ("frame.number", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.dstport")
    shown = subprocess.run(
        ["tshark", "-r", path, "-Tfields", *(f"-e{name}" for name in fields)],
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [
        line.split()
        for line in shown.stdout.splitlines()
        if line.endswith("5000") and ip_address(line.split()[2]).is_multicast
    ]

    with open_capture(str(path)) as capture:
        found = [
            [str(sent.frame.number), text(sent.source), text(sent.group), str(sent.port)]
            for sent in datagrams(capture.frames())
        ]
    assert [row[0] for row in found] == ["1", "2", "4", "5"]
    assert found == expected


def test_datagrams_of_one_source_to_one_group_are_a_flow() -> None:
    frames = [
        Frame(bytes.fromhex(octets), number=number) for number, octets in enumerate(FRAMES, start=1)
    ]
    found = flows(datagrams(frames))

    assert [(flow.first.frame.number, flow.last.frame.number) for flow in found] == [(1, 2), (4, 5)]
    assert [flow.count for flow in found] == [2, 2]
    assert [flow.last.hops for flow in found] == [1, 1]
