"""The groups of one family on one interface, and what was learned from queriers.

A `GroupListener` owns it and changes its groups. It lends it to its parts: `Hearing` learns from
queries, `Answers` tells the state of groups, `ChangeReports` their changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.model.family import IGMP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram
    from mldkit.model.family import Family
    from mldkit.protocol.compatibility import Learned
    from mldkit.protocol.filters import Membership
    from mldkit.protocol.profile import HostProfile
    from mldkit.protocol.settings import Settings
    from mldkit.protocol.timer import Grid, Timers
    from mldkit.protocol.transmitter import Transmitter

_LOCAL_GROUPS = b"\xe0\x00\x00"


@dataclass(slots=True)
class InterfaceState:
    """What a host is on one interface in one family, as values; it knows no timer."""

    profile: HostProfile
    settings: Settings
    timers: Timers
    transmitter: Transmitter
    learned: Learned
    groups: dict[Address, Membership] = field(default_factory=dict)
    """In the order of joining; the kernel walks them backwards."""
    kept: tuple[Datagram, ...] | None = None
    """The answer to a General Query, made ahead; whatever changes a group drops it."""
    family: Family = field(init=False)
    """The family of the groups."""

    def __post_init__(self) -> None:
        self.family = self.profile.family

    @property
    def grid(self) -> Grid:
        """The grid of the timers."""
        return self.timers.grid

    def version(self, now_ns: int) -> int:
        """Return the version that is spoken now."""
        return self.learned.version(now_ns)

    def speaks_older(self, now_ns: int) -> bool:
        """Return whether an older version is spoken now."""
        return self.version(now_ns) != self.family.current_version

    def drop_prepared(self) -> None:
        """Drop an answer that was made ahead: something changes what it would say."""
        self.kept = None

    def to_change(self, group: Address) -> Membership | None:
        """Return a group that is going to change, None where nobody listens to it."""
        membership = self.groups.get(group)
        if membership is not None:
            self.drop_prepared()
        return membership

    def newest_first(self) -> Iterator[Membership]:
        """Give the groups, the last joined one first."""
        return reversed(self.groups.values())

    def reported(self) -> list[Membership]:
        """Return the groups that are ever reported, the last joined one first."""
        if self.settings.reports_local:
            return [known for known in reversed(self.groups.values()) if known.is_reportable]
        return [known for known in reversed(self.groups.values()) if self.reports(known)]

    def reports(self, membership: Membership) -> bool:
        """Return whether a group is ever reported, which a setting can change for IGMP."""
        if self.settings.reports_local:
            return membership.is_reportable
        is_local = self.family is IGMP and membership.group[:3] == _LOCAL_GROUPS
        return membership.is_reportable and not is_local

    def repeat_ticks(self, now_ns: int) -> int:
        """Return the unsolicited report interval of the version spoken now, at least one tick."""
        settings = self.settings
        older = self.speaks_older(now_ns)
        interval_ns = settings.older_repeat_ns if older else settings.repeat_ns
        return max(self.grid.ticks(interval_ns), 1)
