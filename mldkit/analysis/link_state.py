"""All folds of one link and family, fed together.

`see` takes a message: what a conforming receiver must drop gives its findings and goes no further,
a query goes one way, what hosts send another. `hear_again` is the short way of a report that says
what is known already, as nearly all do; it has to do to each fold what `see` does.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from mldkit.analysis import senders
from mldkit.analysis.agenda import Agenda
from mldkit.analysis.backlog import Backlog
from mldkit.analysis.changes import Changes
from mldkit.analysis.churn import Churn
from mldkit.analysis.compatibility import Compatibility
from mldkit.analysis.deadlines import FAR_NS
from mldkit.analysis.delays import Delays
from mldkit.analysis.expiry import Expiry
from mldkit.analysis.facts import Mark, dropped_by
from mldkit.analysis.filters import counted_records
from mldkit.analysis.identities import Identities
from mldkit.analysis.leaves import Leaves
from mldkit.analysis.limits import DROPPED
from mldkit.analysis.memberships import Memberships
from mldkit.analysis.queriers import Queriers
from mldkit.analysis.reporting_proxies import ReportingProxies
from mldkit.analysis.responses import Responses
from mldkit.analysis.room import LinkRoom
from mldkit.analysis.stays import Heard
from mldkit.analysis.streams import Streams
from mldkit.analysis.trace import Trace
from mldkit.analysis.trust import Trust
from mldkit.analysis.unspecified import Unspecified
from mldkit.analysis.vantage import Vantage
from mldkit.model.addresses import IPV4_UNSPECIFIED, group_mac
from mldkit.model.family import IGMP
from mldkit.model.messages import (
    Leave,
    LegacyReport,
    Query,
    RecordType,
    Report,
    RouterSolicitation,
)
from mldkit.protocol.variables import DEFAULT_PROFILE
from mldkit.wire.rules import is_query_solicitation

if TYPE_CHECKING:
    from mldkit.analysis.events import Listener
    from mldkit.analysis.facts import Host
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.shelf import Table
    from mldkit.analysis.stays import Left, Row
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram, Decoded
    from mldkit.wire.validity import Judged

# One is made for every report: without the Python level of a named tuple's constructor.
_new = tuple.__new__
_PIECES_AT_ONCE = 200
"""As much of what is behind is done when time passes on a live link."""


class LinkState:
    """What is known of one link and family: one attribute for each fold.

    It knows which message goes to which fold and in which order, and nothing else.

    It has more attributes and methods than a class should, because each fold is one, and each
    thing that can happen to a link.
    """

    def __init__(
        self,
        room: LinkRoom,
        ledger: Ledger,
        begun_ns: int,
        *,
        profile: str = DEFAULT_PROFILE,
        listener: Listener = None,
        vantage: Vantage | None = None,
    ) -> None:
        """Take where the capture was taken, which both families of an interface share."""
        self.room = room
        self.key = key = room.key
        self.vantage = vantage or Vantage(LinkRoom(key, room.room))
        self.begun_ns = self.ended_ns = begun_ns
        """The first and the last moment at which somebody looked."""
        self.captures: set[int] = set()
        """Those that looked, by number."""
        self.messages = 0
        self.queriers = Queriers(room, ledger, begun_ns, listener)
        self.memberships = Memberships(room, listener)
        self.expiry = Expiry(key, self.memberships, listener)
        self.identities = Identities(room, ledger, self.memberships)
        self.streams = Streams(room)
        """The data that came."""
        self.backlog = Backlog()
        self.delays = Delays()
        self.responses = Responses(
            room, ledger, self.delays, self.vantage, self.streams, backlog=self.backlog
        )
        self.compatibility = Compatibility(room, ledger)
        self.changes = Changes(room, ledger, begun_ns)
        self.churn = Churn(room, ledger)
        self.leaves = Leaves(room, ledger, self.memberships, self.vantage, self.streams)
        self.unspecified = Unspecified(room, ledger)
        self.proxies = ReportingProxies(room, ledger)
        self.trust = Trust(room, ledger, self.memberships, self.captures, self.backlog)
        self.dropped_queries: Table[Address, str] = room.table(DROPPED)
        """Who sends queries that hosts must drop, with the first rule that says so."""
        self.asked_elsewhere = ""
        """Where queries come on the same interface, in words, if they come only there."""
        self.trace: Trace | None = None
        self._is_told = listener is not None
        self._ledger = ledger
        self._profile = profile
        self._lifetime_ns = self.queriers.variables.membership_ns(profile)
        self._agenda = Agenda(
            self.responses, self.leaves, self.memberships, self.compatibility, self.backlog
        )

    def keep_trace(self) -> None:
        """Keep from here on the single queries, reports and delays that pictures show."""
        self.trace = self.delays.trace = Trace()

    def hear_again(self, datagram: Datagram, report: Report, rows: list[Row], mark: Mark) -> bool:
        """Take in a report that no rule minds and that says again what all of `rows` hold.

        Nearly every report is one. Return False if some of it has expired: then it was not taken
        in.
        """
        now_ns = mark.time_ns
        for row in rows:
            if row.deadline_ns < now_ns:
                return False
        self.messages += 1
        if self._agenda.due_ns < now_ns:
            self._agenda.advance(now_ns, self.messages)
        source, mac = datagram.source, datagram.link_source
        if self.identities.latest.get(mac) != source:
            self.identities.hear(source, mac, mark)
        self.queriers.silence.report(mark)
        self.unspecified.valid(mac)
        version = self.key.family.current_version
        self.compatibility.report(version, source, mark)
        if self.trace is not None:
            self.trace.report(source, report.records, now_ns)
        responses = self.responses
        windows = responses.windows
        latest, specific = windows.latest, windows.specific
        deadline_ns = now_ns + self._lifetime_ns
        answering = []
        for row in rows:
            row.last_ns = now_ns
            row.deadline_ns = deadline_ns
            row.reports += 1
            if row.answered != latest or row.group in specific:
                answering.append(row)
        if answering:
            responses.report(source, answering, version, mark)
        if self.leaves.awaited:
            self.leaves.reported(source, rows, now_ns)
        if self._is_told and self._lifetime_ns < FAR_NS:
            self.memberships.deadlines.add_all(rows, now_ns)
        return True

    def see(
        self,
        judged: Judged,
        mark: Mark,
        rows: list[Row | None] | None = None,
    ) -> None:
        """Take in one message with the findings on its frame, and the rows that it says again."""
        decoded, found = judged
        self.messages += 1
        if self._agenda.due_ns < mark.time_ns:
            self._agenda.advance(mark.time_ns, self.messages)
        if found:
            self.trust.take(found, decoded.datagram.source)
            self._agenda.work()
            if decoded.kind in ("report", "leave") and any(item.id == "V-07" for item in found):
                self.unspecified.report(decoded.datagram.link_source, mark)
            rule = dropped_by(decoded, found)
            if rule is not None:
                self._drop(decoded, rule, mark)
                return
        message = decoded.datagram.message
        if isinstance(message, Query):
            self._query(decoded, message, mark)
        elif is_query_solicitation(message) or isinstance(message, RouterSolicitation):
            # Nobody but a switch that snoops asks for that.
            self.queriers.silence.is_snooped = True
        elif isinstance(message, Report | LegacyReport | Leave):
            self._host_message(judged, message, mark, rows)

    def poll(self, now_ns: int) -> None:
        """Let time pass: memberships expire, queriers fall silent, leaves are judged."""
        self._agenda.catch_up(now_ns, self.messages, _PIECES_AT_ONCE)
        self.memberships.poll(now_ns)
        self.queriers.poll(now_ns)
        self.changes.poll(now_ns)

    def forget(self) -> None:
        """Let go of what is over and has been told."""
        self.memberships.forget_ended()
        self.queriers.forget()

    def release(self) -> None:
        """Let go of everything: the link makes room for another one."""
        self.memberships.release()
        self.responses.release()
        self.room.release()

    @property
    def is_idle(self) -> bool:
        """Whether nobody is member of anything here and nobody queries."""
        return not self.memberships.groups and self.queriers.acting is None

    def finish(self, mark: Mark) -> None:
        """Judge what only the end of the capture shows, at the time of its last packet."""
        self.ended_ns = mark.time_ns
        self._agenda.catch_up(mark.time_ns, self.messages)
        self.responses.conclude()
        self.backlog.finish()
        self.leaves.finish()
        self.queriers.finish(mark)
        self.changes.finish(mark.time_ns)
        self.unspecified.finish(mark.time_ns)
        self.identities.finish()
        stays = chain(self.memberships.ended, self.memberships.rows())
        first_of = self.identities.first_of
        senders.judge(self.key, self._ledger, self.queriers.known.values(), stays, first_of)

    def skip(self, mark: Mark, until_ns: int) -> None:
        """Take in that nobody looked from a time on: queries and leaves then are unknown."""
        self.pause(mark, until_ns)
        self.queriers.retire(mark)
        self.memberships.skip(mark.time_ns)

    def stand_still(self, mark: Mark, until_ns: int) -> None:
        """Take in that nobody looked from a time on, for so short a time that nobody left by it.

        Where a querier would have been missed meanwhile everything begins anew.
        """
        if until_ns - mark.time_ns > self.queriers.silence.limit_ns:
            self.skip(mark, until_ns)
            return
        self.pause(mark, until_ns)
        self.memberships.put_off(mark.time_ns, until_ns - mark.time_ns)

    def pause(self, mark: Mark, until_ns: int) -> None:
        """Take in that nothing was heard from a time on: nobody is blamed for that."""
        paused_ns = mark.time_ns
        self._agenda.catch_up(paused_ns, self.messages)
        self.responses.resume()
        self.queriers.pause(mark, until_ns)
        self.changes.resume(paused_ns, until_ns)
        self.leaves.pause()
        self.compatibility.resume()
        self._agenda.look_ahead()

    def _drop(self, decoded: Decoded, rule: str, mark: Mark) -> None:
        """Take in what receivers must drop: who asks in vain, and about which leave."""
        datagram = decoded.datagram
        if decoded.kind != "query":
            return
        if datagram.source not in self.dropped_queries:
            self.dropped_queries.keep(datagram.source, rule)
        if isinstance(datagram.message, Query):
            self.responses.windows.hear(datagram.message, mark.time_ns)
            self.leaves.drop(datagram.message, datagram.source, rule)
            if datagram.message.is_general:
                self.queriers.silence.drop(mark)

    def _query(self, decoded: Decoded, query: Query, mark: Mark) -> None:
        datagram = decoded.datagram
        if query.version is None:
            return
        self.identities.learn(datagram.source, datagram.link_source, mark)
        if self.trace is not None:
            self.trace.query(query, datagram.source, mark.time_ns)
        all_hosts = decoded.family.all_hosts
        everybody = datagram.destination == all_hosts and (
            datagram.is_point_to_point or datagram.link_destination in (None, group_mac(all_hosts))
        )
        if query.is_general:
            self.responses.conclude()
            self._agenda.work()
            queriers = self.queriers
            queriers.query(
                query, datagram.source, datagram.link_source, mark, to_everybody=everybody
            )
            self.compatibility.query(query, datagram.source, mark, to_everybody=everybody)
            self._lifetime_ns = queriers.variables.membership_ns(self._profile)
        else:
            members = self.memberships.groups.get(query.group, {}).values()
            self.compatibility.group_query(query, datagram.source, members, mark)
            self.leaves.query(query, mark)
        if query.version != self.key.family.current_version:
            # Linux forgets what it has to repeat (net/ipv4/igmp.c:igmp_heard_query,
            # net/ipv6/mcast.c:mld_process_v1).
            self.changes.interrupt(mark.time_ns)
        acting = self.queriers.acting
        self.responses.windows.query(
            query,
            datagram.source,
            mark,
            to_everybody=everybody,
            is_acting=acting is not None and acting.address == datagram.source,
        )
        self._agenda.look_ahead()

    def _host_message(
        self,
        judged: Judged,
        message: Report | LegacyReport | Leave,
        mark: Mark,
        rows: list[Row | None] | None,
    ) -> None:
        decoded, found = judged
        datagram = decoded.datagram
        mac = datagram.link_source
        host = self.identities.host(datagram.source, mac, mark)
        self.unspecified.valid(mac)
        if isinstance(message, Leave):
            self._leave(host, mac, message.group, mark)
            return
        version = decoded.version
        if isinstance(message, LegacyReport):
            self.responses.silent.older_report(host, message.group)
        records = counted_records(message, found)
        if isinstance(message, Report) and records is not message.records:
            rows = None
        self.compatibility.report(version, datagram.source, mark)
        if self.trace is not None:
            self.trace.report(host, records, mark.time_ns)
        responses = self.responses
        deadline_ns = mark.time_ns + self._lifetime_ns
        partial = responses.windows.asked_sources
        # 0.0.0.0 may be the address of many hosts at once: it tells none of them.
        is_faultless = (
            not found and version == self.key.family.current_version and host != IPV4_UNSPECIFIED
        )
        heard = _new(Heard, (host, mac, version, mark.time_ns, deadline_ns, is_faultless, partial))
        told = self.memberships.report(heard, records, rows)
        if self.leaves.awaited:
            self.leaves.reported(host, records, mark.time_ns)
        if told.changes:
            robustness = self.queriers.variables.robustness
            self.changes.report(host, records, told.changes, robustness, mark)
            for record in records:
                if record.type == RecordType.TO_IN:
                    self.leaves.leave_told(record.group, mark)
        if told.answering:
            delay_ns = responses.report(host, told.answering, version, mark)
            if delay_ns is not None and len(host) > len(datagram.source):
                self._stand_in(host, message, mark)
        if told.left:
            self._left(told.left, mark)
        new_groups = self.memberships.new_groups
        self.queriers.silence.report(mark, new_groups)
        if new_groups:
            self.identities.compare_groups(mark)

    def _leave(self, host: Host, mac: bytes | None, group: Address, mark: Mark) -> None:
        """Take in a Leave or Done."""
        self.queriers.silence.report(mark, (group,))
        left = self.memberships.leave(host, mac, group, mark.time_ns)
        self.responses.silent.leave(host, group)
        self.leaves.leave_told(group, mark)
        self._left([] if left is None else [left], mark)

    def _stand_in(self, host: Host, message: Report | LegacyReport, mark: Mark) -> None:
        """Take in an answer of somebody without an address, who may answer for others."""
        if isinstance(message, LegacyReport) and not self.compatibility.is_older(mark.time_ns):
            self.proxies.report(host, message, self.responses.windows.latest, mark)

    def _left(self, lefts: list[Left], mark: Mark) -> None:
        """Await what the querier does; IGMPv1 queriers know no leave (RFC 9776 §7.3.2)."""
        queriers = self.queriers
        queriers.poll(mark.time_ns)
        mode = self.compatibility.mode(mark.time_ns)
        for left in lefts:
            self.leaves.hear(left)
            if not left.sources:
                self.churn.left(left.row, mark)
        if queriers.elected is None or (self.key.family is IGMP and mode == 1):
            return
        for left in lefts:
            self.leaves.left(left, queriers.variables.robustness, mark)
        self._agenda.look_ahead()
