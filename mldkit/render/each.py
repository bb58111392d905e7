"""How many captures look, one row each, the worst first: `analyze --each`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import text
from mldkit.model.units import SECOND
from mldkit.model.words import counted, short_names
from mldkit.render.analysis_json import finding_json
from mldkit.render.message_json import Json, time_text
from mldkit.render.terminal import print_table, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.analysis.digest import CaptureDigest

SCHEMA = "mldkit.analyze-each/1"
_MOST_QUERIERS = 2
_HOUR_S, _MINUTE_S, _DAY_S = 3600, 60, 86_400


def each_json(rows: Sequence[CaptureDigest]) -> Json:
    """Return the document of many captures."""
    return {"schema": SCHEMA, "captures": [row_json(row) for row in rows]}


def row_json(row: CaptureDigest) -> Json:
    """Return the JSON object of one capture."""
    errors, warnings, infos = row.counts
    return {
        "file": row.file,
        "readable": row.is_readable,
        "reason": row.reason,
        "first": time_text(row.first_ns),
        "last": time_text(row.last_ns),
        "packets": row.packets,
        "messages": row.messages,
        "links": row.links,
        "queriers": row.queriers_heard,
        "hosts": row.hosts,
        "errors": errors,
        "warnings": warnings,
        "infos": infos,
        "worst": None if row.worst is None else finding_json(row.worst),
    }


def print_each(rows: Sequence[CaptureDigest]) -> None:
    """Print a table of the captures and how many are in trouble."""
    names = short_names([row.file for row in rows])
    cells = [_cells(row, printable(name)) for row, name in zip(rows, names, strict=True)]
    headings = (
        "capture", "span", "packets", "messages", "querier", "hosts", "errors", "warnings",
        "first of all",
    )  # fmt: skip
    numbers = {"packets", "messages", "hosts", "errors", "warnings"}
    print_table(headings, cells, right=numbers)
    wrong = sum(row.counts[0] > 0 for row in rows)
    unread = sum(not row.is_readable for row in rows)
    parts = [f"{wrong:,} with errors"] + ([f"{unread:,} not readable"] if unread else [])
    # What is not readable is no capture, or none any more.
    print(f"{counted(len(rows), 'file' if unread else 'capture')}: {', '.join(parts)}")


def _cells(row: CaptureDigest, name: str) -> tuple[str, ...]:
    if not row.is_readable:
        return name, *["-"] * 7, f"not readable: {printable(row.reason or '')}"
    errors, warnings, _ = row.counts
    worst = row.worst
    words = "" if worst is None or not errors + warnings else f"{worst.id} {worst.rule.title}"
    if row.reason:
        words = f"{words}; {row.reason}" if words else row.reason
    return (
        name,
        _span(row),
        f"{row.packets:,}",
        f"{row.messages:,}",
        _queriers(row),
        f"{row.hosts:,}",
        f"{errors:,}",
        f"{warnings:,}",
        printable(words),
    )


def _span(row: CaptureDigest) -> str:
    """Return how long a capture is, in the unit that a person would take."""
    if row.first_ns is None or row.last_ns is None:
        return "-"
    seconds = (row.last_ns - row.first_ns) / SECOND
    for unit_s, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _queriers(row: CaptureDigest) -> str:
    if not row.queriers:
        return "none" if row.messages else "-"
    shown = [f"{text(address)} v{version}" for address, version in row.queriers[:_MOST_QUERIERS]]
    more = len(row.queriers) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
