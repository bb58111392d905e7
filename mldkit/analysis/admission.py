"""Who is looked at, and what was left out in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address
from mldkit.analysis.limits import MOST_LINKS, MOST_SENDERS
from mldkit.analysis.words import place
from mldkit.model.words import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.link_state import LinkState
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
        left_out = link.memberships.left_out + link.responses.windows.left_out
        left_out += link.changes.left_out
        if link.key in traffic:
            left_out += traffic[link.key].left_out
        found += [f"{place(link.key)}: {count:,} {what}" for what, count in left_out.items()]
    return found
