"""`decode` as a command: what it says besides the messages."""

from __future__ import annotations

import os
import select
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mldkit.link.capture_writer import CaptureWriter
from mldkit.model.datagram import Frame
from mldkit.testing.envelopes import V4, V6, patched
from mldkit.wire.checksum import internet_checksum

if TYPE_CHECKING:
    from pathlib import Path


def decode(*arguments: object, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mldkit", *before, "decode", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def capture_of(path: Path, *frames: bytes) -> Path:
    with CaptureWriter(str(path)) as writer:
        for number, data in enumerate(frames, 1):
            writer.write(Frame(data, number, number))
    return path


def dvmrp() -> bytes:
    """Return a frame with IGMP type 0x13, DVMRP (RFC 1075)."""
    message = bytes((0x13, 1)) + bytes(10)
    message = message[:2] + internet_checksum(message).to_bytes(2, "big") + message[4:]
    return patched(V4, len(V4) - 12, message)


def test_a_capture_without_messages_is_no_error_but_says_so(tmp_path: Path) -> None:
    done = decode(capture_of(tmp_path / "other.pcapng", bytes(60)))

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "note: 0 messages of IGMP and MLD in 1 packet\n"


def test_messages_that_all_would_show_are_counted(tmp_path: Path) -> None:
    path = capture_of(tmp_path / "dvmrp.pcapng", dvmrp())

    assert "1 of other IGMP types (--all shows them)" in decode(path).stderr
    assert "type 0x13" in decode("--all", path).stdout
    assert decode("--all", path).stderr == ""


def test_quiet_says_nothing_and_verbose_counts(tmp_path: Path) -> None:
    path = capture_of(tmp_path / "two.pcapng", V4, V6, bytes(60))

    assert decode(path).stderr == ""
    assert decode(path, before=("-v",)).stderr == "2 messages of IGMP and MLD in 3 packets\n"
    assert decode(capture_of(tmp_path / "none.pcapng"), before=("-q",)).stderr == ""


def test_a_file_that_breaks_in_its_first_packet_is_one_line(tmp_path: Path) -> None:
    path = capture_of(tmp_path / "whole.pcapng", V4)
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(path.read_bytes()[:-40])

    done = decode(cut)

    assert done.returncode == 3
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"mldkit: {cut}: damaged at octet ")
    assert line.endswith("no packet could be read")


@pytest.mark.parametrize("verb", ["decode", "analyze"])
def test_a_capture_of_a_link_type_that_is_not_read_is_an_error(verb: str, tmp_path: Path) -> None:
    path = tmp_path / "usb.pcap"
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 189)  # LINKTYPE_USB_LINUX
    path.write_bytes(head + struct.pack("<IIII", 0, 0, 40, 40) + bytes(40))

    done = subprocess.run(
        [sys.executable, "-m", "mldkit", verb, path], capture_output=True, text=True, check=False
    )

    assert done.returncode == 3
    complaint, hint = done.stderr.splitlines()[-2:]
    assert complaint == f"mldkit: {path}: link type 189 is not read"
    assert hint.startswith("hint: ")


@pytest.mark.parametrize("output_format", ["text", "ndjson"])
def test_a_live_capture_is_decoded_as_it_comes_through_a_pipe(
    output_format: str, tmp_path: Path
) -> None:
    octets = capture_of(tmp_path / "one.pcapng", V6).read_bytes()
    # As from a shell; with the variable Python would hold nothing back anyway.
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-m", "mldkit", "decode", "-", "--format", output_format],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=variables,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(octets)
        child.stdin.flush()
        readable, _, _ = select.select([child.stdout], [], [], 30)
        child.kill()
    assert readable
