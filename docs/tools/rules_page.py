"""Print docs/rules.md from the rule table: `python -m docs.tools.rules_page`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis import rules as analysis_rules
from mldkit.wire.validity import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.wire.rules import Rule

HEAD = """\
# Rules

Printed from the table in `mldkit/wire/validity.py`; change it there.

`decode` holds every message against these rules. V-rules say what a receiver must discard or
ignore, X-rules speak of the extensions of RFC 9279, D-rules of mistakes that one frame shows,
M-rules of damage. An error makes the exit code 1. For the hop limit and Router Alert the severity
is that of MLD; in IGMP, where receivers need not look, they are warnings. V-25 is a remark, and the
message counts, where the field is 0 in what one sender alone sends on an interface: the capture was
taken on that sender, before its card filled the field in.

| id | severity | what is wrong | reference | also known as |
| --- | --- | --- | --- | --- |
"""


ANALYSIS_HEAD = """
## Rules that need more than one frame

Printed from the table in `mldkit/analysis/rules.py`. `analyze` holds whole captures against these
too. A member that answers none of several General Queries in a row is an error of D-07; in IGMPv2
and MLDv1 it is told of the last reporter of a group that nobody reported since, as a remark where
the member may have left without a word (IGMPv1 knows no leave). V-23 is here also for a query from
the address of a host with another MAC, and for the only IPv4 sender that shares no subnet with all
others. D-11 is an error where no specific query follows within 10 s, a warning where the first one
comes after the last member query time, a remark where it comes before that but not at once, or not
as often as the robustness variable says, and for groups that switches flood, whoever is member
(224.0.0.0/24, RFC 4541 §2.1.2); IPv6 groups of link scope are asked about as any (RFC 4541 §3).
D-01 is an error where a stream stopped as long after the last report as a switch remembers a
member, where a member was forgotten while its data came, or where a switch that snoops told of
itself and reports came in the silence; a warning where hosts report and nobody asks; a remark where
all that is reported are groups that switches flood.

| id | severity | what is wrong | reference | also known as |
| --- | --- | --- | --- | --- |
"""


def page() -> str:
    """Return the whole page."""
    return HEAD + _table(RULES) + ANALYSIS_HEAD + _table(analysis_rules.RULES)


def _table(rules: Iterable[Rule]) -> str:
    return "".join(f"{line}\n" for line in _rows(rules))


def _rows(rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        cells = (rule.id, rule.severity, _title(rule), rule.reference, _aliases(rule))
        yield "| " + " | ".join(cells) + " |"


def _title(rule: Rule) -> str:
    return f"{rule.title}; {rule.linux}" if rule.linux else rule.title


def _aliases(rule: Rule) -> str:
    return ", ".join(rule.aliases)


if __name__ == "__main__":
    print(page(), end="")
