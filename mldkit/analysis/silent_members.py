"""Members that did not answer a General Query in time (D-07).

In the current versions every member answers, and tells when it leaves. In IGMPv2 and MLDv1 a
report of one member suppresses those of the others, and only who reported last must tell that it
leaves (RFC 2236 §3, RFC 2710 §4): the last reporter of a group is a member for sure, as long as it
did not leave, and silent where nobody reported the group after a query. IGMPv1 knows no leave: who
is silent may have gone.

A host that got another address is silent under the old one for ever: it is the same device that
reports the group since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.analysis.answer_windows import Silent
from mldkit.analysis.facts import host_address
from mldkit.analysis.limits import MOST_OPEN, SILENT
from mldkit.analysis.shelf import NEEDED, USELESS
from mldkit.analysis.vantage import LINK, ROUTER_PORT, Subject
from mldkit.model.addresses import is_flooded, text
from mldkit.model.family import IGMP
from mldkit.model.words import clock_text
from mldkit.wire.rules import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from mldkit.analysis.answer_windows import Exchange
    from mldkit.analysis.compatibility import Compatibility
    from mldkit.analysis.facts import Host
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.memberships import Memberships
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.analysis.stays import Row
    from mldkit.analysis.streams import Streams
    from mldkit.analysis.vantage import Vantage
    from mldkit.model.addresses import Address

_ROWS_PER_MESSAGE, _ROWS_AT_LEAST = 100, 1_000_000
"""Rows looked at for silent members: a flood of queries must not cost its square."""
_ROWS_PER_SILENT = 20
"""Telling of one costs as much as looking at so many rows."""
_ANSWERS_OTHERS = 1 << 20
"""That a host answers another querier says more than how often it is silent."""


class SilentMembers:
    """Who stays silent on one link, in one family.

    It has more methods than a class should, because each version of a protocol has a way of its own
    in which a member may be silent.
    """

    def __init__(self, room: LinkRoom, ledger: Ledger, vantage: Vantage, streams: Streams) -> None:
        self._link = room.key
        self._ledger = ledger
        self._vantage = vantage
        self.streams = streams
        """The data that came, by group and source."""
        self._awaiting: list[Exchange] = []
        """Exchanges that can only be answered late."""
        self._looked_at = 0
        """Rows so far."""
        self._silent: Table[Host, int] = room.table(SILENT, _worth)
        self._askers: set[Address] = set()
        self._heard_from: Table[Host, set[Address]] = room.table(SILENT, _worth, beside="heard")
        """Whose queries each host answers, from the second querier on."""
        self._last_reporters: Table[Address, Host] = room.table(SILENT, beside="reporter")
        """Who sent the last older report of each group, unless it left since."""

    def older_report(self, host: Host, group: Address) -> None:
        """Take in an older report."""
        self._last_reporters.keep(group, host)

    def leave(self, host: Host, group: Address) -> None:
        """Take in that a host leaves: whether others are left is open."""
        if self._last_reporters.get(group) == host:
            self._last_reporters.drop(group)

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
        asked_ns = exchange.first.time_ns
        room = self._looked_at <= _ROWS_AT_LEAST + _ROWS_PER_MESSAGE * messages
        if exchange.to_everybody and room and not exchange.is_too_large:
            if not compatibility.is_older(asked_ns):
                self._find(exchange, memberships)
            elif compatibility.mode(asked_ns) != self._link.family.current_version:
                self._find_lowered(exchange, memberships)
            self._find_older(exchange, memberships)
            self._looked_at += _ROWS_PER_SILENT * len(exchange.silent)
        self._awaiting.append(exchange)

    def conclude(self) -> list[Exchange]:
        """Give up late answers; return the exchanges of which nothing is awaited any more."""
        over = self.give_up()
        for exchange in over:
            self._tell(exchange)
        return over

    def give_up(self) -> list[Exchange]:
        """Await nothing any more; return the exchanges of which something was awaited."""
        over, self._awaiting = self._awaiting, []
        return over

    def _find(self, exchange: Exchange, memberships: Memberships) -> None:
        """Note the members that have not answered; one that did for some group is there."""
        begun_ns = None
        for row in self._unanswered(exchange, memberships):
            if begun_ns is None:
                begun_ns = _latest_stays(memberships, exchange.limit_ns)
                self._looked_at += len(begun_ns)
            # Linux reports nothing when an address changes: its next answers have the new one.
            if begun_ns.get((row.mac, row.group), 0) <= row.last_ns:
                self._note(exchange, row)

    def _find_lowered(self, exchange: Exchange, memberships: Memberships) -> None:
        """Note members that answered nobody since an older query lowered them.

        Linux tells nobody that it leaves before it reported in the older version
        (net/ipv4/igmp.c:igmp_group_dropped).
        """
        latest_ns: dict[Address, int] = {}
        for row in memberships.rows():
            if row.deadline_ns >= exchange.limit_ns:
                latest_ns[row.group] = max(row.last_ns, latest_ns.get(row.group, 0))
        for row in self._unanswered(exchange, memberships):
            if row.last_ns == latest_ns[row.group] and row.group not in self._last_reporters:
                self._note(exchange, row, "it left without a word, or is silent")

    def _find_older(self, exchange: Exchange, memberships: Memberships) -> None:
        """Note the last reporters, in an older version, of groups that nobody reported since."""
        begun_ns = exchange.first.time_ns
        current = self._link.family.current_version
        for group, host in list(self._last_reporters.items()):
            members = memberships.groups.get(group, {})
            row = members.get(host)
            if row is None:
                self._last_reporters.drop(group)
                continue
            self._looked_at += len(members)
            if (
                row.version != current
                and row.last_ns < begun_ns
                and self._is_unanswered(exchange, row)
                and not any(
                    other.last_ns >= row.last_ns and other.deadline_ns >= exchange.limit_ns
                    for other in members.values()
                    if other is not row
                )
            ):
                self._note(exchange, row, self._doubt(row, begun_ns))

    def _doubt(self, row: Row, asked_ns: int) -> str:
        """Return why a silent last reporter may be none of the members, or none that is unheard.

        A snooping switch sends older reports to routers only, once it knows one: what came here at
        first need not come any more. Where the data of the group come, so would the reports that
        they are sent for.
        """
        if self._link.family is IGMP and row.version == 1:
            return "it left, which IGMPv1 does not tell, or is silent"
        if self._vantage.place == ROUTER_PORT:
            return "it is silent, or the switch held its report back"
        if is_flooded(row.group):
            return "this group is flooded, whoever is member"
        sees_all = self._vantage.is_said and self._vantage.place == LINK
        if not sees_all and not self._has_data(row.group, asked_ns):
            return "it is silent, or a switch does not let its reports come here any more"
        return ""

    def _has_data(self, group: Address, since_ns: int) -> bool:
        self._looked_at += len(self.streams)
        return any(
            to == group and stream.last_ns > since_ns for (to, _), stream in self.streams.items()
        )

    def _unanswered(self, exchange: Exchange, memberships: Memberships) -> Iterator[Row]:
        """Give the stays in the current version of hosts that answered nothing."""
        current = self._link.family.current_version
        self._looked_at += sum(map(len, memberships.groups.values()))
        answered = exchange.answered
        for row in memberships.rows():
            # Nearly everybody answers.
            if row.host in answered or row.version != current:
                continue
            if self._is_unanswered(exchange, row):
                yield row

    @staticmethod
    def _is_unanswered(exchange: Exchange, row: Row) -> bool:
        """Return whether a host could have answered for a stay and has not, for any of its own.

        A querier that is a member too does not hear itself: the Linux bridge joins the group of
        router discovery, and its own IPv4 stack drops what comes from its own address.
        """
        if row.host in exchange.answered or row.host in exchange.askers:
            return False
        return row.from_ns < exchange.first.time_ns and row.deadline_ns >= exchange.limit_ns

    @staticmethod
    def _note(exchange: Exchange, row: Row, doubt: str = "") -> None:
        before = exchange.silent.get(row.host)
        station = row.mac or row.host
        if before is None:
            exchange.silent[row.host] = Silent(row.group, row.last_ns, station, doubt)
            return
        group = row.group if before.doubt and not doubt else before.group
        last_ns = max(before.last_ns, row.last_ns)
        exchange.silent[row.host] = Silent(group, last_ns, station, before.doubt and doubt)

    def _tell(self, exchange: Exchange) -> None:
        """D-07; a late answer is an answer."""
        if len(self._askers) <= MOST_OPEN:
            self._askers |= exchange.askers
        for host in exchange.answered if self._silent else ():
            self._silent.drop(host)
        if 1 < len(self._askers) <= MOST_OPEN:
            for host in exchange.answered:
                heard_from = self._heard_from.get(host)
                if heard_from is None:
                    heard_from = self._heard_from.keep(host, set())
                heard_from.update(exchange.askers)
        for host, silent in exchange.silent.items():
            if host not in exchange.answered:
                self._tell_one(exchange, host, silent)

    def _tell_one(self, exchange: Exchange, host: Host, silent: Silent) -> None:
        times = self._silent.keep(host, self._silent.get(host, 0) + 1)
        address = host_address(host)
        self._vantage.silent(silent.station, address)
        detail = f"{text(address)} is member of {text(silent.group)} and did not answer"
        severity = INFO if silent.doubt else WARNING
        if times >= exchange.robustness:
            severity = INFO if silent.doubt else ERROR
            detail += f" {times} General Queries in a row"
        others = self._heard_from.get(host, set()) - exchange.askers
        if others:
            asked, answered = _listed(exchange.askers), _listed(others)
            detail += f" when asked by {asked}, though it answers {answered}"
        if silent.doubt:
            detail += f": {silent.doubt}"
        # Who reports all the same is deaf; who is not heard any more may have gone.
        detail += f"; last heard at {clock_text(silent.last_ns)}"
        if severity != INFO:
            capture = exchange.first.capture
            about = Subject("D-07", self._link, capture, address, b"", silent.station)
            severity = self._vantage.grade(about, severity)
        self._ledger.add(
            "D-07", self._link, exchange.first, detail, host=address, severity=severity,
            weight=times + (_ANSWERS_OTHERS if others else 0),
        )  # fmt: skip


def _latest_stays(
    memberships: Memberships, until_ns: int
) -> dict[tuple[bytes | None, Address], int]:
    """Return since when each device is in each group under the address that it came with last.

    Only stays that last until then count: one that expired is there until somebody looks.
    """
    begun_ns: dict[tuple[bytes | None, Address], int] = {}
    for row in memberships.rows():
        if row.mac is not None and row.deadline_ns >= until_ns:
            key = row.mac, row.group
            begun_ns[key] = max(row.from_ns, begun_ns.get(key, 0))
    return begun_ns


def _listed(addresses: set[Address]) -> str:
    return " and ".join(map(text, sorted(addresses)))


def _worth(reserved: Container[Host], host: Host, _: object) -> int:
    return NEEDED if host in reserved else USELESS
