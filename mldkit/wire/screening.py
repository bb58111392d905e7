"""Whether a report or query is plain, so that no rule has anything to say on it.

Nearly every one is, and asking each rule about each record costs more than reading it. One pass
looks for anything that any of them could mind. Where it is not sure it answers "not plain", and the
rules are asked; "plain" is always right. Groups and source lists come again and again, so those
once found harmless are remembered.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from mldkit.model.addresses import (
    group_mac,
    is_multicast,
    is_reportable,
    is_source_specific,
    is_unspecified,
)
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import Query, RecordType, Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Decoded
    from mldkit.model.messages import GroupRecord

RULES = frozenset(("V-12", "V-13", "V-14", "D-15", "D-16", "D-24", "M-28", "M-29"))
"""The rules that say nothing about plain records."""

_LINK_LOCAL = bytes.fromhex("fe80000000000000")
_IGMP_REPORTS_MAC = group_mac(IGMP.reports)
_MLD_REPORTS_MAC = group_mac(MLD.reports)

_MOST_REMEMBERED = 1 << 16
"""Groups that are remembered, and sources in all lists together: some megabytes of each."""
_EXCLUDES = frozenset((int(RecordType.IS_EX), int(RecordType.TO_EX)))
_LEAVES = _EXCLUDES | {int(RecordType.TO_IN)}
"""Types that mean something without sources."""
_TYPES = frozenset(map(int, RecordType))

_group = itemgetter(1)
_any_source_groups: set[Address] = set()
_source_specific_groups: set[Address] = set()


class _Lists:
    """Source lists that were found harmless; long ones leave room for few."""

    def __init__(self) -> None:
        self.known: set[tuple[Address, ...]] = set()
        self._sources = 0

    def add(self, sources: tuple[Address, ...]) -> None:
        """Remember a list, and forget all others where they would be too many."""
        self._sources += len(sources)
        if self._sources > _MOST_REMEMBERED:
            self.known.clear()
            self._sources = len(sources)
        self.known.add(sources)


_source_lists = _Lists()


def is_plain(decoded: Decoded, unseen: Sequence[GroupRecord] | None = None) -> bool:
    """Return whether no rule finds anything in a message, a report or a query then.

    `unseen` are those records of a report that are not known to be harmless each; None means all.
    """
    message = decoded.datagram.message
    if type(message) is Query:
        return _is_plain_query(decoded, message)
    return (
        type(message) is Report
        and has_plain_envelope(decoded)
        and has_plain_records(message.records, unseen)
    )


def _is_plain_query(decoded: Decoded, query: Query) -> bool:
    datagram, family = decoded.datagram, decoded.family
    if query.version != family.current_version or decoded.remarks or decoded.malformed is not None:
        return False
    if decoded.checksum != "ok" or datagram.hop_limit != 1 or datagram.router_alert != 0:
        return False
    if query.flags or query.code or query.reserved or query.extensions or query.trailing:
        return False
    source, group, sources = datagram.source, query.group, query.sources
    if len(source) == 16:
        if source[:8] != _LINK_LOCAL:
            return False
    elif datagram.traffic_class != 0xC0 or not 0 < source[0] < 0xE0 or source[0] == 127:
        return False
    if query.robustness < 2 or query.interval_code == 0:
        return False
    expected = group
    if group == family.unspecified:
        interval_ns = query.interval_ns or 0
        if sources or interval_ns <= query.max_response_ns:
            return False
        expected = family.all_hosts
    elif group not in _any_source_groups and not _is_harmless(group, RecordType.IS_IN):
        return False
    if sources and sources not in _source_lists.known and not _are_harmless(sources):
        return False
    mac = datagram.link_destination
    return datagram.destination == expected and (mac is None or mac == group_mac(expected))


def has_plain_envelope(decoded: Decoded) -> bool:
    """Return whether no rule finds anything in a message beside its records, if it is a report."""
    datagram = decoded.datagram
    message = datagram.message
    if type(message) is not Report or decoded.remarks or decoded.malformed is not None:
        return False
    if decoded.checksum != "ok" or datagram.hop_limit != 1 or datagram.router_alert != 0:
        return False
    if message.flags or message.code or message.extensions or message.trailing:
        return False
    source, destination = datagram.source, datagram.destination
    mac = datagram.link_destination
    if len(source) == 16:
        if source[:8] != _LINK_LOCAL or destination != MLD.reports:
            return False
        if mac is not None and mac != _MLD_REPORTS_MAC:
            return False
    else:
        if datagram.traffic_class != 0xC0 or destination != IGMP.reports:
            return False
        if source[0] == 127 or source[0] >= 0xE0:
            return False
        if mac is not None and mac != _IGMP_REPORTS_MAC:
            return False
    return True


def has_plain_records(
    records: Sequence[GroupRecord], unseen: Sequence[GroupRecord] | None = None
) -> bool:
    """Return whether no rule of `RULES` finds anything in the records of a report.

    `unseen` are those that are not known to be harmless each; None means all.
    """
    any_source, lists = _any_source_groups, _source_lists.known
    for kind, group, sources, aux_data in records if unseen is None else unseen:
        if group not in any_source and not _is_harmless(group, kind):
            return False
        if aux_data or kind not in _TYPES:
            return False
        if not sources:
            if kind not in _LEAVES:
                return False
        elif sources not in lists and not _are_harmless(sources):
            return False
    return len(set(map(_group, records))) == len(records)


def _is_harmless(group: Address, kind: int) -> bool:
    if group in _source_specific_groups:
        return kind not in _EXCLUDES
    if not is_multicast(group) or not is_reportable(group):
        return False
    specific = is_source_specific(group)
    remembered = _source_specific_groups if specific else _any_source_groups
    if len(remembered) >= _MOST_REMEMBERED:
        remembered.clear()
    remembered.add(group)
    return not specific or kind not in _EXCLUDES


def _are_harmless(sources: tuple[Address, ...]) -> bool:
    if len(set(sources)) != len(sources):
        return False
    # No group and no unspecified address lies between sources that are neither.
    if (is_unspecified(min(sources)) or max(sources)[0] >= 0xE0) and any(
        is_multicast(source) or is_unspecified(source) for source in sources
    ):
        return False
    _source_lists.add(sources)
    return True
