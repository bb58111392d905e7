"""The host side of one family on one interface: joins, leaves, and telling them.

::

    join, leave, source change -> counts of what is to be told -> change timer -> report
                                                                       |
                                  again until it was told robustness times

A new change starts the timer afresh and shares its runs with what is still being told
(RFC 9776 §5.1, RFC 9777 §6.1; net/ipv6/mcast.c:mld_ifc_event, mld_ifc_work). In older versions a
join is a report of its own and a leave a Leave Group or Done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import is_reportable
from mldkit.model.family import MLD
from mldkit.model.messages import Leave, LegacyReport
from mldkit.protocol.answers import Answers
from mldkit.protocol.changes import initial_state, pending_changes
from mldkit.protocol.filters import (
    NO_SOURCES,
    Change,
    Departed,
    FilterMode,
    Membership,
)
from mldkit.protocol.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram, Decoded
    from mldkit.protocol.interface_state import InterfaceState


class Listener:
    """One family of a host."""

    __slots__ = ("_answers", "_initial", "_initial_left", "_profile", "state")

    def __init__(self, state: InterfaceState) -> None:
        self.state = state
        self._profile = state.profile
        self._answers = Answers(state)
        self._initial = Timer(state.family, "initial state", self._repeat_initial)
        self._initial_left = 0
        state.change.action = self._tell_changes

    def hear(self, decoded: Decoded, now_ns: int) -> None:
        """Take in a message of another node."""
        self._answers.hear(decoded, now_ns)

    def prepare(self) -> tuple[Datagram, ...]:
        """Make the answer to a General Query ahead; return it if it was not kept already."""
        return self._answers.prepare()

    # Groups, as sockets and the kernel itself ask for them

    def join(self, group: Address, mode: FilterMode, now_ns: int) -> None:
        """Add one user of a group (__ipv6_dev_mc_inc, ____ip_mc_inc_group)."""
        state = self.state
        membership = state.to_change(group)
        if membership is not None:
            membership.users += 1
            change = membership.add(mode, (), state.learned.robustness, joins=True)
            self._note(change, now_ns)
            return
        state.drop_prepared()
        membership = Membership.joined(group, mode, is_reportable=is_reportable(group))
        state.groups[group] = membership
        self._restore(membership)
        self._announce(membership, now_ns)

    def leave(self, group: Address, now_ns: int) -> None:
        """Take one user of a group away (__ipv6_dev_mc_dec, __ip_mc_dec_group)."""
        membership = self.state.to_change(group)
        if membership is None:
            # The interface lost the family meanwhile, and its groups with it.
            return
        membership.users -= 1
        if not membership.users:
            del self.state.groups[group]
            self._withdraw(membership, now_ns)

    def add_sources(
        self,
        group: Address,
        mode: FilterMode,
        sources: Sequence[Address],
        now_ns: int,
        *,
        joins: bool = False,
    ) -> None:
        """Add sources of one socket's filter (ip6_mc_add_src, ip_mc_add_src)."""
        state = self.state
        membership = state.to_change(group)
        if membership is None:
            return
        change = membership.add(mode, sources, state.learned.robustness, joins=joins)
        self._note(change, now_ns)

    def remove_sources(
        self,
        group: Address,
        mode: FilterMode,
        sources: Sequence[Address],
        now_ns: int,
        *,
        leaves: bool = False,
    ) -> None:
        """Remove sources of one socket's filter (ip6_mc_del_src, ip_mc_del_src)."""
        state = self.state
        membership = state.to_change(group)
        if membership is None:
            return
        keeps = not state.speaks_older(now_ns)
        change = membership.remove(
            mode, sources, state.learned.robustness, leaves=leaves, keeps=keeps
        )
        self._note(change, now_ns)

    # The device

    def start(self, now_ns: int) -> None:
        """Tell the groups anew: the link is up, or what else makes the kernel think so.

        (ipv6_mc_up, ip_mc_up)
        """
        self.state.drop_prepared()
        self.state.learned.reset(link_up=True)
        for membership in tuple(self.state.newest_first()):
            self._restore(membership)
            self._announce(membership, now_ns)

    def stop(self, now_ns: int) -> None:
        """Fall silent and keep in mind what to tell when the link returns (ipv6_mc_down)."""
        state = self.state
        state.drop_prepared()
        for membership in tuple(state.newest_first()):
            self._withdraw(membership, now_ns)
        state.changes_left = 0
        for timer in (state.change, self._answers.general, self._initial):
            state.timers.stop(timer)

    def announce(self, now_ns: int) -> None:
        """Tell all groups because the first link-local address is valid (ipv6_mc_dad_complete)."""
        self._initial_left = self.state.learned.robustness
        self._repeat_initial(now_ns)

    def settle(self) -> None:
        """Count everything as told, as on a host that has been up for a while."""
        state = self.state
        state.changes_left = 0
        for timer in (state.change, self._answers.general, self._initial):
            state.timers.stop(timer)
        state.departed.clear()
        for membership in state.groups.values():
            membership.forget_changes()
            state.stop_answer(membership)

    # Telling

    def _note(self, change: Change, now_ns: int) -> None:
        if change is not Change.NOTHING:
            self._start_changes(now_ns)

    def _announce(self, membership: Membership, now_ns: int) -> None:
        """Tell of a group that is new to the link (igmp6_group_added, igmp_group_added)."""
        state = self.state
        if not state.reports(membership):
            return
        if state.family is MLD and not state.transmitter.is_up:
            return
        if state.speaks_older(now_ns):
            self._announce_older(membership, now_ns)
            return
        if membership.mode is FilterMode.EXCLUDE:
            membership.repeats = state.learned.robustness
        self._arm_changes(now_ns)

    def _announce_older(self, membership: Membership, now_ns: int) -> None:
        state, timers = self.state, self.state.timers
        timer = state.timer_of(membership)
        if not self._profile.older_join_at_once:
            membership.older_reports_left = state.settings.robustness
            timers.arm_randomly(timer, 1, self._profile.group_extra_ticks, now_ns)
            return
        report = LegacyReport(state.version(now_ns), membership.group)
        state.transmitter.send_older(report, "join", now_ns)
        limit = state.repeat_ticks(now_ns)
        drawn = timers.draw(limit, timer, now_ns)
        remaining = timers.remaining(timer, now_ns) if timer.is_running else drawn
        timers.arm(timer, remaining, now_ns, drawn=drawn, limit=limit)
        membership.is_last_reporter = True

    def _withdraw(self, membership: Membership, now_ns: int) -> None:
        """Tell that a group is not listened to any more (igmp6_leave_group, igmp_group_dropped)."""
        state = self.state
        state.stop_answer(membership)
        if not state.reports(membership):
            return
        version = state.version(now_ns)
        if version == state.family.current_version:
            self._remember(membership)
            self._start_changes(now_ns)
        elif membership.is_last_reporter and (version == 2 or state.family is MLD):
            leave = Leave(version, membership.group)
            state.transmitter.send_older(leave, "leave", now_ns)
        if state.family is not MLD:
            membership.is_last_reporter = False
            membership.older_reports_left = 0

    def _remember(self, membership: Membership) -> None:
        """Keep a group that is left until that is told (mld_add_delrec, igmpv3_add_delrec)."""
        state = self.state
        repeats = state.learned.robustness
        gone = Departed(membership.group, membership.mode, repeats, membership.is_reportable)
        if gone.mode is FilterMode.INCLUDE:
            gone.sources, membership.sources = membership.sources, NO_SOURCES
            gone.dropped, membership.dropped = membership.dropped, ()
            for source in gone.sources.values():
                source.repeats = repeats
        state.departed.append(gone)

    def _restore(self, membership: Membership) -> None:
        """Take a group back that was left a moment ago (mld_del_delrec, igmpv3_del_delrec)."""
        departed = self.state.departed
        for gone in reversed(departed):
            if gone.group == membership.group:
                break
        else:
            return
        departed.remove(gone)
        robustness = self.state.learned.robustness
        if membership.mode is FilterMode.EXCLUDE:
            membership.repeats = robustness
            return
        membership.sources, membership.dropped = gone.sources, gone.dropped
        for source in membership.sources.values():
            source.repeats = robustness

    def _start_changes(self, now_ns: int) -> None:
        if not self.state.speaks_older(now_ns):
            self._arm_changes(now_ns)

    def _arm_changes(self, now_ns: int) -> None:
        state = self.state
        state.changes_left = state.learned.robustness
        extra = self._profile.extra_ticks if self._profile.draws_first_change else 0
        state.timers.arm_randomly(state.change, 1, extra, now_ns)

    def _tell_changes(self, now_ns: int) -> None:
        """Send one state-change report (mld_ifc_work, igmp_ifc_timer_expire)."""
        state = self.state
        # Only IPv4 asks for a route, and has none through an interface that is down.
        has_route = state.family is MLD or state.transmitter.is_up
        records = pending_changes(state.departed, state.reported(), has_route=has_route)
        state.transmitter.send_records(records, self._profile, "state change", now_ns)
        if not state.changes_left:
            return
        state.changes_left -= 1
        if state.changes_left or self._profile.runs_once_more:
            limit = state.repeat_ticks(now_ns)
            state.timers.arm_randomly(state.change, limit, self._profile.extra_ticks, now_ns)

    def _repeat_initial(self, now_ns: int) -> None:
        state = self.state
        if not self._initial_left:
            return
        if not state.speaks_older(now_ns):
            records = initial_state(state.newest_first())
            state.transmitter.send_records(records, self._profile, "initial state", now_ns)
        self._initial_left -= 1
        if self._initial_left:
            limit = state.repeat_ticks(now_ns)
            state.timers.arm_randomly(self._initial, limit, self._profile.extra_ticks, now_ns)
