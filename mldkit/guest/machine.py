"""The machine: QEMU without privileges, NICs on a hub, nothing left when it ends.

::

    memfd kernel, memfd initramfs --> qemu-system-x86_64 (TCG) <-ttyS0--> pipes: ready, report
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
import socket
import subprocess
import tempfile
import threading
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mldkit.errors import LinkError, UnsupportedError
from mldkit.guest import initramfs
from mldkit.guest.kernel import find_kernel
from mldkit.guest.monitor import Monitor
from mldkit.guest.program import ASK, READY, REPORT
from mldkit.link import clock
from mldkit.model.addresses import mac_text

if TYPE_CHECKING:
    from collections.abc import Callable

_PROGRAM = "qemu-system-x86_64"
_LIMIT_SECONDS = 360
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
    answer: Callable[[dict[str, Any], Monitor], dict[str, Any]] | None = None
    """Answers what the program asks (`guest.program.ask`); None: it asks nothing."""


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
        near, far = (held.enter_context(end) for end in socket.socketpair())
        started_ns = clock.now_ns()
        command = _arguments(guest, image, system, far.fileno())
        child = held.enter_context(
            subprocess.Popen(  # noqa: S603 (no shell, programs of the path)
                [guard, "--pdeathsig", "KILL", "--", program, *command],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=console,
                pass_fds=(image, system, far.fileno()),
            )
        )  # fmt: skip
        far.close()
        held.callback(child.kill)
        monitor = Monitor(near)
        held.callback(monitor.close)
        talk = _Talk(child, monitor, guest)
        report = talk.report(console)
        now_ns = clock.now_ns()
        return GuestRun(report, kernel.release, talk.ready_ns - started_ns, now_ns - started_ns)


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


def _arguments(guest: Guest, image: int, system: int, monitor: int) -> list[str]:
    options = (
        "-nodefaults -no-user-config -no-reboot -display none -machine q35 -accel tcg -cpu max "
        f"-m 384 -kernel /dev/fd/{image} -initrd /dev/fd/{system} "
        "-serial stdio -serial file:/dev/fd/2 "
        f"-chardev socket,id=monitor,fd={monitor} -mon chardev=monitor,mode=control"
    ).split()
    for number, nic in enumerate(guest.nics):
        options += ["-netdev", f"hubport,id=port{number},hubid=1"]
        place = f"id=nic{number},netdev=port{number},addr={number + 2},mac={mac_text(nic.mac)}"
        options += ["-device", f"{nic.model},{place}"]
    parameters = f"console=ttyS1 quiet panic=-1 tsc=reliable {guest.parameters}"
    return [*options, "-append", parameters.strip()]


class _Talk:
    """What is said between the program in the guest and this one."""

    def __init__(self, child: subprocess.Popen[bytes], monitor: Monitor, guest: Guest) -> None:
        self._child = child
        self._monitor = monitor
        self._guest = guest
        self.ready_ns = 0

    def report(self, console: IO[bytes]) -> dict[str, Any]:
        """Read what the guest says to its end."""
        watchdog = threading.Timer(_LIMIT_SECONDS, self._child.kill)
        watchdog.daemon = True
        watchdog.start()
        report: dict[str, Any] | None = None
        try:
            for line in self._child.stdout or ():
                said = line.decode(errors="replace").strip()
                if said == READY:
                    self.ready_ns = clock.now_ns()
                elif said.startswith(ASK):
                    self._answer(json.loads(said.removeprefix(ASK)))
                elif said.startswith(REPORT):
                    packed = base64.b64decode(said.removeprefix(REPORT))
                    report = json.loads(zlib.decompress(packed))
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
        return report

    def _answer(self, question: dict[str, Any]) -> None:
        answered = self._guest.answer(question, self._monitor) if self._guest.answer else {}
        if self._child.stdin is not None:
            self._child.stdin.write(json.dumps(answered).encode() + b"\n")
            self._child.stdin.flush()
