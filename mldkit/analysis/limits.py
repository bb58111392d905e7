"""How much is looked at, so that a hostile link cannot fill the memory, and how that is told.

Memory grows with links, with senders on them and with what those are members of. Each has a limit
far beyond any sound link. Where one is reached, what is least useful makes room for what comes
(`mldkit.analysis.shelf`), and that is counted and told (`LeftOut`): a limit that bites without a
word would be a wrong answer.

All numbers are of all links together, unless they say otherwise: who forges VLAN tags makes as many
links as he likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mldkit.analysis.facts import LinkKey

MOST_LEFT = 16
"""Members of a group that one leaves, of whom it is asked whether all are over."""
MOST_CHANGES = 100
"""Of one stay."""
MOST_SOURCES = 512
"""Sources of one stay that are kept; Linux allows a host 64 by default.

Each record that changes a list makes another one, of as many addresses: for all records of a frame
of 1,500 octets that takes 2 to 3 ms."""
MOST_OPEN = 64
"""Exchanges, and queries for one group, that are held open at a time: no router asks as often."""
MOST_RESERVED_OF_HOST = 256
"""Stays of one host for which room is reserved."""

LINKS = "links"
STAYS, PAST_STAYS = "stays", "past-stays"
RESERVED, RESERVED_HOSTS, RESERVED_LINKS = "reserved", "reserved-hosts", "reserved-links"
CHANGES, ALL_CHANGES, SOURCES = "changes", "all-changes", "sources"
QUERIERS, OLDER_QUERIERS, DROPPED = "queriers", "older-queriers", "dropped-queriers"
FINDINGS, GRADES, STATIONS = "findings", "grades", "stations"
IDENTITIES, GROUP_MACS, EMPTIED = "identities", "group-macs", "emptied-groups"
EXCHANGES, SPECIFIC, OPEN_SPECIFIC = "exchanges", "specific-queries", "open-queries"
ANSWERS, SILENT, EARLY = "answers", "silent-hosts", "early-hosts"
CHANGED, RECENT, LEAVES, LEFT, CHURN = "repeats", "recent", "leaves", "left", "churn"
REPORTERS, PROXIES, TRUSTED = "reporters", "proxies", "trusted"
STREAMS = "streams"
DEVICES, TARGETS, REQUESTS = "devices", "targets", "requests"
MOST: Mapping[str, int] = {
    LINKS: 10_000,
    STAYS: 500_000,
    PAST_STAYS: 500_000,
    RESERVED: 250_000,
    RESERVED_HOSTS: 20_000,
    RESERVED_LINKS: 9_000,
    ALL_CHANGES: 400_000,
    QUERIERS: 12_000,
    OLDER_QUERIERS: 1_000,
    DROPPED: 1_000,
    FINDINGS: 200_000,
    GRADES: 100_000,
    STATIONS: 200_000,
    IDENTITIES: 200_000,
    GROUP_MACS: 200_000,
    EMPTIED: 100_000,
    OPEN_SPECIFIC: 20_000,
    ANSWERS: 200_000,
    SILENT: 100_000,
    EARLY: 10_000,
    CHANGED: 100_000,
    RECENT: 5_000,
    LEAVES: 20_000,
    LEFT: 10_000,
    CHURN: 20_000,
    REPORTERS: 100_000,
    PROXIES: 200,
    TRUSTED: 1_000,
    STREAMS: 50_000,
    DEVICES: 20_000,
    TARGETS: 10_000,
    REQUESTS: 10_000,
}
"""How many of what there is room for in an analysis of captures."""
MOST_OF_ONE: Mapping[str, int] = {
    CHANGES: MOST_CHANGES,
    SOURCES: MOST_SOURCES,
    EXCHANGES: MOST_OPEN,
    SPECIFIC: MOST_OPEN,
}
"""The same of one stay, link or group, whatever the room."""
MOST_LIVE: Mapping[str, int] = {
    **MOST,
    LINKS: 3_000,
    RESERVED_LINKS: 2_500,
    STAYS: 60_000,
    PAST_STAYS: 60_000,
    RESERVED: 30_000,
    RESERVED_HOSTS: 10_000,
    ALL_CHANGES: 30_000,
    QUERIERS: 4_000,
    FINDINGS: 10_000,
    GRADES: 10_000,
    STATIONS: 20_000,
    IDENTITIES: 20_000,
    GROUP_MACS: 20_000,
    EMPTIED: 20_000,
    ANSWERS: 60_000,
    SILENT: 20_000,
    CHANGED: 10_000,
    REPORTERS: 10_000,
}
"""The same for who follows a link for months, in less than 256 MB whatever comes: what is over has
been told."""


def enlarged(most: Mapping[str, int], times: int) -> dict[str, int]:
    """Return so many times the room."""
    return {what: times * count for what, count in most.items()}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that found no room; `mldkit.render.left_out` has the words."""

    link: LinkKey | None
    """None where it is about several links."""
    count: int
    what: str
    """One of the words above."""
    most: int
    """How many there is room for."""
    since_ns: int = 0
    """When the first one was left out, of those that were without a long break."""
    last_ns: int = 0
    """When the last one was."""
    is_over: bool = False
    """Whether nothing was left out for a while."""
