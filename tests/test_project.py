"""What people who work on mldkit rely on: tasks, versions, the changelog."""

from __future__ import annotations

import configparser
import re
from datetime import date
from pathlib import Path

import mldkit

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("added", "changed", "deprecated", "removed", "fixed", "security")


def releases() -> list[str]:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings
    return headings


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")[:3]))


def test_the_tasks_are_those_that_are_described() -> None:
    tasks = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    described = re.findall(r"`make ([a-z]+)`", (ROOT / "CONTRIBUTING.md").read_text())

    assert set(tasks) == set(described)
    assert len(tasks) >= 10


def test_the_tools_of_ci_are_pinned_in_one_file_which_all_who_install_them_use() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"]
    tools = set(extras["dev"].split()) | {
        line.lower() for line in extras["test"].splitlines() if line and ">" not in line
    }
    lines = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    pinned = dict(re.fullmatch(r"([a-z0-9-]+)==([\d.]+)", line).groups() for line in lines)  # type: ignore[union-attr,misc]

    assert tools >= {"ruff", "mypy", "import-linter", "pytest", "tox", "setuptools"}
    assert tools | {"atheris"} <= set(pinned)
    assert len(pinned) == len(lines)
    for user in ("setup.cfg", "Makefile", "scripts/with-venv"):
        assert "constraints.txt" in (ROOT / user).read_text(), user


def test_what_mldkit_runs_on_has_an_upper_bound() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    needed = config["options"]["install_requires"].split("\n")[1:]
    needed += [config["options.extras_require"][extra].strip() for extra in ("plot", "completion")]

    assert len(needed) >= 5
    for line in needed:
        assert re.fullmatch(r"[a-z]+ >= [\d.]+, < [\d.]+", line), line


def test_every_release_has_a_version_and_a_day_the_newest_first() -> None:
    told = [re.fullmatch(r"(\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)", line) for line in releases()]
    versions = [numbers(found[1]) for found in told if found]
    days = [date.fromisoformat(found[2]) for found in told if found]

    assert len(versions) == len(told), releases()
    assert versions == sorted(versions, reverse=True)
    assert days == sorted(days, reverse=True)


def test_a_release_tells_changes_by_their_kind_and_part() -> None:
    page = (ROOT / "CHANGELOG.md").read_text()
    kinds = re.findall(r"^###+ (.*)$", page, re.MULTILINE)

    assert {kind.lower() for kind in kinds} <= set(KINDS)
    for entry in re.findall(r"^- .*$", page, re.MULTILINE):
        assert re.match(r"- [a-z, ]+: ", entry), entry


def test_the_version_is_that_of_the_newest_release_or_of_the_next() -> None:
    newest = numbers(releases()[0].partition(" ")[0])

    if mldkit.__version__.endswith(".dev0"):
        assert numbers(mldkit.__version__) > newest
    else:
        assert numbers(mldkit.__version__) == newest


def test_every_fragment_has_a_kind_and_names_its_part() -> None:
    for path in (ROOT / "changelog.d").iterdir():
        if path.name == "README.md":
            continue
        assert re.fullmatch(rf"\+[a-z0-9-]+\.({'|'.join(KINDS)})\.md", path.name), path.name
        assert re.match(r"[a-z, ]+: \S", path.read_text()), path.name
