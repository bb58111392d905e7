"""The host side of one family on one interface: joins, leaves, and who is told of them.

::

    join, leave, source change -> counts of what is to be told -> ChangeReports
    queries, reports of others -> Hearing -> Answers

In older versions a join is a report of its own and a leave a Leave Group or Done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import is_reportable
from mldkit.model.family import MLD
from mldkit.model.messages import Leave, LegacyReport
from mldkit.protocol.answers import Answers
from mldkit.protocol.change_reports import ChangeReports
from mldkit.protocol.filters import FilterChange, FilterMode, Membership
from mldkit.protocol.hearing import Hearing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram, Decoded
    from mldkit.protocol.interface_state import InterfaceState


class GroupListener:
    """One family of a host: it owns the state of the interface, and lends it to its parts."""

    __slots__ = ("_answers", "_changes", "_hearing", "_profile", "state")

    def __init__(self, state: InterfaceState) -> None:
        self.state = state
        self._profile = state.profile
        self._changes = ChangeReports(state)
        self._answers = Answers(state)
        self._hearing = Hearing(state, self._answers, self._changes)

    def hear(self, decoded: Decoded, now_ns: int) -> None:
        """Take in a message of another node."""
        self._hearing.hear(decoded, now_ns)

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
        self._changes.restore(membership)
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
            self._changes.restore(membership)
            self._announce(membership, now_ns)

    def stop(self, now_ns: int) -> None:
        """Fall silent and keep in mind what to tell when the link returns (ipv6_mc_down)."""
        state = self.state
        state.drop_prepared()
        for membership in tuple(state.newest_first()):
            self._withdraw(membership, now_ns)
        self._changes.stop()
        self._answers.stop_general()

    def announce(self, now_ns: int) -> None:
        """Tell all groups because the first link-local address is valid (ipv6_mc_dad_complete)."""
        self._changes.tell_all(now_ns)

    def settle(self) -> None:
        """Count everything as told, as on a host that has been up for a while."""
        state = self.state
        self._changes.settle()
        self._answers.stop_general()
        for membership in state.groups.values():
            membership.forget_changes()
            self._answers.stop_group(membership)

    # Telling

    def _note(self, change: FilterChange, now_ns: int) -> None:
        if change is not FilterChange.NOTHING:
            self._changes.start(now_ns)

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
        self._changes.arm(now_ns)

    def _announce_older(self, membership: Membership, now_ns: int) -> None:
        state, timers = self.state, self.state.timers
        timer = self._answers.timer_of(membership)
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
        self._answers.stop_group(membership)
        if not state.reports(membership):
            return
        version = state.version(now_ns)
        if version == state.family.current_version:
            self._changes.remember(membership)
            self._changes.start(now_ns)
        elif membership.is_last_reporter and (version == 2 or state.family is MLD):
            leave = Leave(version, membership.group)
            state.transmitter.send_older(leave, "leave", now_ns)
        if state.family is not MLD:
            membership.is_last_reporter = False
            membership.older_reports_left = 0
