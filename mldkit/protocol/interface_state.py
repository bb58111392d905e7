"""What both halves of a listener share: the groups of one family on one interface.

`answers` reads it to answer queries, `listener` changes it and tells the changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from mldkit.model.family import IGMP
from mldkit.protocol.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram
    from mldkit.model.family import Family
    from mldkit.protocol.compatibility import Learned
    from mldkit.protocol.filters import Departed, Membership
    from mldkit.protocol.profile import HostProfile
    from mldkit.protocol.settings import Settings
    from mldkit.protocol.timer import Grid, Timers
    from mldkit.protocol.transmitter import Transmitter

_LOCAL_GROUPS = b"\xe0\x00\x00"


def _idle(now_ns: int) -> None:
    """Do nothing; a timer that was not given its work yet never runs."""


@dataclass(slots=True)
class InterfaceState:
    """Groups, deleted groups and what was learned from queriers."""

    profile: HostProfile
    settings: Settings
    timers: Timers
    transmitter: Transmitter
    learned: Learned
    groups: dict[Address, Membership] = field(default_factory=dict)
    """In the order of joining; the kernel walks them backwards."""
    departed: list[Departed] = field(default_factory=list)
    """Groups that were left and are still to be told about, the last left one at the end.

    A group is there twice where the link went down and the last socket left it before the link
    came back: each counts as leaving (ipv6_mc_down, ip_mc_down; mld_add_delrec, igmpv3_add_delrec).
    """
    changes_left: int = 0
    """Runs of the change timer that are left (`mr_ifc_count`, `mc_ifc_count`)."""
    kept: tuple[Datagram, ...] | None = None
    """The answer to a General Query, made ahead; whatever changes a group drops it."""
    change: Timer = field(init=False)
    family: Family = field(init=False)
    """The family of the groups."""
    answer: Callable[[Membership, int], None] = field(init=False)
    """What the timer of a group does."""

    def __post_init__(self) -> None:
        self.family = self.profile.family
        self.change = Timer(self.family, "state change", _idle)

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

    def timer_of(self, membership: Membership) -> Timer:
        """Return the timer of a group."""
        timer = membership.timer
        if timer is None:
            act = partial(self.answer, membership)
            timer = membership.timer = Timer(self.family, "group answer", act, membership.group)
        return timer

    def stop_answer(self, membership: Membership) -> None:
        """Stop the timer of a group."""
        if membership.timer is not None:
            self.timers.stop(membership.timer)

    def repeat_ticks(self, now_ns: int) -> int:
        """Return the unsolicited report interval of the version spoken now, at least one tick."""
        settings = self.settings
        older = self.speaks_older(now_ns)
        interval_ns = settings.older_repeat_ns if older else settings.repeat_ns
        return max(self.grid.ticks(interval_ns), 1)

    def cancel_changes(self) -> None:
        """Stop telling changes; counts of groups that are listened to stay as they are."""
        self.changes_left = 0
        self.timers.stop(self.change)
        self.departed.clear()
        for membership in self.groups.values():
            membership.dropped = ()
