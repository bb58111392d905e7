"""What is not looked at, so that a hostile link cannot fill the memory, and how that is told.

Memory grows with links, with senders on them and with what those are members of. Each has a limit
far beyond any sound link. What finds no room is counted, and said in words: a limit that bites
without a word would be a wrong answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address
from mldkit.analysis.words import counted, place

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.traffic import Traffic
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram

MOST_LINKS = 10_000
MOST_SENDERS = 200_000
"""On all links together; a sender is an address with a hardware address on a link."""
MOST_STAYS = 500_000
MOST_CHANGES, MOST_CHANGES_IN_ALL = 100, 400_000
"""Of one stay, and of all stays of a link."""
MOST_SOURCES = 4096
"""Sources of one stay that are kept; Linux allows a host 64 by default."""
MOST_OPEN = 64
"""Exchanges, and queries for one group, that are held open at a time: no router asks as often."""
MOST_STREAMS = 20_000

STAYS = f"records of further members not looked at: at most {MOST_STAYS:,} stays are kept"
CHANGES = (
    f"older changes of filters not kept: at most {MOST_CHANGES} of a stay and"
    f" {MOST_CHANGES_IN_ALL:,} in all are"
)
SOURCES = f"changes to lists of more than {MOST_SOURCES:,} sources, which are not kept whole"
EXCHANGES = f"General Queries counted with the one before: {MOST_OPEN} were open at that time"
SPECIFIC = (
    f"specific queries not paired with answers: {MOST_OPEN} later ones for the group were open"
)
STREAMS = f"packets of further streams not counted: at most {MOST_STREAMS:,} streams are"


class Admission:
    """Who is looked at: the first so many links and senders."""

    def __init__(self) -> None:
        self.links_left_out = 0
        """Messages and data on further links."""
        self.senders_left_out = 0
        """Messages of further senders."""
        self._senders: set[tuple[LinkKey, Address, bytes | None]] = set()

    def admits_link(self, links: Collection[LinkKey]) -> bool:
        """Return whether there is room for another link."""
        if len(links) < MOST_LINKS:
            return True
        self.links_left_out += 1
        return False

    def admits(self, key: LinkKey, datagram: Datagram) -> bool:
        """Return whether the sender of a message is known or finds room."""
        senders = self._senders
        sender = key, datagram.source, datagram.link_source
        if sender in senders:
            return True
        if len(senders) >= MOST_SENDERS:
            self.senders_left_out += 1
            return False
        senders.add(sender)
        return True

    def forget(self, links: Mapping[LinkKey, LinkState]) -> None:
        """Make room where there is none: only who is a member or queries stays known."""
        if len(self._senders) < MOST_SENDERS:
            return
        self._senders.clear()
        for key, link in links.items():
            for row in link.memberships.rows():
                self._senders.add((key, host_address(row.host), row.mac))
            for querier in link.queriers.known.values():
                self._senders.add((key, querier.address, querier.mac))

    def texts(self) -> list[str]:
        """Return in words what was left out."""
        found = []
        if self.links_left_out:
            found.append(
                f"{counted(self.links_left_out, 'packet')} on further links not looked at: at most"
                f" {MOST_LINKS:,} interfaces and VLANs are"
            )
        if self.senders_left_out:
            found.append(
                f"{counted(self.senders_left_out, 'message')} of further senders not looked at: at"
                f" most {MOST_SENDERS:,} are"
            )
        return found


def texts(
    admission: Admission, links: Iterable[LinkState], traffic: Mapping[LinkKey, Traffic]
) -> list[str]:
    """Return in words what was left out, of every link."""
    found = admission.texts()
    for link in links:
        left_out = link.memberships.left_out + link.responses.left_out
        if link.key in traffic:
            left_out += traffic[link.key].left_out
        found += [f"{place(link.key)}: {count:,} {what}" for what, count in left_out.items()]
    return found
