"""The vehicle `qemu`: the guest that its program runs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.guest.machine import Guest, Nic, run_guest
from mldkit.macfilter.qemu.nics import EMULATED
from mldkit.macfilter.stage import HOST_MAC, SENDER
from mldkit.model.addresses import text
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.guest.monitor import Monitor
    from mldkit.model.addresses import Address

_PROGRAM = "mldkit.macfilter.qemu.guest"


def run_vehicle(groups: Iterable[Address], seed: int, driver: str = "e1000e") -> dict[str, Any]:
    """Boot a guest, let it do the job and return its report.

    Raises `UnsupportedError` where QEMU, busybox or a kernel is missing.
    """
    nic = EMULATED[driver]
    run = run_guest(
        Guest(
            program=_PROGRAM,
            job={
                "groups": [text(group) for group in groups],
                "seed": seed,
                "driver": driver,
            },
            nics=(Nic(nic.model, HOST_MAC), Nic("e1000e", SENDER.mac)),
            modules=tuple(dict.fromkeys((driver, "e1000e"))),
            # include/linux/ioport.h: what a driver holds may be mapped by others, too.
            parameters="iomem=relaxed" if nic.maps_memory else "",
            answer=_rx_filter if nic.lists_outside else None,
        )
    )
    boot, whole = (time_ns / SECOND for time_ns in (run.ready_ns, run.whole_ns))
    run.report["notes"].append(
        f"qemu: driver {driver} of Linux {run.release}; the guest was ready after {boot:.1f} s "
        f"and done after {whole:.1f} s"
    )
    return run.report


def _rx_filter(_: dict[str, Any], monitor: Monitor) -> dict[str, Any]:
    """Return what QEMU's device under test was given by its driver."""
    (held,) = monitor.ask("query-rx-filter", name="nic0")
    return dict(held)
