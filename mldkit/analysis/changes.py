"""State changes: are they repeated as the robustness variable asks, and are they too many.

Every change is sent RV times, the repeats at random within 1 s of the one before (RFC 9776 §5.1,
§8.11). Another change in between mixes with the repeats (Linux sends both in one report), so
only changes that a host made by itself are counted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.analysis.facts import MARGIN_NS, UNSOLICITED_INTERVAL_NS, host_address
from mldkit.model.addresses import text
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from mldkit.analysis.facts import Host, LinkKey, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.model.messages import GroupRecord

FLOOD_RECORDS = 1000
_LATEST_REPEAT_NS = UNSOLICITED_INTERVAL_NS * 1127 // 1000 + MARGIN_NS
_FORGOTTEN_NS = 3 * UNSOLICITED_INTERVAL_NS


@dataclass(slots=True)
class _Host:
    """What one host changed last."""

    records: tuple[GroupRecord, ...] = ()
    mark: Mark | None = None
    last_ns: int = 0
    times: int = 0
    mixed: bool = False
    recent: deque[tuple[int, int]] = field(default_factory=deque)
    """Time and number of records of the reports within the last second."""
    in_recent: int = 0


class Changes:
    """The state-change reports of one link and family."""

    def __init__(self, link: LinkKey, ledger: Ledger, begun_ns: int) -> None:
        self._link = link
        self._begun_ns = begun_ns
        self._ledger = ledger
        self._hosts: dict[Host, _Host] = {}

    def report(
        self,
        host: Host,
        records: tuple[GroupRecord, ...],
        count: int,
        robustness: int,
        mark: Mark,
    ) -> None:
        """Take in an accepted report with `count` state-change records among its records."""
        known = self._hosts.get(host)
        if known is None:
            known = self._hosts[host] = _Host()
        self._count_flood(host, known, count, mark)
        since_ns = mark.time_ns - known.last_ns
        if known.times and since_ns > _FORGOTTEN_NS:
            self._judge(host, known, robustness)
        if known.times and known.records == records and count == len(records):
            known.times += 1
            if since_ns > _LATEST_REPEAT_NS and not known.mixed:
                detail = f"repeated after {since_ns / SECOND:.3f} s instead of within 1 s"
                self._tell(host, detail, mark)
        else:
            # A change while another is being repeated: the two mix from here on.
            # The first sending of a change may lie before the start of the capture.
            known.mixed = (
                0 < known.times < robustness
                or count != len(records)
                or mark.time_ns - self._begun_ns < _LATEST_REPEAT_NS
            )
            known.records, known.mark, known.times = records, mark, 1
        known.last_ns = mark.time_ns

    def interrupt(self, now_ns: int) -> None:
        """Take in that hosts change their version, which ends their repeats (RFC 9776 §7.2.1)."""
        for known in self._hosts.values():
            known.mixed |= now_ns - known.last_ns <= _FORGOTTEN_NS

    def resumed(self, paused_ns: int, until_ns: int, robustness: int) -> Changes:
        """Return what goes on after a time in which nothing was heard: repeats were missed."""
        self.poll(paused_ns, robustness)
        return Changes(self._link, self._ledger, until_ns)

    def poll(self, now_ns: int, robustness: int) -> None:
        """Judge the changes of which no repeat can come any more."""
        over = [
            (host, known)
            for host, known in self._hosts.items()
            if now_ns - known.last_ns > _FORGOTTEN_NS
        ]
        for host, known in over:
            if known.times:
                self._judge(host, known, robustness)
            del self._hosts[host]

    def _judge(self, host: Host, known: _Host, robustness: int) -> None:
        """D-10."""
        if known.times != robustness and not known.mixed and known.mark is not None:
            times = "once" if known.times == 1 else f"{known.times} times"
            detail = f"{known.records[0]} was sent {times}, robustness is {robustness}"
            self._tell(host, detail, known.mark)
        known.times, known.records, known.mixed = 0, (), False

    def _tell(self, host: Host, detail: str, mark: Mark) -> None:
        address = host_address(host)
        self._ledger.add("D-10", self._link, mark, f"{text(address)}: {detail}", host=address)

    def _count_flood(self, host: Host, known: _Host, count: int, mark: Mark) -> None:
        """D-17."""
        recent = known.recent
        recent.append((mark.time_ns, count))
        known.in_recent += count
        while recent[0][0] <= mark.time_ns - SECOND:
            known.in_recent -= recent.popleft()[1]
        if known.in_recent > FLOOD_RECORDS:
            address = host_address(host)
            detail = f"{text(address)} sent {known.in_recent} change records within a second"
            self._ledger.add("D-17", self._link, mark, detail, host=address)
