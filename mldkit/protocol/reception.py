"""What a receiver must drop: such a message changes nothing.

Malformed or wrong in its checksum, an MLD message that is not link-local with hop limit 1 and
Router Alert 0, a General Query that names sources, a message for what is no group (RFC 9776
§4.1 and §4.2, RFC 9777 §5.1, §5.2, §6.2 and §7.4). IGMP asks neither for the TTL nor for Router
Alert (RFC 9776 §9.4 has them sent, not checked). In reports single records may fall away.

`accepted` is the law for routers. Hosts share `is_intact` and `is_from_link`; the rest they check
in the kernel's own order (`Hearing`), which takes values over from queries that it does not answer.
The analysis has the same law in terms of findings (`analysis/facts.py`): it must name the rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import (
    is_link_local,
    is_multicast,
    is_reportable,
    is_source_specific,
)
from mldkit.model.family import MLD
from mldkit.model.messages import (
    RECORD_TYPE_NAMES,
    Leave,
    LegacyReport,
    Query,
    RecordType,
    Report,
)

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram, Decoded
    from mldkit.model.messages import GroupRecord

_BROKEN_HEADER, _REMARK = "V-25", "info"
_EXCLUDES = (RecordType.IS_EX, RecordType.TO_EX)


def accepted(decoded: Decoded) -> Query | Report | LegacyReport | Leave | None:
    """Return the message if a conforming router may act on it, None otherwise."""
    datagram = decoded.datagram
    message = datagram.message
    if not isinstance(message, Query | Report | LegacyReport | Leave):
        return None
    if decoded.malformed is not None or not is_intact(decoded):
        return None
    if decoded.family is MLD and not is_from_link(datagram):
        return None
    if isinstance(message, Query):
        return message if _is_sound(message) else None
    if isinstance(message, Report):
        return message
    return message if _is_for_routers(message.group) else None


def is_intact(decoded: Decoded) -> bool:
    """Return whether the checksums of a message and of its IPv4 header are right."""
    if decoded.checksum == "bad":
        return False
    return not any(
        mark.id == _BROKEN_HEADER and mark.severity != _REMARK for mark in decoded.remarks
    )


def is_from_link(datagram: Datagram) -> bool:
    """Return whether an MLD message shows that it comes from this link (RFC 9777 §6.2, §7.4)."""
    return datagram.hop_limit == 1 and datagram.router_alert == 0 and is_link_local(datagram.source)


def is_accepted(record: GroupRecord) -> bool:
    """Return whether a router may act on one record of an accepted report.

    In the source-specific range nobody can want all but some sources (RFC 4604 §2.2).
    """
    if record.type not in RECORD_TYPE_NAMES or not is_multicast(record.group):
        return False
    if record.type in _EXCLUDES and is_source_specific(record.group):
        return False
    return is_reportable(record.group)


def _is_sound(query: Query) -> bool:
    if query.version is None:
        return False
    return not query.sources if query.is_general else is_multicast(query.group)


def _is_for_routers(group: Address) -> bool:
    """Return whether an older report or leave can be for a group that routers know."""
    return is_multicast(group) and is_reportable(group) and not is_source_specific(group)
