"""The commands that lessons print: this mldkit takes each of them."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import VERBS, build_parser
from mldkit.lab import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

OUTSIDE = re.compile(r"`(mldkit [^`]*)`")
IN_BLOCK = re.compile(r"^ {4,}(.*\bmldkit .*)$", re.MULTILINE)
# Words for something that the reader puts in, in an order that leaves none behind.
PLACES = {"QUESTION VALUE": "mac 1", "NODE": "h1", "LAB": "join", "GROUP": "ff15::1", "...": ""}


def commands(entry: catalogue.LabEntry) -> Iterator[list[str]]:
    """Give each `mldkit` command of a lesson as words, also one that another one runs on a node."""
    text = re.sub(r"(?:\\|(?<=\|))\n *", " ", entry.readme)
    prose = " ".join(text.split())
    for line in (*OUTSIDE.findall(prose), *IN_BLOCK.findall(text)):
        for word, example in PLACES.items():
            line = line.replace(word, example)  # noqa: PLW2901
        line = re.sub(r"\$\((.*?)\)", r"; \1 ;", line)  # noqa: PLW2901
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&")
        lexer.whitespace_split = True
        found: list[str] = []
        for token in (*lexer, ";"):
            if set(token) <= set("|;&"):
                while "mldkit" in found:
                    found = found[found.index("mldkit") + 1 :]
                    if len(found) > 1:  # the bare name of a verb stands in prose
                        yield list(found)
                found = []
            else:
                found.append(token)


@pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.id)
def test_every_command_of_a_lesson_is_one(entry: catalogue.LabEntry) -> None:
    found = list(commands(entry))
    assert [words for words in found if words[:2] == ["lab", "answer"]]
    assert ["lab", "check"] in found
    for words in found:
        verb = next(word for word in words if word in VERBS)
        args = build_parser(verb).parse_args(words)
        if args.verb == "lab" and "node" in args:
            assert args.node in entry.topology().nodes
