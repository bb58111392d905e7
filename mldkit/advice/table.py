"""All rows of advice by rule, and the names by which people ask for a rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mldkit.advice import captures, data, devices, frames, hosts, leaves, queriers
from mldkit.analysis.rules import BY_ID

if TYPE_CHECKING:
    from mldkit.advice.advice import Advice
    from mldkit.wire.rules import Rule

MODULES = queriers, hosts, leaves, data, devices, frames, captures

ROWS: dict[str, Advice] = {row.rule: row for module in MODULES for row in module.ROWS}
"""The row of each rule, by its id."""

_BY_NAME = {alias: rule for rule in BY_ID.values() for alias in rule.aliases} | BY_ID
_NAME = re.compile(r"([a-z]+)[-_ ]?0*(\d{1,9})", re.IGNORECASE)
_MOST_NEAR = 3


def named_rule(name: str) -> Rule | None:
    """Return the rule that a name or an alias stands for, however it is written: d-1 is D-01."""
    found = _NAME.fullmatch(name.strip())
    if found is None:
        return None
    return _BY_NAME.get(f"{found[1].upper()}-{int(found[2]):02d}")


def near_names(name: str) -> list[str]:
    """Return the ids that look most like a name that is none."""
    # Only who mistypes a name needs it.
    from difflib import get_close_matches

    return get_close_matches(name.strip().upper(), sorted(_BY_NAME), _MOST_NEAR, cutoff=0.5)


def cure(rule: str) -> str | None:
    """Return in one line what to do about a rule, None where there is nothing to do."""
    row = ROWS.get(rule)
    return row.brief or None if row is not None else None


def grounds(rule: str, severity: str) -> str | None:
    """Return why a finding has its severity, None where that is not known."""
    row = ROWS.get(rule)
    return row.ground(severity) if row is not None else None
