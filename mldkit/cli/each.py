"""`mldkit analyze --each`: one row for each of many captures, the worst first."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.analysis.digest import CaptureDigest, digest
from mldkit.analysis.engine import Analysis, analyze
from mldkit.cli.interrupt import INTERRUPTED, SignalInterrupt
from mldkit.errors import CaptureError, UsageError
from mldkit.link.capture import open_capture
from mldkit.render.damage import unread_reason
from mldkit.render.each import each_json, print_each, row_json
from mldkit.render.streams import say
from mldkit.render.terminal import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

    from mldkit.analysis.result import AnalysisResult

_NOT_HERE = ("compare", "html", "plot")
"""Options of `analyze` that make one thing of all captures."""


def run(
    args: argparse.Namespace,
    analysis: Analysis,
    choose: Callable[[AnalysisResult], AnalysisResult],
) -> int:
    """Print a row for each capture; return 1 where one is in error, 3 where none was readable."""
    for option in _NOT_HERE:
        if getattr(args, option):
            raise UsageError(f"argument --each: not with --{option}")
    interrupt = SignalInterrupt()
    rows: list[CaptureDigest] = []
    with interrupt.heard():
        for file in interrupt.cut(_files(args.files)):
            row = _row(args, file, analysis, choose, interrupt)
            if interrupt.came:
                break
            rows.append(row)
            if args.format == "ndjson":
                print_json(row_json(row))
    rows.sort(key=CaptureDigest.trouble)
    if args.format == "json":
        print_json(each_json(rows))
    elif args.format == "text" and rows:
        print_each(rows)
    if interrupt.came:
        say("interrupted: these are the captures that were read to their ends")
        return INTERRUPTED
    if not any(row.is_readable for row in rows):
        raise CaptureError("no capture could be read", hint=rows[0].reason if rows else None)
    return int(any(row.counts[0] for row in rows))


def _files(names: Iterable[str]) -> Iterator[str]:
    """Give the files, those of folders and of what is in them in order of their names."""
    for name in names:
        # Not of pathlib, which takes an empty name for this folder and raises for one too long.
        if not os.path.isdir(name):  # noqa: PTH112
            yield name
            continue
        path = Path(name)
        for found in sorted(path.rglob("*")):
            inside = found.relative_to(path).parts
            if _is_file(found) and not any(part.startswith(".") for part in inside):
                yield str(found)


def _is_file(path: Path) -> bool:
    """Return whether to open a path; what cannot even be looked at gets its reason by that."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _row(
    args: argparse.Namespace,
    file: str,
    analysis: Analysis,
    choose: Callable[[AnalysisResult], AnalysisResult],
    interrupt: SignalInterrupt,
) -> CaptureDigest:
    try:
        with open_capture(file, data=not args.no_data, apart=True) as capture:
            result = choose(analyze([capture], analysis, interrupt))
            reason = unread_reason(capture)
    except CaptureError as error:
        return CaptureDigest(file, error.message.removeprefix(f"{file}: "))
    return digest(result) if reason is None else CaptureDigest(file, reason)
