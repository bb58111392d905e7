"""Captures that are cut, damaged, or no captures: what is before the break counts."""

from __future__ import annotations

import gzip
import io
import os
import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from mldkit.errors import CaptureError
from mldkit.link.capture import open_capture
from mldkit.link.reading import PlainSource, Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IGMP = bytes.fromhex(
    "01005e000001 020000000001 0800"
    "46c000240000400001027ac60a000001e000000194040000 1164ec1e00000000027d0000"
) + bytes(14)
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
RECORD_OCTETS = 16 + len(IGMP)


def record(captured: int | None = None, data: bytes = IGMP) -> bytes:
    length = len(data) if captured is None else captured
    return struct.pack("<IIII", 1_700_000_000, 0, length, length) + data


def block(kind: int, body: bytes, *, first: int | None = None, second: int | None = None) -> bytes:
    length = len(body) + 12
    opening, closing = (length if claim is None else claim for claim in (first, second))
    return struct.pack("<II", kind, opening) + body + struct.pack("<I", closing)


def packet(captured: int = len(IGMP), interface: int = 0, second: int | None = None) -> bytes:
    head = struct.pack("<IIIII", interface, 0, 7, captured, captured)
    return block(6, head + IGMP, second=second)


PCAPNG_HEADER = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(
    1, struct.pack("<HHI", 1, 0, 0)
)
BLOCK_OCTETS = len(packet())
LARGE = 300 * 1024

BROKEN = {
    "pcap cut inside a record header": (PCAP_HEADER, record(), record()[:7]),
    "pcap cut inside a packet": (PCAP_HEADER, record(), record()[:-1]),
    "pcap packet of 2 GiB": (PCAP_HEADER, record(), record(0x80000000) + record() * 50),
    "pcap packet of 300 KiB": (PCAP_HEADER, record(), record(data=bytes(LARGE)) + record() * 50),
    "pcapng cut inside a block header": (PCAPNG_HEADER, packet(), packet()[:11]),
    "pcapng cut inside a packet": (PCAPNG_HEADER, packet(), packet()[:-9]),
    "pcapng cut inside a block that is passed over": (
        PCAPNG_HEADER,
        packet(),
        block(0x0ABC, bytes(400))[:300],
    ),
    "pcapng block of 4 octets": (PCAPNG_HEADER, packet(), block(6, b"", first=4) + packet() * 50),
    "pcapng block of 3 GiB": (PCAPNG_HEADER, packet(), block(6, b"", first=3 << 30) + packet() * 5),
    "pcapng lengths that differ": (PCAPNG_HEADER, packet(), packet(second=84) + packet() * 50),
    "pcapng other lengths that differ": (
        PCAPNG_HEADER,
        packet(),
        block(0x0ABC, bytes(8), second=84) + packet() * 50,
    ),
    "pcapng packet larger than its block": (PCAPNG_HEADER, packet(), packet(99) + packet() * 50),
    "pcapng packet of 300 KiB": (
        PCAPNG_HEADER,
        packet(),
        block(6, struct.pack("<IIIII", 0, 0, 7, LARGE, LARGE) + bytes(LARGE)) + packet() * 50,
    ),
    "pcapng packet of no interface": (
        PCAPNG_HEADER,
        packet(),
        packet(interface=3) + packet() * 50,
    ),
    "pcapng section without byte order": (
        PCAPNG_HEADER,
        packet(),
        block(0x0A0D0D0A, bytes(16)) + packet() * 50,
    ),
}


@pytest.mark.parametrize("count", [0, 1, 40])
@pytest.mark.parametrize(("header", "whole", "rest"), BROKEN.values(), ids=BROKEN)
def test_everything_before_the_break_is_given_with_its_offset(
    header: bytes, whole: bytes, rest: bytes, count: int, tmp_path: Path
) -> None:
    path = tmp_path / "broken"
    path.write_bytes(header + whole * count + rest)

    with open_capture(str(path)) as every, open_capture(str(path)) as chosen:
        frames, candidates = list(every.frames()), list(chosen.candidates())

    assert [frame.number for frame in frames] == list(range(1, count + 1))
    assert candidates == frames
    assert every.packets == chosen.packets == count
    for capture in (every, chosen):
        assert capture.damage is not None
        assert capture.damage.offset == len(header) + count * len(whole)
        assert capture.damage.reason


@pytest.mark.parametrize(("header", "whole", "rest"), BROKEN.values(), ids=BROKEN)
def test_tshark_finds_the_same_packets_before_the_break(
    header: bytes,
    whole: bytes,
    rest: bytes,
    tmp_path: Path,
    tshark_frames: Callable[[Path], list[list[str]]],
) -> None:
    path = tmp_path / "broken"
    path.write_bytes(header + whole * 5 + rest)

    assert len(tshark_frames(path)) == 5


def test_a_cut_gzip_stream_gives_what_came_out_of_it(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap.gz"
    whole = PCAP_HEADER + b"".join(record(data=os.urandom(60)) for _ in range(100))
    compressed = gzip.compress(whole)
    path.write_bytes(compressed[: len(compressed) // 2])

    with open_capture(str(path)) as capture:
        frames = list(capture.frames())

    assert 40 < len(frames) < 60
    assert capture.damage is not None
    assert capture.damage.offset == len(PCAP_HEADER) + 76 * len(frames)
    assert capture.damage.reason == "gzip data end early"


def test_a_cut_gzip_stream_gives_the_same_however_little_of_it_is_in_memory(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cut.pcapng.gz"
    # Octets that repeat are a few bits: at the cut, zlib has more in hand than it was asked for.
    compressed = gzip.compress(
        PCAPNG_HEADER + block(6, struct.pack("<IIIII", 0, 0, 7, 200, 200) + bytes(200)) * 30,
        mtime=0,
    )
    for end in range(60, len(compressed)):
        path.write_bytes(compressed[:end])
        found = []
        for octets in (64, 100, 1 << 16):
            with open_capture(str(path), window_octets=octets) as capture:
                found.append((len(list(capture.frames())), capture.damage))
        assert found[0] == found[1] == found[2]


def read_with_window(path: Path, octets: int) -> tuple[int, str]:
    """Return how many frames a file gives, and why not more."""
    try:
        with open_capture(str(path), window_octets=octets) as capture:
            return len(list(capture.frames())), str(capture.damage)
    except CaptureError as error:
        return 0, error.message


def test_gzip_data_that_are_damaged_give_the_same_however_little_is_in_memory(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bad.pcapng.gz"
    packets = block(6, struct.pack("<IIIII", 0, 0, 7, 200, 200) + bytes(200)) * 30
    compressed = bytearray(gzip.compress(PCAPNG_HEADER + packets, mtime=0))
    found: set[str] = set()
    for place in range(30, len(compressed)):
        for end in (len(compressed), place + 1, place + 2):
            bad = (
                compressed[:place]
                + bytes((compressed[place] ^ 0x5A,))
                + compressed[place + 1 : end]
            )
            path.write_bytes(bad)
            read = [read_with_window(path, octets) for octets in (64, 1 << 16)]
            assert read[0] == read[1]
            found.add(read[0][1])

    assert any("gzip data are damaged" in reason for reason in found)


def test_what_the_octets_say_is_told_and_not_that_the_file_ends_behind_it() -> None:
    source = PlainSource(io.BytesIO(b""))  # type: ignore[arg-type]
    source.problem = "gzip data end early"
    window = Window(source, 64)

    assert window.damage("the two lengths of a block differ").reason.startswith("the two lengths")
    assert window.cut("the file ends inside a block").reason == "gzip data end early"


def test_damaged_gzip_data_are_damage_and_no_exception(tmp_path: Path) -> None:
    path = tmp_path / "bad.pcap.gz"
    compressed = bytearray(gzip.compress(PCAP_HEADER + record() * 10))
    compressed[-8] ^= 1
    path.write_bytes(compressed)

    with open_capture(str(path)) as capture:
        assert len(list(capture.frames())) <= 10
    assert capture.damage is not None
    assert capture.damage.reason == "gzip data are damaged"


@pytest.mark.parametrize("header", [PCAP_HEADER, PCAPNG_HEADER, PCAPNG_HEADER[:28]])
def test_a_capture_without_packets_is_whole(header: bytes, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(header)

    with open_capture(str(path)) as capture:
        assert list(capture.candidates()) == []
    assert (capture.packets, capture.damage) == (0, None)


def test_claimed_lengths_allocate_nothing(tmp_path: Path) -> None:
    path = tmp_path / "claims"
    claims_all = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0xFFFFFFFF, 1)
    path.write_bytes(claims_all + record(15 << 20))
    program = (
        "import re, sys\n"
        "from mldkit.link.capture import open_capture\n"
        "with open_capture(sys.argv[1]) as capture:\n"
        "    print(len(list(capture.frames())), end=' ')\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1])\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )

    packets, resident_kib = map(int, done.stdout.split())
    assert packets == 0
    assert resident_kib < 25_000


NO_CAPTURES = {
    "nothing": (b"", "is empty"),
    "half a pcap header": (PCAP_HEADER[:13], "ends after 13 octets"),
    "half a pcapng header": (PCAPNG_HEADER[:10], "ends after 10 octets"),
    "two octets": (PCAP_HEADER[:2], "ends after 2 octets"),
    "text": (b"No.,Time,Source\n1,0.0,10.0.0.1\n", "is not a capture"),
    "zstd": (bytes.fromhex("28b52ffd") + bytes(40), "holds zstd data"),
    "xz": (b"\xfd7zXZ\0" + bytes(40), "holds xz data"),
    "snoop": (b"snoop\0\0\0" + bytes(40), "holds a snoop capture"),
    "gzip of text": (gzip.compress(b"hello, this is no capture"), "is not a capture"),
    "gzip of nothing": (gzip.compress(b""), "is empty"),
    "pcapng without byte order": (PCAPNG_HEADER[:8] + bytes(40), "is not a capture"),
}


@pytest.mark.parametrize(("octets", "problem"), NO_CAPTURES.values(), ids=NO_CAPTURES)
def test_what_is_no_capture_is_one_clear_error(octets: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(octets)

    with pytest.raises(CaptureError) as caught:
        open_capture(str(path))

    assert caught.value.message.startswith(f"{path}: {problem}")
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_interfaces_without_end_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "interfaces.pcapng"
    described = block(1, struct.pack("<HHI", 1, 0, 0))
    path.write_bytes(PCAPNG_HEADER + packet() + described * 70_000 + packet())

    with open_capture(str(path)) as capture:
        assert len(list(capture.frames())) == 1

    assert capture.damage is not None
    assert capture.damage.offset == len(PCAPNG_HEADER) + len(packet()) + 65_535 * len(described)
    assert "65536 interfaces" in capture.damage.reason


def test_many_interfaces_cost_nothing_where_link_types_alternate(tmp_path: Path) -> None:
    path = tmp_path / "interfaces.pcapng"
    ethernet, raw = (block(1, struct.pack("<HHI", kind, 0, 0)) for kind in (1, 101))
    pair = packet(interface=0) + packet(interface=20_000)
    path.write_bytes(PCAPNG_HEADER[:28] + ethernet * 20_000 + raw + pair * 4000)
    began = time.process_time()

    with open_capture(str(path)) as capture:
        candidates = sum(1 for _ in capture.candidates())

    assert capture.packets == 8000
    assert candidates == 4000, "what starts with 01 is no raw IP"
    # Looking through all interfaces at each change of the link type takes 20 s.
    assert time.process_time() - began < 5


def test_missing_files_and_directories_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no such file") as missing:
        open_capture(str(tmp_path / "none.pcap"))
    with pytest.raises(CaptureError, match="is a directory"):
        open_capture(str(tmp_path))

    assert missing.value.hint


def test_a_file_of_another_user_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "private.pcap"
    path.write_bytes(PCAP_HEADER)
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(CaptureError, match="permission denied") as caught:
            open_capture(str(path))
    finally:
        os.seteuid(user)

    assert caught.value.hint
