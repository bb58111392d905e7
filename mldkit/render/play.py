"""What `play` prints: the timeline, what failed, and the same as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.model.addresses import text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.model.words import counted
from mldkit.render.message_json import Json, message_json
from mldkit.wire.validity import judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.play import Judgement, Performance, Played, Reason


def document(performance: Performance, *, explain: bool = False) -> Json:
    """Return the JSON document of a performance."""
    found: Json = {
        "schema": "mldkit.play/1",
        "events": [event_json(event) for event in performance.events],
        "expectations": [expectation_json(outcome) for outcome in performance.outcomes],
    }
    if explain:
        found["reasons"] = [reason_json(reason) for reason in performance.reasons]
    return found


def event_json(event: Played) -> Json:
    """Return a message on the link with its script time."""
    message = message_json(judge(event.decoded))
    # Script time is no time of day.
    message["time"] = None
    return {
        "time_s": event.time_ns / SECOND,
        "who": event.who,
        "message": message,
        "bytes": event.decoded.frame.data.hex(),
    }


def reason_json(reason: Reason) -> Json:
    """Return why a timer was set or a message sent."""
    return {"time_s": reason.time_ns / SECOND, "text": str(reason)}


def expectation_json(outcome: Judgement) -> Json:
    """Return what became of an expectation."""
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
        (began_ns, 0, f"         {action.text.split(None, 1)[1]}", "dim")
        for action, began_ns in zip(performance.script.actions, performance.began_ns, strict=False)
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


def summary(performance: Performance) -> str:
    """Return how many expectations there were, and how many failed."""
    count = len(performance.outcomes)
    line = f"{counted(count, 'expectation')}, {performance.failed:,} failed"
    if performance.interrupted_ns is None:
        return line
    left = len(performance.script.expectations) - count
    after_s = max(performance.interrupted_ns, 0) / SECOND
    return f"{line}, {left:,} not judged: interrupted after {after_s:.3f} s"


def stalls(performance: Performance) -> str:
    """Return how late this machine was, for people who wonder why something failed."""
    longest_ns = max(stall.until_ns - stall.from_ns for stall in performance.stalls)
    return (
        f"this machine was busy and late {len(performance.stalls):,} times meanwhile, by up to "
        f"{longest_ns / MILLISECOND:.1f} ms; that may be the cause"
    )
