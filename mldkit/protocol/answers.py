"""What a host does about queries and about the reports of others.

::

    received -> delivered? -> checks of the protocol -> version -> values taken over
             -> general answer (one timer)  |  group answers (a timer for each group)

The checks in the order of __mld_query_work and igmp_rcv / igmp_heard_query: MLD wants a link-local
source, hop limit 1 and Router Alert 0 (RFC 9777 §6.2); IGMP wants none of these and is answered
whatever its TTL (RFC 9776 §5.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model import codes
from mldkit.model.addresses import is_link_local, is_multicast, is_unspecified, scope
from mldkit.model.family import DEFAULT_RESPONSE_NS, IGMP, MLD
from mldkit.model.messages import LegacyReport, Query
from mldkit.protocol.changes import asked_state, current_state
from mldkit.protocol.timer import Timer
from mldkit.protocol.transmitter import LIMITED_BROADCAST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram, Decoded
    from mldkit.protocol.filters import Membership
    from mldkit.protocol.interface_state import InterfaceState

GENERAL = "general answer"
_INTERFACE_LOCAL = 1
_LARGEST_LINEAR = 32767


class Answers:
    """The answering half of one family on one interface."""

    __slots__ = ("_profile", "_state", "general")

    def __init__(self, state: InterfaceState) -> None:
        self._state = state
        self._profile = state.profile
        self.general = Timer(state.family, GENERAL, self._answer_general)
        state.answer = self.answer_group

    def hear(self, decoded: Decoded, now_ns: int) -> None:
        """Take in a message of another node."""
        message = decoded.datagram.message
        if decoded.checksum == "bad" or not self._is_delivered(decoded):
            return
        if isinstance(message, Query):
            if self._state.family is MLD:
                self._hear_mld_query(decoded, message, now_ns)
            else:
                self._hear_igmp_query(decoded, message, now_ns)
        elif isinstance(message, LegacyReport):
            self._hear_report(decoded, message, now_ns)

    def _is_delivered(self, decoded: Decoded) -> bool:
        """Return whether the IP layer hands the datagram on.

        (ip6_rcv_core and ip6_mc_input; ip_route_input_slow, fib_validate_source, ip_check_mc_rcu)
        """
        state = self._state
        source, destination = decoded.datagram.source, decoded.datagram.destination
        if not source or not destination:
            # The frame ended before its addresses.
            return False
        if is_multicast(source) or source[:1] == b"\x7f" or source == LIMITED_BROADCAST:
            return False
        if state.family is IGMP and state.transmitter.has_address(source):
            # Somebody else cannot have it; IPv6 does not look.
            return False
        if is_multicast(destination):
            if state.family is MLD and scope(destination) <= _INTERFACE_LOCAL:
                # Never from a link (RFC 4291 §2.7), though the host listens to ff01::1.
                return False
            return destination in state.groups
        if destination == LIMITED_BROADCAST:
            return state.family is IGMP
        if state.family is IGMP and not source[0]:
            # Only groups and the limited broadcast are reached from 0.0.0.0.
            return False
        return state.transmitter.owns(destination) or state.transmitter.is_broadcast(destination)

    # Queries

    def _hear_mld_query(self, decoded: Decoded, query: Query, now_ns: int) -> None:
        datagram, state = decoded.datagram, self._state
        if not is_link_local(datagram.source) or datagram.hop_limit != 1:
            return
        if datagram.router_alert != 0:
            return
        if not query.is_general and not is_multicast(query.group):
            return
        length = decoded.length
        is_older = length == MLD.query_octets - 4
        if is_older or state.version(now_ns) == 1:
            if state.settings.forced_version == MLD.current_version:
                return
            code = query.max_response_code
            self._hear_older(
                1,
                query.group,
                max(state.grid.ticks(MLD.response_unit_ns * self._linear(code, is_older)), 1),
                now_ns,
                switches=is_older,
            )
            return
        if length < MLD.query_octets:
            return
        value = codes.decode(query.max_response_code, width=16)
        limit = max(state.grid.ticks(value * MLD.response_unit_ns), 1)
        state.learned.hear_current(query, state.grid.ticks(value * MLD.response_unit_ns))
        if decoded.malformed is None:
            self._hear_current(query, limit, now_ns)

    @staticmethod
    def _linear(code: int, is_older: bool) -> int:  # noqa: FBT001 (a fact about the code)
        return code if is_older else min(code, _LARGEST_LINEAR)

    def _hear_igmp_query(self, decoded: Decoded, query: Query, now_ns: int) -> None:
        state = self._state
        length, code, group = decoded.length, query.max_response_code, query.group
        if length == IGMP.query_octets - 4:
            version = 2 if code else 1
            limit = state.grid.whole_ticks(code, IGMP.response_unit_ns)
            if not code:
                limit, group = state.grid.ticks(DEFAULT_RESPONSE_NS), IGMP.unspecified
            self._hear_older(version, group, limit, now_ns, switches=True)
            return
        if length < IGMP.query_octets:
            return
        version = state.version(now_ns)
        value = codes.decode(code, width=8)
        limit = max(state.grid.whole_ticks(value, IGMP.response_unit_ns), 1)
        if version == 1:
            limit = state.grid.ticks(DEFAULT_RESPONSE_NS)
            self._ask_groups(IGMP.unspecified, (), limit, now_ns)
        elif version == 2:
            self._ask_groups(group, (), limit, now_ns)
        elif decoded.malformed is None:
            state.learned.hear_current(query, limit)
            self._hear_current(query, limit, now_ns)

    def _hear_older(
        self, version: int, group: Address, limit: int, now_ns: int, *, switches: bool
    ) -> None:
        """Act on a query in an older version, which stops the reports of the current one."""
        state = self._state
        if switches and (is_unspecified(group) or self._profile.group_query_switches):
            state.learned.hear_older(version, now_ns)
        if self._profile.older_query_cancels_general:
            state.timers.stop(self.general)
        state.cancel_changes()
        self._ask_groups(group, (), limit, now_ns)

    def _hear_current(self, query: Query, limit: int, now_ns: int) -> None:
        if not query.is_general:
            self._ask_groups(query.group, query.sources, limit, now_ns)
        elif not query.sources:
            self._ask_all(limit, now_ns)

    def _ask_all(self, limit: int, now_ns: int) -> None:
        timers, timer = self._state.timers, self.general
        drawn = timers.draw(limit, timer, now_ns)
        ticks = drawn + self._profile.extra_ticks
        is_later = timers.grid.tick(now_ns) + ticks >= timer.expiry
        if timer.is_running and is_later and self._profile.keeps_earlier_general_answer:
            return
        timers.arm(timer, ticks, now_ns, drawn=drawn, limit=limit)

    def _ask_groups(
        self, group: Address, sources: Sequence[Address], limit: int, now_ns: int
    ) -> None:
        """Ask one group, or each of them when `group` is unspecified."""
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
        timer = self._state.timer_of(membership)
        self._state.drop_prepared()
        if not self._profile.excludes_tell_all:
            if not sources or (timer.is_running and not membership.asked):
                membership.asked = frozenset()
            else:
                membership.asked |= frozenset(sources)
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
        timer = self._state.timer_of(membership)
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
            general = self.general
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
                transmitter.send(datagram, GENERAL, now_ns)
            return
        told = [current_state(membership) for membership in state.reported()]
        transmitter.send_records(told, self._profile, GENERAL, now_ns)

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

    def answer_group(self, membership: Membership, now_ns: int) -> None:
        """Tell the state of one group at the end of its timer (igmp_timer_expire, mld_mca_work)."""
        state = self._state
        if membership.older_reports_left:
            membership.older_reports_left -= 1
            if membership.older_reports_left:
                timer = state.timer_of(membership)
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

    # Reports of others

    def _hear_report(self, decoded: Decoded, report: LegacyReport, now_ns: int) -> None:
        """Leave the answer to somebody else (igmp_heard_report, __mld_report_work)."""
        datagram, state = decoded.datagram, self._state
        link_destination = datagram.link_destination
        if link_destination is not None and not link_destination[0] & 1:
            return
        source = datagram.source
        if state.family is MLD and not (is_link_local(source) or is_unspecified(source)):
            return
        membership = state.groups.get(report.group)
        if membership is None or not state.reports(membership):
            return
        is_older = state.version(now_ns) != state.family.current_version
        if is_older or self._profile.always_suppressed:
            state.stop_answer(membership)
            membership.is_last_reporter = False
            membership.older_reports_left = 0
