"""The process in the sandbox that makes one vehicle and runs it: `python -m ... VEHICLE`.

It reads one JSON line, `{"vehicle": .., "groups": [..], "seed": 1}`, and writes one: the report,
or `{"error": .., "hint": .., "unsupported": true}`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from mldkit.errors import MldkitError, UnsupportedError
from mldkit.macfilter.bridge import BridgeVehicle
from mldkit.macfilter.vehicles import MacvlanVehicle, TapVehicle, Vehicle, VethVehicle
from mldkit.model.addresses import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mldkit.model.addresses import Address

VEHICLES: dict[str, Callable[[Iterable[Address], int], Vehicle]] = {
    "tap": TapVehicle,
    "macvlan": MacvlanVehicle,
    "bridge": BridgeVehicle,
    "veth": VethVehicle,
}


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Return the report of one vehicle, or the error that kept it from running."""
    # Frames keep their order only while one processor handles them.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    vehicle = VEHICLES[job["vehicle"]](map(parse, job["groups"]), job["seed"])
    try:
        with vehicle.held:
            return vehicle.run().document()
    except MldkitError as error:
        return {
            "error": error.message,
            "hint": error.hint,
            "unsupported": isinstance(error, UnsupportedError),
        }


if __name__ == "__main__":
    json.dump(work(json.load(sys.stdin)), sys.stdout)
