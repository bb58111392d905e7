"""What `querier` prints: one line an event as it happens, and what was learned at the end."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from mldkit.model.addresses import text
from mldkit.model.family import IGMP
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.model.words import counted
from mldkit.protocol.querier_events import (
    Elected,
    MembershipChanged,
    OtherQuerier,
    RoomChanged,
    VersionChanged,
)
from mldkit.querier import AddressGone, QuerySent
from mldkit.render import left_behind
from mldkit.render.account import account_json
from mldkit.render.analysis_json import MOST_SOURCES
from mldkit.render.message_json import Json, number, time_text
from mldkit.render.message_text import query_text
from mldkit.render.terminal import line_printer, note, print_json, print_table
from mldkit.render.words import family_name, filter_mode

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from mldkit.link.account import Account
    from mldkit.model.addresses import Address
    from mldkit.querier import QuerierJob, QuerierJobEvent, Standing

SCHEMA = "mldkit.querier/1"
MOST_EVENTS = 100_000
"""In the one document of --json."""
_MOST_ROWS = 1000
_MOST_LISTED = 20
"""Groups, and sources of one group, that people are shown."""
_STYLES = {"join": "green", "leave": "yellow", "expire": "yellow", "query": "dim"}
_NOTHING = (
    "host", "own", "reason", "group", "filter_mode", "sources", "requested", "version",
    "more_sources", "more_requested", "suppress", "max_response_ms", "what", "count", "since",
    "until", "detail",
)  # fmt: skip


class QuerierOutput:
    """Says what happens in the format that was asked for."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._print = line_printer()
        self._events: list[Json] = []
        self._left_out = 0
        self.job: QuerierJob | None = None

    def tell(self, event: QuerierJobEvent) -> None:
        """Print or keep one event."""
        if self.job is None:
            return
        if self._args.format == "text":
            after_s = (event.time_ns - self.job.begun_ns) / SECOND
            style = _STYLES.get(_kind(event), "bold")
            self._print(f"{after_s:9.3f}  {_kind(event):8} {_words(event)}", style)
            sys.stdout.flush()
            return
        document = event_json(event, self._args.interface, self.job.wall_ns(event.time_ns))
        if self._args.format == "ndjson":
            print_json(document)
        elif len(self._events) < MOST_EVENTS:
            self._events.append(document)
        else:
            self._left_out += 1

    def finish(self, job: QuerierJob, account: Account, *, is_partial: bool) -> None:
        """Print who listens to what, and what the querier did."""
        members, elapsed_ns = job.members(), job.elapsed_ns
        remains = left_behind.of(job.standings(), job.settings, job.now_ns)
        if self._args.format == "text":
            _print_members(members)
        else:
            end = _summary(job, self._args.interface, members, is_partial=is_partial)
            end |= account_json(account)
            end["left_behind"] = [one.as_json for one in remains]
            if self._args.format == "ndjson":
                print_json({"event": "end", **end})
            else:
                print_json(
                    {
                        "schema": SCHEMA,
                        **end,
                        "events": self._events,
                        "events_left_out": self._left_out,
                    }
                )
        note(self._args, str(account))
        note(self._args, f"{elapsed_ns / SECOND:.1f} s: {_counts(job, len(members))}")
        for line in left_behind.lines(remains):
            note(self._args, f"note: {line}")
        left_out = job.querier.left_out
        if left_out:
            records = counted(left_out, "reported record")
            note(self._args, f"note: no room for {records}: too many groups or sources")


def event_json(event: QuerierJobEvent, interface: str, wall_ns: int) -> Json:
    """Return the JSON object of one event; every key is always there."""
    document: Json = {
        "event": _kind(event),
        "time": time_text(wall_ns),
        "interface": interface,
        "vlan": [],
        "family": family_name(event.family),
        **dict.fromkeys(_NOTHING),
    }
    if isinstance(event, MembershipChanged):
        # A record of one source makes an event of a group with a thousand.
        more_sources = max(len(event.sources) - MOST_SOURCES, 0)
        more_requested = max(len(event.requested) - MOST_SOURCES, 0)
        named = replace(
            event,
            sources=event.sources[:MOST_SOURCES],
            requested=event.requested[:MOST_SOURCES],
        )
        return document | {
            **_filter(named),
            "more_sources": more_sources or None,
            "more_requested": more_requested or None,
        }
    if isinstance(event, QuerySent):
        return document | _sent(event)
    if isinstance(event, RoomChanged):
        return document | {
            "what": "records",
            "count": event.left_out,
            "since": time_text(wall_ns - (event.time_ns - event.since_ns)),
            "until": time_text(wall_ns) if event.is_over else None,
            "detail": _words(event),
        }
    document["host"] = _address(event.address)
    if isinstance(event, Elected):
        document |= {"own": event.is_own, "reason": event.reason}
    elif isinstance(event, AddressGone):
        document |= {"own": True, "reason": "gone"}
    elif isinstance(event, OtherQuerier):
        document["own"] = False
        document["reason"] = "tie" if event.is_tie else "higher address"
    else:
        document["version"] = event.version
    return document


def _summary(
    job: QuerierJob, interface: str, members: Sequence[MembershipChanged], *, is_partial: bool
) -> Json:
    return {
        "interface": interface,
        "seconds": round(job.elapsed_ns / SECOND, 3),
        "queries": job.queries,
        "queriers": [_standing(one) for one in job.standings()],
        "memberships": [
            {"family": family_name(member.family), **_filter(member)} for member in members
        ],
        "records_left_out": job.querier.left_out,
        "interrupted": is_partial,
    }


def _standing(one: Standing) -> Json:
    return {
        "family": family_name(one.family),
        "address": text(one.own),
        "version": one.version,
        "elected": None if one.elected is None else text(one.elected),
        "own": one.is_querier,
    }


def _filter(event: MembershipChanged) -> Json:
    return {
        "group": text(event.group),
        "host": _address(event.host),
        "filter_mode": filter_mode(event.exclude),
        "sources": [text(source) for source in event.sources],
        "requested": [text(source) for source in event.requested],
        "version": event.version,
    }


def _sent(event: QuerySent) -> Json:
    query = event.query
    return {
        "host": text(event.source),
        "own": True,
        "group": text(query.group),
        "sources": [text(source) for source in query.sources],
        "version": query.version,
        "suppress": query.suppress,
        "max_response_ms": number(query.max_response_ns, MILLISECOND),
    }


def _kind(event: QuerierJobEvent) -> str:
    match event:
        case MembershipChanged():
            return event.kind
        case QuerySent():
            return "query"
        case Elected():
            return "querier"
        case OtherQuerier():
            return "other"
        case VersionChanged():
            return "version"
        case AddressGone():
            return "address"
        case RoomChanged():
            return "left-out"


def _words(event: QuerierJobEvent) -> str:
    """Return what an event says, for people."""
    match event:
        case MembershipChanged():
            return _membership_words(event)
        case QuerySent():
            return f"{event.family!r}v{event.query.version} {query_text(event.query)}"
        case Elected(is_own=True):
            return f"{text(event.address)}, this one: {event.reason}"
        case Elected():
            return f"{text(event.address)} queries the link: {event.reason}; this one is silent"
        case OtherQuerier(is_tie=True):
            what = "address" if event.family is IGMP else "interface identifier"
            return f"{text(event.address)} has the same {what}, so nobody loses"
        case OtherQuerier():
            return f"{text(event.address)} queries too and has to fall silent: higher address"
        case AddressGone():
            return f"{text(event.address)} has left the interface; queries go on coming from it"
        case RoomChanged(is_over=True):
            return f"{event.family!r}: there is room again for all that is reported"
        case RoomChanged():
            return (
                f"{event.family!r}: no room for more groups and sources: those that were reported"
                " first, and not again and again, are forgotten first"
            )
        case VersionChanged(address=b""):
            return f"{event.family!r}v{event.version} again: the older querier has gone"
        case VersionChanged():
            return (
                f"{event.family!r}v{event.version} from now on,"
                f" because {text(event.address)} queries in it"
            )


def _membership_words(event: MembershipChanged) -> str:
    words = text(event.group)
    if event.kind in ("leave", "expire"):
        end = "nobody answered" if event.kind == "leave" else "nobody reported it any more"
        return f"{words}: {end}"
    words += f" {filter_mode(event.exclude)} {_listed(event.sources)}"
    if event.requested:
        words += f", in doubt {_listed(event.requested)}"
    if event.version != event.family.current_version:
        words += f", as in version {event.version}"
    return f"{words}, reported by {text(event.host)}" if event.host else words


def _print_members(members: Sequence[MembershipChanged]) -> None:
    if not members:
        print("nobody listens to anything")
        return
    rows = [
        (
            text(member.group),
            filter_mode(member.exclude),
            _some(member.sources),
            _some(member.requested),
            str(member.version),
            text(member.host),
        )
        for member in members[:_MOST_ROWS]
    ]
    print_table(("group", "mode", "sources", "in doubt", "version", "last reporter"), rows)
    if len(members) > _MOST_ROWS:
        print(f"and {counted(len(members) - _MOST_ROWS, 'more group')}: --json lists all")


def _counts(job: QuerierJob, groups: int) -> str:
    roles = ", ".join(
        f"{one.family!r} "
        + ("querier" if one.is_querier else f"silent beside {_address(one.elected or b'')}")
        for one in job.standings()
    )
    sent = counted(job.queries, "query", "queries")
    return f"{sent} sent, {counted(groups, 'group')} listened to; {roles}"


def _listed(addresses: Sequence[Address]) -> str:
    return "{" + _some(addresses) + "}"


def _some(addresses: Sequence[Address]) -> str:
    words = ", ".join(map(text, addresses[:_MOST_LISTED]))
    more = len(addresses) - _MOST_LISTED
    return f"{words} and {more:,} more" if more > 0 else words


def _address(address: Address) -> str | None:
    return text(address) or None
