"""What a receive filter is asked about: a group, or a MAC address alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.macfilter.receive_filter import Passage
from mldkit.model.addresses import scope

if TYPE_CHECKING:
    from mldkit.model.addresses import Address


@dataclass(frozen=True, slots=True)
class FilterSubject:
    """One thing to explain."""

    given: str
    """As it was written."""
    mac: bytes
    group: Address | None

    @property
    def is_loaded(self) -> bool:
        """Whether the kernel gives it to a device (net/ipv6/mcast.c:igmp6_group_added)."""
        return self.group is None or not self._stays_on_host(self.group)

    def after_filter(self, outcome: Passage) -> str | None:
        """Return what the IP layer does with a frame for a group that hosts must not receive."""
        if self.group is None or outcome is Passage.DROPPED:
            return None
        if self._stays_on_host(self.group):
            return "dropped by the IPv6 layer: scope 0 and 1 never come from a link"
        return None

    @staticmethod
    def _stays_on_host(group: Address) -> bool:
        return len(group) == 16 and scope(group) < 2
