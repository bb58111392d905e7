"""The machine: QEMU without privileges, NICs on a hub, nothing left when it ends.

::

    memfd kernel, memfd initramfs --> qemu-system-x86_64 (TCG) --ttyS0--> pipe: ready, report
                                                               --ttyS1--> nameless file: console

No file is made that has a name and no interface on this machine. QEMU ends with the process that
started it, `kill -9` included; it is emulated throughout (TCG), since a /dev/kvm that exists need
not be one that boots a kernel.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import shutil
import subprocess
import tempfile
import threading
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mldkit.errors import LinkError, UnsupportedError
from mldkit.guest import initramfs
from mldkit.guest.kernel import GuestKernel, find_kernel
from mldkit.guest.program import READY, REPORT
from mldkit.link import clock
from mldkit.model.addresses import mac_text

_PROGRAM = "qemu-system-x86_64"
_LIMIT_SECONDS = 240
_INTERPRETED = b"/ld-linux"


@dataclass(frozen=True, slots=True)
class Nic:
    """A network card of the guest, on a hub with the others: eth0, eth1, ... in their order."""

    model: str
    """What QEMU calls it."""
    mac: bytes


@dataclass(frozen=True, slots=True)
class Guest:
    """What is booted, and what it is to do."""

    program: str
    """The Python module that runs in it (`guest.program.answer`)."""
    job: dict[str, Any]
    nics: tuple[Nic, ...]
    modules: tuple[str, ...]
    """Drivers that it loads."""
    parameters: str = ""
    """Added to the command line of the kernel."""


@dataclass(frozen=True, slots=True)
class GuestRun:
    """What came of it."""

    report: dict[str, Any]
    release: str
    """The kernel that ran."""
    ready_ns: int
    """Time from the start of QEMU to that of the program."""
    whole_ns: int


def run_guest(guest: Guest) -> GuestRun:
    """Boot a guest, let it do its job and return its report.

    Raises `UnsupportedError` where QEMU, busybox or a kernel is missing.
    """
    program = _find(_PROGRAM, "qemu-system-x86")
    guard = _find("setpriv", "util-linux")
    if platform.machine() != "x86_64":
        raise UnsupportedError(f"qemu: the guest is an x86_64, this is {platform.machine()}")
    busybox = Path(_find("busybox", "busybox-static")).read_bytes()
    if _INTERPRETED in busybox[:4096]:
        raise UnsupportedError(
            "qemu: busybox here needs libraries", hint="sudo apt-get install busybox-static"
        )
    kernel = find_kernel(*guest.modules)
    job = json.dumps(guest.job).encode()
    files = initramfs.build(busybox, kernel.modules, guest.program, job)
    with ExitStack() as held:
        image, system = (_in_memory(held, data) for data in (kernel.image, files))
        console = held.enter_context(tempfile.TemporaryFile())
        started_ns = clock.now_ns()
        child = held.enter_context(
            subprocess.Popen(  # noqa: S603 (no shell, programs of the path)
                [guard, "--pdeathsig", "KILL", "--", program, *_arguments(guest, image, system)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=console,
                pass_fds=(image, system),
            )
        )  # fmt: skip
        held.callback(child.kill)
        return _report(child, console, kernel, started_ns)


def _find(program: str, package: str) -> str:
    path = shutil.which(program)
    if path is None:
        hint = f"sudo apt-get install {package}"
        raise UnsupportedError(f"qemu: no {program} here", hint=hint)
    return path


def _in_memory(held: ExitStack, data: bytes) -> int:
    """Return a file without a name that holds `data`."""
    number = os.memfd_create("mldkit")
    held.callback(os.close, number)
    with os.fdopen(number, "wb", closefd=False) as file:
        file.write(data)
    return number


def _arguments(guest: Guest, image: int, system: int) -> list[str]:
    options = (
        "-nodefaults -no-user-config -no-reboot -display none -machine q35 -accel tcg -cpu max "
        f"-m 384 -kernel /dev/fd/{image} -initrd /dev/fd/{system} "
        "-serial stdio -serial file:/dev/fd/2"
    ).split()
    for number, nic in enumerate(guest.nics):
        options += ["-netdev", f"hubport,id=port{number},hubid=1"]
        place = f"netdev=port{number},addr={number + 2},mac={mac_text(nic.mac)}"
        options += ["-device", f"{nic.model},{place}"]
    parameters = f"console=ttyS1 quiet panic=-1 tsc=reliable {guest.parameters}"
    return [*options, "-append", parameters.strip()]


def _report(
    child: subprocess.Popen[bytes], console: IO[bytes], kernel: GuestKernel, started_ns: int
) -> GuestRun:
    """Read what the guest says to its end."""
    watchdog = threading.Timer(_LIMIT_SECONDS, child.kill)
    watchdog.daemon = True
    watchdog.start()
    ready_ns, report = 0, None
    try:
        for line in child.stdout or ():
            said = line.decode(errors="replace").strip()
            if said == READY:
                ready_ns = clock.now_ns()
            elif said.startswith(REPORT):
                report = json.loads(zlib.decompress(base64.b64decode(said.removeprefix(REPORT))))
    finally:
        watchdog.cancel()
    if report is None:
        console.seek(0)
        lines = console.read().decode(errors="replace").splitlines()
        # The kernel says last that it restarts.
        last = [line.strip() for line in lines if not line.startswith("[")][-1:]
        raise LinkError(f"qemu: the guest ended without a report: {''.join(last)}")
    if "error" in report:
        raise LinkError(report["error"], hint=report["hint"])
    return GuestRun(report, kernel.release, ready_ns - started_ns, clock.now_ns() - started_ns)
