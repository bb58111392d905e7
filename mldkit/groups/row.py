"""One group of one interface with everything that is known about it, and the whole listing.

What cannot be seen is None, never empty: an empty tuple says that there is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mldkit.link.kernel_sockets import KernelFilter
    from mldkit.model.addresses import Address


class ReasonKind(StrEnum):
    """Why somebody listens to a group."""

    ALL_NODES = "all-nodes"
    SOLICITED_NODE = "solicited-node"
    ANYCAST = "anycast"
    FORWARDING = "forwarding"
    PROXY = "proxy"
    WELL_KNOWN = "well-known"
    SOCKET = "socket"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, and how many of the group's users it accounts for."""

    kind: ReasonKind
    detail: str
    users: int = 1
    """0 for a mere name."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process that holds memberships of a group, with the filter of each of its sockets."""

    pid: int
    name: str
    sockets: tuple[KernelFilter, ...]


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group of one interface.

    A row of data, as it is printed.
    """

    interface: str
    group: Address
    users: int
    is_exclude: bool | None
    """The filter mode of the interface, merged from all users: EXCLUDE or INCLUDE."""
    sources: tuple[Address, ...] | None
    """The sources of that filter."""
    timer_ns: int | None
    """Until the pending answer to a query; None: none is pending."""
    flags: tuple[str, ...] | None
    mac: bytes | None
    """None where the link has no addresses of its own for groups."""
    mac_references: int | None
    """How often that MAC is wanted in the device's list; 0: it is not in it."""
    shares_mac_with: tuple[Address, ...]
    """Other groups of this interface with the same MAC."""
    reasons: tuple[Reason, ...]
    processes: tuple[Process, ...] | None
    age_ns: int | None
    """Since the group was joined on this interface."""

    @property
    def unexplained_users(self) -> int:
        """Return how many users nothing visible accounts for."""
        return sum(r.users for r in self.reasons if r.kind is ReasonKind.UNKNOWN)


@dataclass(frozen=True, slots=True)
class OtherMac:
    """An entry of a device's list that no group of this host asks for."""

    interface: str
    mac: bytes
    references: int
    because: str


@dataclass(frozen=True, slots=True)
class Invariant:
    """A statement that must hold for every Linux kernel, and whether it did."""

    holds: bool
    text: str


@dataclass(frozen=True, slots=True)
class ListedInterface:
    """What the heading of an interface says."""

    name: str
    is_up: bool
    kind: str
    igmp_version: int | None
    """What this kernel speaks as an IPv4 host there; None: no IPv4, or not told."""
    promiscuity: int | None
    """How many want every frame there: administrator, packet sockets, bridges, ..."""
    allmulti: int | None
    """How many want every multicast frame there."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything at one moment."""

    interfaces: tuple[ListedInterface, ...]
    rows: tuple[GroupRow, ...]
    other_macs: tuple[OtherMac, ...]
    invariants: tuple[Invariant, ...]
    macs: dict[tuple[str, bytes], int]
    """References by (interface, MAC), all of them."""
    blind: bool
    """Some processes could not be looked into."""
