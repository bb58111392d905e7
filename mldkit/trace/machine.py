"""`trace --on qemu`: the tour of acts on another kernel, as observations to be read here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.guest.machine import Guest, Nic, run_guest
from mldkit.model.addresses import parse_mac
from mldkit.trace.observation import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.guest.machine import GuestRun
    from mldkit.trace.observation import Observation

_PROGRAM = "mldkit.trace.guest"
_NICS = (
    Nic("e1000e", parse_mac("02:00:00:00:00:02")),
    Nic("e1000e", parse_mac("02:00:00:00:00:01")),
)
MANY = 300
"""MACs that the guest adds by hand."""


def tour(acts: tuple[str, ...] = (), *, many: int = MANY) -> GuestRun:
    """Boot the guest and let it do its acts, all kinds where none is named.

    `many` is how many MACs it adds by hand.

    Raises `UnsupportedError` where QEMU, busybox or a kernel is missing.
    """
    job = {"acts": list(acts), "many": many}
    return run_guest(Guest(_PROGRAM, job, _NICS, ("e1000e",)))


def observations(run: GuestRun) -> Iterator[Observation]:
    """Give what was observed in the guest."""
    return read(run.report["observations"])
