"""Stays by the record that says again what they hold: nearly every record does."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from mldkit.analysis.limits import MOST_LEFT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.facts import Host
    from mldkit.analysis.stays import Row
    from mldkit.model.messages import GroupRecord


class Recognised:
    """The stays of one link and family that are recognised.

    Equal records are one object as a rule: the decoder knows them again.
    """

    def __init__(self) -> None:
        self._known: dict[Host, dict[int, Row]] = {}

    def rows(self, host: Host, records: Iterable[GroupRecord]) -> list[Row | None] | None:
        """Return for each record the row that it says again, None where it says something new.

        None for all where nothing of the host is known. What is recognised came before in a
        report that no rule minds.
        """
        known = self._known.get(host)
        return None if known is None else list(map(known.get, map(id, records)))

    def last_report_ns(self, host: Host) -> int:
        """Return when a host reported last, as far as its reports are recognised; 0 for never.

        A host reports all its groups together, so a few of them tell.
        """
        known = islice(reversed(self._known.get(host, {}).values()), MOST_LEFT)
        return max((row.last_ns for row in known), default=0)

    def remember(self, row: Row, record: GroupRecord) -> None:
        """Recognise a row from now on by a record that says what the row holds."""
        self.forget(row)
        row.record, row.sources = record, record.sources
        self._known.setdefault(row.host, {})[id(record)] = row

    def forget(self, row: Row) -> None:
        """Recognise a row no longer."""
        if row.record is not None:
            known = self._known[row.host]
            del known[id(row.record)]
            if not known:
                del self._known[row.host]
            row.record = None

    def clear(self) -> None:
        """Recognise nothing."""
        self._known.clear()
