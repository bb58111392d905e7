"""What an analysis had no room for, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis import limits
from mldkit.model.words import clock_text
from mldkit.render.message_json import Json, time_text
from mldkit.render.words import place

if TYPE_CHECKING:
    from mldkit.analysis.limits import LeftOut

_WORDS = {
    limits.LINKS: "links not looked at any more: at most {most:,} interfaces and VLANs are",
    limits.STAYS: (
        "memberships not followed any more, those first that were heard first and answered no two"
        " General Queries: at most {most:,} are"
    ),
    limits.PAST_STAYS: "memberships that are over not kept: at most {most:,} are",
    limits.CHANGES: (
        "older changes of filters not kept: at most {most} of a membership are, and of all"
        f" {limits.MOST[limits.ALL_CHANGES]:,}"
    ),
    limits.SOURCES: "changes to lists of more than {most:,} sources, which are not kept whole",
    limits.QUERIERS: "queriers forgotten, the acting one never: at most {most:,} are kept",
    limits.OLDER_QUERIERS: "queriers of older versions forgotten: at most {most:,} are kept",
    limits.DROPPED: (
        "senders of queries that hosts must drop are not told by name: at most {most:,} are"
    ),
    limits.FINDINGS: (
        "findings forgotten, of the rule that has most of them: at most {most:,} are kept; what"
        " comes again is told again"
    ),
    limits.GRADES: "findings not judged again by where the capture was taken: {most:,} are",
    limits.STATIONS: (
        "hosts not compared any more with the questions that are seen here: at most {most:,} are"
    ),
    limits.EXCHANGES: (
        "General Queries counted with the one before: {most} were open at that time"
    ),
    limits.SPECIFIC: (
        "specific queries not paired with answers: {most} later ones for the group were open"
    ),
    limits.OPEN_SPECIFIC: (
        "specific queries not paired with answers: {most:,} later ones were open"
    ),
    limits.ANSWERS: (
        "answers not counted: {most:,} of queries that are open were; nobody is said to be silent"
    ),
    limits.SILENT: "hosts of which it is forgotten that they were silent: {most:,} are kept",
    limits.EARLY: "hosts of which it is forgotten that they answered at once: {most:,} are kept",
    limits.IDENTITIES: ("pairs of MAC and address not compared any more: at most {most:,} are"),
    limits.GROUP_MACS: "groups not compared any more by their MACs: at most {most:,} are",
    limits.EMPTIED: (
        "groups that everybody left not looked at any more for data: at most {most:,} are"
    ),
    limits.REPORTERS: (
        "devices not looked at any more for reports from an unspecified address: {most:,} are"
    ),
    limits.PROXIES: "switches that report for hosts forgotten: at most {most:,} are kept",
    limits.TRUSTED: "senders without header checksums forgotten: at most {most:,} are kept",
    limits.DEVICES: "devices forgotten that other packets show: at most {most:,} are kept",
    limits.TARGETS: (
        "addresses forgotten that Neighbor Solicitations ask for: at most {most:,} are kept"
    ),
    limits.REQUESTS: "clients of DHCPv6 forgotten: at most {most:,} are kept",
    limits.CHANGED: "changes of which repeats are not counted: {most:,} were open at that time",
    limits.RECENT: "hosts of which changes of the last second are not counted: {most:,} are",
    limits.LEAVES: "leaves of which nobody looks whether they were asked about: {most:,} are open",
    limits.LEFT: "leaves of which repeats are told again: at most {most:,} are recognised",
    limits.CHURN: "hosts of which it is forgotten how often they left: at most {most:,} are kept",
    limits.STREAMS: "data of further sources not looked at any more: at most {most:,} are",
}


def left_out_text(item: LeftOut) -> str:
    """Return in words when something was left out, and what."""
    when = f"since {clock_text(item.since_ns)}" if item.since_ns else ""
    if item.is_over:
        when = f"{clock_text(item.since_ns)} to {clock_text(item.last_ns)}"
    head = ", ".join(filter(None, ("" if item.link is None else place(item.link), when)))
    line = f"{item.count:,} {_WORDS[item.what].format(most=item.most)}"
    if item.what not in limits.MOST_OF_ONE:
        line += "; --room N keeps N times as much"
    return f"{head}: {line}" if head else line


def limit_text(item: LeftOut) -> str:
    """Return in words that something begins to be left out, or is no longer."""
    return f"{'there is room again' if item.is_over else 'no room'}: {left_out_text(item)}"


def limit_json(item: LeftOut) -> Json:
    """Return the same as members of the JSON object of an event."""
    return {
        "state": "over" if item.is_over else "reached",
        "what": item.what,
        "most": item.most,
        "left_out": item.count,
        "since": time_text(item.since_ns),
        "detail": limit_text(item),
    }
