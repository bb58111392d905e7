"""What `watch` prints beside its table: an object for each event, the document, the last lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mldkit.model.units import SECOND
from mldkit.model.words import counted
from mldkit.render.account import account_json
from mldkit.render.analysis_json import event_json
from mldkit.render.left_out import left_out_text
from mldkit.render.message_json import Json, time_text
from mldkit.render.summary import about_queriers
from mldkit.watch import LinkEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.analysis.result import AnalysisResult
    from mldkit.watch import Watch, WatchEvent

SCHEMA = "mldkit.watch/1"


class CommandCounts(Protocol):
    """What became of the commands of --exec; its text says it in words."""

    started: int
    failed: int
    killed: int
    dropped: int


def closing_lines(
    watch: Watch, result: AnalysisResult | None, length_ns: int, counts: CommandCounts | None
) -> Iterator[str]:
    """Give what is said at the end: who queries, what found no room, and the counts."""
    if result is not None:
        yield from about_queriers(result) or ["no IGMP and no MLD message was heard"]
    for item in watch.left_out:
        yield f"note: {left_out_text(item)}"
    yield str(watch.account)
    line = (
        f"{length_ns / SECOND:.1f} s: {counted(watch.messages, 'message')},"
        f" {counted(watch.events, 'event')}, {counted(watch.errors, 'error')},"
        f" {counted(watch.account.dropped, 'packet')} dropped by the kernel"
    )
    yield line if counts is None else f"{line}; commands: {counts}"


def watch_json(
    watch: Watch, events: Iterable[Json], events_left_out: int, counts: CommandCounts | None
) -> Json:
    """Return the document of --json."""
    commands = counts and {
        name: getattr(counts, name) for name in ("started", "failed", "killed", "dropped")
    }
    return {
        "schema": SCHEMA,
        "interface": watch.interface,
        "messages": watch.messages,
        **account_json(watch.account),
        "events": events,
        "events_left_out": events_left_out,
        "left_out": [left_out_text(item) for item in watch.left_out],
        "commands": commands,
    }


def told_json(event: WatchEvent) -> Json:
    """Return the JSON object of an event, of hosts and queriers or of the link itself."""
    if not isinstance(event, LinkEvent):
        return event_json(event)
    nothing = ("family", "host", "mac", "version", "group", "filter_mode", "sources", "finding")
    return {
        "event": "link",
        "time": time_text(event.time_ns),
        "captures": [],
        "interface": event.interface,
        "vlan": [],
        **dict.fromkeys(nothing),
        "state": event.state,
        "dropped": event.dropped,
        "lost": event.lost,
        "since": None if event.since_ns is None else time_text(event.since_ns),
        "detail": event.text,
    }


def end_json(watch: Watch, time_ns: int) -> Json:
    """Return the last line of a stream of events: what became of all packets."""
    return {
        "event": "end",
        "time": time_text(time_ns),
        "interface": watch.interface,
        "messages": watch.messages,
        **account_json(watch.account),
    }
