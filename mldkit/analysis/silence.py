"""How long nobody queries: the time without a General Query on one link.

::

    Q ------------- Q ---------------------------------- Q
                    |<------- silence ------------------>|
                    |<-- Other Querier Present -->|          from here on it is too long

Who looks at a link only for a time knows of no query before, so the time since the start counts.
A query that hosts must drop ends no silence, but it is a story of its own: somebody asks, and
nobody is told that nobody does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.addresses import is_flooded
from mldkit.model.units import SECOND
from mldkit.protocol.variables import Variables
from mldkit.wire.rules import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.model.addresses import Address

_MOST_SILENCES = 1000
_MOST_REMEMBERED = 100
"""Silences that a watch remembers."""
_GROUNDS = {
    INFO: "; no group is reported that switches prune",
    WARNING: "",
    ERROR: "; a switch snoops here, and forgets members that nobody asks for",
}


class Silence:
    """The times without a General Query on one link and family."""

    def __init__(self, link: LinkKey, ledger: Ledger, begun_ns: int) -> None:
        self._link = link
        self._ledger = ledger
        self.begun_ns = begun_ns
        """Since when somebody looks at the link without a break."""
        self.limit_ns = Variables().other_querier_ns
        """How long a link may be without a General Query."""
        self.last_general_ns: int | None = None
        self.times: list[tuple[int, int]] = []
        """Silences that were too long: from, to."""
        self.unseen: list[tuple[int, int]] = []
        """Times between captures, in which nobody looked: from, to."""
        self.dropped = 0
        """General Queries that hosts must drop."""
        self.is_snooped = False
        """Whether a snooping switch told of itself."""
        self._unasked_ns = begun_ns
        """Since when not even a query came that hosts must drop."""
        self._last_report_ns = -1
        self._has_pruned = False
        """Whether hosts reported groups that switches prune."""

    @property
    def since_ns(self) -> int:
        """Since when no General Query came."""
        return self.begun_ns if self.last_general_ns is None else self.last_general_ns

    @property
    def at_end(self) -> tuple[int, int] | None:
        """The silence, too long, in which the capture ends."""
        if self.times and self.times[-1][0] == self.since_ns:
            return self.times[-1]
        return None

    def query(self, mark: Mark) -> None:
        """Take in a General Query: the silence before it is over."""
        self.close(mark)
        self.last_general_ns = self._unasked_ns = mark.time_ns

    def drop(self, mark: Mark) -> None:
        """Take in a General Query that hosts must drop."""
        self._judge(mark)
        self.dropped += 1
        self._unasked_ns = mark.time_ns

    def report(self, mark: Mark, new_groups: Iterable[Address] = ()) -> None:
        """Take in that a host sent something, and groups that nobody was in before."""
        self._last_report_ns = mark.time_ns
        if new_groups and not self._has_pruned:
            self._has_pruned = not all(map(is_flooded, new_groups))
        unasked_ns = mark.time_ns - self._unasked_ns
        if unasked_ns > self.limit_ns:
            self._tell(mark, unasked_ns, is_seen=True)

    def close(self, mark: Mark) -> None:
        """Judge the time since the last General Query, now that it is over."""
        self._judge(mark)
        # A link of which a later capture has nothing may not be in it at all.
        has_proof = self._last_report_ns >= self.begun_ns or not self.unseen
        is_too_long = mark.time_ns - self.since_ns > self.limit_ns
        if is_too_long and has_proof and len(self.times) < _MOST_SILENCES:
            self.times.append((self.since_ns, mark.time_ns))

    def pause(self, mark: Mark, until_ns: int) -> None:
        """Take in that nobody looked from a time on."""
        self.close(mark)
        self.unseen.append((mark.time_ns, until_ns))
        self.begun_ns, self.last_general_ns = until_ns, None
        self._unasked_ns = until_ns

    def forget(self) -> None:
        """Keep only the last times of what happens again and again."""
        del self.times[:-_MOST_REMEMBERED]
        del self.unseen[:-_MOST_REMEMBERED]

    def _judge(self, mark: Mark) -> None:
        """Judge the time without any query, now that it is over."""
        unasked_ns = mark.time_ns - self._unasked_ns
        if unasked_ns <= self.limit_ns:
            return
        if self._last_report_ns - self._unasked_ns > self.limit_ns:
            severity = self._severity(is_seen=True)
            detail = self._detail(unasked_ns, severity)
            self._ledger.amend("D-01", self._link, detail, unasked_ns, severity)
        elif self._last_report_ns >= self.begun_ns:
            self._tell(mark, unasked_ns, is_seen=False)

    def _tell(self, mark: Mark, unasked_ns: int, *, is_seen: bool) -> None:
        """D-01, in the words of the longest silence."""
        severity = self._severity(is_seen=is_seen)
        detail = self._detail(unasked_ns, severity)
        self._ledger.add("D-01", self._link, mark, detail, severity=severity, weight=unasked_ns)

    def _severity(self, *, is_seen: bool) -> str:
        """Return how bad a silence is by what was heard, and whether reports came in it.

        A remark where switches flood whatever is reported, so that nothing can stop. A warning
        where they prune, or an error where one is known to. Where nothing came in the silence
        itself, it is not certain that somebody looked, so that no more than a warning is told.
        That a stream stopped or a member was forgotten only the end shows (`mldkit.analysis.harm`).
        """
        if not self._has_pruned:
            return INFO
        return ERROR if self.is_snooped and is_seen else WARNING

    def _detail(self, unasked_ns: int, severity: str) -> str:
        seconds = f"{unasked_ns / SECOND:.0f} s"
        if self.last_general_ns is None and not self.dropped:
            detail = f"no General Query in {seconds} of capture"
        else:
            detail = f"no General Query for {seconds}"
        return detail + _GROUNDS[severity]
