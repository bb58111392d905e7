"""What `macfilter check` prints: predictions beside what the kernel let through."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from mldkit.macfilter.check import count_known, count_wrong
from mldkit.render.macfilter import SCHEMA
from mldkit.render.terminal import print_json, print_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from mldkit.errors import UnsupportedError

_SHOWN = 10


def print_check(
    args: argparse.Namespace,
    reports: dict[str, dict[str, Any]],
    skipped: list[UnsupportedError],
    seed: int,
) -> None:
    """Print every prediction and what became of it, in the form that was asked for."""
    frames = [frame for report in reports.values() for frame in report["frames"]]
    statements = [entry for report in reports.values() for entry in report["statements"]]
    notes = [line for report in reports.values() for line in report["notes"]]
    summary = {
        "wrong": sum(map(count_wrong, reports.values())),
        "known": sum(map(count_known, reports.values())),
        "statements": statements,
        "notes": notes,
        "skipped": [error.message for error in skipped],
        "seed": seed,
    }
    vehicle = ",".join(reports)
    if args.format == "json":
        print_json({"schema": SCHEMA, "vehicle": vehicle, "frames": frames, **summary})
    elif args.format == "ndjson":
        for frame in frames:
            print_json(frame)
        print_json({"event": "summary", "vehicle": vehicle, "frames": len(frames), **summary})
    else:
        _print_table(frames)
        print("\n".join(_lines(frames, statements, notes, summary)))


def _print_table(frames: list[dict[str, Any]]) -> None:
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for frame in frames:
        key = frame["vehicle"], frame["state"], frame["mode"]
        count = counts.setdefault(key, Counter())
        count["frames"] += 1
        count[frame["verdict"]] += 1
        count[f"seen {frame['observed']}"] += 1
        count["wrong"] += frame["wrong"]
    columns = ("frames", "passes", "dropped", "unknown", "seen passed", "seen dropped", "wrong")
    print_table(
        ("vehicle", "state", "mode", *columns),
        [(*key, *(f"{count[column]:,}" for column in columns)) for key, count in counts.items()],
        right=set(columns),
        merge=1,
    )


def _lines(
    frames: list[dict[str, Any]],
    statements: list[dict[str, Any]],
    notes: list[str],
    summary: dict[str, Any],
) -> Iterator[str]:
    """Yield what stands below the table."""
    for entry in statements:
        judged = "" if entry["holds"] else "WRONG: "
        yield f"{judged}{entry['vehicle']}, {entry['state']}: {entry['text']}"
    yield from notes
    wrong = [frame for frame in frames if frame["wrong"]]
    for frame in wrong[:_SHOWN]:
        unjoined = ", and a socket that had not joined got it" if frame["unjoined_socket"] else ""
        yield (
            f"WRONG: {frame['vehicle']}, {frame['state']}, {frame['mode']}: {frame['kind']} "
            f"{frame['input']} to {frame['mac']} {frame['verdict']} ({frame['reason']}), "
            f"expected at {frame['expected_layer']}, seen at {frame['layer']}{unjoined}"
        )
    yield (
        f"{len(frames):,} frames, {summary['known']:,} of them with a verdict that can be known, "
        f"{summary['wrong']:,} wrong (seed {summary['seed']})"
    )
