"""The stages of the way, and what is said of a frame at each.

::

    card > XDP > tap point > tc ingress > VLAN > bridge > netfilter > group > reverse path
         > netfilter INPUT > source filter > socket

That is the order of the kernel (net/core/dev.c:__netif_receive_skb_core, net/ipv4/route.c:
ip_route_input_mc, net/ipv4/udp.c:__udp4_lib_mcast_deliver). The group is looked at before the
reverse path, which only IPv4 has.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mldkit.macfilter.receive_filter import Passage


class Stage(StrEnum):
    """Where a frame can end."""

    CARD = "card"
    XDP = "xdp"
    TAP = "tap"
    TC = "tc"
    VLAN = "vlan"
    BRIDGE = "bridge"
    NETFILTER = "netfilter"
    GROUP = "group"
    REVERSE_PATH = "reverse-path"
    NETFILTER_INPUT = "netfilter-input"
    SOURCE_FILTER = "source-filter"
    SOCKET = "socket"


@dataclass(frozen=True, slots=True)
class Counter:
    """A number of the kernel that rises where a stage drops a frame, or lets one through."""

    name: str
    """As the command that prints it calls it."""
    value: int


@dataclass(frozen=True, slots=True)
class StageResult:
    """What becomes of the frame at one stage."""

    stage: Stage
    verdict: Passage | None
    """None: there is no such stage on this way, or the frame does not get there."""
    reason: str
    counter: Counter | None = None
    confirm: str = ""
    """The command that shows it."""
    cure: str = ""
    """What to do where the frame is dropped."""
    details: tuple[tuple[str, Passage, str], ...] = ()
    """Where a stage has several ways out: ports of a bridge, sockets; each with verdict, reason."""
