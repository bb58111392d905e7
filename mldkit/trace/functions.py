"""All functions on the way of a group, and which of them a kernel lets be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.trace import rows_device, rows_driver, rows_ipv4, rows_ipv6
from mldkit.trace.function import Function

if TYPE_CHECKING:
    from collections.abc import Iterable

FUNCTIONS: tuple[Function, ...] = tuple(
    {
        row.name: row
        for row in (*rows_ipv6.ROWS, *rows_ipv4.ROWS, *rows_device.ROWS, *rows_driver.ROWS)
    }.values()
)
BY_NAME = {row.name: row for row in FUNCTIONS}


def plain(symbol: str) -> str:
    """Return the name that a symbol has in the source: `mld_newpack` of `mld_newpack.isra.0`."""
    return symbol.partition(".")[0]


def found_in(available: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the symbols of each function that a kernel lets be traced.

    `available` are lines of `available_filter_functions`: a symbol, and its module in brackets.
    A function that is not there was put into its callers, or this kernel does not have it.
    """
    found: dict[str, list[str]] = {}
    for line in available:
        symbol = line.split(maxsplit=1)[0] if line.strip() else ""
        name = plain(symbol)
        if name in BY_NAME and symbol not in found.setdefault(name, []):
            found[name].append(symbol)
    return {name: tuple(symbols) for name, symbols in found.items()}
