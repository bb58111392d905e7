"""Which leaves are told: each once, though hosts say it several times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.events import Event
from mldkit.analysis.facts import REPEATED_NS, host_address
from mldkit.analysis.limits import LEFT

if TYPE_CHECKING:
    from mldkit.analysis.events import Listener
    from mldkit.analysis.facts import Host
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.model.addresses import Address


class LeaveEvents:
    """The leaves of hosts that were not heard to be members, of one link and family."""

    def __init__(self, room: LinkRoom, listener: Listener) -> None:
        self._link = room.key
        self._listener = listener
        self._told: Table[tuple[Host, Address], int] = room.table(LEFT)
        """When hosts left groups last."""

    def unheard(self, host: Host, mac: bytes | None, group: Address, now_ns: int) -> None:
        """Tell that a host leaves a group, unless it said the same just before."""
        if self._listener is not None and not self.is_repeated(host, group, now_ns):
            address = host_address(host)
            self._listener(Event("leave", now_ns, self._link, address, mac, group))

    def is_repeated(self, host: Host, group: Address, now_ns: int) -> bool:
        """Take in a leave; return whether the host said the same just before."""
        before_ns = self._told.get((host, group), 0)
        self._told.keep((host, group), now_ns)
        return now_ns - before_ns <= REPEATED_NS
