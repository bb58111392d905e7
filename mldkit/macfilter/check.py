"""The job `macfilter check`: one vehicle after the other, each in a sandbox of its own.

A vehicle runs in a process inside the sandbox, so whatever ends this process removes every
interface with it. What the machine lacks is said and skipped, not failed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mldkit.errors import LinkError, UnsupportedError
from mldkit.link.namespace import Sandbox, complaint_of
from mldkit.link.own_command import mldkit_command
from mldkit.model.addresses import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.addresses import Address

DEFAULT_VEHICLES = ("tap", "macvlan", "bridge")
VEHICLES = (*DEFAULT_VEHICLES, "veth", "qemu")
DEFAULT_GROUPS = ("239.1.2.3", "ff15::4321:1234")
_LIMIT_SECONDS = 300
_SECONDS_A_GROUP = 2


def run_vehicle(
    name: str, groups: Iterable[Address], seed: int, driver: str = "e1000e"
) -> dict[str, Any]:
    """Return `frames`, `statements` and `notes` of one vehicle; `driver` is that of the guest.

    Raises `UnsupportedError` where the machine lacks what it needs.
    """
    if name == "qemu":
        from mldkit.macfilter.qemu import machine

        return machine.run_vehicle(groups, seed, driver)
    listed = [text(group) for group in groups]
    job = {"vehicle": name, "groups": listed, "seed": seed}
    limit = _LIMIT_SECONDS + _SECONDS_A_GROUP * len(listed)
    with Sandbox() as sandbox:
        command = [*mldkit_command()[:-1], "mldkit.macfilter.worker"]
        done = sandbox.run(command, given=json.dumps(job), timeout=limit)
    if done.returncode or not done.stdout:
        raise LinkError(f"{name}: the check ended early: {complaint_of(done).rpartition('; ')[2]}")
    report: dict[str, Any] = json.loads(done.stdout)
    if "error" in report:
        kind = UnsupportedError if report["unsupported"] else LinkError
        raise kind(report["error"], hint=report["hint"])
    return report


def count_wrong(report: dict[str, Any]) -> int:
    """Return how many frames and statements turned out otherwise than predicted."""
    frames = sum(frame["wrong"] for frame in report["frames"])
    return int(frames) + sum(not entry["holds"] for entry in report["statements"])


def count_known(report: dict[str, Any]) -> int:
    """Return how many frames had a verdict that could be known."""
    return sum(frame["verdict"] != "unknown" for frame in report["frames"])
