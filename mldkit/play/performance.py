"""What happened while a script was played, and what became of its expectations.

::

    Performance: actions began at ... -> events on the link -> outcomes of expectations
                                    stalls of this machine -'

Times are script time: nanoseconds since time 0 of the script.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from mldkit.model.units import MILLISECOND
from mldkit.protocol.script_words import ScriptError

if TYPE_CHECKING:
    from mldkit.errors import UsageError
    from mldkit.model.datagram import Decoded
    from mldkit.protocol.events import Event
    from mldkit.protocol.script import Action, Expectation, Script

STALL_NS = 4 * MILLISECOND
"""What is later than this was held up by the machine it runs on."""


@dataclass(frozen=True, slots=True)
class Played:
    """A message on the link."""

    time_ns: int
    """Script time."""
    who: str
    """`host`, `querier` or `other`."""
    decoded: Decoded


@dataclass(frozen=True, slots=True)
class AccountLine:
    """What a host in another process did and why, as the line it was told in."""

    time_ns: int
    text: str

    def __str__(self) -> str:
        """Return the line."""
        return self.text


Reason: TypeAlias = "Event | AccountLine"
"""Why a timer was set or a message sent."""


@dataclass(frozen=True, slots=True)
class ScriptStall:
    """A time in which this machine ran nothing of ours although it should have."""

    from_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """An expectation and what became of it."""

    expectation: Expectation
    got: tuple[Played, ...]
    """The message that was taken; where it failed, what the host sent within the range."""
    passed: bool


@dataclass(slots=True)
class Performance:
    """Everything that happened."""

    script: Script
    began_ns: list[int] = field(default_factory=list)
    """When each action really happened."""
    events: list[Played] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    stalls: list[ScriptStall] = field(default_factory=list)
    outcomes: list[Judgement] = field(default_factory=list)
    broke_off: str = ""
    """Why the play ended before its end; empty when it did not."""
    lost_link: bool = False
    """Whether our end of the link was down for a time: what fails says nothing of the host then."""
    interrupted_ns: int | None = None
    """When a person ended it; expectations that were still open then are not judged."""

    @property
    def failed(self) -> int:
        """How many expectations failed."""
        return sum(not outcome.passed for outcome in self.outcomes)

    def range_of(self, expectation: Expectation, tolerance_ns: int) -> tuple[int, int]:
        """Return first and last moment at which an expected message counts.

        Both follow the moment at which the action really happened. Only what is expected may be
        late by the tolerance: a range in which nothing is expected stays as it is.
        """
        begin = self._began_ns(expectation.action)
        late_ns = 0 if expectation.message is None else tolerance_ns
        return begin + expectation.from_ns, begin + expectation.until_ns + late_ns

    def _began_ns(self, action: int) -> int:
        if action < 0:
            return 0
        if action < len(self.began_ns):
            return self.began_ns[action]
        return self.script.actions[action].time_ns

    def was_hindered(self, expectation: Expectation, tolerance_ns: int) -> bool:
        """Return whether this machine stalled within the range, or right before its action."""
        low, high = self.range_of(expectation, tolerance_ns)
        low -= expectation.from_ns + tolerance_ns
        return any(stall.until_ns >= low and stall.from_ns <= high for stall in self.stalls)

    def end_ns(self, tolerance_ns: int) -> int:
        """Return when nothing more can matter, once every action has begun."""
        ends = [self.range_of(known, tolerance_ns)[1] for known in self.script.expectations]
        return max(self.began_ns + ends, default=0)


def judge(performance: Performance, tolerance_ns: int) -> list[Judgement]:
    """Return what became of the expectations, in the order of the file."""
    heard = sorted(
        (event for event in performance.events if event.who == "host"),
        key=lambda event: event.time_ns,
    )
    times_ns = [event.time_ns for event in heard]
    taken = [False] * len(heard)
    outcomes = []
    for expectation in performance.script.expectations:
        low, high = performance.range_of(expectation, tolerance_ns)
        within = range(bisect_left(times_ns, low), bisect_right(times_ns, high))
        inside = [number for number in within if not taken[number]]
        ended_ns = performance.interrupted_ns
        is_open = ended_ns is not None and ended_ns < high
        if expectation.message is None:
            wanted = expectation.family
            unwanted = tuple(
                heard[number]
                for number in inside
                if wanted is None or heard[number].decoded.family is wanted
            )
            if unwanted or not is_open:
                outcomes.append(Judgement(expectation, unwanted, not unwanted))
            continue
        for number in inside:
            if expectation.equals(heard[number].decoded.datagram.message):
                taken[number] = True
                outcomes.append(Judgement(expectation, (heard[number],), passed=True))
                break
        else:
            got = tuple(heard[number] for number in inside)
            if not is_open:
                outcomes.append(Judgement(expectation, got, passed=False))
    return outcomes


def refused(script: Script, action: Action, error: UsageError) -> ScriptError:
    """Return the error that names the line whose request was refused."""
    place = f"{script.name}:{action.line}:{action.column}"
    return ScriptError(f"{place}: {error.message}", hint=error.hint)
