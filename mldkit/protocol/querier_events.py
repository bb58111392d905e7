"""What happens at a querier, as values, for whoever shows it.

::

    Elected            who is the querier of the link now, and why
    OtherQuerier       somebody else sends General Queries and must lose the election
    VersionChanged     the queries are of another version from now on
    MembershipChanged  a group is listened to, otherwise than before, or no longer
    RoomChanged        more is reported than there is room for, or that is over
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.addresses import Address
    from mldkit.model.family import Family


@dataclass(frozen=True, slots=True)
class Elected:
    """An election was decided."""

    time_ns: int
    family: Family
    address: Address
    reason: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class OtherQuerier:
    """A router that has to lose against this one queried; told once for each in a row."""

    time_ns: int
    family: Family
    address: Address
    is_tie: bool
    """Nobody loses: two routers of MLD have the same interface identifier."""


@dataclass(frozen=True, slots=True)
class VersionChanged:
    """An older querier was heard, or is not heard any more."""

    time_ns: int
    family: Family
    version: int
    address: Address
    """Who made it so; empty when the configured version returns."""


@dataclass(frozen=True, slots=True)
class MembershipChanged:
    """The state of one group is another one; `leave` and `expire` tell the state that it had."""

    kind: str
    """`join`, `change`, `leave` (given up after asking) or `expire` (nobody reported it)."""
    time_ns: int
    family: Family
    group: Address
    exclude: bool
    sources: tuple[Address, ...]
    """Those listened to in INCLUDE mode, those that nobody wants in EXCLUDE mode."""
    requested: tuple[Address, ...]
    """In EXCLUDE mode: sources that some listener wants although another one excludes them."""
    version: int
    """Version in which the group is treated, for the sake of its oldest listener."""
    host: Address
    """Who reported it; empty where only time passed."""


@dataclass(frozen=True, slots=True)
class RoomChanged:
    """More is reported than is kept, or nothing was left out any more for a minute."""

    time_ns: int
    family: Family
    left_out: int
    """Groups, and records with too many sources, that were left out so far."""
    since_ns: int
    """When that began."""
    is_over: bool


QuerierEvent: TypeAlias = Elected | OtherQuerier | VersionChanged | MembershipChanged | RoomChanged
Observer: TypeAlias = "Callable[[QuerierEvent], None] | None"
