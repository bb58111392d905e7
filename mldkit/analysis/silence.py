"""How long nobody queries: the time without a General Query on one link.

::

    Q ------------- Q ---------------------------------- Q
                    |<------- silence ------------------>|
                    |<-- Other Querier Present -->|          from here on it is too long

Who looks at a link only for a time knows of no query before, so the time since the start counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.units import SECOND
from mldkit.protocol.variables import Variables

if TYPE_CHECKING:
    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.analysis.ledger import Ledger

_MOST_SILENCES = 1000
_MOST_REMEMBERED = 100
"""Silences that a watch remembers."""


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
        self._too_long_ns = begun_ns + self.limit_ns
        self._reports = 0
        self._is_told = False

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
        self.last_general_ns = mark.time_ns

    def allow(self, limit_ns: int) -> None:
        """Take in how long the querier may be silent after its last query."""
        self.limit_ns = limit_ns
        self._too_long_ns = self.since_ns + limit_ns

    def report(self, mark: Mark) -> None:
        """Take in that a host sent something: without a querier that is a finding."""
        self._reports += 1
        if mark.time_ns > self._too_long_ns:
            self._tell(mark, mark.time_ns - self.since_ns)

    def close(self, mark: Mark) -> None:
        """Judge the time since the last General Query, now that it is over."""
        silence_ns = mark.time_ns - self.since_ns
        if silence_ns > self.limit_ns:
            # A link of which a later capture has nothing may not be in it at all.
            has_proof = self._reports or not self.unseen
            if has_proof and len(self.times) < _MOST_SILENCES:
                self.times.append((self.since_ns, mark.time_ns))
            if self._is_told:
                self._ledger.amend("D-01", self._link, self._text(silence_ns), silence_ns)
            elif self._reports:
                self._tell(mark, silence_ns)
        self._is_told = False

    def pause(self, mark: Mark, until_ns: int) -> None:
        """Take in that nobody looked from a time on."""
        self.close(mark)
        self.unseen.append((mark.time_ns, until_ns))
        self.begun_ns, self.last_general_ns = until_ns, None
        self._too_long_ns = until_ns + self.limit_ns
        self._reports = 0

    def forget(self) -> None:
        """Keep only the last times of what happens again and again."""
        del self.times[:-_MOST_REMEMBERED]
        del self.unseen[:-_MOST_REMEMBERED]

    def _tell(self, mark: Mark, silence_ns: int) -> None:
        """D-01, in the words of the longest silence."""
        self._is_told = True
        detail = self._text(silence_ns)
        self._ledger.add("D-01", self._link, mark, detail, weight=silence_ns)

    def _text(self, silence_ns: int) -> str:
        seconds = f"{silence_ns / SECOND:.0f} s"
        if self.last_general_ns is None:
            return f"no General Query in {seconds} of capture"
        return f"no General Query for {seconds}"
