"""Who queries a link: the acting querier, since when, and how often that changes.

The acting querier is the one with the lowest address that was heard within its Other Querier
Present interval, RV x QI + QRI / 2 (RFC 9776 §6.6.2, §8.5; RFC 9777 §7.6.2, §9.5). IGMP compares
whole addresses and lets 0.0.0.0, the address of snooping switches, win nothing; MLD compares
the low 64 bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mldkit.analysis.querier import Querier

CHANGES_ALLOWED = 2


class Acting:
    """The acting querier of one link and family, as everybody who hears all queries knows it."""

    def __init__(self) -> None:
        self.querier: Querier | None = None
        """The acting one, None while there is none."""
        self.changes: list[int] = []
        """When another one than before began to act."""
        self._since_ns = 0
        self._last: Querier | None = None
        """Who acted last, while nobody does."""

    def expiry_ns(self) -> int | None:
        """Return when the acting querier is given up unless it is heard again."""
        acting = self.querier
        return None if acting is None else acting.last_ns + acting.variables.other_querier_ns

    def takes_over(self, querier: Querier) -> bool:
        """Return whether a querier that asks now becomes the acting one."""
        acting = self.querier
        return acting is None or (querier is not acting and querier.rank() < acting.rank())

    def comes_back(self, querier: Querier) -> bool:
        """Return whether a known querier takes over: it starts anew, with quick queries."""
        if self.querier is None:
            return self._last is not querier
        return self.takes_over(querier)

    def begin(self, querier: Querier, now_ns: int) -> bool:
        """Let a querier act from now on; return whether that is another one than before."""
        self.end(now_ns)
        is_change = self._last is not None and self._last is not querier
        if is_change:
            self.changes = [*self.changes[-CHANGES_ALLOWED:], now_ns]
        self.querier, self._since_ns = querier, now_ns
        querier.is_acting = True
        return is_change

    def end(self, now_ns: int) -> None:
        """Let nobody act from now on."""
        if self.querier is not None:
            self.querier.acted(self._since_ns, now_ns)
            self._last, self.querier = self.querier, None

    def forget(self) -> None:
        """Take in that nobody looked: who acts next is no change."""
        self._last = None

    def finish(self, now_ns: int) -> None:
        """Close the time of the acting querier at the end of the capture."""
        if self.querier is not None:
            self.querier.acted(self._since_ns, now_ns)
