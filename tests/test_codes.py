"""docs/codes.md: whoever meets a code such as H-13 finds out there what it means."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.analysis import rules
from mldkit.wire.validity import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "codes.md"
TEXTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")] + [
    path
    for folder in ("captures", "docs", "labs", "mldkit", "tests/play")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in {".py", ".md", ".json", ".play", ".toml"} and path != PAGE
]
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def named() -> Iterator[tuple[str, str]]:
    """Give letter and number of each code in texts, names of scripts and names of tests."""
    for path in TEXTS:
        text = f"{path.name}\n{path.read_text()}"
        yield from re.findall(r"(?<![A-Za-z0-9-])([A-Z])-(\d\d)(?!\d)", text)
        yield from re.findall(r"(?<![A-Za-z0-9-])([a-z])-(\d\d)-[a-z]", text)
    for path in TESTS:
        source = path.read_text()
        about = ast.get_docstring(ast.parse(source)) or ""
        yield from re.findall(r"(?<![A-Za-z0-9-])([A-Z])-(\d\d)(?!\d)", about)
        for name in re.findall(r"def test_((?:[a-z]\d\d_)+)", source):
            yield from re.findall(r"([a-z])(\d\d)_", name)


USED = {f"{letter.upper()}-{number}" for letter, number in named()}
LISTED = re.findall(r"^\| ([A-Z]-\d\d) \|", PAGE.read_text(), re.MULTILINE)
OF_RULES = {id_ for rule in (*RULES, *rules.RULES) for id_ in (rule.id, *rule.aliases)}


def test_every_code_that_is_used_is_a_rule_or_stands_in_the_index() -> None:
    assert {"H-13", "M-24", "M-28", "Q-07", "W-05", "W-06", "D-01"} <= USED
    assert USED - OF_RULES - set(LISTED) == set()


def test_the_index_holds_each_code_once_and_none_that_is_a_rule_or_unused() -> None:
    assert len(LISTED) == len(set(LISTED))
    assert set(LISTED) & OF_RULES == set()
    assert set(LISTED) - USED == set()


def test_every_row_says_what_it_is_and_where_that_stands() -> None:
    rows = re.findall(r"^\| [A-Z]-\d\d \|.*$", PAGE.read_text(), re.MULTILINE)

    assert len(rows) == len(LISTED)
    for row in rows:
        assert re.fullmatch(r"\| \S+ \| [^|]{8,} \| [^|]{4,} \|", row), row
