"""What a host listens to after a record that changes its filter (RFC 9776 §5.1, §6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import is_multicast
from mldkit.model.messages import GroupRecord, LegacyReport, RecordType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.stays import Heard, Row
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Report
    from mldkit.wire.validity import Finding

_SPLIT_NS = 5_000_000
"""Packets of one list follow each other within this time."""

_FEW = 4
"""So many sources are faster found in a list than by their hashes, which takes all of the list."""

_IS_IN, _IS_EX, _TO_IN, _TO_EX, _ALLOW, _BLOCK = map(int, RecordType)


def filter_after(
    row: Row, kind: int, sources: tuple[Address, ...], heard: Heard
) -> tuple[bool, tuple[Address, ...]]:
    """Return filter mode and sources after a record that is no IS_EX or TO_EX."""
    if kind in (_ALLOW, _BLOCK):
        return row.exclude, _changed(row, kind, sources)
    if not row.reports:
        return False, sources
    if kind == _IS_IN and row.group in heard.partial:
        return row.exclude, row.sources if row.exclude else _joined(row, sources)
    if sources and heard.now_ns - row.last_ns < _SPLIT_NS:
        return False, _joined(row, sources)
    return False, sources


def _joined(row: Row, sources: tuple[Address, ...]) -> tuple[Address, ...]:
    """Return the sources of an INCLUDE list that grows by a part of itself."""
    return sources if row.exclude else _grown(row.sources, sources)


def _changed(row: Row, kind: int, sources: tuple[Address, ...]) -> tuple[Address, ...]:
    """Return the list after ALLOW or BLOCK (RFC 9776 §5.1)."""
    if (kind == _ALLOW) != row.exclude:
        return _grown(row.sources, sources)
    return _without(row.sources, sources)


def _grown(before: tuple[Address, ...], sources: tuple[Address, ...]) -> tuple[Address, ...]:
    """Return a list with those sources at its end that it has not yet, each once."""
    known = before if len(sources) <= _FEW else set(before)
    more = tuple(source for source in dict.fromkeys(sources) if source not in known)
    return before + more if more else before


def _without(before: tuple[Address, ...], sources: tuple[Address, ...]) -> tuple[Address, ...]:
    """Return a list without those sources.

    Only what the record names is looked at one by one: a stranger puts a hundred records into a
    frame, each of which changes a long list.
    """
    if len(sources) <= _FEW:
        for source in sources:
            # Once, unless somebody names a source twice.
            for _ in range(before.count(source)):
                place = before.index(source)
                before = before[:place] + before[place + 1 :]
        return before
    left = dict.fromkeys(before)
    for source in sources:
        left.pop(source, None)
    return before if len(left) == len(before) else tuple(left)


def counted_records(
    message: Report | LegacyReport, found: Iterable[Finding]
) -> tuple[GroupRecord, ...]:
    """Return the records of a report that count; an older one is EXCLUDE without sources."""
    if isinstance(message, LegacyReport):
        return (GroupRecord(RecordType.IS_EX, message.group),)
    if any(item.id == "V-12" for item in found):
        return tuple(record for record in message.records if is_multicast(record.group))
    return message.records
