"""Captures of every format, read here and by tshark."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING

import pytest

from mldkit.link.capture import open_capture
from mldkit.model.datagram import LinkType

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mldkit.model.datagram import Frame

QUERY = bytes.fromhex(
    "01005e000001 020000000001 0800"
    "46c000240000400001027ac60a000001e000000194040000 1164ec1e00000000027d0000"
)
"""An IGMPv3 General Query."""
MLD_QUERY = bytes.fromhex(
    "60000000 0024 00 01 fe80000000000000 00000000000000ff ff02000000000000 0000000000000001"
    "3a00 0502 0000 0100 82 00 6f65 2710 0000 00000000000000000000000000000000 02 7d 0000"
)
"""An MLDv2 General Query without a link header."""
PING = bytes.fromhex("020000000002 020000000001 0800 4500001c00004000400126db0a0000010a000002") + (
    b"\x08\x00\xf7\xff\0\0\0\0"
)
DETAILED = ("frame.number", "frame.time_epoch", "frame.cap_len", "frame.len")


def pcap(magic: int, order: str, link_type: int = 1, extra: bytes = b"") -> bytes:
    """Return three packets, the second one cut by the capture."""
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link_type)]
    for number, (data, original) in enumerate(((QUERY, 50), (PING, 1000), (QUERY, 50))):
        head = (1_700_000_000 + number, 123_456 + number, len(data), original)
        parts += (struct.pack(f"{order}IIII", *head), extra, data)
    return b"".join(parts)


def block(order: str, kind: int, body: bytes) -> bytes:
    length = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + length + body + length


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def packet(order: str, interface: int, ticks: int, data: bytes, options: bytes = b"") -> bytes:
    head = (interface, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    padded = data + bytes(-len(data) % 4)
    return block(order, 6, struct.pack(f"{order}IIIII", *head) + padded + options)


def section(order: str) -> bytes:
    """Return a section with three interfaces and every kind of block."""
    seconds = 1_700_000_000
    name, flags = option(order, 2, b"eth0"), option(order, 2, struct.pack(f"{order}I", 2))
    binary = option(order, 9, b"\x8a") + option(order, 14, struct.pack(f"{order}q", 1000))
    nanoseconds = option(order, 9, b"\x09") + option(order, 2, b"raw\xc2\xb5")
    obsolete = struct.pack(f"{order}HHIIII", 0, 7, 0, 5, len(QUERY), len(QUERY))
    return b"".join(
        (
            block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1)),
            block(order, 1, struct.pack(f"{order}HHI", 1, 0, len(QUERY)) + name + bytes(4)),
            block(order, 3, struct.pack(f"{order}I", 1000) + QUERY + bytes(2)),
            block(order, 1, struct.pack(f"{order}HHI", 1, 0, 0) + binary),
            packet(order, 0, seconds * 10**6 + 7, QUERY, flags + bytes(4)),
            packet(order, 1, (seconds << 10) + 513, PING),
            block(order, 0x0ABC, bytes(80)),
            block(order, 1, struct.pack(f"{order}HHI", 101, 0, 0) + nanoseconds + bytes(4)),
            packet(order, 2, seconds * 10**9 + 1, MLD_QUERY),
            block(order, 2, obsolete + QUERY + bytes(2)),
            packet(order, 1, (seconds << 10) + 1, QUERY),
        )
    )


FILES = {
    "microseconds, little-endian": pcap(0xA1B2C3D4, "<"),
    "microseconds, big-endian": pcap(0xA1B2C3D4, ">"),
    "nanoseconds, little-endian": pcap(0xA1B23C4D, "<"),
    "nanoseconds, big-endian": pcap(0xA1B23C4D, ">"),
    "modified libpcap": pcap(0xA1B2CD34, "<", extra=struct.pack("<IHBx", 1, 0x0800, 4)),
    "frame check sum length in the link type": pcap(0xA1B2C3D4, "<", 0x24000001),
    "pcapng, sections of both byte orders": section("<") + section(">") + section("<"),
}


def listed(frames: list[Frame]) -> list[list[str]]:
    """Return frames in the form of the fixture `tshark_frames`; no time is left out."""
    return [
        [
            str(frame.number),
            "" if frame.time_ns is None else f"{frame.time_ns // 10**9}.{frame.time_ns % 10**9:09}",
            str(len(frame.data)),
            str(frame.original_length or len(frame.data)),
            frame.interface or "",
        ]
        for frame in frames
    ]


@pytest.mark.parametrize("is_compressed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("octets", FILES.values(), ids=FILES)
def test_numbers_times_lengths_and_interfaces_are_those_of_tshark(
    octets: bytes,
    is_compressed: bool,
    tmp_path: Path,
    tshark_frames: Callable[[Path], list[list[str]]],
) -> None:
    path = tmp_path / "capture"
    path.write_bytes(gzip.compress(octets) if is_compressed else octets)

    with open_capture(str(path)) as capture:
        frames = list(capture.frames())

    expected = tshark_frames(path)
    for row, frame in zip(expected, frames, strict=True):
        if frame.time_ns is None:
            row[1] = ""
        if frame.interface is None:
            # tshark makes a name up where the file has none.
            row[4] = ""
    assert listed(frames) == expected
    assert capture.packets == len(frames) >= 3
    assert capture.damage is None
    assert [frame.is_cut for frame in frames] == [row[2] != row[3] for row in expected]


def test_each_interface_keeps_its_link_type_and_the_direction_is_read(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcapng"
    path.write_bytes(section("<"))

    with open_capture(str(path)) as capture:
        frames = list(capture.frames())

    assert [frame.link_type for frame in frames] == [1, 1, 1, LinkType.RAW, 1, 1]
    assert [frame.outgoing for frame in frames] == [False, True, False, False, False, False]
    assert [frame.data for frame in frames] == [QUERY, QUERY, PING, MLD_QUERY, QUERY, QUERY]
    assert capture.interfaces == ("eth0", None, "raw\u00b5")
    assert capture.link_types == {1: 5, 101: 1}
    assert (capture.first_ns, capture.last_ns) == (frames[1].time_ns, frames[-1].time_ns)


def test_candidates_have_the_numbers_that_tshark_gives_to_messages(
    tmp_path: Path, wireshark_tool: Callable[..., str]
) -> None:
    path = tmp_path / "capture.pcapng"
    path.write_bytes(section("<") + section(">"))

    with open_capture(str(path)) as capture:
        numbers = [frame.number for frame in capture.candidates()]

    display = ("-Y", "igmp or icmpv6.type == 130", "-T", "fields", "-e", "frame.number")
    found = wireshark_tool("tshark", "-n", "-r", path, *display)
    assert numbers == [int(line) for line in found.split()]
    assert capture.packets == 12


def test_files_of_editcap_and_mergecap_are_read_as_tshark_reads_them(
    tmp_path: Path,
    wireshark_tool: Callable[..., str],
    tshark_frames: Callable[[Path], list[list[str]]],
) -> None:
    first, second, merged = (tmp_path / name for name in ("a.pcap", "b.pcapng", "merged"))
    first.write_bytes(pcap(0xA1B2C3D4, "<"))
    wireshark_tool("editcap", "-s", "20", "-t", "0.5", "-F", "pcapng", first, second)
    wireshark_tool("mergecap", "-w", merged, first, second)

    with open_capture(str(merged)) as capture:
        frames = list(capture.frames())

    rows = tshark_frames(merged)
    assert [row[:4] for row in listed(frames)] == [row[:4] for row in rows]
    assert sum(len(frame.data) == 20 for frame in frames) == 3


@pytest.mark.parametrize("is_compressed", [False, True], ids=["plain", "gzip"])
def test_a_pipe_on_standard_input_is_read_while_it_grows(is_compressed: bool) -> None:
    octets = section("<") * 50
    program = (
        "from mldkit.link.capture import open_capture\n"
        "with open_capture('-') as capture:\n"
        "    print(*(frame.number for frame in capture.candidates()))\n"
        "    print(capture.packets, capture.damage)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        stream = gzip.compress(octets) if is_compressed else octets
        for start in range(0, len(stream), 97):
            child.stdin.write(stream[start : start + 97])
        child.stdin.close()
        numbers, facts = child.stdout.read().decode().splitlines()

    expected = [n for base in range(0, 300, 6) for n in (base + 1, base + 2, base + 4, base + 5)]
    assert [int(word) for word in numbers.split()] == sorted(
        expected + [base + 6 for base in range(0, 300, 6)]
    )
    assert facts == "300 None"


def test_the_first_message_of_a_live_pipe_does_not_wait_for_more(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = os.open(fifo, os.O_RDWR)
    os.write(writer, pcap(0xA1B2C3D4, "<")[: 24 + 16 + len(QUERY)])

    with open_capture(str(fifo)) as capture:
        frame = next(capture.candidates())

    os.close(writer)
    assert frame.data == QUERY


def test_two_gzip_members_and_padding_are_one_capture(tmp_path: Path) -> None:
    path = tmp_path / "capture.gz"
    octets = pcap(0xA1B2C3D4, "<")
    path.write_bytes(gzip.compress(octets[:30]) + gzip.compress(octets[30:]) + bytes(512))

    with open_capture(str(path)) as capture:
        assert len(list(capture.frames())) == 3
    assert capture.damage is None


@pytest.mark.parametrize("number", [12, 14, 101])
def test_all_numbers_of_raw_ip_are_one_link_type(number: int, tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap(0xA1B2C3D4, "<", number))

    with open_capture(str(path)) as capture:
        assert {frame.link_type for frame in capture.frames()} == {LinkType.RAW}


@pytest.mark.parametrize(
    "octets",
    [
        *(octets[:24] for name, octets in FILES.items() if "pcapng" not in name),
        block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
        block(">", 0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1)),
    ],
    ids=lambda octets: octets[:12].hex(),
)
def test_a_capture_without_packets_is_whole(octets: bytes, tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(octets)

    with open_capture(str(path)) as capture:
        assert list(capture.candidates()) == []
    assert (capture.packets, capture.damage, capture.first_ns) == (0, None, None)


def test_packets_keep_the_order_of_the_file_when_time_runs_backwards(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    record = struct.pack("<IIII", 0xFFFFFFFF, 999_999, len(QUERY), len(QUERY)) + QUERY
    path.write_bytes(pcap(0xA1B2C3D4, "<") + record + bytes(8) + record[8:])

    with open_capture(str(path)) as capture:
        times_ns = [frame.time_ns for frame in capture.candidates()]

    # The end of 32 bits lies in the year 2106, their beginning in 1970.
    assert times_ns[-2:] == [4_294_967_295_999_999_000, 0]
    assert capture.last_ns == 0


def test_packets_of_other_link_types_are_counted_and_not_given(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap(0xA1B2C3D4, "<", 147))

    with open_capture(str(path)) as capture:
        assert list(capture.candidates()) == []
    assert capture.packets == 3
    assert capture.skipped_link_types == {147: 3}


def peak_of(path: Path) -> tuple[int, int]:
    """Return the packets of a capture without candidates, and the peak memory of reading, KiB."""
    program = (
        "import re, sys\n"
        "from mldkit.link.capture import open_capture\n"
        "with open_capture(sys.argv[1]) as capture:\n"
        "    for frame in capture.candidates(): raise SystemExit('a ping is a candidate')\n"
        "peak = re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1]\n"
        "print(capture.packets, peak)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    packets, resident_kib = map(int, done.stdout.split())
    return packets, resident_kib


def test_memory_stays_flat_over_a_gzip_file_that_is_a_thousand_times_larger_inside(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bomb.pcap.gz"
    record = struct.pack("<IIII", 1, 0, 262_144, 262_144) + PING
    deflate = zlib.compressobj(wbits=31)
    with path.open("wb") as file:
        file.write(deflate.compress(pcap(0xA1B2C3D4, "<")[:24]))
        for _ in range(1000):
            file.write(deflate.compress(record + bytes(262_144 - len(PING))))
        file.write(deflate.flush())

    packets, resident_kib = peak_of(path)

    assert packets == 1000
    assert path.stat().st_size < 400_000
    assert resident_kib < 25_000


def test_memory_stays_flat_over_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "large.pcap"
    head, record = pcap(0xA1B2C3D4, "<")[:24], struct.pack("<IIII", 1, 0, 1400, 1400)
    with path.open("wb") as file:
        file.write(head)
        for _ in range(100):
            file.write((record + PING + bytes(1400 - len(PING))) * 700)

    packets, resident_kib = peak_of(path)

    assert packets == 70_000
    assert path.stat().st_size > 99_000_000
    assert resident_kib < 25_000
