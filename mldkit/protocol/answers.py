"""What a host answers: to queries, with a timer for the interface and one for each group.

::

    ask_all    -> general answer: the whole state (RFC 9776 §5.2, RFC 9777 §6.2)
    ask_groups -> group answer: the state of one group, or what was asked about its sources
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mldkit.model.addresses import is_unspecified
from mldkit.model.family import IGMP
from mldkit.model.messages import LegacyReport
from mldkit.protocol.changes import asked_state, current_state
from mldkit.protocol.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram
    from mldkit.protocol.filters import Membership
    from mldkit.protocol.interface_state import InterfaceState

_GENERAL = "general answer"
MOST_ASKED = 4096
"""Sources that are asked for in queries before one answer to all of them."""


class Answers:
    """The answering half of one family on one interface."""

    __slots__ = ("_general", "_profile", "_state")

    def __init__(self, state: InterfaceState) -> None:
        self._state = state
        self._profile = state.profile
        self._general = Timer(state.family, _GENERAL, self._answer_general)

    def stop_general(self) -> None:
        """Do not give the general answer that is pending."""
        self._state.timers.stop(self._general)

    def stop_group(self, membership: Membership) -> None:
        """Do not give the answer for a group that is pending."""
        if membership.timer is not None:
            self._state.timers.stop(membership.timer)

    def timer_of(self, membership: Membership) -> Timer:
        """Return the timer of a group."""
        timer = membership.timer
        if timer is None:
            act = partial(self._answer_group, membership)
            family = self._state.family
            timer = membership.timer = Timer(family, "group answer", act, membership.group)
        return timer

    # Queries

    def ask_all(self, limit: int, now_ns: int) -> None:
        """Answer with the whole state within `limit` ticks."""
        timers, timer = self._state.timers, self._general
        drawn = timers.draw(limit, timer, now_ns)
        ticks = drawn + self._profile.extra_ticks
        is_later = timers.grid.tick(now_ns) + ticks >= timer.expiry
        if timer.is_running and is_later and self._profile.keeps_earlier_general_answer:
            return
        timers.arm(timer, ticks, now_ns, drawn=drawn, limit=limit)

    def ask_groups(
        self, group: Address, sources: Sequence[Address], limit: int, now_ns: int
    ) -> None:
        """Answer for one group, or for each of them when `group` is unspecified."""
        if not is_unspecified(group):
            membership = self._state.groups.get(group)
            if membership is not None and self._state.reports(membership):
                self._ask_one(membership, sources, limit, now_ns)
            return
        for membership in self._state.newest_first():
            if self._state.reports(membership):
                if self._state.family is IGMP:
                    membership.is_restricted = False
                self._ask(membership, limit, now_ns)

    def _ask_one(
        self, membership: Membership, sources: Sequence[Address], limit: int, now_ns: int
    ) -> None:
        timer = self.timer_of(membership)
        self._state.drop_prepared()
        if not self._profile.excludes_tell_all:
            if not sources or (timer.is_running and not membership.asked):
                membership.asked = frozenset()
            else:
                membership.asked |= frozenset(sources)
                if len(membership.asked) > MOST_ASKED:
                    # The whole state answers all of them, and takes no memory.
                    membership.asked = frozenset()
            self._ask(membership, limit, now_ns)
            return
        if timer.is_running:
            membership.is_restricted = membership.is_restricted and bool(sources)
        else:
            membership.is_restricted = bool(sources)
        if not membership.is_restricted or membership.mark(sources):
            self._ask(membership, limit, now_ns)

    def _ask(self, membership: Membership, limit: int, now_ns: int) -> None:
        """Arm the timer of one group (igmp_mod_timer, igmp6_group_queried)."""
        timers, profile = self._state.timers, self._profile
        timer = self.timer_of(membership)
        membership.older_reports_left = 0
        if not profile.redraws_group_answer:
            self._ask_sooner(timer, limit, now_ns)
            return
        if timer.is_running:
            remaining = timers.remaining(timer, now_ns)
            if remaining < limit and (remaining >= 0 or not profile.redraws_overdue_answer):
                # Armed again for the same tick, which may lie in another bucket by now.
                timers.arm(timer, remaining, now_ns)
                return
        timers.arm_randomly(timer, limit, profile.group_extra_ticks, now_ns)

    def _ask_sooner(self, timer: Timer, limit: int, now_ns: int) -> None:
        timers = self._state.timers
        drawn = timers.draw(limit, timer, now_ns)
        expiry = timers.grid.tick(now_ns) + drawn
        if self._profile.general_answer_covers_groups:
            general = self._general
            if general.is_running and general.expiry <= expiry:
                return
        if not timer.is_running or expiry < timer.expiry:
            timers.arm(timer, drawn, now_ns, drawn=drawn, limit=limit)

    # Answers

    def _answer_general(self, now_ns: int) -> None:
        """Tell the whole state, in the current version whatever has been heard since."""
        state, transmitter = self._state, self._state.transmitter
        if self._is_kept():
            for datagram in state.kept or ():
                transmitter.send(datagram, _GENERAL, now_ns)
            return
        told = [current_state(membership) for membership in state.reported()]
        transmitter.send_records(told, self._profile, _GENERAL, now_ns)

    def prepare(self) -> tuple[Datagram, ...]:
        """Make the general answer ahead and return it; nothing if it is kept already.

        While the answer to a query for sources is pending nothing is made: telling the state
        would take the marks of that query away.
        """
        state = self._state
        if self._is_kept() or any(known.is_asked for known in state.groups.values()):
            return ()
        told = [current_state(membership) for membership in state.reported()]
        state.kept = state.transmitter.build(told, self._profile)
        return state.kept

    def _is_kept(self) -> bool:
        """Whether an answer was made ahead that would be made just the same now."""
        kept = self._state.kept
        if not kept:
            return kept is not None
        return kept[0].source == self._state.transmitter.source(self._state.family)

    def _answer_group(self, membership: Membership, now_ns: int) -> None:
        """Tell the state of one group at the end of its timer (igmp_timer_expire, mld_mca_work)."""
        state = self._state
        if membership.older_reports_left:
            membership.older_reports_left -= 1
            if membership.older_reports_left:
                timer = self.timer_of(membership)
                limit = state.repeat_ticks(now_ns)
                state.timers.arm_randomly(timer, limit, self._profile.group_extra_ticks, now_ns)
        membership.is_last_reporter = True
        version = state.version(now_ns)
        if version != state.family.current_version:
            report = LegacyReport(version, membership.group)
            state.transmitter.send_older(report, "group answer", now_ns)
            return
        whole = self._profile.excludes_tell_all
        record = current_state(membership) if whole else asked_state(membership)
        if record is not None:
            state.transmitter.send_records([record], self._profile, "group answer", now_ns)
