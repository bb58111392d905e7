"""The stays of hosts without an address, which get its address once a host has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.facts import Host
    from mldkit.analysis.stays import Row

_MOST = 200
"""Of one host: all of them get the address at once."""


class Nameless:
    """The first stays of each host without an address on one link."""

    def __init__(self) -> None:
        self._rows: dict[Host, dict[Row, None]] = {}

    def add(self, row: Row) -> None:
        """Take in a stay."""
        rows = self._rows.setdefault(row.host, {})
        if len(rows) < _MOST:
            rows[row] = None

    def forget(self, row: Row) -> None:
        """Let go of a stay that is over."""
        rows = self._rows.get(row.host)
        if rows is not None and rows.pop(row, row) is None and not rows:
            del self._rows[row.host]

    def take(self, host: Host) -> Iterable[Row]:
        """Take away all of a host, which has an address now."""
        return self._rows.pop(host, {})

    def clear(self) -> None:
        """Forget all of them."""
        self._rows.clear()
