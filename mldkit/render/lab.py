"""How `mldkit lab` prints lists, results of checks and what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.lab import captures, checks, state
from mldkit.model.addresses import mac_text, text
from mldkit.render.terminal import line_printer, note, print_json, print_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from mldkit.lab.catalogue import LabEntry
    from mldkit.lab.checks import CheckResult
    from mldkit.lab.datagrams import Flow
    from mldkit.lab.state import State

SKIPPED = 4
_MARKS = {
    checks.PASS: ("ok     ", "green"),
    checks.FAIL: ("not yet", "bold red"),
    checks.WAITING: ("waiting", "dim"),
    checks.SKIP: ("skipped", "yellow"),
}
_MOST_FRAMES = 8


def print_list(args: argparse.Namespace, entries: Iterable[LabEntry], alive: set[str]) -> None:
    """Print the catalogue."""
    labs: list[dict[str, Any]] = []
    for entry in entries:
        topology = entry.topology()
        labs.append(
            {
                "id": entry.id,
                "number": entry.number,
                "title": topology.title,
                "level": topology.level,
                "minutes": topology.minutes,
                "learns": list(topology.learns),
                "running": entry.id in alive,
            }
        )
    if args.format == "json":
        print_json({"schema": "mldkit.labs/1", "labs": labs})
    elif args.format == "ndjson":
        for lab in labs:
            print_json(lab)
    else:
        rows = [
            (
                str(lab["number"]),
                lab["id"],
                lab["title"],
                str(lab["level"]),
                str(lab["minutes"]),
                "runs" if lab["running"] else "",
            )
            for lab in labs
        ]
        print_table(("no", "lab", "title", "level", "min", ""), rows, right={"no", "level", "min"})
        note(args, "mldkit lab start LAB builds one; mldkit lab show LAB prints its lesson")


def print_results(args: argparse.Namespace, lab: str, results: Iterable[CheckResult]) -> int:
    """Print each result as soon as it is known and return the exit code."""
    emit = line_printer()
    entries: list[dict[str, Any]] = []
    for result in results:
        entry = _entry(result)
        entries.append(entry)
        if args.format == "text":
            mark, style = _MARKS[result.status]
            emit(f"{mark} {result.check.title}", style)
            for line in _details(result):
                emit(f"        {line}")
        elif args.format == "ndjson":
            print_json(entry)
    if args.format == "json":
        print_json({"schema": "mldkit.labcheck/1", "lab": lab, "checks": entries})
    statuses = [entry["status"] for entry in entries]
    if args.format == "text":
        passed = statuses.count(checks.PASS)
        print(f"{passed} of {len(statuses)} hold")
        if passed < len(statuses):
            note(args, "mldkit lab hint gives a hint, mldkit lab capture shows the frames")
        else:
            note(args, "this lab is solved; mldkit lab stop ends it")
    if any(status in (checks.FAIL, checks.WAITING) for status in statuses):
        return 1
    return SKIPPED if checks.SKIP in statuses else 0


def print_status(args: argparse.Namespace, states: Sequence[State]) -> None:
    """Print the labs that run."""
    labs = [
        {
            "id": entry.lab,
            "pid": entry.pid,
            "rootless": entry.rootless,
            "nodes": list(entry.nodes),
            "captures": {link: str(captures.path(entry.lab, link)) for link in entry.links},
            "capture_octets": {link: captures.octets(entry.lab, link) for link in entry.links},
            "captures_ended": captures.ended(entry.lab, entry.links),
        }
        for entry in states
    ]
    if args.format == "json":
        print_json({"schema": "mldkit.labstatus/1", "labs": labs})
    elif args.format == "ndjson":
        for lab in labs:
            print_json(lab)
    elif not labs:
        print("no lab runs")
    else:
        for entry in states:
            print(
                f"{entry.lab} runs in process {entry.pid}"
                f"{', without root' if entry.rootless else ''}"
            )
            print(f"  nodes    {' '.join(entry.nodes)}")
            print(f"  captures {state.folder(entry.lab)}/")
            width = max(len(link) for link in entry.links)
            reasons = captures.ended(entry.lab, entry.links)
            for link in entry.links:
                octets = f"{captures.octets(entry.lab, link):,}"
                print(f"    {link + '.pcapng':<{width + 7}}  {octets:>10} octets", end="")
                print(f", ended: {reasons[link]}" if link in reasons else "")


def print_flows(flows: Iterable[Flow]) -> None:
    """Print who sent how many datagrams to which group."""
    rows = [
        (
            text(flow.last.source),
            text(flow.last.group),
            mac_text(flow.last.frame.data[:6]),
            str(flow.last.port),
            str(flow.last.hops),
            str(flow.count),
            f"{flow.first.frame.number} to {flow.last.frame.number}"
            if flow.count > 1
            else f"{flow.last.frame.number}",
        )
        for flow in flows
    ]
    if not rows:
        print("no datagrams to groups")
        return
    headings = ("source", "group", "to MAC", "port", "hops", "count", "frames")
    print_table(headings, rows, right=set(headings[3:]))


def _entry(result: CheckResult) -> dict[str, Any]:
    outcome = result.outcome
    return {
        "id": result.check.id,
        "title": result.check.title,
        "status": result.status,
        "expected": outcome.expected if outcome else None,
        "got": outcome.got if outcome else result.reason or None,
        "where": outcome.where if outcome else None,
        "frames": list(outcome.frames) if outcome else [],
    }


def _details(result: CheckResult) -> list[str]:
    outcome = result.outcome
    if outcome is None:
        return [result.reason]
    where = outcome.where
    if outcome.frames:
        shown = ", ".join(map(str, outcome.frames[:_MOST_FRAMES]))
        more = ", ..." if len(outcome.frames) > _MOST_FRAMES else ""
        where += f", frame{'s' if len(outcome.frames) > 1 else ''} {shown}{more}"
    if result.status == checks.PASS:
        return [f"{outcome.got} ({where})"]
    label = "question" if outcome.expected.endswith("?") else "expected"
    return [f"{label}: {outcome.expected}", f"got:      {outcome.got} ({where})"]
