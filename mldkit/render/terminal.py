"""Where the output goes: data to standard output, notes to standard error.

rich is loaded only for a terminal. Everything else is plain text or JSON, so that a pipe gets
the same octets whatever the terminal is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from mldkit.model.printing import printable as printable
from mldkit.render.streams import say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    from mldkit.wire.rules import Rule

_CONTINUATION = 4
_GAP = "  "


@cache
def _encoder() -> Callable[[Any], str]:
    # Text would wait for it to be loaded.
    import json

    return json.JSONEncoder(separators=(", ", ": ")).encode


def load(*, for_people: bool) -> None:
    """Load all that printing needs, for a process that may read no more files later on.

    `for_people` is text, in which rich takes part.
    """
    import importlib

    _encoder()
    for name in ("shutil", "textwrap"):
        importlib.import_module(name)
    if not for_people:
        return
    from io import StringIO

    from rich.console import Console
    from rich.table import Table

    importlib.import_module("rich.progress")
    # Tables of letters and their widths are loaded with the first letter beyond ASCII.
    trial = Table("\N{GREEK SMALL LETTER ALPHA}")
    trial.add_row("\N{GRINNING FACE}:a:")
    Console(file=StringIO(), force_terminal=True, width=20).print(trial)


def note(args: argparse.Namespace, text: str) -> None:
    """Print one line for the person at the terminal, unless --quiet."""
    if not args.quiet:
        say(_wrapped(text))


def detail(args: argparse.Namespace, text: str) -> None:
    """Print one line of those that --verbose adds."""
    if args.verbose:
        note(args, text)


def _wrapped(text: str) -> str:
    """Return `text` broken between words where a terminal would break it inside one."""
    if not sys.stderr.isatty():
        return text
    import shutil

    return broken_at(text, shutil.get_terminal_size().columns, 6)


def broken_at(text: str, columns: int, indent: int) -> str:
    """Return `text` in lines of `columns`, broken between words alone, the rest indented.

    What is in such lines already stays as it is.
    """
    if all(len(line) <= columns for line in text.split("\n")):
        return text
    import textwrap

    lines = textwrap.wrap(
        text,
        columns,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


def print_json(document: Any) -> None:  # noqa: ANN401 (whatever JSON can say)
    """Print one JSON document on one line and flush it: a reader may be waiting."""
    print(_encoder()(document), flush=True)


def print_json_members(members: Iterable[tuple[str, Any]]) -> None:
    """Print one JSON document, member by member; a value that is an iterator, item by item.

    The octets are those of `print_json` of the whole, without the whole in memory.
    """
    write, encode = sys.stdout.write, _encoder()
    write("{")
    for index, (name, value) in enumerate(members):
        write(f"{', ' if index else ''}{encode(name)}: ")
        if isinstance(value, Iterator):
            write("[")
            for number, item in enumerate(value):
                write(f", {encode(item)}" if number else encode(item))
            write("]")
        else:
            write(encode(value))
    print("}", flush=True)


def json_text(document: Any) -> str:  # noqa: ANN401
    """Return the JSON text of `document` on one line."""
    return _encoder()(document)


def line_printer() -> Callable[..., None]:
    """Return a function that prints one line with a style: in colour on a terminal only.

    A terminal gets it broken between words; a pipe gets it as it is.
    """
    if not sys.stdout.isatty():
        return lambda text, style="": print(text)  # noqa: ARG005
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)

    def print_styled(text: str, style: str = "") -> None:
        indent = len(text) - len(text.lstrip()) + _CONTINUATION
        lines = broken_at(text, console.width, indent)
        with console.capture() as captured:
            console.print(Text(lines, style=style), soft_wrap=True)
        # rich itself would write past a progress bar, which has to make room first.
        print(captured.get(), end="")

    return print_styled


SEVERITY_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


def rule_line(rule: Rule, severity: str, detail: str) -> str:
    """Return one finding as people read it."""
    return f"{severity} {rule.id}: {rule.title}: {detail} [{rule.reference}]"


def output_columns() -> int | None:
    """Return how wide the terminal of standard output is, None when it is no terminal.

    COLUMNS speaks of a terminal that somebody else prints to.
    """
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS", "").isdecimal():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: frozenset[str] | set[str] = frozenset(),
    merge: int = 0,
) -> None:
    """Print aligned columns; the first `merge` columns are blank where they repeat.

    A terminal gets its own width: what is too wide for it has the columns that repeat as headings,
    or else is wrapped inside the columns. A pipe gets whole lines.
    """
    columns = output_columns()
    cells = [list(map(printable, row)) for row in rows]
    if columns is not None and merge and _width([headings, *cells]) > columns:
        _print_sections(headings, cells, right, merge, columns)
        return
    previous: Sequence[str] = ()
    for number, row in enumerate(cells):
        if merge and row[:merge] == previous[:merge]:
            cells[number] = [""] * merge + row[merge:]
        previous = row
    if columns is None and all(cell.isascii() for row in cells for cell in row):
        # rich knows how wide other letters are, and takes a twentieth of a second for 100 rows.
        widths = _widths([headings, *cells])
        for line in (headings, *cells):
            print(_aligned(line, widths, headings, right))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    for row in cells:
        table.add_row(*row)
    # Without emoji: `:a:` and `:cd:` are parts of addresses.
    console = Console(highlight=False, markup=False, emoji=False)
    console.width = columns or 10_000
    with console.capture() as capture:
        console.print(table)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()))


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _width(rows: Sequence[Sequence[str]]) -> int:
    widths = _widths(rows)
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _aligned(
    row: Sequence[str],
    widths: Sequence[int],
    headings: Sequence[str],
    right: frozenset[str] | set[str],
) -> str:
    """Return the line of a row, below headings of which some stand on the right."""
    cells = [
        cell.rjust(width) if heading in right else cell.ljust(width)
        for cell, width, heading in zip(row, widths, headings, strict=True)
    ]
    return _GAP.join(cells).rstrip()


def _print_sections(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: frozenset[str] | set[str],
    merge: int,
    columns: int,
) -> None:
    """Print a table that is too wide: each change of the first columns is a heading of its own.

    Lines that are still too long are broken between words, so that no address is.
    """
    widths = _widths([headings[merge:], *(row[merge:] for row in rows)])
    emit = line_printer()

    def line(row: Sequence[str]) -> str:
        aligned = _aligned(row[merge:], widths, headings[merge:], right)
        return broken_at(f"{_GAP}{aligned}", columns, 2 * len(_GAP))

    emit(_GAP.join(headings[:merge]), "bold")
    emit(line(headings), "bold")
    previous: Sequence[str] = ()
    for row in rows:
        if row[:merge] != previous:
            emit(_GAP.join(row[:merge]))
            previous = row[:merge]
        print(line(row))
