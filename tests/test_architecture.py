"""Promises about the code as a whole that no other tool checks."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "mldkit").rglob("*.py"))
EVERYTHING = SOURCES + sorted((ROOT / "tests").rglob("*.py")) + sorted(
    (ROOT / "captures").rglob("*.py")
)  # fmt: skip
STRANGERS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "handler"}


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_function_is_much_longer_than_50_lines(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 65, node.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_knows_and_is_named_for_a_noun(path: Path) -> None:
    assert path.stem not in STRANGERS
    if path.name != "__init__.py" or path.read_text():
        assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_time_and_chance_come_in_as_arguments(path: Path) -> None:
    if path.name == "clock.py":
        return
    text = path.read_text()
    assert not re.search(r"^(import|from) (time|datetime)\b", text, re.MULTILINE)
    assert not re.search(r"\brandom\.(random|randint|choice|uniform|randrange)\(", text)


def test_nothing_loads_all_of_scapy() -> None:
    for path in EVERYTHING:
        if path != Path(__file__):
            assert not re.search(r"(from|import) scapy\.all\b", path.read_text()), path
