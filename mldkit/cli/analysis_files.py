"""What `analyze` writes to files: the page of --html and the picture of --plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.errors import CaptureError, MldkitError, UsageError
from mldkit.link import output_file
from mldkit.render.analysis_page import page
from mldkit.render.for_people import for_people
from mldkit.render.left_out import left_out_text
from mldkit.render.pictures import paper, sheet
from mldkit.render.terminal import note
from mldkit.render.unread import unread_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from mldkit.analysis.result import AnalysisResult


def check(args: argparse.Namespace) -> None:
    """Raise before the work begins where a file was asked for that cannot be made."""
    if args.plot is not None:
        paper.format_of(args.plot)
        paper.require()
    for option, file in (("--html", args.html), ("--plot", args.plot)):
        if file is not None:
            _check_place(option, file, args.files)


def _check_place(option: str, file: str, captures: Sequence[str]) -> None:
    path = Path(file)
    if file in ("", "-"):
        raise UsageError(f"argument {option}: name a file; the answers go to standard output")
    if any(path.exists() and Path(name).exists() and path.samefile(name) for name in captures):
        raise UsageError(f"argument {option}: {file} is one of the captures")
    if not path.parent.is_dir():
        raise CaptureError(f"{file}: cannot be written: no such file or directory")
    if path.is_dir():
        raise CaptureError(f"{file}: cannot be written: is a directory")


def write(args: argparse.Namespace, result: AnalysisResult) -> None:
    """Write the files that were asked for."""
    if args.plot is not None:
        sheet.save_sheet(for_people(result), args.plot)
    if args.html is not None:
        _write_page(args, result)


def _write_page(args: argparse.Namespace, result: AnalysisResult) -> None:
    notes = []
    try:
        drawings = sheet.drawings(for_people(result))
    except MldkitError as error:
        drawings = []
        notes.append(f"No pictures: {error.message} ({error.hint}).")
        note(args, f"note: a page without pictures: {error.message}; {error.hint}")
    if any(link.trace is not None and not link.trace.is_complete for link in result.links):
        notes.append("The capture has more queries, reports or answers than the pictures show.")
    notes += [f"{unread_text(what, count)}." for what, count in result.unread]
    notes += [f"Left out: {left_out_text(item)}." for item in result.left_out]
    octets = page(result, drawings, notes).encode("utf-8", "backslashreplace")
    output_file.replace(args.html, octets)
