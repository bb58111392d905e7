"""Pages that are printed from code say what the code says."""

from __future__ import annotations

from pathlib import Path

from docs.tools import trace_page
from docs.tools.rules_page import page

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_of_rules_is_the_table() -> None:
    assert (DOCS / "rules.md").read_text() == page()


def test_the_page_of_trees_is_what_was_recorded() -> None:
    assert (DOCS / "trees.md").read_text() == trace_page.page()
