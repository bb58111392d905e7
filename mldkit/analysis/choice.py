"""A choice of groups and hosts: which findings are about them, by who is member of what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address

if TYPE_CHECKING:
    from collections.abc import Container

    from mldkit.analysis.events import Event
    from mldkit.analysis.facts import Host, LinkKey
    from mldkit.model.addresses import Address


_MOST_KNOWN = 500_000
"""Hosts whose groups are known: as many as an analysis has members."""


class Choice:
    """What somebody asked about.

    A finding that names no group concerns the groups of its host, one that names no host the
    members of its group; one that names neither, and one about a querier, concern everybody.
    """

    def __init__(
        self,
        groups: Container[Address] | None = None,
        hosts: Container[Address] | None = None,
    ) -> None:
        """Take groups and hosts; None means all."""
        self._groups = groups
        self._hosts = hosts
        self._groups_of: dict[tuple[LinkKey | None, Address], set[Address]] = {}
        self._hosts_of: dict[tuple[LinkKey | None, Address], set[Address]] = {}
        self._queriers: set[tuple[LinkKey | None, Address]] = set()

    @property
    def is_all(self) -> bool:
        """Whether nobody was chosen."""
        return self._groups is None and self._hosts is None

    def member(self, link: LinkKey, host: Host, group: Address) -> None:
        """Take in that a host is in a group."""
        address = host_address(host)
        if len(self._groups_of) >= _MOST_KNOWN:
            # Then findings are about those chosen unless they say otherwise.
            self._groups_of.clear()
            self._hosts_of.clear()
        self._groups_of.setdefault((link, address), set()).add(group)
        self._hosts_of.setdefault((link, group), set()).add(address)

    def querier(self, link: LinkKey, address: Address) -> None:
        """Take in who queries."""
        if len(self._queriers) >= _MOST_KNOWN:
            self._queriers.clear()
        self._queriers.add((link, address))

    def names(self, group: Address, host: Host) -> bool:
        """Return whether a group and a host are among those chosen; empty ones are."""
        if self._groups is not None and group and group not in self._groups:
            return False
        return self._hosts is None or not host or host_address(host) in self._hosts

    def concerns(self, link: LinkKey | None, group: Address, host: Host) -> bool:
        """Return whether a finding is about those chosen."""
        if self.is_all:
            return True
        if not self.names(group, host):
            return False
        if self._groups is not None and not group and (link, host) not in self._queriers:
            known = self._groups_of.get((link, host))
            if known is not None and not any(one in self._groups for one in known):
                return False
        if self._hosts is not None and not host:
            known = self._hosts_of.get((link, group))
            return known is None or any(one in self._hosts for one in known)
        return True

    def takes(self, event: Event) -> bool:
        """Return whether an event is about those chosen; all events before it were asked for."""
        if self.is_all:
            return True
        if event.finding is not None:
            return self.concerns(event.link, event.group, event.host)
        if event.kind == "join":
            self.member(event.link, event.host, event.group)
        elif event.kind == "querier":
            self.querier(event.link, event.host)
        return self.names(event.group, event.host)
