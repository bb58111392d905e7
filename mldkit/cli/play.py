"""The verb `play`: a script, its timeline, and whether its expectations were met."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldkit.cli.arguments import add_format, whole_number
from mldkit.cli.message_json import Json, message_json
from mldkit.cli.output import json_text, line_printer, note, print_json
from mldkit.errors import CaptureError, UnsupportedError, UsageError
from mldkit.model.addresses import text
from mldkit.model.units import SECOND
from mldkit.play import simulate
from mldkit.protocol.script_parser import parse_script

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from mldkit.play import Outcome, Performance, Played

EPILOG = """\
examples:
  mldkit play join.play                 in virtual time, without privilege
  mldkit play --explain join.play       why each timer was set and each message sent
  mldkit play --json join.play | jq .expectations

a script:
  host fe80::ff:fe00:2 02:00:00:00:00:02
  querier fe80::ff:fe00:1 02:00:00:00:00:01
  0.0          join ff05::1
  +0.008..0.012 expect TO_EX(ff05::1)
  5.0          query :: max-response 1s
  +0.008..1.036 expect IS_EX(ff05::1) IS_EX(ff02::1:ff00:2)

exit codes: 0 every expectation met, 1 one was not, 2 the script is wrong
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = EPILOG
    parser.add_argument(
        "script", metavar="SCRIPT", help="file with the script, - for standard input"
    )
    parser.add_argument(
        "--on",
        metavar="TARGET",
        default="sim",
        help="sim: virtual time, no privilege (the only target so far)",
    )
    parser.add_argument(
        "--profile",
        choices=("linux", "rfc"),
        help="behave like this kernel or like the RFCs, whatever the script sets",
    )
    parser.add_argument(
        "--seed", type=whole_number(0, 1 << 62), metavar="N", help="fix every random delay"
    )
    parser.add_argument(
        "--explain", action="store_true", help="say why each timer was set and each message sent"
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Play the script and print what happened."""
    if args.on != "sim":
        raise UnsupportedError(f"--on {args.on}: scripts play on sim only so far")
    script = parse_script(_read(args.script), args.script)
    if args.profile:
        script.profile = args.profile
    performance = simulate(script, seed=args.seed)
    if args.format == "json":
        print_json(document(performance, explain=args.explain))
    elif args.format == "ndjson":
        for event in performance.events:
            print(json_text(_event(event)))
        for outcome in performance.outcomes:
            print(json_text(_expectation(outcome)))
    else:
        printer = line_printer()
        for line, style in timeline(performance, explain=args.explain):
            printer(line, style)
    note(args, _summary(performance))
    return 1 if performance.failed else 0


def _read(name: str) -> str:
    try:
        octets = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise CaptureError(f"{name}: {(error.strerror or str(error)).lower()}") from error
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: no text (octet {error.start} is not UTF-8)") from error


def document(performance: Performance, *, explain: bool = False) -> Json:
    """Return the JSON document of a performance."""
    found: Json = {
        "schema": "mldkit.play/1",
        "events": [_event(event) for event in performance.events],
        "expectations": [_expectation(outcome) for outcome in performance.outcomes],
    }
    if explain:
        found["reasons"] = [
            {"time_s": reason.time_ns / SECOND, "text": str(reason)}
            for reason in performance.reasons
        ]
    return found


def _event(event: Played) -> Json:
    message = message_json(event.decoded)
    # Script time is no time of day.
    message["time"] = None
    return {
        "time_s": event.time_ns / SECOND,
        "who": event.who,
        "message": message,
        "bytes": event.decoded.frame.data.hex(),
    }


def _expectation(outcome: Outcome) -> Json:
    got: Any = [_words(event) for event in outcome.got]
    return {
        "line": outcome.expectation.line,
        "passed": outcome.passed,
        "expected": outcome.expectation.text,
        "got": got,
    }


def _words(event: Played) -> str:
    return f"{event.time_ns / SECOND:.6f} {event.decoded.datagram.message}"


def timeline(performance: Performance, *, explain: bool) -> Iterator[tuple[str, str]]:
    """Give the lines of the timeline, in the order of time, and after them what failed."""
    rows: list[tuple[int, int, str, str]] = [
        (action.time_ns, 0, f"         {action.text.partition(' ')[2].strip()}", "dim")
        for action in performance.script.actions
    ]
    for event in performance.events:
        source = text(event.decoded.datagram.source)
        line = f"{event.who:<8} {source} > {event.decoded.datagram.message}"
        rows.append((event.time_ns, 1, line, "bold" if event.who == "host" else ""))
    if explain:
        rows += [(reason.time_ns, 2, f"    why: {reason}", "dim") for reason in performance.reasons]
    for time_ns, _, line, style in sorted(rows, key=lambda row: row[0]):
        yield f"{time_ns / SECOND:12.6f}  {line}", style
    for outcome in performance.outcomes:
        if outcome.passed:
            continue
        expectation = outcome.expectation
        yield (
            f"{performance.script.name}:{expectation.line}: failed: {expectation.text}",
            "bold red",
        )
        for event in outcome.got:
            yield f"    got {_words(event)}", ""
        if not outcome.got:
            yield "    got nothing in that time", ""


def _summary(performance: Performance) -> str:
    count = len(performance.outcomes)
    noun = "expectation" if count == 1 else "expectations"
    return f"{count} {noun}, {performance.failed} failed"
