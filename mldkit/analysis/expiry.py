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


class Expiry:
    """What was told of the memberships of one link."""

    def __init__(self, link: LinkKey, memberships: Memberships, listener: Listener) -> None:
        self._link = link
        self._memberships = memberships
        self._listener = listener
        self._until_ns = self._lifetime_ns = 0
        """Up to when no stay expires that was not told of, with that lifetime of later ones."""

    def tell(self, now_ns: int, lifetime_ns: int) -> None:
        """Tell of the stays whose time is over; they end when somebody looks at them next.

        A stay that begins or is reported from now on lives for `lifetime_ns`.
        """
        if self._listener is None or (
            now_ns <= self._until_ns and lifetime_ns == self._lifetime_ns
        ):
            return
        earliest_ns = now_ns + lifetime_ns
        over = []
        for row in self._memberships.rows():
            if row.deadline_ns >= now_ns:
                earliest_ns = min(earliest_ns, row.deadline_ns)
            elif not row.is_told:
                over.append(row)
        for row in sorted(over, key=lambda row: row.deadline_ns):
            row.is_told = True
            self._listener(membership_event("expire", self._link, row, row.deadline_ns))
        self._until_ns, self._lifetime_ns = earliest_ns, lifetime_ns
