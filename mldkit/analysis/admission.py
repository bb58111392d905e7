"""Who is looked at, and what was left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address
from mldkit.analysis.limits import LINKS, MOST, MOST_LINKS, MOST_SENDERS, SENDERS, LeftOut

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.neighbourhood import Neighbourhood
    from mldkit.analysis.traffic import Traffic
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram


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

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return what was left out of all links."""
        counts = (
            (self.links_left_out, LINKS, MOST_LINKS),
            (self.senders_left_out, SENDERS, MOST_SENDERS),
        )
        return tuple(LeftOut(None, count, what, most) for count, what, most in counts if count)


def left_out(
    admission: Admission,
    links: Iterable[LinkState],
    traffic: Mapping[LinkKey, Traffic],
    neighbourhoods: Mapping[LinkKey, Neighbourhood],
) -> tuple[LeftOut, ...]:
    """Return what was left out, of every link."""
    found = admission.left_out()
    for link in links:
        counts = link.memberships.left_out + link.responses.windows.left_out
        counts += link.changes.left_out + link.identities.left_out
        if link.key in traffic:
            counts += traffic[link.key].left_out
        if link.key in neighbourhoods:
            counts += neighbourhoods[link.key].left_out
        found += tuple(LeftOut(link.key, count, what, MOST[what]) for what, count in counts.items())
    return found
