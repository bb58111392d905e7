"""What `macfilter explain --registers` prints: the registers that are not zero, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.errors import UsageError
from mldkit.macfilter.registers import MAPS, map_of, predicted, register_rows
from mldkit.model.addresses import mac_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.macfilter.devices import Device
    from mldkit.macfilter.receive_filter import ReceiveFilter


def registers_json(receive_filter: ReceiveFilter) -> dict[str, Any]:
    """Return what a driver writes for a filter; raise `UsageError` where that is not known."""
    device = receive_filter.device
    row, held, rule = map_of(device), predicted(receive_filter), device.rule
    if row is None or held is None or rule is None:
        known = " ".join(each.driver for each in MAPS)
        raise UsageError(
            f"--registers: those of {device.id} are not known", hint=f"known are: {known}"
        )
    listed = [
        (rule.index(mac), f"bit {rule.shown(rule.index(mac))}: {receive_filter.names.get(mac)}")
        if mac in receive_filter.names
        else (rule.index(mac), f"bit {rule.shown(rule.index(mac))}: {mac_text(mac)}")
        for mac in dict.fromkeys(receive_filter.multicast)
        if mac not in held.exact
    ]
    rows = register_rows(row, held, listed)
    return {
        "stale": held.stale,
        "set": [{"register": name, "value": value, "because": why} for name, value, why in rows],
    }


def register_lines(device: Device, registers: dict[str, Any]) -> Iterator[str]:
    """Give what people read: the flags, and every other register that is not zero."""
    yield f"registers of {device.id}; all others are 0"
    width = max((len(entry["register"]) for entry in registers["set"]), default=0)
    for entry in registers["set"]:
        line = f"  {entry['register']:<{width}}  {entry['value']}  {entry['because']}"
        yield line.rstrip()
    if registers["stale"]:
        yield "  the table is not written in this state: it stays as it was before, unused"
