"""Members that did not answer a General Query in time (D-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.facts import host_address
from mldkit.analysis.limits import MOST_OPEN
from mldkit.model.addresses import text
from mldkit.model.words import clock_text

if TYPE_CHECKING:
    from mldkit.analysis.answer_windows import Exchange
    from mldkit.analysis.compatibility import Compatibility
    from mldkit.analysis.facts import Host, LinkKey
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.memberships import Memberships
    from mldkit.model.addresses import Address

_ROWS_PER_MESSAGE, _ROWS_AT_LEAST = 100, 1_000_000
"""Rows looked at for silent members: a flood of queries must not cost its square."""
_ROWS_PER_SILENT = 20
"""Telling of one costs as much as looking at so many rows."""
_ANSWERS_OTHERS = 1 << 20
"""That a host answers another querier says more than how often it is silent."""


class SilentMembers:
    """Who stays silent on one link, in one family."""

    def __init__(self, link: LinkKey, ledger: Ledger) -> None:
        self._link = link
        self._ledger = ledger
        self._awaiting: list[Exchange] = []
        """Exchanges that can only be answered late."""
        self._looked_at = 0
        self._silent: dict[Host, int] = {}
        self._askers: set[Address] = set()
        self._heard_from: dict[Host, set[Address]] = {}
        """Whose queries each host answers, from the second querier on."""

    def close(
        self,
        exchange: Exchange,
        memberships: Memberships,
        compatibility: Compatibility,
        messages: int,
    ) -> None:
        """Look for members that answered nothing in time; late answers are waited for.

        `messages` is the number of all messages so far, which bounds the search.
        """
        older = compatibility.is_older(exchange.first.time_ns)
        is_judged = exchange.to_everybody and not older
        if is_judged and self._looked_at <= _ROWS_AT_LEAST + _ROWS_PER_MESSAGE * messages:
            self._find(exchange, memberships)
        self._awaiting.append(exchange)

    def conclude(self) -> None:
        """Give up late answers: the next General Query is here, or the end of the capture."""
        for exchange in self._awaiting:
            self._tell(exchange)
        self._awaiting.clear()

    def _find(self, exchange: Exchange, memberships: Memberships) -> None:
        """Note the members that have not answered; one that did for some group is there.

        A querier that is a member too does not hear itself: the Linux bridge joins the group of
        router discovery, and its own IPv4 stack drops what comes from its own address.
        """
        begun_ns = exchange.first.time_ns
        current = self._link.family.current_version
        self._looked_at += sum(map(len, memberships.groups.values()))
        for row in memberships.rows():
            host = row.host
            if host in exchange.answered or host in exchange.askers or row.version != current:
                continue
            if row.from_ns < begun_ns and row.deadline_ns >= exchange.limit_ns:
                group, last_ns = exchange.silent.get(host, (row.group, 0))
                exchange.silent[host] = group, max(last_ns, row.last_ns)
        self._looked_at += _ROWS_PER_SILENT * len(exchange.silent)

    def _tell(self, exchange: Exchange) -> None:
        """D-07; a late answer is an answer."""
        self._askers |= exchange.askers
        for host in exchange.answered:
            self._silent.pop(host, None)
        if 1 < len(self._askers) <= MOST_OPEN:
            for host in exchange.answered:
                self._heard_from.setdefault(host, set()).update(exchange.askers)
        for host, (group, last_ns) in exchange.silent.items():
            if host in exchange.answered:
                continue
            times = self._silent[host] = self._silent.get(host, 0) + 1
            detail = f"{text(host_address(host))} is member of {text(group)} and did not answer"
            severity = None
            if times >= exchange.robustness:
                severity = "error"
                detail += f" {times} General Queries in a row"
            others = self._heard_from.get(host, set()) - exchange.askers
            if others:
                asked, answered = _listed(exchange.askers), _listed(others)
                detail += f" when asked by {asked}, though it answers {answered}"
            # Who reports all the same is deaf; who is not heard any more may have gone.
            detail += f"; last heard at {clock_text(last_ns)}"
            self._ledger.add(
                "D-07", self._link, exchange.first, detail,
                host=host_address(host), severity=severity,
                weight=times + (_ANSWERS_OTHERS if others else 0),
            )  # fmt: skip


def _listed(addresses: set[Address]) -> str:
    return " and ".join(map(text, sorted(addresses)))
