"""The shape of a frame-level rule, and the check functions that need no table of their own.

A check is pure: it takes one `Decoded` and returns what is wrong in words, a `Hit` where the
severity depends on the case, or None. Checks never look at frames that came before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mldkit.model.addresses import (
    is_link_local,
    is_multicast,
    is_reportable,
    is_source_specific,
    is_unspecified,
    text,
)
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import (
    RECORD_TYPE_NAMES,
    Leave,
    LegacyReport,
    Query,
    RecordType,
    Report,
    record_type_name,
)
from mldkit.model.units import SECOND
from mldkit.model.words import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Decoded

ERROR, WARNING, INFO = "error", "warning", "info"


class Hit(NamedTuple):
    """What a check found, with the severity of this case."""

    severity: str
    detail: str


Outcome: TypeAlias = "Hit | str | None"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the rule table."""

    id: str
    severity: str
    title: str
    reference: str
    check: Callable[[Decoded], Outcome] | None = None
    """None: the codec itself notices it and leaves a remark or a malformed mark."""
    kinds: tuple[str, ...] = ()
    """Kinds of message that the check is for; empty means all."""
    linux: str = ""
    """How Linux treats it where that differs from what one would expect."""
    aliases: tuple[str, ...] = ()


def by_family(decoded: Decoded, detail: str) -> Hit:
    """Return an error for MLD and a warning for IGMP, whose receivers need not check."""
    if decoded.family is MLD:
        return Hit(ERROR, detail)
    return Hit(WARNING, f"{detail}; Linux does not check it")


def is_host_message(decoded: Decoded) -> bool:
    """Return whether it is a report or a leave of any version."""
    return decoded.kind in ("report", "leave")


def reported_groups(decoded: Decoded) -> list[Address]:
    """Return the groups that a report or leave speaks of."""
    message = decoded.datagram.message
    if isinstance(message, Report):
        return [record.group for record in message.records]
    return [message.group] if isinstance(message, LegacyReport | Leave) else []


def hop_limit(decoded: Decoded) -> Outcome:
    """V-03."""
    value = decoded.datagram.hop_limit
    if value == 1:
        return None
    name = "TTL" if decoded.family is IGMP else "hop limit"
    detail = f"{name} is {value}, not 1"
    if decoded.family is MLD and decoded.kind != "query":
        detail += "; a Linux bridge learns from it all the same"
    return by_family(decoded, detail)


def no_router_alert(decoded: Decoded) -> Outcome:
    """V-04; IGMPv1 never had the option, and a broken or cut IPv4 header does not show it."""
    if decoded.datagram.router_alert is not None:
        return None
    malformed = decoded.malformed
    if malformed is not None and not decoded.length and malformed.id in ("M-02", "M-03"):
        return None
    if decoded.family is IGMP and decoded.version == 1:
        return None
    return by_family(decoded, "no Router Alert option")


def router_alert_value(decoded: Decoded) -> Outcome:
    """V-05."""
    value = decoded.datagram.router_alert
    if not value:
        return None
    return by_family(decoded, f"Router Alert value is {value}, not 0")


def query_source(decoded: Decoded) -> Outcome:
    """V-06."""
    source = decoded.datagram.source
    if decoded.family is MLD and decoded.kind == "query" and not is_link_local(source):
        return f"query from {text(source)}, which is not link-local"
    return None


def report_from_unspecified(decoded: Decoded) -> Outcome:
    """V-07."""
    if decoded.family is not MLD or not is_host_message(decoded):
        return None
    if is_unspecified(decoded.datagram.source):
        return "sent from ::, as a host does before its link-local address is valid"
    return None


def report_source(decoded: Decoded) -> Outcome:
    """V-08."""
    source = decoded.datagram.source
    if decoded.family is not MLD or not is_host_message(decoded):
        return None
    if is_link_local(source) or is_unspecified(source):
        return None
    return f"{decoded.kind} from {text(source)}, which is neither link-local nor ::"


def is_query_solicitation(message: object) -> bool:
    """Return whether a switch asks for queries with it: a leave for no group, the global leave.

    Snooping switches send it after a change of the spanning tree; it is no host that leaves.
    """
    return isinstance(message, Leave) and is_unspecified(message.group)


def group_is_unicast(decoded: Decoded) -> Outcome:
    """V-12; a leave for no group at all is D-35."""
    message = decoded.datagram.message
    if isinstance(message, Query):
        if is_unspecified(message.group) or is_multicast(message.group):
            return None
        return f"query for {text(message.group)}, which is no group"
    if is_query_solicitation(message):
        return None
    groups = reported_groups(decoded)
    # Groups of one family lie in one block: when the ends are groups, all of them are.
    if not groups or (is_multicast(min(groups)) and is_multicast(max(groups))):
        return None
    wrong = dict.fromkeys(group for group in groups if not is_multicast(group))
    return f"not multicast: {named(list(wrong))}"


def unknown_record(decoded: Decoded) -> Outcome:
    """V-13."""
    message = decoded.datagram.message
    if not isinstance(message, Report):
        return None
    for record in message.records:
        if record.type not in RECORD_TYPE_NAMES:
            return f"record type {record.type} for {text(record.group)}"
    return None


def auxiliary_data(decoded: Decoded) -> Outcome:
    """V-14."""
    message = decoded.datagram.message
    if not isinstance(message, Report):
        return None
    for record in message.records:
        if record.aux_data:
            return f"{len(record.aux_data)} octets in the record of {text(record.group)}"
    return None


def trailing_octets(decoded: Decoded) -> Outcome:
    """V-15, unless V-21 or X-03 speak of the same octets."""
    message = decoded.datagram.message
    if older_igmp_too_long(decoded) or any(mark.id == "X-03" for mark in decoded.remarks):
        return None
    octets = len(getattr(message, "trailing", b""))
    return f"{octets} octet{'s' * (octets > 1)} after the last field" if octets else None


def older_igmp_too_long(decoded: Decoded) -> Outcome:
    """V-21."""
    message = decoded.datagram.message
    if decoded.family is IGMP and isinstance(message, LegacyReport | Leave) and message.trailing:
        return f"{8 + len(message.trailing)} octets, of which the first 8 count"
    return None


def reserved_bits(decoded: Decoded) -> Outcome:
    """V-16; the E flag of RFC 9279 is no reserved bit.

    The response time of older reports and leaves is left out: many senders fill it (mausezahn
    does by default) and nobody reads it.
    """
    if decoded.malformed is not None:
        return None
    message = decoded.datagram.message
    values = {
        "code": getattr(message, "code", 0),
        "reserved field": getattr(message, "reserved", 0),
        "flags": _undefined_flags(message),
    }
    odd = [f"{name} 0x{value:x}" for name, value in values.items() if value]
    return ", ".join(odd) + " instead of 0" if odd else None


def _undefined_flags(message: object) -> int:
    if isinstance(message, Query):
        return message.flags & 0x7
    return message.flags & 0x7FFF if isinstance(message, Report) else 0


def general_with_sources(decoded: Decoded) -> Outcome:
    """V-18."""
    message = decoded.datagram.message
    if isinstance(message, Query) and message.is_general and message.sources:
        return f"a General Query that names {len(message.sources)} sources"
    return None


def igmp_source(decoded: Decoded) -> Outcome:
    """V-23, the part that one frame can show."""
    source = decoded.datagram.source
    if decoded.family is not IGMP or not source:
        return None
    if source[0] == 127 or source[0] >= 224:
        return f"sent from {text(source)}, which is no unicast address of a subnet"
    return None


def unknown_extension(decoded: Decoded) -> Outcome:
    """X-04."""
    message = decoded.datagram.message
    if isinstance(message, Query | Report):
        unknown = list(dict.fromkeys(item.type for item in message.extensions if item.type))
        if unknown:
            more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
            return "extension of type " + ", ".join(map(str, unknown[:3])) + more
    return None


def querier_variables(decoded: Decoded) -> Outcome:
    """D-05; a QQIC of 0 means the default interval (RFC 9776 §4.1.7), which is no fault."""
    message = decoded.datagram.message
    if not isinstance(message, Query) or message.interval_ns is None:
        return None
    if message.robustness < 2:
        return f"robustness {message.robustness}: one lost report ends a membership"
    interval_ns = message.interval_ns
    if interval_ns == 0:
        return Hit(INFO, "the query interval is 0, which other routers take for their default")
    if message.is_general and interval_ns <= message.max_response_ns:
        delay, interval = message.max_response_ns / SECOND, interval_ns // SECOND
        return f"response time {delay:g} s is not below the query interval {interval} s"
    return None


def never_reported(decoded: Decoded) -> Outcome:
    """D-15."""
    message = decoded.datagram.message
    groups = [message.group] if isinstance(message, Query) else reported_groups(decoded)
    wrong = [
        group
        for group in groups
        if group[1] & 15 < 3 and is_multicast(group) and not is_reportable(group)
    ]
    return f"no message may name {named(list(dict.fromkeys(wrong)))}" if wrong else None


def any_source_in_ssm_range(decoded: Decoded) -> Outcome:
    """D-16."""
    message = decoded.datagram.message
    if isinstance(message, Report):
        for kind, group, _, _ in message.records:
            if kind in _EXCLUDE and is_source_specific(group):
                return f"{record_type_name(kind)} for {text(group)}"
    elif isinstance(message, LegacyReport) and is_source_specific(message.group):
        return f"version {message.version} report for {text(message.group)}"
    return None


def type_of_service(decoded: Decoded) -> Outcome:
    """D-22."""
    value = decoded.datagram.traffic_class
    if decoded.family is IGMP and decoded.version == 3 and value != 0xC0:
        return f"type of service 0x{value:02x}, not 0xc0"
    return None


def proxy_querier(decoded: Decoded) -> Outcome:
    """D-23."""
    if decoded.family is IGMP and decoded.kind == "query" and decoded.datagram.source == bytes(4):
        return "a query of a snooping switch; it must win no election"
    return None


def record_without_source(decoded: Decoded) -> Outcome:
    """D-24."""
    message = decoded.datagram.message
    if isinstance(message, Report):
        for record in message.records:
            if record.type in _NEED_SOURCES and not record.sources:
                return str(record)
    return None


_NEED_SOURCES = frozenset((RecordType.IS_IN, RecordType.ALLOW, RecordType.BLOCK))
_EXCLUDE = frozenset((RecordType.IS_EX, RecordType.TO_EX))


def query_solicitation(decoded: Decoded) -> Outcome:
    """D-35."""
    message = decoded.datagram.message
    if not isinstance(message, Leave) or not is_query_solicitation(message):
        return None
    return (
        f"a leave for group {text(message.group)} is no host that leaves: a switch asks for queries"
        " after a change of the topology; that data are flooded for a while then is expected"
    )


def repeated_group(decoded: Decoded) -> Outcome:
    """M-28; a block and an allow of one group in one report are how sources change."""
    message = decoded.datagram.message
    if not isinstance(message, Report) or len(message.records) < 2:
        return None
    named = [(record.group, record.type) for record in message.records]
    if len(set(named)) == len(named):
        return None
    times = Counter(named)
    group, kind = next(name for name in named if times[name] > 1)
    return f"{text(group)} has two {record_type_name(kind)} records"


def odd_sources(decoded: Decoded) -> Outcome:
    """M-29."""
    message = decoded.datagram.message
    lists = [message.sources] if isinstance(message, Query) else []
    if isinstance(message, Report):
        lists = [record.sources for record in message.records if record.sources]
    for sources in lists:
        if len(set(sources)) != len(sources):
            return "a source list names an address twice"
        # No group and no unspecified address lies between sources that are neither.
        if sources and (is_unspecified(min(sources)) or max(sources)[0] >= 0xE0):
            for source in sources:
                if is_multicast(source) or is_unspecified(source):
                    return f"{text(source)} as a source"
    return None
