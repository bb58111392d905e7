"""Hosts that say anything to a bridge, one step after the other, and what a bridge may make of it.

Records are drawn without regard to what a host said before, so the bridge may keep more than the
host announces: a record of the current state takes nothing away from a router (RFC 9776 §6.4.1).
`Told` says how far the two must agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, TypeAlias

from mldkit.model.datagram import Datagram
from mldkit.model.family import IGMP, Family
from mldkit.model.messages import GroupRecord, Leave, LegacyReport, Query, RecordType, Report
from mldkit.testing.addressing import Addressing
from mldkit.wire.encode import encode_frame
from tests.kernel.bridge_stage import HOSTS, Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.analysis.stays import Row
    from mldkit.model.addresses import Address
    from mldkit.model.messages import Message

Member: TypeAlias = "tuple[int, Address]"
"""A host by its number, and a group."""

IS_IN, IS_EX, TO_IN, TO_EX, ALLOW, BLOCK = RecordType
CHANGES = (TO_IN, TO_EX, ALLOW, BLOCK)
UNKNOWN = (0, 7, 255)
SOURCES = 5
_QUERIER = 9
_MOVES = ("same", "change", "change", "any", "any", "pair", "unknown", "older", "broken")


@dataclass
class Told:
    """What the records of a host for a group leave open."""

    is_exact: bool = True
    """The bridge keeps nothing of what the host said before."""
    latest: frozenset[Address] | None = frozenset()
    """Sources that have the latest deadline; None where it is that of EXCLUDE mode."""

    def hear(self, record: GroupRecord, row: Row | None) -> None:
        """Take in a record; `row` is what the host announced before it."""
        kind, _, listed, _ = record
        sources = frozenset(listed)
        if kind in (IS_EX, TO_EX):
            self.latest = None
        elif kind in (IS_IN, TO_IN, ALLOW) and sources:
            self.latest = sources
        elif kind == BLOCK and self.latest is not None:
            self.latest -= sources
        if kind in (TO_IN, TO_EX):
            # The bridge asks for all that the record does not name.
            self.is_exact = True
        elif row is not None and (kind == IS_EX or (kind == IS_IN and sources)):
            self.is_exact &= (row.exclude, frozenset(row.sources)) == (kind == IS_EX, sources)

    def faults(self, row: Row | None, kept: Kept, slack_ns: int) -> list[str]:
        """Return in what the bridge contradicts the analysis, which has `row`."""
        if row is None:
            return ["nobody is member"] if self.is_exact and not kept.is_nothing else []
        sources, wanted = frozenset(row.sources), frozenset(kept.wanted)
        if self.is_exact:
            same = row.exclude == kept.exclude
            same &= sources == (kept.blocked if row.exclude else wanted)
        elif row.exclude:
            same = kept.exclude and kept.blocked <= sources <= kept.blocked | wanted
        else:
            same = sources <= wanted
        faults = [] if same else ["another filter"]
        late_ns = row.deadline_ns - kept.last_ns
        is_dated = self.latest is None or bool(self.latest)
        if late_ns < -slack_ns or (is_dated and late_ns > slack_ns):
            faults.append(f"over {late_ns / 1e9:.1f} s later than in the bridge")
        return faults


@dataclass
class Step:
    """What is said in one step."""

    frames: list[tuple[int, bytes]] = field(default_factory=list)
    """Each with the number of the host at whose port it comes."""
    words: list[tuple[Member, object]] = field(default_factory=list)

    def of(self, member: Member) -> str:
        """Return in words what a host said of a group."""
        return ", ".join(str(words) for other, words in self.words if other == member)


class Hosts:
    """The hosts of one story, who draw what they say."""

    def __init__(self, family: Family, seed: int, groups: list[Address]) -> None:
        self.family = family
        self.told = {(host, group): Told() for host in HOSTS for group in groups}
        self.taken: set[tuple[object, bool | None]] = set()
        """Kinds of moves, each with the announced filter mode before it."""
        self._groups = groups
        self._random = Random(seed)
        self._sources = [*Addressing(family).sources(range(1, SOURCES + 1))]
        self._rows: dict[Member, Row | None] = {}
        self._kept: dict[Member, Kept] = {}
        self._step = Step()
        self._special: dict[str, Callable[[Member], None]] = {
            "older": self._older,
            "broken": self._broken,
        }

    def address(self, host: int) -> Address:
        """Return the address of a host."""
        return Addressing(self.family).host(host)

    def message(self, host: int, report: Report) -> bytes:
        """Return the frame of a report of a host."""
        return encode_frame(self._datagram(host, self.family.reports, report))

    def step(self, rows: dict[Member, Row | None], kept: dict[Member, Kept]) -> Step:
        """Draw what is said next, given what is announced and kept of all members."""
        random = self._random
        self._rows, self._kept, self._step = rows, kept, Step()
        asked = self._ask() if random.random() < 0.3 else None
        for host in HOSTS:
            records: list[GroupRecord] = []
            for group in self._groups:
                if group != asked and random.random() < 0.5:
                    records += self._move((host, group))
            random.shuffle(records)
            while records:
                count = random.randrange(1, 12)
                self._report(host, tuple(records[:count]))
                del records[:count]
        return self._step

    def _draw(self, most: int = SOURCES - 1) -> tuple[Address, ...]:
        return tuple(self._random.sample(self._sources, self._random.randrange(most + 1)))

    def _note(self, kind: object, member: Member, words: object) -> None:
        row = self._rows[member]
        self.taken.add((kind, None if row is None else row.exclude))
        self._step.words.append((member, words))

    def _record(self, member: Member, kind: int, sources: tuple[Address, ...]) -> GroupRecord:
        record = GroupRecord(kind, member[1], sources)
        self.told[member].hear(record, self._rows[member])
        self._note(int(kind), member, record)
        return record

    def _move(self, member: Member) -> list[GroupRecord]:
        """Return the records of one host for one group; send what is no report of records."""
        random, row = self._random, self._rows[member]
        move = random.choice(_MOVES)
        if move in self._special:
            self._special[move](member)
            return []
        if move == "pair":
            # As a host tells one change of its list: no source is in both.
            allowed, blocked = self._draw(2), self._draw()
            blocked = tuple(source for source in blocked if source not in allowed)
            return [self._record(member, ALLOW, allowed), self._record(member, BLOCK, blocked)]
        if move == "same" and row is not None:
            return [self._record(member, IS_EX if row.exclude else IS_IN, row.sources)]
        kinds = {"any": tuple(RecordType), "unknown": UNKNOWN}.get(move, CHANGES)
        return [self._record(member, random.choice(kinds), self._draw())]

    def _older(self, member: Member) -> None:
        """Speak an older version, where the bridge does what RFC 9776 §7.3.2 says."""
        family, (host, group) = self.family, member
        row, kept = self._rows[member], self._kept[member]
        if kept.wanted or kept.is_listed != kept.exclude or kept.exclude is (row is None):
            return
        message: Message = Leave(family.versions[-2], group)
        destination = family.all_routers
        if self._random.random() < 0.5:
            if kept.blocked:
                return
            version = self._random.choice(family.versions[:-1])
            message, destination = LegacyReport(version, group), group
            self.told[member].hear(GroupRecord(IS_EX, group), row)
        self._note(type(message), member, message)
        self._send(host, destination, message)

    def _broken(self, member: Member) -> None:
        """Say something with a wrong checksum, which no receiver may heed."""
        kind = self._random.choice(tuple(RecordType))
        message = Report((GroupRecord(kind, member[1], self._draw()),))
        frame = self.message(member[0], message)
        self._step.frames.append((member[0], frame[:-1] + bytes((frame[-1] ^ 1,))))
        self._note("broken", member, f"wrong checksum {message.records[0]}")

    def _ask(self) -> Address:
        """Let another querier ask for a group at the port of the first host; all members answer."""
        random, family = self._random, self.family
        group = random.choice(self._groups)
        sources = random.choice(((), self._draw()))
        query = Query(
            family.current_version,
            group,
            max_response_code=1 if family is IGMP else 100,
            robustness=2,
            interval_code=125,
            sources=sources,
        )
        self._step.frames.append((HOSTS[0], encode_frame(self._datagram(_QUERIER, group, query))))
        for host in HOSTS:
            member = host, group
            row = self._rows[member]
            if row is None:
                continue
            kind, listed = (IS_EX if row.exclude else IS_IN), row.sources
            if sources:
                # Those of them that it listens to (RFC 9776 §5.2).
                kind = IS_IN
                listed = tuple(s for s in sources if (s in row.sources) != row.exclude)
            if not listed and kind == IS_IN:
                continue
            was_exact = self.told[member].is_exact
            record = self._record(member, kind, listed)
            self.told[member].is_exact = was_exact
            self._note("answer for sources" if sources else "answer", member, query)
            self._report(host, (record,))
        return group

    def _report(self, host: int, records: tuple[GroupRecord, ...]) -> None:
        """Send records in an envelope that both must accept."""
        random, family = self._random, self.family
        envelope: dict[str, object] = {}
        if family is IGMP and random.random() < 0.2:
            envelope = random.choice([{"hop_limit": 64}, {"source": family.unspecified}])
        if random.random() < 0.1:
            records = (*records[:-1], records[-1]._replace(aux_data=b"auxiliar"))
        destination = records[0].group if random.random() < 0.1 else family.reports
        message = Report(records, trailing=random.choice((b"", b"", b"more")))
        self._send(host, destination, message, **envelope)

    def _send(self, host: int, destination: Address, message: Message, **envelope: object) -> None:
        datagram = self._datagram(host, destination, message, **envelope)
        self._step.frames.append((host, encode_frame(datagram)))

    def _datagram(
        self, host: int, destination: Address, message: Message, **envelope: object
    ) -> Datagram:
        fields: dict[str, object] = {
            "source": self.address(host),
            "traffic_class": self.family.traffic_class,
            "link_source": bytes((2, 0, 0, 0, 0, host)),
            **envelope,
        }
        return Datagram(destination=destination, message=message, **fields)  # type: ignore[arg-type]
