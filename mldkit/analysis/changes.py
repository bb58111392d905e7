"""State changes: are they repeated as the robustness variable asks, and are they too many.

Every change is sent RV times, the repeats at random within 1 s of the one before (RFC 9776 §5.1,
§8.11)::

    TO_EX(G) -- TO_EX(G)                    as it should be
    TO_EX(G) ------------- TO_EX(G)         repeated, but slowly: up to 10 s by older rules
    TO_EX(G) - TO_IN(G) - TO_EX(G)          left and joined again: another change each time

Each group is looked at by itself, as hosts count their repeats (net/ipv4/igmp.c:igmpv3_send_cr):
a report repeats one change and tells another. Where a change of a group follows another of the
same group before that was repeated, the two mix, and only what is certain is told.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.analysis.ageing import Ageing
from mldkit.analysis.facts import (
    REPEATED_NS,
    UNSOLICITED_INTERVAL_NS,
    host_address,
)
from mldkit.analysis.limits import CHANGED, RECENT
from mldkit.analysis.shelf import USEFUL, USELESS
from mldkit.model.addresses import text
from mldkit.model.messages import RecordType
from mldkit.model.units import SECOND
from mldkit.protocol.exchange import latest_ns

if TYPE_CHECKING:
    from collections.abc import Container

    from mldkit.analysis.facts import Host, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.model.addresses import Address
    from mldkit.model.messages import GroupRecord

FLOOD_RECORDS = 1000
_LATEST_REPEAT_NS = latest_ns(UNSOLICITED_INTERVAL_NS)
_COMPLETE_NS = 3 * UNSOLICITED_INTERVAL_NS
"""What was sent as often as it should be, and comes again later than that, is told anew."""
_FIRST_CHANGE = RecordType.TO_IN
_JUDGED_AT_ONCE = 64
"""Changes that are judged when a report comes: others wait for the next one."""
_FORGOTTEN_AT_ONCE = 2
_MOST_RECENT = 1024
"""Reports of a host within a second that are counted one by one: more than make a flood."""


@dataclass(slots=True)
class _Change:
    """What one host changed last in one group."""

    record: GroupRecord
    mark: Mark
    last_ns: int
    wanted: int
    """How often it has to be sent, as the querier said by then."""
    times: int = 1
    is_mixed: bool = False
    """Whether it may have been told more often, or as part of another change."""
    seen: int = 0
    """Interruptions before it was told last."""


@dataclass(slots=True)
class _Recent:
    """What a host sent within the last second."""

    reports: list[tuple[int, int]]
    """Time and number of change records of each report."""
    records: int = 0
    over: int = 0
    """Reports in front of the list that are longer ago."""


class Changes:
    """The state-change reports of one link and family."""

    def __init__(self, room: LinkRoom, ledger: Ledger, begun_ns: int) -> None:
        self._link = room.key
        self._begun_ns = begun_ns
        self._ledger = ledger
        self._pending: Table[tuple[Host, Address], _Change] = room.table(CHANGED, _worth)
        """Changes that may still be repeated."""
        self._recent: Table[Host, _Recent] = room.table(RECENT, _worth_of_recent)
        self._begin(begun_ns)

    def _begin(self, begun_ns: int) -> None:
        self._begun_ns = self._swept_ns = begun_ns
        pending, recent = self._pending, self._recent
        self._told: Ageing[tuple[Host, Address]] = Ageing(
            lambda key: pending[key].last_ns if key in pending else None, pending.__len__
        )
        self._reported: Ageing[Host] = Ageing(
            lambda host: recent[host].reports[-1][0] if host in recent else None, recent.__len__
        )
        self._is_behind = False
        """Whether there was more to judge than is judged at once."""
        self._interrupted: list[int] = []
        """When hosts changed their version, as far as that can matter to what is pending."""
        self._before = 0
        """How many such times came before those."""
        self._is_told_since = False
        """Whether a change was told since the last of them."""

    def report(
        self,
        host: Host,
        records: tuple[GroupRecord, ...],
        count: int,
        robustness: int,
        mark: Mark,
    ) -> None:
        """Take in an accepted report with `count` state-change records among its records."""
        self._count_flood(host, count, mark)
        if self._is_behind or mark.time_ns - self._swept_ns > REPEATED_NS:
            self._sweep(mark.time_ns, _JUDGED_AT_ONCE)
        for record in records:
            if record.type >= _FIRST_CHANGE:
                self._take(host, record, robustness, mark)

    def interrupt(self, now_ns: int) -> None:
        """Take in that hosts change their version, which ends their repeats (RFC 9776 §7.2.1).

        What is pending may be much, so each change learns of it when it is looked at next.
        """
        if self._is_told_since:
            self._interrupted.append(now_ns)
            self._is_told_since = False

    def resume(self, paused_ns: int, until_ns: int) -> None:
        """Go on after a time in which nothing was heard: repeats were missed."""
        self.poll(paused_ns)
        self._pending.empty()
        self._recent.empty()
        self._begin(until_ns)

    def poll(self, now_ns: int) -> None:
        """Judge the changes of which no repeat can come any more."""
        self._sweep(now_ns, len(self._told))
        self._forget_recent(now_ns, len(self._reported))

    def _sweep(self, now_ns: int, most: int) -> None:
        """Judge some of the changes of which no repeat can come any more."""
        self._swept_ns = now_ns
        before_ns = now_ns - REPEATED_NS
        for key in self._told.take(before_ns, most):
            self._judge(key[0], self._pending[key])
            self._pending.drop(key)
        oldest_ns = self._told.oldest_ns()
        self._is_behind = oldest_ns is not None and oldest_ns < before_ns
        # Interruptions that are older than all that is pending.
        times = self._interrupted
        over = len(times) if oldest_ns is None else bisect_left(times, oldest_ns)
        del times[:over]
        self._before += over

    def _forget_recent(self, now_ns: int, most: int) -> None:
        """Let go of some hosts that told nothing within the last second."""
        for host in self._reported.take(now_ns - SECOND, most):
            self._recent.drop(host)

    def finish(self, now_ns: int) -> None:
        """Judge what should have been repeated before the end of the capture."""
        for (host, _), change in self._pending.items():
            since_ns = now_ns - change.last_ns
            if since_ns > _COMPLETE_NS:
                self._judge(host, change, f" in the {since_ns / SECOND:.1f} s after it")
        self._pending.empty()

    def _take(self, host: Host, record: GroupRecord, robustness: int, mark: Mark) -> None:
        key = host, record.group
        change = self._pending.get(key)
        if change is not None:
            since_ns = mark.time_ns - change.last_ns
            self._look_for_interruption(change)
            is_same = change.record == record and since_ns <= REPEATED_NS
            if is_same and (since_ns <= _COMPLETE_NS or change.times < change.wanted):
                change.times += 1
                change.last_ns = mark.time_ns
                change.seen = self._before + len(self._interrupted)
                self._is_told_since = True
                if since_ns > _LATEST_REPEAT_NS and not self._is_told(host, mark):
                    detail = f"{record} was repeated after {since_ns / SECOND:.1f} s"
                    self._tell(host, f"{detail} instead of within 1 s", mark)
                return
            # Another change of the group: the repeats of this one end with it.
            if since_ns > _COMPLETE_NS:
                self._judge(host, change)
        # The first sending of a change may lie before the start of the capture.
        # One that is over was judged by itself, whenever somebody looked.
        is_mixed = (
            change is not None
            and mark.time_ns - change.last_ns <= REPEATED_NS
            and change.times < change.wanted
        ) or mark.time_ns - self._begun_ns < _LATEST_REPEAT_NS
        seen = self._before + len(self._interrupted)
        new = _Change(record, mark, mark.time_ns, robustness, is_mixed=is_mixed, seen=seen)
        self._pending.keep(key, new)
        self._is_told_since = True
        if change is None:
            self._told.add(key, mark.time_ns)

    def _look_for_interruption(self, change: _Change) -> None:
        """Take in that hosts changed their version since a change was told last."""
        number = change.seen - self._before
        if number < len(self._interrupted):
            change.is_mixed |= self._interrupted[number] - change.last_ns <= REPEATED_NS

    def _judge(self, host: Host, change: _Change, until: str = "") -> None:
        """D-10."""
        self._look_for_interruption(change)
        if change.times == change.wanted or change.is_mixed:
            return
        if not self._is_told(host, change.mark):
            times = "once" if change.times == 1 else f"{change.times} times"
            detail = f"{change.record} was sent {times}{until}, robustness is {change.wanted}"
            self._tell(host, detail, change.mark)

    def _is_told(self, host: Host, mark: Mark) -> bool:
        """Take in one more case of a host that does so again and again, if it is one."""
        return self._ledger.again("D-10", self._link, mark, host_address(host))

    def _tell(self, host: Host, detail: str, mark: Mark) -> None:
        address = host_address(host)
        self._ledger.add("D-10", self._link, mark, f"{text(address)}: {detail}", host=address)

    def _count_flood(self, host: Host, count: int, mark: Mark) -> None:
        """D-17."""
        recent = self._recent.get(host)
        if recent is None:
            recent = self._recent.keep(host, _Recent([(mark.time_ns, count)]))
            self._reported.add(host, mark.time_ns)
        elif len(recent.reports) < _MOST_RECENT:
            recent.reports.append((mark.time_ns, count))
        else:
            reports = recent.reports
            reports[-1] = reports[-1][0], reports[-1][1] + count
        reports = recent.reports
        recent.records += count
        while recent.over < len(reports) - 1 and reports[recent.over][0] <= mark.time_ns - SECOND:
            recent.records -= reports[recent.over][1]
            recent.over += 1
        if 2 * recent.over > len(reports):
            del reports[: recent.over]
            recent.over = 0
        if recent.records > FLOOD_RECORDS:
            address = host_address(host)
            detail = f"{text(address)} sent {recent.records} change records within a second"
            self._ledger.add("D-17", self._link, mark, detail, host=address)
        self._forget_recent(mark.time_ns, _FORGOTTEN_AT_ONCE)


def _worth(reserved: Container[Host], key: tuple[Host, Address], _: _Change) -> int:
    return USEFUL if key[0] in reserved else USELESS


def _worth_of_recent(_: Container[Host], __: Host, recent: _Recent) -> int:
    return USEFUL if len(recent.reports) > 1 else USELESS
