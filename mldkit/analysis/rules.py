"""The rules that need more than one frame, as rows like those of single frames.

The folds hold the conditions; this table holds what is said about them. `docs/rules.md` is
printed from both tables.
"""

from __future__ import annotations

from mldkit.wire import validity
from mldkit.wire.rules import ERROR, INFO, WARNING, Rule

RULES: tuple[Rule, ...] = (
    Rule("D-01", ERROR, "Hosts report, and nobody queries",
         "RFC 9776 §6.6.2, §8.5; RFC 9777 §7.6.2, §9.5"),
    Rule("D-02", ERROR, "A router goes on querying though one with a lower address does",
         "RFC 9776 §6.6.2; RFC 9777 §7.6.2"),
    Rule("D-03", WARNING, "The acting querier changes too often",
         "RFC 9776 §6.6.2; RFC 9777 §7.6.2"),
    Rule("D-04", WARNING, "General Queries do not come at the interval that they announce",
         "RFC 9776 §4.1.7, §8.2; RFC 9777 §5.1.9, §9.2"),
    Rule("D-06", ERROR, "General Queries of different versions on one link",
         "RFC 9776 §7.3.1; RFC 9777 §8.3.1"),
    Rule("D-07", WARNING, "A member does not answer a General Query",
         "RFC 9776 §5.2; RFC 9777 §6.2"),
    Rule("D-08", WARNING, "Answers come too late or without the random delay",
         "RFC 9776 §5.2; RFC 9777 §6.3"),
    Rule("D-09", WARNING, "A report in a newer version than the querier allows",
         "RFC 9776 §7.2.1; RFC 9777 §8.2.1"),
    Rule("D-10", INFO, "A change is not repeated as the robustness variable asks",
         "RFC 9776 §5.1, §8.11; RFC 9777 §6.1, §9.11"),
    Rule("D-11", ERROR, "The queries that ask who is left after a leave are late or missing",
         "RFC 9776 §6.4.2, §6.6.3; RFC 9777 §7.4.2, §7.6.3"),
    Rule("D-12", WARNING, "Data and memberships of a group do not go together",
         "RFC 9776 §6.3, §8.9; RFC 9777 §7.3, §9.9"),
    Rule("D-13", INFO, "The S flag of a specific query does not fit the state of the group",
         "RFC 9776 §6.6.3; RFC 9777 §7.6.3"),
    Rule("D-14", WARNING, "Queriers that cannot be told apart",
         "RFC 9776 §6.6.2; RFC 9777 §7.6.2"),
    Rule("D-17", WARNING, "A host floods the link with changes", "RFC 4541 §2.1.1"),
    Rule("D-18", INFO, "An older report of another host kept a member from answering",
         "RFC 9776 §7.2.2; RFC 9777 §8.2.2"),
    Rule("D-28", INFO, "Reported groups share one hardware address",
         "RFC 1112 §6.4; RFC 2464 §7"),
    Rule("D-29", WARNING, "Reports from the unspecified address are not repeated from a valid one",
         "RFC 3590 §4; RFC 9777 §5.2.14"),
    Rule("D-30", ERROR, "A message comes back with another hop limit or VLAN: a loop",
         "RFC 9776 §4; RFC 9777 §5"),
    Rule("D-34", ERROR, "The same packet comes again and again: a loop or a storm",
         "IEEE 802.1Q §13; RFC 6864 §4.1"),
    Rule("D-36", WARNING, "A switch reports in place of its hosts",
         "RFC 4541 §2.1.1 2; RFC 9776 §4.2.14"),
    Rule("D-37", WARNING, "One hardware address reports for several hosts, or several for one",
         "IEEE 802.1Q §8.7; RFC 9568 §7.3"),
    Rule("D-38", WARNING, "A neighbour that lives does not answer: nobody reported its group",
         "RFC 4861 §7.2.1, §7.2.2; RFC 4541 §3"),
    Rule("D-39", WARNING, "A query for one group is older than the General Queries",
         "RFC 9776 §7.2.1, §7.3.1; RFC 9777 §8.2.1, §8.3.1"),
    Rule("D-40", INFO, "Nothing of any kind was captured for a time", "pcap time stamps"),
    Rule("D-41", WARNING, "A switch lets hosts hear reports that silence them, and forgets them",
         "RFC 4541 §2.1.1 1"),
    Rule("D-43", WARNING, "Nothing comes of the source that a member wants, and another one sends",
         "RFC 9776 §3.2, §6.3; RFC 9777 §4.2, §7.3"),
    Rule("D-44", WARNING, "A host moved to another interface and was not heard meanwhile",
         "RFC 9776 §5.1; RFC 9777 §6.1"),
    Rule("D-45", WARNING, "A host leaves a group and joins it again and again",
         "RFC 9776 §5.1, §6.6.3; RFC 9777 §6.1, §7.6.3"),
    Rule("D-46", WARNING, "A stream stops at the leave of one host while another is a member",
         "RFC 9776 §6.4.2; RFC 9777 §7.4.2; RFC 4541 §2.1.1"),
    Rule("D-47", INFO, "A host talks in a group of many and never reports it",
         "RFC 9776 §5.2; RFC 9777 §6.2; RFC 4541 §2.1.2"),
    Rule("D-48", WARNING, "Data come back to the link that they came from",
         "RFC 7761 §4.2"),
    Rule("D-49", WARNING, "A group has members on one link, its data are on another one",
         "RFC 9776 §3.1; RFC 9777 §4.1"),
    Rule("D-50", INFO, "Queries come on one VLAN, reports on another",
         "RFC 4541 §2.1.1; IEEE 802.1Q"),
    Rule("M-55", INFO, "The clock of the capture runs backwards", "pcap time stamps"),
    Rule("M-56", INFO, "Frames were captured twice; the copies are left out", "span ports"),
)  # fmt: skip

BY_ID: dict[str, Rule] = validity.BY_ID | {rule.id: rule for rule in RULES}
"""Every rule that `analyze` can name."""
