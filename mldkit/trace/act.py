"""An act: something that a process, the kernel or the link did, and all that came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Decoded
    from mldkit.trace.calls import Call
    from mldkit.trace.tables import Change


class Process(NamedTuple):
    """Who did it."""

    pid: int
    name: str


@dataclass(slots=True, eq=False)
class Part:
    """One tree of an act: its beginning, or work that was put off."""

    call: Call
    armed_by: Call | None = None
    """The call that put it off; None for the beginning."""
    armed_ns: int = 0
    """When."""
    jiffies: int | None = None
    """The timer that was set; None: it was to run at once."""
    frames: list[Decoded] = field(default_factory=list)

    @property
    def delay_ns(self) -> int:
        """Time from the call that put it off to its beginning."""
        return self.call.time_ns - self.armed_ns if self.armed_by else 0


@dataclass(slots=True, eq=False)
class Act:
    """What was seen of one act."""

    kind: str
    """One of `function.ACTS`."""
    time_ns: int
    """Since the epoch."""
    process: Process | None
    """None: the link or a timer."""
    interface: str
    parts: list[Part]
    group: Address | None = None
    mac: bytes | None = None
    announced: str = ""
    """What was said of it beforehand."""
    changes: list[Change] = field(default_factory=list)
    taken_over_by: Act | None = None
    """The later act that set the same timer anew, and so has what was put off."""
    is_cut: bool = False
    """Entries were lost: there may have been more."""

    @property
    def beginning(self) -> Part:
        """The tree that it began with."""
        return self.parts[0]

    def frames(self) -> Iterator[Decoded]:
        """Give the messages that came or went, in order."""
        for part in self.parts:
            yield from part.frames

    def calls(self) -> Iterator[Call]:
        """Give every call of all trees."""
        for part in self.parts:
            yield from part.call.walk()

    def called(self, *names: str) -> bool:
        """Return whether one of these functions was called in it."""
        return any(call.name in names for call in self.calls())
