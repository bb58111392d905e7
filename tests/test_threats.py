"""Every defence that docs/threats.md and SECURITY.md speak of is shown by a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_TEST = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)*)`")


def rows() -> list[list[str]]:
    lines = (ROOT / "docs" / "threats.md").read_text().splitlines()
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return [row for row in found if row[-1] not in ("shown by", "---")]


def defined(path: Path) -> set[str]:
    """Return the tests of a module, those of classes with the name of the class in front."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(f"::{node.name}")
        elif isinstance(node, ast.ClassDef):
            found |= {
                f"::{node.name}::{each.name}"
                for each in node.body
                if isinstance(each, ast.FunctionDef)
            }
    return {name for name in found if name.rpartition("::")[2].startswith("test_")}


def test_every_threat_has_a_defence_and_a_test_that_shows_it() -> None:
    found = rows()

    assert len(found) > 30
    for row in found:
        assert len(row) == 3, row
        assert all(row), row
        assert _TEST.search(row[2]) or "lint-imports" in row[2], row


def test_the_tests_that_are_named_exist() -> None:
    page = (ROOT / "docs" / "threats.md").read_text()
    named = _TEST.findall(page)

    assert len(named) > 50
    for file, name in named:
        path = ROOT / file
        assert path.is_file(), file
        assert not name or name in defined(path), f"{file}{name}"


def test_a_test_that_does_not_exist_is_noticed() -> None:
    here = defined(Path(__file__))

    assert "::test_the_tests_that_are_named_exist" in here
    assert "::test_nothing_of_the_kind" not in here


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in ("SECURITY.md", "docs/threats.md", "docs/fuzzing.md"):
        text = (ROOT / page).read_text()
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"
