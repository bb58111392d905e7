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
MOST_ATTRIBUTES, MOST_METHODS = 12, 15
"""Of a class; more of them are rows of data, or say at their head why they are so large."""
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
def test_a_large_class_says_why_it_is_one(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ClassDef):
            continue
        attributes, methods = parts(node)
        words = " ".join((ast.get_docstring(node) or "").split())
        reason = re.search(r"more ([a-z ]+) than a class should, because", words)
        said = reason[1] if reason is not None else ""
        # What has hardly a method is no more than its fields say.
        is_row = methods <= 2 and "row of data" in words
        too_wide = attributes > MOST_ATTRIBUTES and not is_row and "attributes" not in said
        too_long = methods > MOST_METHODS and "methods" not in said
        assert not too_wide, (node.name, attributes)
        assert not too_long, (node.name, methods)


def parts(node: ast.ClassDef) -> tuple[int, int]:
    """Return how many attributes and methods a class has: fields, and what is set on `self`."""
    methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    fields = {
        each.target.id
        for each in node.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }
    fields |= {
        each.attr
        for method in methods
        for each in ast.walk(method)
        if isinstance(each, ast.Attribute)
        and isinstance(each.ctx, ast.Store)
        and isinstance(each.value, ast.Name)
        and each.value.id == "self"
    }
    return len(fields), len(methods)


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


def test_the_design_names_every_module_of_the_analysis_once() -> None:
    section = (ROOT / "docs" / "design.md").read_text().partition("Modules of `analysis` by")[2]
    table = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("|")]
    named = [name for line in table for name in re.findall("`([a-z_]+)`", line.split("|")[2])]
    modules = [path.stem for path in (ROOT / "mldkit" / "analysis").glob("[a-z]*.py")]
    assert sorted(named) == sorted(modules)
