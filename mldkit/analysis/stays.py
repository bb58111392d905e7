"""One stay of a host in a group, and what a report tells of stays.

`mldkit.analysis.memberships` makes and ends the rows; others look at them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container

    from mldkit.analysis.facts import Host
    from mldkit.model.addresses import Address
    from mldkit.model.messages import GroupRecord

LEAVE, EXPIRY, CAPTURE_END = "leave", "expiry", "capture-end"


class Change(NamedTuple):
    """The filter from a moment on."""

    time_ns: int
    exclude: bool
    sources: tuple[Address, ...]
    version: int | None


class Row:
    """One stay of a host in a group."""

    __slots__ = (
        "answered",
        "changes",
        "deadline_ns",
        "delay_ns",
        "ended_by",
        "exclude",
        "from_ns",
        "group",
        "host",
        "last_ns",
        "mac",
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
        self.to_ns = now_ns
        self.reports = 0
        self.record: GroupRecord | None = None
        """What the host says as long as nothing changes."""
        self.ended_by = ""
        """Empty while it lasts."""
        self.changes: list[Change] = []
        self.answered = -1
        """Number of the last exchange of General Queries that it answered."""
        self.delay_ns: int | None = None
        """How long after the query its last answer came."""


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


class Told:
    """What a report told."""

    __slots__ = ("answering", "changes", "left")

    def __init__(self) -> None:
        self.answering: list[Row] = []
        """The rows of which it told the state, as an answer does."""
        self.left: list[Left] = []
        self.changes = 0
        """State-change records in it."""
