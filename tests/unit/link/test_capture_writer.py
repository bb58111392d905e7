"""What the writer leaves behind, read by tshark and by the reader."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mldkit.errors import CaptureError
from mldkit.link.capture import open_capture
from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.datagram import Frame, LinkType

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IGMP = bytes.fromhex(
    "01005e000001 020000000001 0800"
    "46c000240000400001027ac60a000001e000000194040000 1164ec1e00000000027d0000"
)
FRAMES = [
    Frame(IGMP, 1_700_000_000_000_000_001, 1, interface="eth0"),
    Frame(IGMP[:41], 1_700_000_000_123_456_789, 2, original_length=50, interface="eth1"),
    Frame(IGMP[14:], 1_700_000_001_000_000_000, 3, LinkType.RAW, interface="eth0"),
    Frame(IGMP, 1_700_000_002_000_000_000, 4, interface="eth0", outgoing=True),
    Frame(IGMP, 0, 5),
]


def test_frames_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "out.pcapng"
    with CaptureWriter(str(path)) as writer:
        for frame in FRAMES:
            writer.write(frame)

    with open_capture(str(path)) as capture:
        assert list(capture.frames()) == FRAMES
    assert capture.damage is None
    assert capture.interfaces == ("eth0", "eth1", "eth0", None)


def test_tshark_reads_times_to_the_nanosecond_and_interfaces(
    tmp_path: Path, tshark_frames: Callable[[Path], list[list[str]]]
) -> None:
    path = tmp_path / "out.pcapng"
    with CaptureWriter(str(path)) as writer:
        for frame in FRAMES:
            writer.write(frame)

    rows = tshark_frames(path)

    assert rows == [
        ["1", "1700000000.000000001", "50", "50", "eth0"],
        ["2", "1700000000.123456789", "41", "50", "eth1"],
        ["3", "1700000001.000000000", "36", "36", "eth0"],
        ["4", "1700000002.000000000", "50", "50", "eth0"],
        ["5", "0.000000000", "50", "50", "unknown"],
    ]


def test_direction_and_link_types_are_what_tshark_sees(
    tmp_path: Path, wireshark_tool: Callable[..., str]
) -> None:
    path = tmp_path / "out.pcapng"
    with CaptureWriter(str(path)) as writer:
        for frame in FRAMES:
            writer.write(frame)

    fields = ("-e", "frame.packet_flags_direction", "-e", "frame.protocols")
    shown = wireshark_tool("tshark", "-n", "-r", path, "-T", "fields", *fields)

    directions, protocols = zip(*(line.split("\t") for line in shown.splitlines()), strict=True)
    assert [bool(direction) for direction in directions] == [False, False, False, True, False]
    assert protocols[2] == "raw:ip:igmp:igmp"


def test_nothing_is_lost_when_the_program_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "out.pcapng"
    program = (
        "import sys, time\n"
        "from mldkit.link.capture_writer import CaptureWriter\n"
        "from mldkit.model.datagram import Frame\n"
        "writer = CaptureWriter(sys.argv[1])\n"
        "for number in range(1000): writer.write(Frame(bytes(60), number))\n"
        "print('written', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "written\n"
        child.send_signal(signal.SIGKILL)

    with open_capture(str(path)) as capture:
        assert [frame.time_ns for frame in capture.frames()] == list(range(1000))
    assert capture.damage is None


def test_a_writer_without_frames_leaves_a_capture(
    tmp_path: Path, tshark_frames: Callable[[Path], list[list[str]]]
) -> None:
    path = tmp_path / "out.pcapng"
    CaptureWriter(str(path)).close()

    with open_capture(str(path)) as capture:
        assert list(capture.frames()) == []
    assert tshark_frames(path) == []


def test_a_binary_file_and_standard_output_are_written_too() -> None:
    file = io.BytesIO()
    first_ns = 1_700_000_000_000_000_001
    with CaptureWriter(file) as writer:
        writer.write(Frame(IGMP, first_ns, 1))
    program = (
        "from mldkit.link.capture_writer import CaptureWriter\n"
        "from mldkit.model.datagram import Frame\n"
        f"with CaptureWriter('-') as writer: writer.write(Frame({IGMP!r}, {first_ns}, 1))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout == file.getvalue()
    assert done.stdout.startswith(b"\x0a\x0d\x0d\x0a")


def test_a_file_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="cannot be written: no such file or directory"):
        CaptureWriter(str(tmp_path / "none" / "out.pcapng"))


def test_a_full_disk_is_a_clear_error() -> None:
    with pytest.raises(CaptureError, match="/dev/full: cannot be written: no space left"):
        CaptureWriter("/dev/full")
