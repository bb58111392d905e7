"""A querier on a link in virtual time; hosts, routers, groups and sources have numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.family import IGMP, Family
from mldkit.model.messages import GroupRecord, Leave, LegacyReport, Query, RecordType, Report
from mldkit.model.units import SECOND
from mldkit.protocol.querier import Querier
from mldkit.protocol.querier_events import Elected, MembershipChanged
from mldkit.protocol.querier_room import ROOM, Room
from mldkit.protocol.querier_settings import QuerierSettings
from mldkit.protocol.variables import Variables
from mldkit.testing.addressing import Addressing, numbers_of
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.addresses import Address
    from mldkit.model.messages import Message
    from mldkit.protocol.querier_events import QuerierEvent

MAC = bytes.fromhex("020000000064")
_OTHER_MAC = bytes.fromhex("020000000001")
OWN = 100
"""Number of the querier among the routers: there are lower and higher ones."""
_HOST, _OLDER_HOST = 101, 102
"""Numbers of the hosts that report, with addresses above that of the querier."""


class Router(Addressing):
    """One querier of one family, what it sent, and what it told."""

    def __init__(
        self,
        family: Family,
        *,
        version: int | None = None,
        own: int = OWN,
        variables: Variables | None = None,
        mtu: int = 1500,
        starts: bool = True,
        room: Room = ROOM,
    ) -> None:
        super().__init__(family)
        self.now_ns = 0
        self.sent: list[tuple[int, Datagram]] = []
        self.events: list[QuerierEvent] = []
        self.settings = QuerierSettings(
            family, version or family.current_version, variables or Variables(), mtu=mtu
        )
        self.querier = Querier(MAC, {self.router(own): self.settings}, self.events.append, room)
        if starts:
            self.querier.start(0)
            self.run(0)

    # Time

    def run(self, until_s: float) -> None:
        """Carry out everything that is due until then."""
        until_ns = round(until_s * SECOND)
        querier = self.querier
        while (due_ns := querier.deadline_ns) is not None and due_ns <= until_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self.sent += [(self.now_ns, datagram) for datagram in querier.poll(self.now_ns)]
        self.now_ns = until_ns

    # What arrives

    def hear(
        self, message: Message, sender: Address, destination: Address, **envelope: object
    ) -> None:
        """Let a frame with the message arrive now."""
        fields: dict[str, object] = {"link_source": _OTHER_MAC, **envelope}
        frame = encode_frame(Datagram(sender, destination, message, **fields))  # type: ignore[arg-type]
        self.hear_frame(frame)

    def hear_frame(self, frame: bytes) -> None:
        """Let any octets arrive now."""
        decoded = decode(Frame(frame))
        assert isinstance(decoded, Decoded)
        self.querier.receive(decoded, self.now_ns)
        self.run(self.now_ns / SECOND)

    def record(
        self, kind: str, numbers: Iterable[int] = (), group: int = 1, **envelope: object
    ) -> None:
        """Let a host report one record."""
        record = GroupRecord(RecordType[kind], self.group(group), self.sources(numbers))
        self.hear(Report((record,)), self.host(_HOST), self.family.reports, **envelope)

    def older_report(self, version: int, group: int = 1) -> None:
        address = self.group(group)
        self.hear(LegacyReport(version, address), self.host(_OLDER_HOST), address)

    def leave(self, group: int = 1) -> None:
        message = Leave(self.family.current_version - 1, self.group(group))
        self.hear(message, self.host(_OLDER_HOST), self.family.all_routers)

    def query(self, query: Query, router: int = 1, **envelope: object) -> None:
        """Let another router ask."""
        destination = self.family.all_hosts if query.is_general else query.group
        self.hear(query, self.router(router), destination, **envelope)

    def general(self, router: int = 1, **values: object) -> None:
        """Let another router send a General Query of the current version."""
        self.query(general_query(self.family, **values), router)  # type: ignore[arg-type]

    # What is to be seen

    def is_querier(self) -> bool:
        """Return whether it queries now."""
        return self.querier.is_querier(self.family)

    def queries(self, since_s: float = 0) -> list[tuple[float, Query]]:
        """Return the queries sent since a moment, with their times in seconds."""
        found = []
        for time_ns, datagram in self.sent:
            if time_ns >= since_s * SECOND and isinstance(datagram.message, Query):
                found.append((time_ns / SECOND, datagram.message))
        return found

    def times(self, *, general: bool = True) -> list[float]:
        """Return when General or other queries were sent."""
        return [at for at, query in self.queries() if query.is_general == general]

    def state(self, group: int = 1) -> tuple[str, set[int], set[int]]:
        """Return mode, sources with a timer (A or X), and sources without (Y), as numbers."""
        for member in self.querier.members(self.now_ns):
            if member.group == self.group(group):
                sources, requested = map(numbers_of, (member.sources, member.requested))
                return ("EXCLUDE", requested, sources) if member.exclude else (
                    "INCLUDE", sources, set()
                )  # fmt: skip
        return "INCLUDE", set(), set()

    def elections(self) -> list[tuple[float, Address, bool]]:
        return [
            (e.time_ns / SECOND, e.address, e.is_own) for e in self.events if type(e) is Elected
        ]

    def kinds(self) -> list[tuple[float, str]]:
        """Return what was told about groups."""
        return [
            (event.time_ns / SECOND, event.kind)
            for event in self.events
            if isinstance(event, MembershipChanged)
        ]


def general_query(
    family: Family,
    *,
    version: int | None = None,
    response_code: int | None = None,
    robustness: int = 2,
    interval_code: int = 125,
) -> Query:
    """Return the General Query of a router with the usual variables."""
    version = version or family.current_version
    if response_code is None:
        response_code = 0 if (family, version) == (IGMP, 1) else 100 if family is IGMP else 10_000
    if version != family.current_version:
        return Query(version, family.unspecified, response_code)
    return Query(
        version,
        family.unspecified,
        response_code,
        robustness=robustness,
        interval_code=interval_code,
    )
