"""Lessons on a narrow terminal: paragraphs and list items are folded anew, the rest stays.

What a reader copies or looks at as a picture keeps its lines: commands (indented by four or more
from the text around them), fenced blocks and tables.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITTEN_COLUMNS = 100
"""Lessons are written in lines of up to so many columns."""
_CODE_INDENT = 4
_FENCE = "```"
_COMMAND = re.compile("`[^`]+`")
_HELD = "\0"
_BEHIND = 3  # columns of punctuation behind a command
_ITEM = re.compile(r" *(?:-|[0-9]+\.) +")


def terminal_columns() -> int:
    """Return how wide a reader's terminal is, also where a pager stands in between."""
    for stream in (sys.stdout, sys.stderr):
        if stream.isatty():
            return os.get_terminal_size(stream.fileno()).columns
    return shutil.get_terminal_size((WRITTEN_COLUMNS, 0)).columns


def folded(markdown: str, columns: int) -> str:
    """Return a lesson in lines of at most so many columns, where that is possible."""
    if columns >= WRITTEN_COLUMNS:
        return markdown
    lines = (
        line
        for block in _blocks(markdown)
        for line in ([block] if isinstance(block, str) else _fold(block, columns))
    )
    return "".join(f"{line}\n" for line in lines)


def _blocks(markdown: str) -> Iterator[list[str] | str]:
    """Give paragraphs and list items as lists of lines; what has to stay, line by line."""
    paragraph: list[str] = []
    is_fenced = False
    indent = 0  # of the text in the list item that we are in
    for line in markdown.splitlines():
        depth = len(line) - len(line.lstrip())
        item = _ITEM.match(line)
        is_literal = not line or line.startswith(("#", "|", _FENCE)) or is_fenced
        if line.startswith(_FENCE):
            is_fenced = not is_fenced
        is_literal = is_literal or (not paragraph and depth >= indent + _CODE_INDENT)
        if paragraph and (is_literal or item):
            yield paragraph
            paragraph = []
        if is_literal:
            yield line
            continue
        if item or depth == 0:
            indent = len(item[0]) if item else 0
        paragraph.append(line)
    if paragraph:
        yield paragraph


def _fold(block: list[str], columns: int) -> list[str]:
    first = block[0]
    item = _ITEM.match(first)
    head = item[0] if item else first[: len(first) - len(first.lstrip())]
    words = " ".join(line.strip() for line in (first[len(head) :], *block[1:]))

    def held(command: re.Match[str]) -> str:
        """Keep what a reader copies on one line: it has no blanks while we fold."""
        fits = len(head) + len(command[0]) + _BEHIND < columns
        return command[0].replace(" ", _HELD) if fits else command[0]

    lines = textwrap.wrap(
        _COMMAND.sub(held, words),
        columns,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_HELD, " ") for line in lines]
