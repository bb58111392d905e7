"""The frame-level rules as a table, and `find`, which holds one message against it.

V-rules say what a receiver must discard or ignore, X-rules speak of RFC 9279 extensions,
D-rules of mistakes that one frame shows, M-rules of damage. One condition gives one finding.
`docs/rules.md` is printed from this table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mldkit.model.messages import KINDS, Report
from mldkit.wire import destinations, rules, screening
from mldkit.wire.checksum_faults import bad_checksum
from mldkit.wire.rules import ERROR, INFO, WARNING, Hit, Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.model.datagram import Decoded
    from mldkit.model.messages import GroupRecord


class Finding(NamedTuple):
    """One rule that one message breaks."""

    id: str
    severity: str
    detail: str


_QUERY = ("query",)
_REPORT = ("report",)
_HOST = ("report", "leave")
_LISTS = ("query", "report")
_ALL = ("query", "report", "leave")
_DISCOVERY = ("mrd-advertisement", "mrd-solicitation", "mrd-termination")
_OURS = (*_ALL, *_DISCOVERY)
"""Not the messages of other protocols on top of IGMP, which have rules of their own."""
_IGNORED_BY_LINUX = "Linux does not check it"

RULES: tuple[Rule, ...] = (
    Rule("V-01", ERROR, "The checksum is wrong",
         "RFC 9776 §4.1.2; RFC 9777 §5.1.2", bad_checksum, aliases=("D-31", "M-30")),
    Rule("V-02", INFO, "The message type belongs to no membership protocol",
         "RFC 9776 §4; RFC 9777 §5",
         lambda d: f"type 0x{d.type:02x}" if d.kind == "other" and d.type is not None else None),
    Rule("V-03", ERROR, "The hop limit is not 1",
         "RFC 9776 §4; RFC 9777 §6.2, §7.4", rules.hop_limit, kinds=_OURS),
    Rule("V-04", ERROR, "Router Alert is missing",
         "RFC 9776 §4; RFC 9777 §6.2, §7.4", rules.no_router_alert, aliases=("D-19",),
         kinds=_OURS),
    Rule("V-05", ERROR, "Router Alert does not have the value for this protocol",
         "RFC 2711 §2.1; RFC 2113 §2.1", rules.router_alert_value, kinds=_OURS),
    Rule("V-06", ERROR, "An MLD query does not come from a link-local address",
         "RFC 9777 §5.1.14", rules.query_source, kinds=_QUERY),
    Rule("V-07", INFO, "An MLD report comes from the unspecified address",
         "RFC 9777 §5.2.14; RFC 3590 §4", rules.report_from_unspecified, kinds=_HOST),
    Rule("V-08", ERROR, "An MLD report comes from an address that is not link-local",
         "RFC 9777 §5.2.14", rules.report_source,
         linux="a Linux bridge learns from it all the same", kinds=_HOST),
    Rule("V-09", ERROR, "The length of the message belongs to no version",
         "RFC 9776 §7.1; RFC 9777 §8.1"),
    Rule("V-10", ERROR, "A list or a fixed part runs past the end of the message",
         "RFC 9776 §4.2; RFC 9777 §5.2", aliases=("D-32",)),
    Rule("V-11", ERROR, "The report claims more records than it has",
         "RFC 9776 §4.2.4; RFC 9777 §5.2.4",
         linux="a Linux bridge uses the records before the end"),
    Rule("V-12", ERROR, "The group is not a multicast address",
         "RFC 9776 §4.2.9; RFC 9777 §5.2.9", rules.group_is_unicast,
         linux="a Linux bridge learns such records", kinds=_ALL),
    Rule("V-13", INFO, "A record has an unknown type",
         "RFC 9776 §4.2.13; RFC 9777 §5.2.13", rules.unknown_record, aliases=("D-33",),
         kinds=_REPORT),
    Rule("V-14", INFO, "A record carries auxiliary data",
         "RFC 9776 §4.2.11; RFC 9777 §5.2.11", rules.auxiliary_data, aliases=("D-26",),
         linux="a Linux bridge takes it for the next record",
         kinds=_REPORT),
    Rule("V-15", INFO, "Octets follow the last field",
         "RFC 9776 §4.2.12; RFC 9777 §5.2.12", rules.trailing_octets, aliases=("X-05",)),
    Rule("V-16", INFO, "Reserved bits are set",
         "RFC 9776 §4.2.1; RFC 9777 §5.1.1", rules.reserved_bits),
    Rule("V-18", WARNING, "A General Query names sources",
         "RFC 9776 §4.1.9; RFC 9777 §5.1.11", rules.general_with_sources,
         linux="Linux hosts do not answer it", kinds=_QUERY),
    Rule("V-21", INFO, "An older IGMP message is longer than 8 octets",
         "RFC 2236 §2.5", rules.older_igmp_too_long, kinds=_HOST),
    Rule("V-23", WARNING, "The source address does not fit the link",
         "RFC 9776 §4.2.14", rules.igmp_source),
    Rule("V-24", WARNING, "The message came in fragments",
         "RFC 9776 §4.2.17; RFC 9777 §5.2.16", aliases=("D-27",)),
    Rule("V-25", ERROR, "The checksum of the IPv4 header is wrong", "RFC 791 §3.1"),
    Rule("V-26", WARNING, "An IP length runs past a frame that was not cut",
         "RFC 791 §3.1; RFC 8200 §3"),
    Rule("X-03", WARNING, "The extension list is not valid and is ignored", "RFC 9279 §5"),
    Rule("X-04", INFO, "An extension has an unknown type", "RFC 9279 §5",
         rules.unknown_extension, kinds=_LISTS),
    Rule("D-05", WARNING, "Robustness or response time make memberships fragile",
         "RFC 9776 §8.1, §8.3; RFC 9777 §9.1, §9.3", rules.querier_variables, kinds=_QUERY),
    Rule("D-15", WARNING, "A message for a group that is never reported",
         "RFC 9776 §5; RFC 9777 §6", rules.never_reported, kinds=_ALL),
    Rule("D-16", WARNING, "An any-source join in the source-specific range",
         "RFC 9776 §4.2.13; RFC 4604 §2.2", rules.any_source_in_ssm_range, kinds=_REPORT),
    Rule("D-20", ERROR, "A query goes to the wrong destination",
         "RFC 9776 §4.1.12; RFC 9777 §5.1.15", destinations.query_destination,
         linux="Linux hosts answer it, and Linux bridges ask so in older versions", kinds=_QUERY),
    Rule("D-21", WARNING, "A report or leave goes to the wrong destination",
         "RFC 9776 §4.2.15; RFC 9777 §5.2.15; RFC 2236 §9; RFC 2710 §5",
         destinations.report_destination, linux="Linux bridges learn from it all the same",
         kinds=_HOST),
    Rule("D-22", INFO, "IGMPv3 without the precedence of internetwork control",
         "RFC 9776 §4", rules.type_of_service, linux=_IGNORED_BY_LINUX),
    Rule("D-23", INFO, "A query from 0.0.0.0",
         "RFC 4541 §2.1.1", rules.proxy_querier, linux="Linux hosts answer it", kinds=_QUERY),
    Rule("D-24", WARNING, "A record that needs sources has none",
         "RFC 9776 §4.2.13; RFC 9777 §5.2.13", rules.record_without_source, kinds=_REPORT),
    Rule("D-25", ERROR, "The hardware address does not belong to the group",
         "RFC 1112 §6.4; RFC 2464 §7", destinations.destination_mac),
    Rule("D-35", INFO, "A switch asks for queries (query solicitation)",
         "RFC 4541 §2.1.1", rules.query_solicitation, kinds=("leave",)),
    Rule("D-42", WARNING, "A message of router discovery goes to the wrong destination",
         "RFC 4286 §3, §4, §5", destinations.discovery_destination, kinds=_DISCOVERY),
    Rule("M-01", INFO, "The frame ends inside its link header", "IEEE 802.3 §3"),
    Rule("M-02", ERROR, "The IPv4 header contradicts itself or is cut", "RFC 791 §3.1"),
    Rule("M-03", INFO, "The capture kept only a part of the packet", "pcap snapshot length"),
    Rule("M-05", INFO, "The packet ends inside its IPv6 headers", "RFC 8200 §4"),
    Rule("M-06", INFO, "A jumbogram or an IPv6 payload length of 0", "RFC 2675 §3"),
    Rule("M-28", INFO, "A report names a group twice with the same record type",
         "RFC 9776 §4.2.13; RFC 9777 §5.2.13", rules.repeated_group, kinds=_REPORT),
    Rule("M-29", INFO, "A source list has odd entries",
         "RFC 9776 §4.2.10; RFC 9777 §5.2.10", rules.odd_sources, kinds=_LISTS),
    Rule("M-37", INFO, "Irregular options or extension headers",
         "RFC 8200 §4.1, §4.2; RFC 2113 §2.1", aliases=("M-34", "M-36", "M-38")),
    Rule("M-44", INFO, "The IP version contradicts the link header", "RFC 791 §3.1; RFC 8200 §3"),
    Rule("M-45", INFO, "More VLAN tags than are read", "IEEE 802.1Q §9.6"),
    Rule("M-49", INFO, "The frame is encrypted", "IEEE 802.11 §9.2.4.1"),
)  # fmt: skip

BY_ID: dict[str, Rule] = {rule.id: rule for rule in RULES}

_EVERY_KIND = {kind for kind, _ in KINDS.values()} | {"other"}
_CHECKS = {
    kind: tuple(
        (rule, rule.check)
        for rule in RULES
        if rule.check is not None and (not rule.kinds or kind in rule.kinds)
    )
    for kind in _EVERY_KIND
}
_PLAIN_REPORT_CHECKS = tuple(
    (rule, check) for rule, check in _CHECKS["report"] if rule.id not in screening.RULES
)
_RANK = {rule.id: rank for rank, rule in enumerate(RULES)}


class Judged(NamedTuple):
    """A message and what its frame by itself shows to be wrong: found once, it goes with it."""

    decoded: Decoded
    findings: tuple[Finding, ...]

    @property
    def has_error(self) -> bool:
        """Whether a rule of severity error is broken."""
        return any(finding.severity == ERROR for finding in self.findings)


def judge(decoded: Decoded, unseen: Sequence[GroupRecord] | None = None) -> Judged:
    """Return a message with its findings; `unseen` as for `find`."""
    return Judged(decoded, find(decoded, unseen))


def find(decoded: Decoded, unseen: Sequence[GroupRecord] | None = None) -> tuple[Finding, ...]:
    """Return what the frame by itself shows to be wrong, in the order of the table.

    `unseen` are those records of a report that are not known to be harmless each; None means all.
    """
    if screening.is_plain(decoded, unseen):
        return ()
    found = [
        _finding(BY_ID[mark.id], Hit(mark.severity or BY_ID[mark.id].severity, mark.detail))
        for mark in decoded.remarks
    ]
    if decoded.malformed is not None:
        rule = BY_ID[decoded.malformed.id]
        found.append(_finding(rule, decoded.malformed.reason))
    message = decoded.datagram.message
    if type(message) is Report and screening.has_plain_records(message.records, unseen):
        checks = _PLAIN_REPORT_CHECKS
    else:
        checks = _CHECKS[decoded.kind]
    for rule, check in checks:
        outcome = check(decoded)
        if outcome is not None and not any(other.id == rule.id for other in found):
            found.append(_finding(rule, outcome))
    if len(found) > 1:
        found.sort(key=lambda finding: _RANK[finding.id])
    return tuple(found)


def _finding(rule: Rule, outcome: Hit | str) -> Finding:
    severity, detail = outcome if isinstance(outcome, Hit) else (rule.severity, outcome)
    if rule.linux:
        detail = f"{detail}; {rule.linux}"
    return Finding(rule.id, severity, detail)
