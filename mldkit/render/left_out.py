"""What an analysis had no room for, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis import limits
from mldkit.model.words import clock_text, counted
from mldkit.render.message_json import Json, time_text
from mldkit.render.words import place

if TYPE_CHECKING:
    from mldkit.analysis.limits import LeftOut

_WORDS = {
    limits.LINKS: ("link", "not looked at any more: at most {most:,} interfaces and VLANs are"),
    limits.STAYS: (
        "membership",
        "not followed any more, the oldest first of hosts that answered no two General Queries: at"
        " most {most:,} are",
    ),
    limits.PAST_STAYS: ("membership", "that ended not kept: at most {most:,} are"),
    limits.CHANGES: (
        "older change",
        "of filters not kept: at most {most} of a membership are, fewer where they are many in all",
    ),
    limits.SOURCES: (
        "change",
        "to lists of more than {most:,} sources, which are not kept whole",
    ),
    limits.QUERIERS: ("querier", "forgotten, never the acting one: at most {most:,} are kept"),
    limits.OLDER_QUERIERS: ("querier", "of an older version forgotten: at most {most:,} are kept"),
    limits.DROPPED: (
        "sender",
        "of queries that hosts must drop not told by name: at most {most:,} are",
    ),
    limits.FINDINGS: (
        "finding",
        "forgotten, of the rule that has most of them: at most {most:,} are kept; what comes again"
        " is told again",
    ),
    limits.GRADES: (
        "finding",
        "not judged again by where the capture was taken: at most {most:,} are",
    ),
    limits.STATIONS: (
        "host",
        "not compared any more with the questions that are seen here: at most {most:,} are",
    ),
    limits.EXCHANGES: (
        "General Query",
        "counted with the one before: {most} were open at that time",
    ),
    limits.SPECIFIC: (
        "specific query",
        "not paired with answers: {most} later ones for the group were open",
    ),
    limits.OPEN_SPECIFIC: (
        "specific query",
        "not paired with answers: {most:,} later ones were open",
    ),
    limits.ANSWERS: (
        "answer",
        "not counted: {most:,} were, to queries that are open; nobody is said to be silent",
    ),
    limits.SILENT: ("host", "whose silence is forgotten: at most {most:,} are kept"),
    limits.EARLY: ("host", "whose quick answers are forgotten: at most {most:,} are kept"),
    limits.IDENTITIES: (
        "pair of MAC and address",
        "not compared any more: at most {most:,} are",
    ),
    limits.GROUP_MACS: (
        "group",
        "not compared any more with others of one MAC: at most {most:,} are",
    ),
    limits.EMPTIED: (
        "group",
        "that everybody left not looked at any more for data: at most {most:,} are",
    ),
    limits.REPORTERS: (
        "device",
        "not looked at any more for reports from an unspecified address: at most {most:,} are",
    ),
    limits.PROXIES: ("switch", "that reports for hosts forgotten: at most {most:,} are kept"),
    limits.TRUSTED: ("sender", "without header checksums forgotten: at most {most:,} are kept"),
    limits.DEVICES: ("device", "that other packets show forgotten: at most {most:,} are kept"),
    limits.TARGETS: (
        "target",
        "of Neighbor Solicitations forgotten: at most {most:,} are kept",
    ),
    limits.REQUESTS: ("client", "of DHCPv6 forgotten: at most {most:,} are kept"),
    limits.CHANGED: (
        "change",
        "of which repeats are not counted: {most:,} were open at that time",
    ),
    limits.RECENT: ("host", "whose changes within a second are not counted: at most {most:,} are"),
    limits.LEAVES: (
        "leave",
        "not checked for questions of the querier: {most:,} are open",
    ),
    limits.LEFT: ("leave", "of which repeats are told again: at most {most:,} are recognised"),
    limits.CHURN: (
        "host",
        "whose earlier leaves are forgotten: at most {most:,} are kept",
    ),
    limits.STREAMS: ("flow of data", "not looked at any more: at most {most:,} are"),
}
_PLURALS = {
    "General Query": "General Queries",
    "specific query": "specific queries",
    "pair of MAC and address": "pairs of MAC and address",
    "flow of data": "flows of data",
    "switch": "switches",
}


def left_out_text(item: LeftOut) -> str:
    """Return in words when something was left out, and what."""
    when = f"since {clock_text(item.since_ns)}" if item.since_ns else ""
    if item.is_over:
        when = f"{clock_text(item.since_ns)} to {clock_text(item.last_ns)}"
    head = ", ".join(filter(None, ("" if item.link is None else place(item.link), when)))
    noun, rest = _WORDS[item.what]
    line = f"{counted(item.count, noun, _PLURALS.get(noun))} {rest.format(most=item.most)}"
    if item.what not in limits.MOST_OF_ONE:
        line += "; --room N keeps N times as much"
    return f"{head}: {line}" if head else line


def shortage_text(item: LeftOut) -> str:
    """Return in words that something begins to be left out, or is no longer."""
    return f"{'there is room again' if item.is_over else 'no room'}: {left_out_text(item)}"


def shortage_json(item: LeftOut) -> Json:
    """Return the same as members of the JSON object of an event."""
    return {
        "what": item.what,
        "most": item.most,
        "count": item.count,
        "since": time_text(item.since_ns),
        "until": time_text(item.last_ns) if item.is_over else None,
        "detail": shortage_text(item),
    }
