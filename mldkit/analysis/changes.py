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
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.analysis.facts import (
    REPEATED_NS,
    UNSOLICITED_INTERVAL_NS,
    host_address,
)
from mldkit.analysis.limits import CHANGED, MOST_CHANGED
from mldkit.model.addresses import text
from mldkit.model.messages import RecordType
from mldkit.model.units import SECOND
from mldkit.protocol.exchange import latest_ns

if TYPE_CHECKING:
    from mldkit.analysis.facts import Host, LinkKey, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.model.addresses import Address
    from mldkit.model.messages import GroupRecord

FLOOD_RECORDS = 1000
_LATEST_REPEAT_NS = latest_ns(UNSOLICITED_INTERVAL_NS)
_COMPLETE_NS = 3 * UNSOLICITED_INTERVAL_NS
"""What was sent as often as it should be, and comes again later than that, is told anew."""
_FIRST_CHANGE = RecordType.TO_IN
_MOST_AT_ONCE = 64
"""Changes that are judged when a report comes: others wait for the next one."""
_STALE_AT_ONCE = 2
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

    reports: deque[tuple[int, int]] = field(default_factory=deque)
    """Time and number of change records of each report."""
    records: int = 0


class Changes:
    """The state-change reports of one link and family."""

    def __init__(self, link: LinkKey, ledger: Ledger, begun_ns: int) -> None:
        self._link = link
        self._begun_ns = begun_ns
        self._ledger = ledger
        self._pending: OrderedDict[tuple[Host, Address], _Change] = OrderedDict()
        """Changes that may still be repeated; first the one that was told longest ago."""
        self._recent: OrderedDict[Host, _Recent] = OrderedDict()
        """First the host that told a change longest ago."""
        self._swept_ns = begun_ns
        self._is_behind = False
        """Whether there was more to judge than is judged at once."""
        self._interrupted: list[int] = []
        """When hosts changed their version, as far as that can matter to what is pending."""
        self._before = 0
        """How many such times came before those."""
        self._is_told_since = False
        """Whether a change was told since the last of them."""
        self.left_out: Counter[str] = Counter()
        """What found no room: words of `limits`."""

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
            self._sweep(mark.time_ns, _MOST_AT_ONCE)
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

    def resumed(self, paused_ns: int, until_ns: int) -> Changes:
        """Return what goes on after a time in which nothing was heard: repeats were missed."""
        self.poll(paused_ns)
        after = Changes(self._link, self._ledger, until_ns)
        after.left_out = self.left_out
        return after

    def poll(self, now_ns: int) -> None:
        """Judge the changes of which no repeat can come any more."""
        self._sweep(now_ns, len(self._pending))
        self._forget_recent(now_ns, len(self._recent))

    def _sweep(self, now_ns: int, most: int) -> None:
        """Judge some of the changes of which no repeat can come any more."""
        pending = self._pending
        self._swept_ns = now_ns
        self._is_behind = False
        for _ in range(most):
            (host, group), change = next(iter(pending.items()), ((b"", b""), None))
            if change is None or now_ns - change.last_ns <= REPEATED_NS:
                break
            del pending[host, group]
            self._judge(host, change)
        else:
            self._is_behind = bool(pending)
        self._forget_interrupted()

    def _forget_interrupted(self) -> None:
        """Let go of the times that are older than all that is pending."""
        oldest = next(iter(self._pending.values()), None)
        times = self._interrupted
        over = len(times) if oldest is None else bisect_left(times, oldest.last_ns)
        del times[:over]
        self._before += over

    def _forget_recent(self, now_ns: int, most: int) -> None:
        """Let go of some hosts that told nothing within the last second."""
        for _ in range(most):
            host, recent = next(iter(self._recent.items()), (b"", None))
            if recent is None or now_ns - recent.reports[-1][0] <= SECOND:
                return
            del self._recent[host]

    def finish(self, now_ns: int) -> None:
        """Judge what should have been repeated before the end of the capture."""
        for (host, _), change in self._pending.items():
            since_ns = now_ns - change.last_ns
            if since_ns > _COMPLETE_NS:
                self._judge(host, change, f" in the {since_ns / SECOND:.1f} s after it")
        self._pending.clear()

    def _take(self, host: Host, record: GroupRecord, robustness: int, mark: Mark) -> None:
        key = host, record.group
        change = self._pending.get(key)
        if change is None:
            if len(self._pending) >= MOST_CHANGED:
                self.left_out[CHANGED] += 1
                return
        else:
            since_ns = mark.time_ns - change.last_ns
            self._look_for_interruption(change)
            is_same = change.record == record and since_ns <= REPEATED_NS
            if is_same and (since_ns <= _COMPLETE_NS or change.times < change.wanted):
                change.times += 1
                change.last_ns = mark.time_ns
                change.seen = self._before + len(self._interrupted)
                self._is_told_since = True
                self._pending.move_to_end(key)
                if since_ns > _LATEST_REPEAT_NS and not self._is_told(host, mark):
                    detail = f"{record} was repeated after {since_ns / SECOND:.1f} s"
                    self._tell(host, f"{detail} instead of within 1 s", mark)
                return
            # Another change of the group: the repeats of this one end with it.
            if since_ns > _COMPLETE_NS:
                self._judge(host, change)
        self._pending[key] = _Change(
            record,
            mark,
            mark.time_ns,
            robustness,
            # The first sending of a change may lie before the start of the capture.
            # One that is over was judged by itself, whenever somebody looked.
            is_mixed=(
                change is not None
                and mark.time_ns - change.last_ns <= REPEATED_NS
                and change.times < change.wanted
            )
            or mark.time_ns - self._begun_ns < _LATEST_REPEAT_NS,
            seen=self._before + len(self._interrupted),
        )
        self._pending.move_to_end(key)
        self._is_told_since = True

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
            recent = self._recent[host] = _Recent()
        else:
            self._recent.move_to_end(host)
        reports = recent.reports
        if len(reports) < _MOST_RECENT:
            reports.append((mark.time_ns, count))
        else:
            reports[-1] = reports[-1][0], reports[-1][1] + count
        recent.records += count
        while reports[0][0] <= mark.time_ns - SECOND:
            recent.records -= reports.popleft()[1]
        if recent.records > FLOOD_RECORDS:
            address = host_address(host)
            detail = f"{text(address)} sent {recent.records} change records within a second"
            self._ledger.add("D-17", self._link, mark, detail, host=address)
        self._forget_recent(mark.time_ns, _STALE_AT_ONCE)
