"""The job `query`: ask a link who listens to what, and collect the answers.

::

    frames to send -> device -> kernel stamp of the own outgoing copy = time of the query
    frames heard   -> decode -> reports with current state -> pairing -> answers -> hosts

Time is the kernel's: the delay of an answer is the difference of two receive stamps, whatever
this process was doing in between. The device and the clock are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from mldkit.errors import MldkitError
from mldkit.model.datagram import Frame
from mldkit.model.messages import Query, RecordType
from mldkit.model.units import SECOND
from mldkit.protocol.exchange import Exchanges, current_state, late_limit_ns
from mldkit.wire.decoder import Decoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Decoded
    from mldkit.model.family import Family
    from mldkit.model.messages import GroupRecord


class AskingDevice(Protocol):
    """What a query needs of a link."""

    def send(self, frame: bytes) -> None:
        """Send one frame."""

    def receive(self, until_ns: int | None = None) -> Frame | None:
        """Return the next frame, or None at the monotonic time `until_ns`."""


@dataclass(slots=True)
class Answer:
    """One message that tells of memberships, and the query it belongs to."""

    decoded: Decoded
    query: int | None
    delay_ns: int | None
    late: bool


@dataclass(slots=True)
class GroupState:
    """What one host said last about one group."""

    group: Address
    exclude: bool
    told: tuple[Address, ...]
    """The sources of the last record."""
    version: int | None
    delay_ns: int | None
    late: bool
    query: int | None
    listed: dict[Address, None] | None = None
    """Those of all records of a list that was split, None where there was one."""

    @property
    def sources(self) -> tuple[Address, ...]:
        """The sources that it named."""
        return self.told if self.listed is None else tuple(self.listed)


@dataclass(slots=True)
class HostState:
    """One host: the address and MAC that its reports came from."""

    address: Address
    mac: bytes | None
    groups: dict[Address, GroupState] = field(default_factory=dict)

    def take(self, record: GroupRecord, answer: Answer) -> None:
        """Take in one record; a list that was split over packets grows together."""
        exclude = record.type == RecordType.IS_EX
        state = GroupState(
            record.group,
            exclude,
            record.sources,
            answer.decoded.version,
            answer.delay_ns,
            answer.late,
            answer.query,
        )
        known = self.groups.get(record.group)
        if known is not None and known.query in (answer.query, None):
            if answer.query is None or known.query is not None:
                state.delay_ns, state.late = known.delay_ns, known.late
            if not exclude and not known.exclude:
                # The list itself moves on: a stranger may tell it source by source.
                listed = dict.fromkeys(known.told) if known.listed is None else known.listed
                listed.update(dict.fromkeys(record.sources))
                state.listed = listed
        self.groups[record.group] = state


@dataclass(slots=True)
class QueryResult:
    """What a query brought to light."""

    queries: list[Decoded] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    other_queries: list[Decoded] = field(default_factory=list)
    """Queries that somebody else sent meanwhile: there is a querier."""
    changes: int = 0
    """Messages that only told of changes: joins and leaves that happened meanwhile."""
    left_out: int = 0
    """Answers that came when there were as many as are kept."""
    elsewhere: int = 0
    """Reports that came with other VLAN tags than the query was sent with."""
    interrupted: bool = False
    failure: MldkitError | None = None
    """What ended it early although nobody asked for it: the interface went, the disk is full."""

    @property
    def is_partial(self) -> bool:
        """Whether it ended before its time."""
        return self.interrupted or self.failure is not None

    def hosts(self) -> list[HostState]:
        """Return the hosts in order of family and address; one for each MAC that has it."""
        found: dict[tuple[bytes, bytes | None], HostState] = {}
        for answer in self.answers:
            datagram = answer.decoded.datagram
            key = (datagram.source, datagram.link_source)
            host = found.get(key)
            if host is None:
                host = found[key] = HostState(datagram.source, datagram.link_source)
            for record in current_state(datagram.message):
                host.take(record, answer)
        return sorted(
            found.values(), key=lambda host: (len(host.address), host.address, host.mac or b"")
        )


MOST_ANSWERS = 100_000
"""That are kept: no link has so many hosts, but somebody may forge them."""
MOST_OTHER_QUERIES = 1000
GENERAL_SPACING_NS = SECOND
"""The least time between two General Queries of a family: all hosts of the link answer each."""


def has_general_query(frames: Sequence[bytes]) -> bool:
    """Return whether hosts take one of the frames for a General Query, however it was made."""
    decoder = Decoder()
    found = (decoded for octets in frames for decoded in decoder.decode(Frame(octets)))
    messages = (decoded.datagram.message for decoded in found)
    return any(isinstance(message, Query) and message.is_general for message in messages)


def default_wait_ns(queries: Sequence[Query]) -> int:
    """Return how long to listen after the last query: the late limit and 0.3 s."""
    return max(late_limit_ns(query) for query in queries) + 300_000_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often to ask, and how long to listen afterwards."""

    count: int
    every_ns: int
    wait_ns: int
    spacing_ns: int = 0
    """The least time between the queries of two rounds, however long the sending took."""


class Asker:
    """Send frames with queries over a device and collect what comes back.

    It has more attributes than a class should, because what was asked is kept beside the queries,
    so that no answer has to be held against each of them.
    """

    def __init__(
        self,
        device: AskingDevice,
        now_ns: Callable[[], int],
        on_answer: Callable[[Answer], None] | None = None,
    ) -> None:
        self._device = device
        self._now_ns = now_ns
        self._on_answer = on_answer
        self._decoder = Decoder()
        self._exchanges = Exchanges()
        self._sent: set[bytes] = set()
        self._pending: dict[bytes, int] = {}
        self._positions: list[int] = []
        self._vlans: set[tuple[int, ...]] = set()
        self._families: set[Family] = set()
        """Those of which everything was asked."""
        self._groups: set[Address] = set()
        self.result = QueryResult()
        self.on_frame: Callable[[Frame], None] | None = None

    def run(self, frames: Sequence[bytes], schedule: Schedule) -> QueryResult:
        """Send all frames `count` times and listen.

        An interrupt ends it with what there is; so does a failure once a query was seen to leave.
        """
        self._sent.update(frames)
        try:
            for round_number in range(schedule.count):
                begun_ns = self._now_ns()
                for frame in frames:
                    self._pending[frame] = self._pending.get(frame, 0) + 1
                    self._device.send(frame)
                if round_number == schedule.count - 1:
                    self._listen(begun_ns + schedule.wait_ns)
                else:
                    next_ns = begun_ns + schedule.every_ns
                    self._listen(max(next_ns, self._now_ns() + schedule.spacing_ns))
        except KeyboardInterrupt:
            self.result.interrupted = True
        except MldkitError as error:
            if not self.result.queries:
                raise
            self.result.failure = error
        return self.result

    def _listen(self, until_ns: int) -> None:
        while True:
            frame = self._device.receive(until_ns)
            if frame is None:
                return
            if self.on_frame is not None:
                self.on_frame(frame)
            for decoded in self._decoder.decode(frame):
                self._see(decoded)

    def _see(self, decoded: Decoded) -> None:
        if decoded.frame.outgoing:
            self._see_own(decoded)
        elif decoded.checksum == "bad":
            return
        elif decoded.kind == "query":
            if decoded.frame.data in self._sent:
                return  # the loopback interface gives every frame twice
            if len(self.result.other_queries) < MOST_OTHER_QUERIES:
                self.result.other_queries.append(decoded)
        elif decoded.kind in ("report", "leave"):
            self._see_report(decoded)

    def _see_own(self, decoded: Decoded) -> None:
        """Take the stamp of an own query; what else this machine sends is no answer."""
        data = decoded.frame.data
        if not self._pending.get(data):
            return
        self._pending[data] -= 1
        self.result.queries.append(decoded)
        message = decoded.datagram.message
        self._vlans.add(_vlan(decoded))
        if isinstance(message, Query) and not message.is_general:
            self._groups.add(message.group)
        else:
            self._families.add(decoded.family)
        if isinstance(message, Query) and decoded.frame.time_ns is not None:
            self._exchanges.ask(message, decoded.frame.time_ns)
            self._positions.append(len(self.result.queries) - 1)

    def _see_report(self, decoded: Decoded) -> None:
        datagram = decoded.datagram
        if _vlan(decoded) not in self._vlans:
            self.result.elsewhere += bool(self.result.queries)
            return
        if not self._concerns_us(decoded):
            return
        if not any(current_state(datagram.message)):
            self.result.changes += 1
            return
        if len(self.result.answers) >= MOST_ANSWERS:
            self.result.left_out += 1
            return
        host = datagram.source + (datagram.link_source or b"")
        found = self._exchanges.answer(host, datagram.message, decoded.frame.time_ns or 0)
        if found is None:
            answer = Answer(decoded, None, None, late=False)
        else:
            query = self._positions[found.query]
            answer = Answer(decoded, query, found.delay_ns, found.late)
        self.result.answers.append(answer)
        if self._on_answer is not None:
            self._on_answer(answer)

    def _concerns_us(self, decoded: Decoded) -> bool:
        """Whether a report is of a family that was asked, about a group asked for."""
        if decoded.family in self._families:
            return True
        told = current_state(decoded.datagram.message)
        return any(record.group in self._groups for record in told)


def _vlan(decoded: Decoded) -> tuple[int, ...]:
    """Return the VLAN that a frame is of; id 0 marks a priority and names none (IEEE 802.1Q)."""
    return tuple(tag for tag in decoded.datagram.vlan if tag)


@dataclass(frozen=True, slots=True)
class ExpectedMember:
    """`[SOURCE@]GROUP[@MAC]`: somebody, or this MAC, listens to the group."""

    text: str
    group: Address
    source: Address | None
    mac: bytes | None

    def is_met(self, hosts: Sequence[HostState]) -> bool:
        """Return whether one of the hosts answers as expected."""
        return any(self._is_met_by(state) for state in self._states(hosts))

    def _states(self, hosts: Sequence[HostState]) -> Iterator[GroupState]:
        for host in hosts:
            if self.mac in (None, host.mac) and self.group in host.groups:
                yield host.groups[self.group]

    def _is_met_by(self, state: GroupState) -> bool:
        if self.source is None:
            return state.exclude or bool(state.sources)
        return state.exclude != (self.source in state.sources)
