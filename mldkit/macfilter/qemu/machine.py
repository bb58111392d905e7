"""The machine: QEMU without privileges, two NICs on a hub, nothing left when it ends.

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
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mldkit.errors import LinkError, UnsupportedError
from mldkit.link import clock
from mldkit.macfilter.qemu import initramfs
from mldkit.macfilter.qemu.guest import READY, REPORT
from mldkit.macfilter.qemu.kernel import GuestKernel, find_kernel
from mldkit.macfilter.stage import HOST_MAC, SENDER
from mldkit.model.addresses import mac_text, text
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.addresses import Address

_PROGRAM = "qemu-system-x86_64"
_LIMIT_SECONDS = 240
_INTERPRETED = b"/ld-linux"


def run_guest(groups: Iterable[Address], seed: int) -> dict[str, Any]:
    """Boot a guest, let it do the job and return its report.

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
    kernel = find_kernel()
    job = {"groups": [text(group) for group in groups], "seed": seed}
    files = initramfs.build(busybox, kernel.module, json.dumps(job).encode())
    with ExitStack() as held:
        image, system = (_in_memory(held, data) for data in (kernel.image, files))
        console = held.enter_context(tempfile.TemporaryFile())
        started_ns = clock.now_ns()
        child = held.enter_context(
            subprocess.Popen(  # noqa: S603 (no shell, programs of the path)
                [guard, "--pdeathsig", "KILL", "--", program, *_arguments(image, system)],
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


def _arguments(image: int, system: int) -> list[str]:
    options = (
        "-nodefaults -no-user-config -no-reboot -display none -machine q35 -accel tcg -cpu max "
        f"-m 384 -kernel /dev/fd/{image} -initrd /dev/fd/{system} "
        "-serial stdio -serial file:/dev/fd/2"
    ).split()
    for number, mac in enumerate((HOST_MAC, SENDER.mac)):
        options += ["-netdev", f"hubport,id=port{number},hubid=1"]
        place = f"netdev=port{number},addr={number + 2},mac={mac_text(mac)}"
        options += ["-device", f"e1000e,{place}"]
    return [*options, "-append", "console=ttyS1 quiet panic=-1 tsc=reliable"]


def _report(
    child: subprocess.Popen[bytes], console: IO[bytes], kernel: GuestKernel, started_ns: int
) -> dict[str, Any]:
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
    boot, whole = ((at - started_ns) / SECOND for at in (ready_ns, clock.now_ns()))
    report["notes"].append(
        f"qemu: driver e1000e of Linux {kernel.release}; the guest was ready after {boot:.1f} s "
        f"and done after {whole:.1f} s"
    )
    return dict(report)
