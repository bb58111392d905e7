"""State-change reports: what is still to be told of changes, and when.

::

    a change -> counts of what is to be told -> change timer -> report
                                                    |
               again until it was told robustness times

A new change starts the timer afresh and shares its runs with what is still being told
(RFC 9776 §5.1, RFC 9777 §6.1; net/ipv6/mcast.c:mld_ifc_event, mld_ifc_work). MLD tells all groups
once more when the first link-local address is valid (mld_send_initial_cr).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.family import MLD
from mldkit.protocol.changes import initial_state, pending_changes
from mldkit.protocol.filters import NO_SOURCES, Departed, FilterMode
from mldkit.protocol.timer import Timer

if TYPE_CHECKING:
    from mldkit.protocol.filters import Membership
    from mldkit.protocol.interface_state import InterfaceState


class ChangeReports:
    """What one family of a host tells of its changes."""

    __slots__ = (
        "_change",
        "_departed",
        "_initial",
        "_initial_left",
        "_may_have_dropped",
        "_profile",
        "_runs_left",
        "_state",
    )

    def __init__(self, state: InterfaceState) -> None:
        self._state = state
        self._profile = state.profile
        self._change = Timer(state.family, "state change", self._tell)
        self._runs_left = 0
        """Runs of the change timer that are left (`mr_ifc_count`, `mc_ifc_count`)."""
        self._departed: list[Departed] = []
        """Groups that were left and are still to be told about, the last left one at the end.

        A group is there twice where the link went down and the last socket left it before the
        link came back: each counts as leaving (ipv6_mc_down, ip_mc_down; mld_add_delrec,
        igmpv3_add_delrec).
        """
        self._may_have_dropped = False
        """Whether a group can have sources that are gone and still to be told."""
        self._initial = Timer(state.family, "initial state", self._tell_initial)
        self._initial_left = 0

    def start(self, now_ns: int) -> None:
        """Begin to tell a change; in older versions there are no such reports."""
        self._may_have_dropped = True
        if not self._state.speaks_older(now_ns):
            self.arm(now_ns)

    def arm(self, now_ns: int) -> None:
        """Let the change timer run, and as often as a change has to be told."""
        state = self._state
        self._runs_left = state.learned.robustness
        extra = self._profile.extra_ticks if self._profile.draws_first_change else 0
        state.timers.arm_randomly(self._change, 1, extra, now_ns)

    def cancel(self) -> None:
        """Stop telling changes; counts of groups that are listened to stay as they are."""
        self._runs_left = 0
        self._state.timers.stop(self._change)
        self._departed.clear()
        if self._may_have_dropped:
            # Each query of an older version comes here, and there may be very many groups.
            self._may_have_dropped = False
            for membership in self._state.groups.values():
                membership.dropped = ()

    def stop(self) -> None:
        """Fall silent; what was left is told when somebody starts again."""
        self._runs_left = 0
        for timer in (self._change, self._initial):
            self._state.timers.stop(timer)

    def settle(self) -> None:
        """Count everything as told."""
        self.stop()
        self._departed.clear()

    def tell_all(self, now_ns: int) -> None:
        """Tell all groups, because the first link-local address is valid (ipv6_mc_dad_complete)."""
        self._initial_left = self._state.learned.robustness
        self._tell_initial(now_ns)

    def remember(self, membership: Membership) -> None:
        """Keep a group that is left until that is told (mld_add_delrec, igmpv3_add_delrec)."""
        state = self._state
        repeats = state.learned.robustness
        gone = Departed(membership.group, membership.mode, repeats, membership.is_reportable)
        if gone.mode is FilterMode.INCLUDE:
            gone.sources, membership.sources = membership.sources, NO_SOURCES
            gone.dropped, membership.dropped = membership.dropped, ()
            for source in gone.sources.values():
                source.repeats = repeats
        self._departed.append(gone)

    def restore(self, membership: Membership) -> None:
        """Take a group back that was left a moment ago (mld_del_delrec, igmpv3_del_delrec)."""
        departed = self._departed
        for gone in reversed(departed):
            if gone.group == membership.group:
                break
        else:
            return
        departed.remove(gone)
        robustness = self._state.learned.robustness
        if membership.mode is FilterMode.EXCLUDE:
            membership.repeats = robustness
            return
        membership.sources, membership.dropped = gone.sources, gone.dropped
        self._may_have_dropped = True
        for source in membership.sources.values():
            source.repeats = robustness

    def _tell(self, now_ns: int) -> None:
        """Send one state-change report (mld_ifc_work, igmp_ifc_timer_expire)."""
        state = self._state
        # Only IPv4 asks for a route, and has none through an interface that is down.
        has_route = state.family is MLD or state.transmitter.is_up
        records = pending_changes(self._departed, state.reported(), has_route=has_route)
        state.transmitter.send_records(records, self._profile, "state change", now_ns)
        if not self._runs_left:
            return
        self._runs_left -= 1
        if self._runs_left or self._profile.runs_once_more:
            limit = state.repeat_ticks(now_ns)
            state.timers.arm_randomly(self._change, limit, self._profile.extra_ticks, now_ns)

    def _tell_initial(self, now_ns: int) -> None:
        state = self._state
        if not self._initial_left:
            return
        if not state.speaks_older(now_ns):
            records = initial_state(state.newest_first())
            state.transmitter.send_records(records, self._profile, "initial state", now_ns)
        self._initial_left -= 1
        if self._initial_left:
            limit = state.repeat_ticks(now_ns)
            state.timers.arm_randomly(self._initial, limit, self._profile.extra_ticks, now_ns)
