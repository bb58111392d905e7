"""The links that are looked at: the least useful one makes room for another.

Whoever forges VLAN tags makes links of them. A link with a host that answered two General Queries
stays; of the others those where somebody is member or queries are put off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mldkit.analysis.facts import NOWHERE, LinkKey
from mldkit.analysis.limits import LINKS
from mldkit.analysis.link_state import LinkState
from mldkit.analysis.shelf import NEEDED, USEFUL, USELESS, Shelf, Table, most_with_needed

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from mldkit.analysis.facts import Host
    from mldkit.analysis.room import Room

_MANY = 256
"""Links of which those without members and querier are not kept for ever."""
_LEAST_MESSAGES = 3
"""With fewer a link may be one wrong tag."""


class Links(Table[LinkKey, LinkState]):
    """All links of an analysis, those first that were heard first."""

    __slots__ = ("_messages", "_most")

    def __init__(self, room: Room) -> None:
        self._most = room.most[LINKS]
        # More are never kept: the one that goes is let go of by who keeps the rest of it.
        super().__init__(Shelf(LINKS, 2 * self._most, room.shortages), NOWHERE, (), _worth)
        self._messages: dict[LinkKey, int] = {}
        """How many messages idle links had when they were looked at last."""

    def admit(self, link: LinkState) -> list[LinkState]:
        """Take in a new link; return what makes room for it."""
        self.keep(link.key, link)
        count = len(self)
        if count <= self._most:
            return []
        self.link = link.key
        return [gone for _, gone in self.crowd_out(is_urgent=count > most_with_needed(self._most))]

    def idle(self) -> Iterator[LinkState]:
        """Take away and give the links that were idle since the last time, where there are many."""
        if len(self) <= _MANY:
            return
        before, self._messages = self._messages, {}
        for key, link in list(self.items()):
            if not link.is_idle:
                continue
            if before.get(key) == link.messages:
                self.drop(key)
                yield link
            else:
                self._messages[key] = link.messages


class Reserved:
    """The hosts with reserved room, and the acting querier, of all links."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def __contains__(self, who: Any) -> bool:  # noqa: ANN401 (what containers take)
        """Return whether a host on a link, as a pair of link and host, is one of them."""
        key, host = who
        link = None if key is None else self._links.get(key)
        if link is None:
            return False
        acting = link.queriers.acting
        return host in link.room.reserved or (acting is not None and acting.address == host)


def _worth(_: Container[Host], __: LinkKey, link: LinkState) -> int:
    if link.room.is_reserved:
        return NEEDED
    return USELESS if link.is_idle or link.messages < _LEAST_MESSAGES else USEFUL
