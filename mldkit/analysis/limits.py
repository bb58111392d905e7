"""How much is looked at, so that a hostile link cannot fill the memory, and how that is told.

Memory grows with links, with senders on them and with what those are members of. Each has a limit
far beyond any sound link. What finds no room is counted, and told (`LeftOut`): a limit that bites
without a word would be a wrong answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mldkit.analysis.facts import LinkKey

MOST_LINKS = 10_000
MOST_SENDERS = 200_000
"""On all links together; a sender is an address with a hardware address on a link."""
MOST_STAYS = 500_000
MOST_LEFT = 16
"""Members of a group that one leaves, of whom it is asked whether all are over."""
MOST_CHANGES, MOST_CHANGES_IN_ALL = 100, 400_000
"""Of one stay, and of all stays of a link."""
MOST_SOURCES = 4096
"""Sources of one stay that are kept; Linux allows a host 64 by default."""
MOST_OPEN = 64
"""Exchanges, and queries for one group, that are held open at a time: no router asks as often."""
MOST_CHANGED = 100_000
"""Changes of a link that may still be repeated: a host tells one in ten seconds, not thousands."""
MOST_STREAMS = 20_000
MOST_DEVICES = 20_000
"""Of a link, that are shown by other packets than membership messages."""
MOST_TARGETS = 10_000
"""Of a link, whom Neighbor Solicitations ask for."""
MOST_CLIENTS = 10_000
"""Of a link, that send DHCPv6 requests."""

STAYS, CHANGES, SOURCES = "stays", "changes", "sources"
EXCHANGES, SPECIFIC = "exchanges", "specific-queries"
STREAMS = "streams"
IDENTITIES = "identities"
DEVICES, TARGETS, REQUESTS = "devices", "targets", "requests"
CHANGED = "repeats"
LINKS, SENDERS = "links", "senders"
MOST = {
    STAYS: MOST_STAYS,
    CHANGES: MOST_CHANGES,
    SOURCES: MOST_SOURCES,
    EXCHANGES: MOST_OPEN,
    SPECIFIC: MOST_OPEN,
    STREAMS: MOST_STREAMS,
    IDENTITIES: MOST_SENDERS,
    DEVICES: MOST_DEVICES,
    TARGETS: MOST_TARGETS,
    REQUESTS: MOST_CLIENTS,
    CHANGED: MOST_CHANGED,
}
"""How many of what a link has room for."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that found no room; `mldkit.render.left_out` has the words."""

    link: LinkKey | None
    """None where it is about all links."""
    count: int
    what: str
    """One of the words above."""
    most: int
    """How many there is room for."""
