"""How rules are explained: what a finding means, how it is confirmed, and what to do about it.

::

    D-01  Hosts report, and nobody queries                             RFC 9776 §6.6.2, §8.5
    Meaning   ...
    Severity  error    ...
    Confirm   ...
    Cure      Linux bridge  ip link set br0 type bridge mcast_querier 1
    Leave it  ...
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from mldkit.advice.advice import is_typed
from mldkit.advice.table import ROWS, cure
from mldkit.wire.rules import INFO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mldkit.advice.advice import Advice
    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.render.message_json import Json
    from mldkit.wire.rules import Rule

PIPE_COLUMNS = 100
"""Where lines end that no terminal ends."""
_MOST_COLUMNS = 110
_LABEL = 10
_STEP = 2
_MOST_NAMED = 12
"""Rules that the last line of an analysis names."""


def explained_json(rule: Rule) -> Json:
    """Return the JSON object of one rule."""
    row = ROWS[rule.id]
    return {
        "id": rule.id,
        "title": rule.title,
        "severities": [{"severity": one.severity, "when": one.when} for one in row.grounds],
        "reference": rule.reference,
        "meaning": row.meaning,
        "confirm": list(row.confirm),
        "cure": [{"where": cure.where, "do": "\n".join(cure.do)} for cure in row.cures],
        "leave_alone": row.leave_alone,
    }


def explained(rule: Rule, columns: int | None) -> Iterator[str]:
    """Give the lines of one rule; `columns` is how wide the terminal is, None on a pipe."""
    row = ROWS[rule.id]
    width = PIPE_COLUMNS if columns is None else min(columns, _MOST_COLUMNS)
    yield from _heading(rule, width)
    yield from _labelled("Meaning", [row.meaning], width)
    longest = max(len(one.severity) for one in row.grounds)
    yield from _table(
        "Severity", [(one.severity.ljust(longest), (one.when,)) for one in row.grounds], width
    )
    if rule.linux:
        yield from _labelled("Linux", [rule.linux], width)
    yield from _labelled("Confirm", row.confirm, width)
    yield from _cures(row, width)
    if row.leave_alone:
        yield from _labelled("Leave it", [f"{row.leave_alone}."], width)


def what_to_do(findings: Iterable[Diagnosis]) -> str | None:
    """Return the command that explains the findings, the worst first; None for remarks alone."""
    serious = dict.fromkeys(one.id for one in findings if one.severity != INFO)
    if not serious:
        return None
    return f"What to do: mldkit explain {' '.join(list(serious)[:_MOST_NAMED])}"


def cure_line(finding: Diagnosis) -> str | None:
    """Return in one line what to do about a finding, and the command that says more."""
    brief = cure(finding.id)
    return f"  What to do: {brief} (mldkit explain {finding.id})." if brief else None


def listed(rules: Iterable[Rule]) -> list[tuple[str, str, str]]:
    """Return a row of a table for each rule: id, severities, title."""
    return [
        (rule.id, ", ".join(one.severity for one in ROWS[rule.id].grounds), rule.title)
        for rule in rules
    ]


def _heading(rule: Rule, width: int) -> Iterator[str]:
    names = f"{rule.id}  {rule.title}"
    if rule.aliases:
        names += f" (also {', '.join(rule.aliases)})"
    room = width - len(names) - _STEP
    if room >= len(rule.reference):
        yield f"{names}{' ' * _STEP}{rule.reference:>{room}}"
    else:
        indent = " " * (len(rule.id) + _STEP)
        yield from textwrap.wrap(names, width, subsequent_indent=indent)
        yield from textwrap.wrap(
            rule.reference, width, initial_indent=indent, subsequent_indent=indent
        )


def _labelled(label: str, lines: Sequence[str], width: int) -> Iterator[str]:
    """Give lines behind a label, each of them broken where it is too long."""
    for number, line in enumerate(lines):
        yield from _broken(line, label if number == 0 else "", _LABEL, width)


def _table(
    label: str, rows: Sequence[tuple[str, Sequence[str]]], width: int, *, stacked: bool = False
) -> Iterator[str]:
    """Give rows of a name and its lines behind a label; stacked, names have lines of their own."""
    longest = max((len(name) for name, _ in rows), default=0)
    before = ""
    for number, (name, lines) in enumerate(rows):
        head = f"{label if number == 0 else '':<{_LABEL}}"
        is_same, before = name == before, name
        if stacked:
            if not is_same:
                yield f"{head}{name}"
            for line in lines:
                yield from _broken(line, "", _LABEL + _STEP, width)
            continue
        head += ("" if is_same else name).ljust(longest)
        for place, line in enumerate(lines):
            yield from _broken(line, head if place == 0 else "", _LABEL + longest + _STEP, width)


def _cures(row: Advice, width: int) -> Iterator[str]:
    rows = [(cure.where, cure.do) for cure in row.cures]
    room = width - _LABEL - _STEP - max((len(name) for name, _ in rows), default=0)
    typed = [len(line) for _, lines in rows for line in lines if is_typed(line)]
    yield from _table("Cure", rows, width, stacked=max(typed, default=0) > room)


def _broken(line: str, head: str, indent: int, width: int) -> Iterator[str]:
    first = head.ljust(indent)
    if is_typed(line) or len(first) + len(line) <= width:
        yield first + line
        return
    # A setting inside another one stands further right.
    deeper = len(line) - len(line.lstrip())
    yield from textwrap.wrap(
        line.strip(),
        width,
        initial_indent=first + " " * deeper,
        subsequent_indent=" " * (indent + deeper),
        break_long_words=False,
        break_on_hyphens=False,
    )
