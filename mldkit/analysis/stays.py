"""One stay of a host in a group, and what a report tells of stays.

`mldkit.analysis.memberships` makes and ends the rows, which become `Stay`s when all is over.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.limits import MOST_LEFT
from mldkit.model.messages import RecordType

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from mldkit.analysis.facts import Host
    from mldkit.analysis.memberships import Memberships
    from mldkit.model.addresses import Address
    from mldkit.model.messages import GroupRecord

PIECE = 128
"""Stays that are looked at together."""
LEAVE, EXPIRY, CAPTURE_END = "leave", "expiry", "capture-end"
_EXCLUDES = frozenset(map(int, (RecordType.IS_EX, RecordType.TO_EX)))
_INCLUDES = frozenset(map(int, (RecordType.IS_IN, RecordType.TO_IN, RecordType.ALLOW)))
_SOURCES_PER_CHANGE = 16
"""As many sources weigh as much as a change."""


class Change(NamedTuple):
    """The filter from a moment on."""

    time_ns: int
    exclude: bool
    sources: tuple[Address, ...]
    version: int | None


class Stay(NamedTuple):
    """One stay of a host in a group, from its first report to its end.

    A named tuple, since there may be half a million.

    A row of data.
    """

    group: Address
    host: Host
    mac: bytes | None
    version: int | None
    exclude: bool
    sources: tuple[Address, ...]
    """The filter at the end."""
    from_ns: int
    last_ns: int
    """When it was reported last."""
    to_ns: int
    ended_by: str
    reports: int
    changes: tuple[Change, ...]
    """Every filter that it had."""
    delay_ns: int | None
    """How long after the query its last answer came."""


# Without the Python level of a named tuple's constructor.
_new = tuple.__new__
_values = attrgetter(*Stay._fields)


class Row:
    """A stay as it is being followed.

    A row of data, which many hands write into.
    """

    __slots__ = (
        "answered",
        "changes",
        "deadline_ns",
        "delay_ns",
        "due_ns",
        "ended_by",
        "exclude",
        "from_ns",
        "group",
        "home",
        "host",
        "is_reserved",
        "is_told",
        "last_ns",
        "mac",
        "newer",
        "older",
        "proofs",
        "record",
        "reports",
        "sources",
        "to_ns",
        "version",
    )

    def __init__(self, heard: Heard, group: Address) -> None:
        now_ns = heard.now_ns
        self.host = heard.host
        self.mac = heard.mac
        self.group = group
        self.version: int | None = None
        self.exclude = False
        self.sources: tuple[Address, ...] = ()
        self.from_ns = self.last_ns = now_ns
        self.deadline_ns = now_ns
        self.due_ns: int | None = None
        """When to look whether it is over, where somebody listens."""
        self.to_ns = now_ns
        self.reports = 0
        self.record: GroupRecord | None = None
        """What the host says as long as nothing changes."""
        self.ended_by = ""
        """Empty while it lasts."""
        self.is_told = False
        """Whether its expiry was told before it was taken note of."""
        self.changes: tuple[Change, ...] = ()
        self.answered = -1
        """Number of the last exchange of General Queries that it answered."""
        self.delay_ns: int | None = None
        """How long after the query its last answer came."""
        self.proofs = 0
        """General Queries of the acting querier that it answered."""
        self.is_reserved = False
        """Whether it has room that no other stay can take."""
        self.home: Memberships | None = None
        """Where it lasts."""
        self.older: Row | None = None
        self.newer: Row | None = None
        """Its neighbours in the order in which stays make room for others."""


def in_pieces(groups: Mapping[Address, Mapping[Host, Row]]) -> Iterator[list[Row]]:
    """Give the members of groups some at a time, between which others may come and go."""
    piece: list[Row] = []
    for members in list(groups.values()):
        if len(members) <= PIECE:
            piece += members.values()
        else:
            rows = list(members.values())
            for first in range(0, len(rows), PIECE):
                yield rows[first : first + PIECE]
        if len(piece) >= PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


def are_over(members: Mapping[Host, Row], now_ns: int) -> bool:
    """Return whether nobody is left of a few members, whose end may not have been told yet."""
    return len(members) <= MOST_LEFT and all(row.deadline_ns < now_ns for row in members.values())


def sealed(row: Row) -> Stay:
    """Return a stay that is over as a value."""
    stay: Stay = _new(Stay, _values(row))
    return stay


class Heard(NamedTuple):
    """A report that was heard: who sent it when."""

    host: Host
    mac: bytes | None
    version: int | None
    now_ns: int
    until_ns: int
    """When the memberships that it tells of expire."""
    is_faultless: bool = False
    """No rule minds anything of it, and it is of the current version."""
    partial: Container[Address] = ()
    """Groups of which queries ask for single sources: a list of sources need not be all."""


class Left(NamedTuple):
    """A host told that it wants less: the group or some sources of it."""

    row: Row
    sources: tuple[Address, ...]
    """Empty where it left the group."""


class ReportEffect:
    """What a report told."""

    __slots__ = ("answering", "changes", "left")

    def __init__(self) -> None:
        self.answering: list[Row] = []
        """The rows of which it told the state, as an answer does."""
        self.left: list[Left] = []
        self.changes = 0
        """State-change records in it."""


def asks(record: GroupRecord) -> bool:
    """Return whether a record asks for something.

    Routers start a timer of the Group Membership Interval for nothing else: a BLOCK tells that a
    host wants less, not that it still wants the rest (RFC 9776 §6.4).
    """
    kind = record.type
    return kind in _EXCLUDES or (kind in _INCLUDES and bool(record.sources))


def weight_of_change(change: Change) -> int:
    """Return how much room a change takes that is kept, in changes of few sources."""
    return 1 + len(change.sources) // _SOURCES_PER_CHANGE
