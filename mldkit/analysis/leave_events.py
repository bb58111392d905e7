"""Which leaves are told: each once, though hosts say it several times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.events import Event
from mldkit.analysis.facts import REPEATED_NS, host_address

if TYPE_CHECKING:
    from mldkit.analysis.events import Listener
    from mldkit.analysis.facts import Host, LinkKey
    from mldkit.model.addresses import Address

_MOST_TOLD = 10_000
"""Leaves of which the repeats are recognised."""


class LeaveEvents:
    """The leaves of hosts that were not heard to be members, of one link and family."""

    def __init__(self, link: LinkKey, listener: Listener) -> None:
        self._link = link
        self._listener = listener
        self._told: dict[tuple[Host, Address], int] = {}
        """When hosts left groups last."""

    def unheard(self, host: Host, mac: bytes | None, group: Address, now_ns: int) -> None:
        """Tell that a host leaves a group, unless it said the same just before."""
        if self._listener is not None and not self.is_repeated(host, group, now_ns):
            address = host_address(host)
            self._listener(Event("leave", now_ns, self._link, address, mac, group))

    def is_repeated(self, host: Host, group: Address, now_ns: int) -> bool:
        """Take in a leave; return whether the host said the same just before."""
        told = self._told
        if len(told) > _MOST_TOLD:
            told.clear()
        before_ns = told.get((host, group), 0)
        told[host, group] = now_ns
        return now_ns - before_ns <= REPEATED_NS
