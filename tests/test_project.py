"""What people who work on mldkit rely on: tasks, versions, the changelog."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("added", "changed", "deprecated", "removed", "fixed", "security")


def test_the_tasks_are_those_that_are_described() -> None:
    tasks = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    described = re.findall(r"`make ([a-z]+)`", (ROOT / "CONTRIBUTING.md").read_text())

    assert set(tasks) == set(described)
    assert len(tasks) >= 10


def test_tools_that_judge_the_code_are_pinned() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    tools = config["options.extras_require"]["dev"].split("\n")[1:]

    assert {tool.partition(" ")[0] for tool in tools} >= {"ruff", "mypy", "import-linter"}
    for tool in tools:
        assert re.fullmatch(r"[a-z-]+ == [\d.]+", tool), tool


def test_every_fragment_has_a_kind_and_names_its_part() -> None:
    for path in (ROOT / "changelog.d").iterdir():
        if path.name == "README.md":
            continue
        assert re.fullmatch(rf"\+[a-z0-9-]+\.({'|'.join(KINDS)})\.md", path.name), path.name
        assert re.match(r"[a-z, ]+: \S", path.read_text()), path.name
