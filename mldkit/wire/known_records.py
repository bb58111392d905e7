"""Records by their octets: hosts say the same again and again, and it is read once.

::

    octets of a record -> known -> the GroupRecord that they gave before
                            |
                            `-> read, remembered, all forgotten when there are too many

Equal records being one object also makes comparing them cheap for whoever works with them.
Where nearly every record is new, remembering costs more than reading: then it is left for a
while.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mldkit.model.messages import GroupRecord

MOST_RECORDS = 1 << 16
_MOST_OCTETS = 1 << 23
"""A source takes four times as much as an object: some megabytes."""
_SHORTEST_REST = 1 << 15
_LONGEST_REST = 1 << 17


class KnownRecords:
    """A bounded memory of records, and whether it is worth its cost."""

    def __init__(self) -> None:
        self.by_octets: dict[bytes, GroupRecord] = {}
        self.rest = 0
        """Reports that are still to be read without asking here."""
        self.asked = 0
        """Records that were asked for since all were forgotten."""
        self._octets = 0
        self._next_rest = _SHORTEST_REST

    def add(self, octets: bytes, record: GroupRecord) -> None:
        """Remember a record; forget all others where they are too many."""
        known = self.by_octets
        self._octets += len(octets)
        if len(known) >= MOST_RECORDS or self._octets > _MOST_OCTETS:
            if self.asked < 2 * len(known):
                self.rest = self._next_rest
                self._next_rest = min(2 * self._next_rest, _LONGEST_REST)
            else:
                self._next_rest = _SHORTEST_REST
            known.clear()
            self.asked, self._octets = 0, len(octets)
        known[octets] = record
