"""Senders that count though their header checksums are 0, as long as they are alone in that.

Where a second sender does so too, no card was to fill the field in: what the first one said is
taken back, and its remark becomes the error that it was (`mldkit.wire.header_sums`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.backlog import TELLING
from mldkit.analysis.limits import TRUSTED
from mldkit.wire.header_sums import NOT_FILLED_IN, RULE
from mldkit.wire.rules import ERROR, INFO

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from mldkit.analysis.backlog import Backlog
    from mldkit.analysis.facts import Host
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.memberships import Memberships
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.wire.validity import Finding


class Trust:
    """Who is trusted on one link and family."""

    def __init__(
        self,
        room: LinkRoom,
        ledger: Ledger,
        memberships: Memberships,
        captures: Collection[int],
        backlog: Backlog,
    ) -> None:
        """Take the captures that look at the link, and where long work waits."""
        self._link = room.key
        self._ledger = ledger
        self._memberships = memberships
        self._trusted: Table[Host, None] = room.table(TRUSTED)
        """Addresses of one sender, which may be many."""
        self._captures = captures
        self._backlog = backlog

    def take(self, found: Iterable[Finding], host: Host) -> None:
        """Take in a message that rules mind."""
        for rule, severity, detail in found:
            if rule != RULE:
                continue
            if severity == INFO:
                self._trusted.keep(host, None)
            elif severity == ERROR and detail == NOT_FILLED_IN.detail and self._trusted:
                self._backlog.add(self._take_back(frozenset(self._trusted), detail))
                self._trusted.empty()

    def _take_back(self, hosts: Collection[Host], detail: str) -> Iterator[int]:
        yield from self._memberships.disown(hosts)
        for host in hosts:
            for capture in self._captures:
                self._ledger.worsen(RULE, capture, self._link, host, detail)
            yield TELLING
