"""Who spoke an older version last: routers ignore some changes while such a host is member.

A group may have very many members, so those of older versions stand by themselves.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mldkit.analysis.facts import Host
    from mldkit.analysis.stays import Row
    from mldkit.model.addresses import Address

_PASSED_OVER = 16
"""Members whose time is over that are passed over at once."""


class OlderMembers:
    """The members of older versions on one link, by group."""

    def __init__(self, current_version: int) -> None:
        self._current_version = current_version
        self._members: dict[Address, OrderedDict[Host, Row]] = {}

    def note(self, row: Row, version: int | None) -> None:
        """Take in that a host speaks a version in a group from now on, None for none."""
        if version is not None and version != self._current_version:
            self._members.setdefault(row.group, OrderedDict())[row.host] = row
            return
        older = self._members.get(row.group)
        if older is not None and older.get(row.host) is row:
            del older[row.host]
            if not older:
                del self._members[row.group]

    def are_in(self, group: Address, now_ns: int) -> bool:
        """Return whether one is member of a group, or may be.

        Those whose time is over are passed over once, and only some of them at a time.
        """
        older = self._members.get(group)
        if older is None:
            return False
        for _ in range(_PASSED_OVER):
            row = next(iter(older.values()))
            if row.deadline_ns >= now_ns:
                return True
            self.note(row, None)
            if not older:
                return False
        return True

    def clear(self) -> None:
        """Forget all of them."""
        self._members.clear()
