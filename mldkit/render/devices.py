"""The devices of a link as rows: what each is, and what shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.devices import Role
from mldkit.model.addresses import mac_text, text
from mldkit.render.terminal import print_table, printable
from mldkit.render.words import frames_text, link_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mldkit.analysis.devices import DeviceFacts, Grounds

HEADINGS = ("link", "device", "addresses", "roles", "shown by")
_MOST_ROWS = 50
_MOST_ADDRESSES = 3
_ROLE_WORDS = {
    Role.PIM_ROUTER: "PIM router",
    Role.MRD_ROUTER: "MRD router",
    Role.SNOOPING_SWITCH: "snooping switch",
    Role.REPORT_PROXY: "reporting proxy",
    Role.ACCESS_POINT: "access point",
    Role.VIRTUAL_ROUTER: "virtual router",
}


def device_rows(
    devices: Iterable[DeviceFacts], names: Sequence[str]
) -> list[tuple[str, str, str, str, str]]:
    """Return a row of words for each device; `names` are those of the captures."""
    return [
        (
            link_name(device),
            mac_text(device.mac),
            _addresses_text(device),
            _roles_text(device),
            "; ".join(dict.fromkeys(_grounds_text(one, names) for one in device.grounds))
            or "queries",
        )
        for device in devices
    ]


def print_devices(devices: Sequence[DeviceFacts], names: Sequence[str]) -> None:
    """Print the table, as far as there is room for it."""
    if not devices:
        return
    print("\ndevices")
    rows = [tuple(map(printable, row)) for row in device_rows(devices[:_MOST_ROWS], names)]
    print_table(HEADINGS, rows, merge=1)
    if len(devices) > _MOST_ROWS:
        print(f"{len(devices) - _MOST_ROWS:,} more; --json has all, --host chooses")


def _addresses_text(device: DeviceFacts) -> str:
    shown = ", ".join(map(text, device.addresses[:_MOST_ADDRESSES]))
    more = len(device.addresses) - _MOST_ADDRESSES
    return f"{shown} and {more:,} more" if more > 0 else shown or "-"


def _roles_text(device: DeviceFacts) -> str:
    """Return the roles; who queries and never acted has none of them."""
    return ", ".join(_ROLE_WORDS.get(role, role) for role in device.roles) or "never acted"


def _grounds_text(grounds: Grounds, names: Sequence[str]) -> str:
    capture = names[grounds.capture] if len(names) > 1 else None
    frames = frames_text(grounds.frames, len(grounds.frames), capture)
    return f"{grounds.by}, {frames}" if frames else str(grounds.by)
