"""Print docs/rules.md from the tables of rules and of advice: `python -m docs.tools.rules_page`."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from mldkit.advice.advice import ELSEWHERE, HOST, is_typed
from mldkit.advice.table import ROWS
from mldkit.analysis import rules as analysis_rules
from mldkit.wire.validity import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.wire.rules import Rule

HEAD = """\
# Rules

Printed from the tables in `mldkit/wire/validity.py`, `mldkit/analysis/rules.py` and
`mldkit/advice/`; change it there.

`decode` holds every message against these rules. V-rules say what a receiver must discard or
ignore, X-rules speak of the extensions of RFC 9279, D-rules of mistakes that one frame shows,
M-rules of damage. An error makes the exit code 1. Severity follows harm: why a finding is an error,
a warning or a remark (info) stands [below](#grounds-and-cures), and `mldkit explain RULE` prints
it.

| id | severity | what is wrong | reference | also known as |
| --- | --- | --- | --- | --- |
"""


ANALYSIS_HEAD = """
## Rules that need more than one frame

`analyze` holds whole captures against these too. V-23 is here also for a query from the address of
a host with another MAC, and for the only IPv4 sender that shares no subnet with all others. D-11 is
a remark for groups that switches flood, whoever is member (224.0.0.0/24, RFC 4541 §2.1.2); IPv6
groups of link scope are asked about as any (RFC 4541 §3).

| id | severity | what is wrong | reference | also known as |
| --- | --- | --- | --- | --- |
"""

ADVICE_HEAD = """
## Grounds and cures

What each rule means, why a finding of it is an error, a warning or a remark, and what to do. In
commands `br0` is a bridge, `eth0` an interface, and `eth1` the port of a bridge at which the host
is. Times of a Linux bridge are hundredths of a second; every line for it is tried in a network
namespace by the tests of this project. Settings of other systems are named as far as their makers'
public documentation was read.
"""


def page() -> str:
    """Return the whole page."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    every = (*RULES, *analysis_rules.RULES)
    yield from HEAD.splitlines()
    yield from _rows(RULES)
    yield from ANALYSIS_HEAD.splitlines()
    yield from _rows(analysis_rules.RULES)
    yield from ADVICE_HEAD.splitlines()
    for rule in sorted(every, key=_by_subject):
        yield from _advice(rule)


def _by_subject(rule: Rule) -> tuple[str, str]:
    """Order D-rules first, of one frame or more: people ask about those."""
    return rule.id[0].replace("D", " "), rule.id


def _rows(rules: Iterable[Rule]) -> Iterator[str]:
    for rule in rules:
        severities = ", ".join(one.severity for one in ROWS[rule.id].grounds)
        cells = (rule.id, severities, _title(rule), rule.reference, _aliases(rule))
        yield "| " + " | ".join(cells) + " |"


def _title(rule: Rule) -> str:
    return f"{rule.title}; {rule.linux}" if rule.linux else rule.title


def _aliases(rule: Rule) -> str:
    return ", ".join(rule.aliases)


def _advice(rule: Rule) -> Iterator[str]:
    row = ROWS[rule.id]
    yield ""
    yield f"### {rule.id}: {rule.title}"
    yield ""
    yield row.meaning
    yield ""
    for severity, when in row.grounds:
        yield f"- {severity}: {when}"
    if row.cures:
        yield ""
        yield f"What to do: {row.brief}. Leave it alone {row.leave_alone}."
        yield ""
        yield "- confirm: " + "; ".join(map(_code, row.confirm))
    for where, cures in groupby(row.cures, key=lambda cure: cure.where):
        lines = [line for cure in cures for line in cure.do]
        is_prose = where in (ELSEWHERE, HOST)
        yield f"- {where}: " + "; ".join(
            _code(line) if is_prose else f"`{line.strip()}`" for line in lines if line[0] != "#"
        )


def _code(line: str) -> str:
    return f"`{line}`" if is_typed(line) else line


if __name__ == "__main__":
    print(page(), end="")
