"""What `analyze --compare A B` prints."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.comparison import Comparison, Seen, compare, outside, read_messages
from mldkit.errors import UsageError
from mldkit.link.capture import open_capture
from mldkit.model.addresses import text
from mldkit.model.messages import Report
from mldkit.model.units import SECOND
from mldkit.render.damage import report_damage
from mldkit.render.message_json import Json, number
from mldkit.render.message_text import plural, summary_text
from mldkit.render.terminal import json_text, line_printer, print_json

if TYPE_CHECKING:
    import argparse

SCHEMA = "mldkit.compare/1"
_MOST_RECORDS = 4
_NOT_HERE = ("html", "plot", "interface_name", "vlan", "group", "host")
"""Options of `analyze` that mean nothing to a comparison."""


class _Unseen(NamedTuple):
    """Of what is on one side only: what lies outside the time of the other capture."""

    a: list[Seen]
    b: list[Seen]


NOTHING_UNSEEN = _Unseen([], [])


def run(args: argparse.Namespace) -> int:
    """Print what is on one side only or was changed; return 1 where something is missing."""
    for option in _NOT_HERE:
        if getattr(args, option):
            name = option.replace("_", "-")
            raise UsageError(f"argument --{name}: not with --compare, which compares all messages")
    name_a, name_b = args.compare
    tunnels = args.tunnels
    with (
        open_capture(name_a, tunnels=tunnels) as capture_a,
        open_capture(name_b, tunnels=tunnels) as capture_b,
    ):
        side_a = read_messages(capture_a.candidates(), tunnels=tunnels)
        side_b = read_messages(capture_b.candidates(), tunnels=tunnels)
        result = compare(side_a, side_b)
        report_damage(args, [capture_a, capture_b])
    offset_ns = result.offset_ns or 0
    unseen = _Unseen(
        outside(result.only_a, capture_b.first_ns, capture_b.last_ns, offset_ns),
        outside(result.only_b, capture_a.first_ns, capture_a.last_ns, -offset_ns),
    )
    if args.format == "text":
        _print_text(result, unseen, name_a, name_b)
    elif args.format == "json":
        print_json(comparison_json(result, unseen))
    else:
        for line in _lines(result):
            sys.stdout.write(json_text(line) + "\n")
    return int(bool(result.only_a or result.only_b))


def comparison_json(result: Comparison, unseen: _Unseen = NOTHING_UNSEEN) -> Json:
    """Return the document of one comparison."""
    offset_ns = result.offset_ns
    return {
        "schema": SCHEMA,
        "offset_s": None if offset_ns is None else number(offset_ns, SECOND),
        "matched": result.matched,
        "only_a": [seen.frame for seen in result.only_a],
        "only_b": [seen.frame for seen in result.only_b],
        "elsewhere": [seen.frame for seen in result.elsewhere],
        "outside_a": [seen.frame for seen in unseen.a],
        "outside_b": [seen.frame for seen in unseen.b],
        "changed": [
            {"a": change.a, "b": change.b, "fields": list(change.fields)}
            for change in result.changed
        ],
    }


def _lines(result: Comparison) -> list[Json]:
    document = comparison_json(result)
    lines: list[Json] = [{"only": "a", "frame": frame} for frame in document["only_a"]]
    lines += [{"only": "b", "frame": frame} for frame in document["only_b"]]
    return lines + list(document["changed"])


def _records(seen: Seen) -> str:
    message = seen.decoded.datagram.message
    if not isinstance(message, Report):
        return ""
    shown = " ".join(map(str, message.records[:_MOST_RECORDS]))
    return f": {shown}" + (" ..." if len(message.records) > _MOST_RECORDS else "")


def _print_text(result: Comparison, unseen: _Unseen, name_a: str, name_b: str) -> None:
    emit = line_printer()
    offset_ns = result.offset_ns
    clocks = "no message is on both sides, so the clocks cannot be compared"
    if offset_ns is not None:
        clocks = f"the clock of B is {offset_ns / SECOND:+.6f} s from that of A"
    emit(f"{plural(result.matched, 'message')} on both sides; {clocks}.")
    for name, missing, other, beyond in (
        (name_a, result.only_a, name_b, unseen.a),
        (name_b, result.only_b, name_a, unseen.b),
    ):
        if missing:
            emit(f"only in {name}: {plural(len(missing), 'message')}", "bold red")
            for seen in missing:
                datagram = seen.decoded.datagram
                route = f"{text(datagram.source)} > {text(datagram.destination)}"
                emit(f"  frame {seen.frame}: {route}  {summary_text(seen.decoded)}{_records(seen)}")
        if beyond:
            count = plural(len(beyond), "message")
            emit(
                f"{count} of those only in {name}: before the first packet of {other} or after its"
                " last, when it may not have been looked at"
            )
    if result.elsewhere:
        count = plural(len(result.elsewhere), "message")
        emit(
            f"{count} of those only in {name_b}: from hosts behind other ports, whose reports a"
            " snooping switch sends to routers only"
        )
    for change in result.changed:
        fields = ", ".join(change.fields)
        emit(f"changed between: frame {change.a} of A, frame {change.b} of B: {fields}", "yellow")
