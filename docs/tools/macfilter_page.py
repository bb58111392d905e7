"""Print the table of docs/mac-filter.md from the rows: `python -m docs.tools.macfilter_page`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.macfilter.devices import DEVICES, Device, Fallback, SortingPlace

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADINGS = (
    "NIC", "devices", "exact groups", "hash", "index", "too many groups",
    "too many secondary unicast", "remark",
)  # fmt: skip


def device_table() -> str:
    """Return the table, a row a device."""
    return "".join(f"{line}\n" for line in _rows())


def _rows() -> Iterator[str]:
    yield "| " + " | ".join(_HEADINGS) + " |"
    yield "| --- " * len(_HEADINGS) + "|"
    for device in DEVICES:
        name = ", ".join(f"`{name}`" for name in (device.id, *device.aliases))
        cells = (name, device.covers, *_filter(device), _remark(device))
        # A vertical bar in a formula would end its cell.
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _filter(device: Device) -> tuple[str, str, str, str, str]:
    if device.kind is SortingPlace.NO_FILTER:
        return "no filter", "-", "-", "-", "-"
    if device.kind is SortingPlace.OUTSIDE:
        return "outside of the guest", "-", "-", "-", "-"
    rule = device.rule
    return (
        _exact(device),
        str(rule.table_bits) if rule else "-",
        f"`{rule.formula}`" if rule else "-",
        _fallback(device.too_many, device.limit, known=device.limit_known),
        _fallback(device.too_many_unicast, device.unicast_slots, known=device.limit_known),
    )


def _exact(device: Device) -> str:
    if device.exact is None:
        return "all" if not device.undisclosed else "unknown"
    shared = " with unicast" if device.shares_slots else ""
    return f"{device.exact}{shared}"


def _fallback(fallback: Fallback, limit: int | None, *, known: bool) -> str:
    if fallback is Fallback.NONE:
        return "-"
    if not known:
        return f"{fallback} (the device says when)"
    return f"> {limit}: {fallback}"


def _remark(device: Device) -> str:
    parts = [device.kernels, device.undisclosed, device.remark]
    if device.hash_replaces_exact:
        parts.append("the hash then holds all of them")
    if device.hashes_unicast:
        parts.append("foreign unicast passes too when its bit is set")
    return "; ".join(part for part in parts if part)


if __name__ == "__main__":
    print(device_table(), end="")
