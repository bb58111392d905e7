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
from mldkit.analysis.backlog import TELLING
from mldkit.analysis.facts import host_address
from mldkit.analysis.limits import MOST_OPEN, SILENT
from mldkit.analysis.shelf import NEEDED, USELESS
from mldkit.analysis.stays import in_pieces
from mldkit.analysis.vantage import LINK, ROUTER_PORT, Subject
from mldkit.model.addresses import is_flooded, text
from mldkit.model.family import IGMP
from mldkit.model.words import clock_text, counted
from mldkit.wire.rules import ERROR, INFO, WARNING

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator

    from mldkit.analysis.answer_windows import Exchange
    from mldkit.analysis.backlog import Backlog
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

_MOST_NAMED = 8
_PIECE = 256
"""Hosts that are gone through at a time."""
_ANSWERS_OTHERS = 1 << 20
"""That a host answers another querier says more than how often it is silent."""


class SilentMembers:
    """Who stays silent on one link, in one family.

    It has more methods than a class should, because each version of a protocol has a way of its own
    in which a member may be silent.
    """

    def __init__(
        self,
        room: LinkRoom,
        ledger: Ledger,
        vantage: Vantage,
        streams: Streams,
        backlog: Backlog,
    ) -> None:
        """Take where searches wait that are too much for one message."""
        self._link = room.key
        self._ledger = ledger
        self._vantage = vantage
        self._backlog = backlog
        self.streams = streams
        """The data that came, by group and source."""
        self._awaiting: list[Exchange] = []
        """Exchanges that can only be answered late."""
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
        current = self._link.family.current_version
        is_known = exchange.to_everybody and not exchange.is_too_large
        if is_known and self._backlog.has_room(messages, memberships.lasting):
            if not compatibility.is_older(asked_ns):
                self._backlog.add(self._find(exchange, memberships))
            elif compatibility.mode(asked_ns) != current:
                self._backlog.add(self._find_lowered(exchange, memberships))
            if self._last_reporters:
                self._backlog.add(self._find_older(exchange, memberships))
        self._backlog.add(self._await(exchange))

    def give_up(self) -> list[Exchange]:
        """Await nothing any more; return the exchanges of which something was awaited."""
        over, self._awaiting = self._awaiting, []
        return over

    def _await(self, exchange: Exchange) -> Iterator[int]:
        """Wait for late answers, now that it is known who did not answer in time."""
        self._awaiting.append(exchange)
        yield 1

    def _find(self, exchange: Exchange, memberships: Memberships) -> Iterator[int]:
        """Note the members that have not answered; one that did for some group is there."""
        silent: list[Row] = []
        for piece in in_pieces(memberships.groups):
            silent += self._unanswered(exchange, piece)
            yield len(piece)
        if not silent:
            return
        begun_ns: dict[tuple[bytes | None, Address], int] = {}
        for piece in in_pieces(memberships.groups):
            _note_latest_stays(piece, exchange.limit_ns, begun_ns)
            yield len(piece)
        for row in silent:
            # Linux reports nothing when an address changes: its next answers have the new one.
            if begun_ns.get((row.mac, row.group), 0) <= row.last_ns:
                self._note(exchange, row)
            yield 2

    def _find_lowered(self, exchange: Exchange, memberships: Memberships) -> Iterator[int]:
        """Note members that answered nobody since an older query lowered them.

        Linux tells nobody that it leaves before it reported in the older version
        (net/ipv4/igmp.c:igmp_group_dropped).
        """
        latest_ns: dict[Address, int] = {}
        for piece in in_pieces(memberships.groups):
            for row in piece:
                if row.deadline_ns >= exchange.limit_ns:
                    latest_ns[row.group] = max(row.last_ns, latest_ns.get(row.group, 0))
            yield len(piece)
        for piece in in_pieces(memberships.groups):
            for row in self._unanswered(exchange, piece):
                is_latest = row.last_ns >= latest_ns.get(row.group, 0)
                if is_latest and row.group not in self._last_reporters:
                    self._note(exchange, row, "it left without a word, or is silent")
            yield len(piece)

    def _find_older(self, exchange: Exchange, memberships: Memberships) -> Iterator[int]:
        """Note the last reporters, in an older version, of groups that nobody reported since."""
        begun_ns = exchange.first.time_ns
        current = self._link.family.current_version
        for group, host in list(self._last_reporters.items()):
            yield 1
            row = memberships.groups.get(group, {}).get(host)
            if row is None:
                if self._last_reporters.get(group) == host:
                    self._last_reporters.drop(group)
                continue
            if (
                row.version == current
                or row.last_ns >= begun_ns
                or not self._is_unanswered(exchange, row)
            ):
                continue
            for piece in in_pieces({group: memberships.groups[group]}):
                yield len(piece)
                if any(
                    other.last_ns >= row.last_ns and other.deadline_ns >= exchange.limit_ns
                    for other in piece
                    if other is not row
                ):
                    break
            else:
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
        return any(stream.last_ns > since_ns for stream in self.streams.to(group))

    def _unanswered(self, exchange: Exchange, rows: Iterable[Row]) -> Iterator[Row]:
        """Give the stays in the current version of hosts that answered nothing."""
        current = self._link.family.current_version
        answered = exchange.answered
        for row in rows:
            # Nearly everybody answers.
            if row.host in answered or row.version != current or row.ended_by:
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

    def tell(self, exchange: Exchange) -> Iterator[int]:
        """D-07, a task; a late answer is an answer."""
        if len(self._askers) <= MOST_OPEN:
            self._askers |= exchange.askers
        yield from self._take_answers(exchange)
        for host, silent in list(exchange.silent.items()):
            if host not in exchange.answered:
                self._tell_one(exchange, host, silent)
                yield TELLING

    def _take_answers(self, exchange: Exchange) -> Iterator[int]:
        """Take in who answered, and whose queries."""
        answered = exchange.answered
        # Mostly nobody is silent, and everybody answers.
        fewer = list(self._silent if len(self._silent) < len(answered) else answered)
        for first in range(0, len(fewer), _PIECE):
            for host in fewer[first : first + _PIECE]:
                if host in answered:
                    self._silent.drop(host)
            yield _PIECE
        if 1 < len(self._askers) <= MOST_OPEN:
            for host in list(answered):
                heard_from = self._heard_from.get(host)
                if heard_from is None:
                    heard_from = self._heard_from.keep(host, set())
                heard_from.update(exchange.askers)
                yield 2

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


def _note_latest_stays(
    rows: Iterable[Row], until_ns: int, begun_ns: dict[tuple[bytes | None, Address], int]
) -> None:
    """Note since when each device is in each group under the address that it came with last.

    Only stays that last until then count: one that expired is there until somebody looks.
    """
    for row in rows:
        if row.mac is not None and row.deadline_ns >= until_ns:
            key = row.mac, row.group
            begun_ns[key] = max(row.from_ns, begun_ns.get(key, 0))


def _listed(addresses: Collection[Address]) -> str:
    if len(addresses) > _MOST_NAMED:
        return counted(len(addresses), "querier")
    return " and ".join(map(text, sorted(addresses)))


def _worth(reserved: Container[Host], host: Host, _: object) -> int:
    return NEEDED if host in reserved else USELESS
