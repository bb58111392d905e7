"""Which version the querier lets the hosts speak, and who does not keep to it.

An older General Query lowers all hosts of the link for a time: in IGMP RV x QI + QRI (RFC 3376)
or RV x QI + 10 x Max Resp Time with default RV and QI (RFC 9776 §8.12); in MLD RV x QI + QRI
(RFC 9777 §9.12). Nobody is blamed unless all of these formulas agree.

An older query for one group lowers nobody by the RFCs (RFC 9776 §7.2.1, RFC 9777 §8.2.1), but
Linux goes by any older query (net/ipv4/igmp.c:igmp_heard_query, net/ipv6/mcast.c:mld_process_v1).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from mldkit.analysis.limits import OLDER_QUERIERS
from mldkit.model.addresses import text
from mldkit.model.family import DEFAULT_QUERY_INTERVAL_NS, DEFAULT_ROBUSTNESS, IGMP
from mldkit.model.units import SECOND
from mldkit.protocol.exchange import late_limit_ns
from mldkit.protocol.variables import Variables, variables_of
from mldkit.wire.rules import INFO, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.facts import Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.analysis.stays import Row
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Query

_MOST_KEPT = 100
_DEFAULT_NS = DEFAULT_ROBUSTNESS * DEFAULT_QUERY_INTERVAL_NS


class Compatibility:
    """The older-querier timers of one link and family."""

    def __init__(self, room: LinkRoom, ledger: Ledger) -> None:
        self._link = room.key
        self._ledger = ledger
        self._certain: dict[int, int] = {}
        """Until when every formula holds an older version."""
        self._possible_ns = -1
        """Until when some formula holds an older version."""
        self._announced = Variables()
        self._grace_ns = -1
        self._answers_until_ns = -1
        self.older_queriers: Table[Address, tuple[int, Mark]] = room.table(OLDER_QUERIERS)
        """Version and first query of each older querier."""
        self.older_group_queriers: Table[Address, tuple[int, Mark]] = room.table(
            OLDER_QUERIERS, beside="group"
        )
        """Those that asked for single groups in an older version."""
        self._current_until_ns = -1
        """Until when a querier of the current version is there."""

    def query(self, query: Query, source: Address, mark: Mark, *, to_everybody: bool) -> None:
        """Take in an accepted General Query; one to a single host lowers nobody else for sure."""
        now_ns = mark.time_ns
        before = self.mode(now_ns)
        self._answers_until_ns = max(self._answers_until_ns, now_ns + late_limit_ns(query))
        version = query.version or 0
        if version == self._link.family.current_version:
            self._announced = variables_of(query)
            self._current_until_ns = now_ns + self._announced.other_querier_ns
            return
        if source not in self.older_queriers:
            self.older_queriers.keep(source, (version, mark))
        periods = self._periods(query)
        if to_everybody:
            self._certain[version] = now_ns + min(periods)
        self._possible_ns = max(self._possible_ns, now_ns + max(periods))
        if self.mode(now_ns) < before:
            # Linux still sends the answer that it owes in the version it was asked in.
            self._grace_ns = self._answers_until_ns

    def group_query(
        self, query: Query, source: Address, members: Iterable[Row], mark: Mark
    ) -> None:
        """D-39: an accepted query for one group, older than the General Queries.

        It reaches the members of the group. A warning where one of them speaks the current
        version and may lose its source filters; a remark where none is known to.
        """
        version, now_ns = query.version or 0, mark.time_ns
        current = self._link.family.current_version
        if version == current:
            return
        if source not in self.older_group_queriers:
            self.older_group_queriers.keep(source, (version, mark))
        self._possible_ns = max(self._possible_ns, now_ns + max(self._periods(query)))
        if now_ns > self._current_until_ns or self.mode(now_ns) <= version:
            return
        name = self._link.family.name.upper()
        harms = any(row.version == current for row in islice(members, _MOST_KEPT))
        detail = (
            f"{text(source)} asks for {text(query.group)} in {name}v{version}, General Queries are"
            f" {name}v{current}: Linux hosts that hear it fall back to {name}v{version} in all"
            f" groups{'' if harms else '; no member of this one is known to speak a newer version'}"
        )
        severity = WARNING if harms else INFO
        self._ledger.add("D-39", self._link, mark, detail, host=source, severity=severity)

    def _periods(self, query: Query) -> list[int]:
        """Return for how long an older query holds, by each formula.

        It announces nothing: hosts go by what they were told last.
        """
        announced = self._announced
        response_ns = min(announced.response_ns, query.max_response_ns)
        periods = [announced.robustness * announced.interval_ns + response_ns]
        if self._link.family is IGMP:
            periods.append(_DEFAULT_NS + 10 * query.max_response_ns)
        return periods

    def resume(self) -> None:
        """Go on after a time in which nothing was heard: no timer is certain."""
        self._certain = {}
        self._announced = Variables()
        self._possible_ns = self._grace_ns = -1
        self._answers_until_ns = self._current_until_ns = -1

    def mode(self, now_ns: int) -> int:
        """Return the version that hosts must speak by every formula."""
        held = [version for version, until_ns in self._certain.items() if until_ns >= now_ns]
        return min(held, default=self._link.family.current_version)

    def is_older(self, now_ns: int) -> bool:
        """Return whether hosts may be in an older mode."""
        return self._possible_ns >= now_ns

    def report(self, version: int | None, source: Address, mark: Mark) -> None:
        """Take in an accepted report; a querier that is a member too does not hear itself."""
        now_ns = mark.time_ns
        if not self._certain or version is None or now_ns <= self._grace_ns:
            return
        if source in self.older_queriers:
            return
        mode = self.mode(now_ns)
        if version > mode:
            left_s = (self._certain[mode] - now_ns) / SECOND
            detail = (
                f"{text(source)} reports in version {version} where version {mode}"
                f" holds for another {left_s:.0f} s"
            )
            self._ledger.add("D-09", self._link, mark, detail, host=source)
