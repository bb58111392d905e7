"""How hosts answer: after how long, too early or too late, and who is kept from it.

Which query a report answers is said by `answer_windows`, who answers none by `silent_members`.
Answers that come after every window are late, up to the time at which the next query is due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.answer_windows import AnswerWindows
from mldkit.analysis.backlog import TELLING
from mldkit.analysis.facts import host_address
from mldkit.analysis.limits import EARLY
from mldkit.analysis.silent_members import SilentMembers
from mldkit.analysis.stays import in_pieces
from mldkit.analysis.vantage import Subject
from mldkit.model.addresses import text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.wire.rules import WARNING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.analysis.answer_windows import Asked, Specific
    from mldkit.analysis.backlog import Backlog
    from mldkit.analysis.compatibility import Compatibility
    from mldkit.analysis.delays import Delays
    from mldkit.analysis.facts import Host, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.memberships import Memberships
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.analysis.stays import Row
    from mldkit.analysis.streams import Streams
    from mldkit.analysis.vantage import Station, Vantage

_EARLY_NS = MILLISECOND
_EARLY_TIMES = 3


class Responses:
    """The answers on one link, in one family."""

    def __init__(
        self,
        room: LinkRoom,
        ledger: Ledger,
        delays: Delays,
        vantage: Vantage,
        streams: Streams,
        *,
        backlog: Backlog,
    ) -> None:
        """Take the data that came, and where searches wait that are too much for one message."""
        self._backlog = backlog
        self._room = room
        self._link = room.key
        self._ledger = ledger
        self._vantage = vantage
        self.delays = delays
        self.windows = AnswerWindows(room)
        self.silent = SilentMembers(room, ledger, vantage, streams, backlog)
        self._early: Table[Host, int] = room.table(EARLY)

    def resume(self) -> None:
        """Go on after a time in which nothing was heard: no query is open."""
        self.conclude()
        self._backlog.finish()
        self.windows.release()
        self.windows = AnswerWindows(self._room, self.windows.latest)
        self.silent = SilentMembers(
            self._room, self._ledger, self._vantage, self.silent.streams, self._backlog
        )
        self._early.empty()

    def release(self) -> None:
        """Let go of everything: the link makes room for another one."""
        self._backlog.finish()
        for exchange in self.silent.give_up():
            self.windows.conclude(exchange)
        self.windows.release()

    def conclude(self) -> None:
        """Give up late answers: the next General Query is here, or the end of the capture."""
        self._backlog.add(self._conclude())

    def _conclude(self) -> Iterator[int]:
        for exchange in self.silent.give_up():
            yield from self.silent.tell(exchange)
            self.windows.conclude(exchange)

    def report(
        self, host: Host, rows: Iterable[Row], version: int | None, mark: Mark
    ) -> int | None:
        """Take in the rows that a report refreshed; return the delay of the answer."""
        found: tuple[Asked, bool] | None = None
        older = version != self._link.family.current_version
        windows = self.windows
        latest = windows.latest
        specific = windows.specific
        unpaired: Row | None = None
        for row in rows:
            if row.answered == latest and row.group not in specific:
                continue
            pairing = windows.pair(host, row, mark.time_ns, older=older)
            if pairing is not None:
                row.delay_ns = mark.time_ns - pairing[0].time_ns
            if found is None:
                found, unpaired = pairing, row
        if unpaired is None:
            return None
        station, address = unpaired.mac or host, host_address(host)
        if found is not None and not found[1]:
            self._vantage.answered(station, address)
        elif not older and windows.is_unasked(host, mark.time_ns):
            missed = found is not None or windows.is_older(unpaired)
            self._vantage.unasked(station, address, mark, missed=missed)
        if found is None:
            return None
        asked, late = found
        delay_ns = mark.time_ns - asked.time_ns
        self.delays.add(delay_ns, late=late)
        if self.delays.trace is not None:
            self.delays.trace.delay(delay_ns, asked.response_ns)
        if late:
            self._tell_late(host, station, asked, delay_ns, mark)
        elif asked.early and delay_ns < _EARLY_NS:
            self._tell_early(host, mark)
        return delay_ns

    def advance(
        self, now_ns: int, memberships: Memberships, compatibility: Compatibility, messages: int
    ) -> None:
        """Close what can no longer be answered in time, and look who did not.

        To be called before each message; `messages` is the number of all so far.
        """
        windows = self.windows
        windows.advance(now_ns)
        for exchange in windows.closed:
            self.silent.close(exchange, memberships, compatibility, messages)
        windows.closed.clear()
        for specific in windows.expired:
            older = compatibility.is_older(specific.asked.time_ns)
            rows = len(memberships.groups.get(specific.group, ()))
            is_known = specific.older_reporter and not older and not specific.is_too_large
            if is_known and self._backlog.has_room(messages, rows):
                self._backlog.add(self._find_suppressed(specific, memberships))
            else:
                windows.conclude(specific)
        windows.expired.clear()

    def _tell_late(
        self, host: Host, station: Station, asked: Asked, delay_ns: int, mark: Mark
    ) -> None:
        """D-08, after the window."""
        address = host_address(host)
        limit_s = (asked.limit_ns - asked.time_ns) / SECOND
        detail = f"answered after {delay_ns / SECOND:.3f} s, the limit is {limit_s:.3f} s"
        about = Subject("D-08", self._link, mark.capture, address, b"", station)
        severity = self._vantage.grade(about, WARNING)
        self._ledger.add(
            "D-08", self._link, mark, detail, host=address, severity=severity, weight=delay_ns
        )

    def _tell_early(self, host: Host, mark: Mark) -> None:
        """D-08, without the random delay."""
        times = self._early.keep(host, self._early.get(host, 0) + 1)
        if times >= _EARLY_TIMES:
            detail = f"answered within 1 ms {times} times: no random delay"
            self._ledger.add("D-08", self._link, mark, detail, host=host_address(host))

    def _find_suppressed(self, specific: Specific, memberships: Memberships) -> Iterator[int]:
        """D-18, a task."""
        current = self._link.family.current_version
        group = specific.group
        asked_ns, limit_ns = specific.asked.time_ns, specific.asked.limit_ns
        for piece in in_pieces({group: memberships.groups.get(group, {})}):
            yield len(piece)
            for row in piece:
                was_member = row.from_ns < asked_ns and row.deadline_ns >= limit_ns
                if row.version != current or not was_member or row.host in specific.answered:
                    continue
                host = host_address(row.host)
                detail = (
                    f"{text(host)} did not answer for {text(group)} after the older report of"
                    f" {text(specific.older_reporter)}"
                )
                self._ledger.add("D-18", self._link, specific.mark, detail, host=host, group=group)
                yield TELLING
        self.windows.conclude(specific)
