"""Which ports a bridge sends a frame to, by IP group and not by MAC.

A snooping bridge forwards a multicast IP packet to the ports whose hosts reported its group and
to router ports, but only while it knows a querier of that family; without one it floods. The
rules differ: of IPv4 it floods all of 224.0.0.0/24, of IPv6 only ff02::1 (net/bridge/
br_multicast.c:br_multicast_ipv4_rcv, br_multicast_ipv6_rcv). What is not IP is flooded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.macfilter.receive_filter import BROADCAST, Passage, Verdict
from mldkit.model.addresses import ALL_NODES, Address, text

if TYPE_CHECKING:
    from mldkit.macfilter.probes import Probe

_LOCAL = b"\xe0\x00\x00"


@dataclass(frozen=True, slots=True)
class SnoopingPort:
    """One port of a bridge, as its group database has it."""

    members: frozenset[Address] = frozenset()
    """Groups that were reported behind this port."""
    active: frozenset[int] = frozenset((4, 16))
    """Families, by the octets of an address, for which snooping is on and a querier known."""
    is_router_port: bool = False
    learned: bytes | None = None
    """The address of the host behind this port."""
    learned_elsewhere: frozenset[bytes] = frozenset()

    def forwards(self, probe: Probe) -> Verdict:
        """Return whether the bridge sends a frame out of this port."""
        if probe.mac == BROADCAST:
            return _passes("flooded: broadcast")
        if not probe.mac[0] & 1:
            if probe.mac in self.learned_elsewhere:
                return _dropped("the host with this address is behind another port")
            known = probe.mac == self.learned
            return _passes("the host with this address is here" if known else "flooded: unknown")
        if not probe.group:
            return _passes("flooded: not IP")
        if len(probe.group) not in self.active:
            return _passes("flooded: no snooping, or no querier is known")
        if probe.group in self.members:
            return _passes(f"a host here has reported {text(probe.group)}")
        if probe.group.startswith(_LOCAL) and len(probe.group) == 4:
            return _passes("flooded: 224.0.0.0/24")
        if probe.group == ALL_NODES:
            return _passes("flooded: ff02::1")
        if self.is_router_port:
            return _passes("a router port gets every group")
        return _dropped(f"no host here has reported {text(probe.group)}")


def _passes(reason: str) -> Verdict:
    return Verdict(Passage.PASSES, reason, None)


def _dropped(reason: str) -> Verdict:
    return Verdict(Passage.DROPPED, reason, None)
