"""Senders that count though their header checksums are 0, as long as they are alone in that.

Where a second sender does so too, no card was to fill the field in: what the first one said is
taken back, and its remark becomes the error that it was (`mldkit.wire.header_sums`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.backlog import TELLING
from mldkit.wire.header_sums import NOT_FILLED_IN, RULE
from mldkit.wire.rules import ERROR, INFO

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from mldkit.analysis.backlog import Backlog
    from mldkit.analysis.facts import Host, LinkKey
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.memberships import Memberships
    from mldkit.wire.validity import Finding


class Trust:
    """Who is trusted on one link and family."""

    def __init__(
        self,
        link: LinkKey,
        ledger: Ledger,
        memberships: Memberships,
        captures: Collection[int],
        backlog: Backlog,
    ) -> None:
        """Take the captures that look at the link, and where long work waits."""
        self._link = link
        self._ledger = ledger
        self._memberships = memberships
        self._captures = captures
        self._backlog = backlog
        self._trusted: set[Host] = set()
        """Addresses of one sender, which may be many."""

    def take(self, found: Iterable[Finding], host: Host) -> None:
        """Take in a message that rules mind."""
        for rule, severity, detail in found:
            if rule != RULE:
                continue
            if severity == INFO:
                self._trusted.add(host)
            elif severity == ERROR and detail == NOT_FILLED_IN.detail and self._trusted:
                self._backlog.add(self._take_back(self._trusted, detail))
                self._trusted = set()

    def _take_back(self, hosts: set[Host], detail: str) -> Iterator[int]:
        yield from self._memberships.disown(hosts)
        for host in hosts:
            for capture in self._captures:
                self._ledger.worsen(RULE, capture, self._link, host, detail)
            yield TELLING
