"""Packing a guest: archives that another program reads, and what a machine may lack."""

from __future__ import annotations

import gzip
import shutil
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

from mldkit.errors import UnsupportedError
from mldkit.guest.initramfs import archive
from mldkit.guest.kernel import unpacked
from mldkit.macfilter.qemu.machine import run_vehicle

if TYPE_CHECKING:
    from pathlib import Path


def test_an_archive_is_unpacked_by_cpio(tmp_path: Path) -> None:
    cpio = shutil.which("cpio")
    command = [cpio] if cpio else ["busybox", "cpio"]
    if shutil.which(command[0]) is None:
        pytest.skip("neither cpio nor busybox is installed")
    data = {"init": b"#!/bin/sh\n", "a/b/odd": b"12345", "a/b/empty": b"", "a/c": bytes(4096)}
    command += ["-i", "-d"]
    subprocess.run(
        command, input=archive(data.items()), cwd=tmp_path, check=True, capture_output=True
    )
    files = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*")}
    assert {name: path.read_bytes() for name, path in files.items() if path.is_file()} == data
    assert files["init"].stat().st_mode & 0o777 == 0o755


def test_the_payload_of_a_bzimage_is_what_is_booted() -> None:
    # Linux Documentation/arch/x86/boot.rst: setup_sects at 0x1f1, payload_offset from the end of
    # the setup at 0x248.
    kernel = b"\x7fELF" + bytes(range(256))
    packed = gzip.compress(kernel)
    head = bytearray(1024 + 16)
    head[0x1F1] = 1
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", head, 0x248, 16, len(packed))
    assert unpacked(bytes(head) + packed) == kernel
    other = bytes(head) + b"\x28\xb5\x2f\xfd" + packed[4:]
    assert unpacked(other) == other, "zstd is left to the kernel's own code"
    assert unpacked(b"\x7fELF" + bytes(1024)) == b"\x7fELF" + bytes(1024)


def test_without_qemu_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnsupportedError) as caught:
        run_vehicle((), 1)
    assert caught.value.message == "qemu: no qemu-system-x86_64 here"
    assert caught.value.hint == "sudo apt-get install qemu-system-x86"
