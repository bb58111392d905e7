"""The vehicle `qemu`: the guest that its program runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.guest.machine import Guest, Nic, run_guest
from mldkit.macfilter.stage import HOST_MAC, SENDER
from mldkit.model.addresses import text
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.addresses import Address

_PROGRAM = "mldkit.macfilter.qemu.guest"


def run_vehicle(groups: Iterable[Address], seed: int) -> dict[str, Any]:
    """Boot a guest, let it do the job and return its report.

    Raises `UnsupportedError` where QEMU, busybox or a kernel is missing.
    """
    run = run_guest(
        Guest(
            program=_PROGRAM,
            job={"groups": [text(group) for group in groups], "seed": seed},
            nics=(Nic("e1000e", HOST_MAC), Nic("e1000e", SENDER.mac)),
            modules=("e1000e",),
        )
    )
    boot, whole = (time_ns / SECOND for time_ns in (run.ready_ns, run.whole_ns))
    run.report["notes"].append(
        f"qemu: driver e1000e of Linux {run.release}; the guest was ready after {boot:.1f} s "
        f"and done after {whole:.1f} s"
    )
    return run.report
