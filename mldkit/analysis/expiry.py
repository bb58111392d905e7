"""The ends of memberships, told in time to who listens to a capture.

Folds take note of an expiry when they look at the membership next, which changes nothing but comes
late for a list of events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.events import membership_event

if TYPE_CHECKING:
    from mldkit.analysis.events import Listener
    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.memberships import Memberships

_MOST_AT_ONCE = 32
"""Stays that are looked at when a message comes: others wait for the next one."""


class Expiry:
    """What was told of the memberships of one link."""

    def __init__(self, link: LinkKey, memberships: Memberships, listener: Listener) -> None:
        self._link = link
        self._memberships = memberships
        self._listener = listener

    def tell(self, now_ns: int) -> None:
        """Tell of stays whose time is over, some at a time; they end when somebody looks next."""
        if self._listener is None:
            return
        for row in self._memberships.deadlines.take(now_ns, _MOST_AT_ONCE):
            row.is_told = True
            self._listener(membership_event("expire", self._link, row, row.deadline_ns))
