"""Each command on the page of questions prints what the page shows."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import main
from mldkit.testing.questions import STORIES, write_captures

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "questions.md").read_text()
GAP = "..."
"""Stands for output that the page leaves out, before or behind what it shows."""


def examples() -> Iterator[tuple[str, list[str]]]:
    """Give the commands of the page, each with the lines below it."""
    for block in PAGE.split("```\n$ mldkit ")[1:]:
        command, *lines = block.partition("```")[0].splitlines()
        yield command, lines


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("questions") / "made by it"
    write_captures(folder)
    for recording in (ROOT / "captures").glob("*.pcapng"):
        (folder / recording.name).symlink_to(recording)
    return folder


@pytest.mark.parametrize(("command", "shown"), list(examples()), ids=[e[0] for e in examples()])
def test_the_page_shows_what_the_command_prints(
    captures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    shown: list[str],
) -> None:
    monkeypatch.chdir(captures)

    main(shlex.split(command))

    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    begin, end = 0, len(printed)
    if shown[0] == GAP:
        shown = shown[1:]
        begin = printed.index(shown[0])
    if shown[-1] == GAP:
        shown = shown[:-1]
        end = begin + len(shown)
    assert printed[begin:end] == shown


def test_each_of_the_25_questions_has_an_example() -> None:
    sections = PAGE.split("\n## ")[1:]

    assert [int(section.partition(".")[0]) for section in sections] == list(range(1, 26))
    assert all("$ mldkit " in section for section in sections)


def test_every_story_is_used_on_the_page() -> None:
    for story in STORIES:
        assert story.__name__.replace("_", "-") + ".pcapng" in PAGE
