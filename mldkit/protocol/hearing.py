"""What a host takes from the messages of others.

::

    received -> delivered? -> checks of the protocol -> version -> values taken over
             -> general answer (one timer)  |  group answers (a timer for each group)

The checks in the order of __mld_query_work and igmp_rcv / igmp_heard_query: MLD wants a link-local
source, hop limit 1 and Router Alert 0 (RFC 9777 §6.2); IGMP wants none of these and is answered
whatever its TTL (RFC 9776 §5.2). What routers and hosts must drop alike is in `reception`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model import codes
from mldkit.model.addresses import is_link_local, is_multicast, is_unspecified, scope
from mldkit.model.family import DEFAULT_RESPONSE_NS, IGMP, MLD
from mldkit.model.messages import LegacyReport, Query
from mldkit.protocol.reception import is_from_link, is_intact
from mldkit.protocol.transmitter import LIMITED_BROADCAST

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Decoded
    from mldkit.protocol.answers import Answers
    from mldkit.protocol.change_reports import ChangeReports
    from mldkit.protocol.interface_state import InterfaceState

_INTERFACE_LOCAL = 1
_LARGEST_LINEAR = 32767


class Hearing:
    """The hearing half of one family on one interface."""

    __slots__ = ("_answers", "_changes", "_profile", "_state")

    def __init__(self, state: InterfaceState, answers: Answers, changes: ChangeReports) -> None:
        """Take who answers, and whose reports stop when an older version is spoken."""
        self._state = state
        self._profile = state.profile
        self._answers = answers
        self._changes = changes

    def hear(self, decoded: Decoded, now_ns: int) -> None:
        """Take in a message of another node."""
        message = decoded.datagram.message
        if not is_intact(decoded) or not self._is_delivered(decoded):
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
        source, destination = decoded.datagram.source, decoded.datagram.destination
        if not source or not destination:
            # The frame ended before its addresses.
            return False
        return self._is_for_host(source, destination) and self._is_believed(source)

    def _is_believed(self, source: Address) -> bool:
        """Return whether a source has a way back, where the host asks for that.

        The group is looked at before (ip_route_input_rcu), and 0.0.0.0 is never asked about
        (ip_mc_validate_source). Strict or loose: a source that has no route at all ends here
        (net/ipv4/fib_frontend.c:__fib_validate_source, last_resort).
        """
        state = self._state
        if not state.settings.filters_reverse_path or not source[0]:
            return True
        return state.transmitter.has_way_back(source)

    def _is_for_host(self, source: Address, destination: Address) -> bool:
        """Return whether a datagram with these addresses is one for this host."""
        state = self._state
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
        if not is_from_link(datagram):
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
            self._answers.ask_groups(IGMP.unspecified, (), limit, now_ns)
        elif version == 2:
            self._answers.ask_groups(group, (), limit, now_ns)
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
            self._answers.stop_general()
        self._changes.cancel()
        self._answers.ask_groups(group, (), limit, now_ns)

    def _hear_current(self, query: Query, limit: int, now_ns: int) -> None:
        if not query.is_general:
            self._answers.ask_groups(query.group, query.sources, limit, now_ns)
        elif not query.sources:
            self._answers.ask_all(limit, now_ns)

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
            self._answers.stop_group(membership)
            membership.is_last_reporter = False
            membership.older_reports_left = 0
