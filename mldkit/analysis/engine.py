"""One pass over captures, or one look after another at a live link, through all folds.

::

    frames of each capture -> merged by time -> intake -> routing -> link state -> AnalysisResult
                                                  |          |
                                      decode, clock, copies  `-> data to groups -> traffic

Reading is the caller's: an `Analysis` takes frames and the number of the capture they belong to,
those of one interface in order of time. Time that runs backwards on an interface is made to run
forwards, so that the order of the file holds and no delay is negative.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol, TypeVar

from mldkit.analysis import harm
from mldkit.analysis.events import Listener
from mldkit.analysis.facts import LinkKey, Mark, believable
from mldkit.analysis.intake import EVERYTHING, Intake, Wanted
from mldkit.analysis.joining import joined
from mldkit.analysis.ledger import Ledger
from mldkit.analysis.limits import MOST
from mldkit.analysis.result import AnalysisResult
from mldkit.analysis.room import Room
from mldkit.analysis.routing import Routing
from mldkit.analysis.sealing import seal_capture
from mldkit.analysis.sittings import Sittings
from mldkit.analysis.vantage import AUTO
from mldkit.model.units import SECOND
from mldkit.model.words import short_names
from mldkit.protocol.variables import DEFAULT_PROFILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mldkit.analysis.events import Event
    from mldkit.analysis.limits import LeftOut
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.part import Part
    from mldkit.analysis.result import CaptureFacts
    from mldkit.analysis.source import Source
    from mldkit.model.datagram import Frame

Item = TypeVar("Item")
_AT_ONCE = 256
"""Frames of a capture that take each step together: some hundred thousand octets."""
_IDLE_NS = 600 * SECOND
"""How long a link is idle before a watch lets go of it."""
_MOST_AHEAD = 4096
"""Frames that are read ahead behind a gap."""


@dataclass
class Analysis:
    """All folds of all links: what comes in, where it goes, and what is found at the end.

    It has more attributes than a class should, because each setting of an analysis is one.
    """

    profile: str = DEFAULT_PROFILE
    listener: Listener = None
    with_data: bool = True
    tunnels: bool = False
    wanted: Wanted = EVERYTHING
    traced: bool = False
    """Keep what pictures need: times of single queries and reports, and single delays."""
    vantage: str = AUTO
    """Where the captures were taken: one of `VANTAGES`."""
    most: Mapping[str, int] = field(default_factory=lambda: MOST)
    """How many of what is kept: words of `limits`."""

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin anew, with the listener as it is now."""
        self._forgot_ns = 0
        self.room = Room(self.most, self.listener)
        self.ledger = Ledger(self.listener, self.room)
        self.intake = Intake(self.ledger, self.begin, tunnels=self.tunnels, wanted=self.wanted)
        self.routing = Routing(self.room, self.ledger, self.intake, self.profile, self.listener)
        self.routing.sees_data = self.with_data
        self.routing.is_traced = self.traced
        self.routing.vantages.said = self.vantage

    @property
    def links(self) -> dict[LinkKey, LinkState]:
        """What is known of each link."""
        return self.routing.links

    @property
    def parts(self) -> dict[int, Part]:
        """What each capture contributed, by number."""
        return self.intake.parts

    def begin(self, begun_ns: int) -> None:
        """Set the time of the first packet that has one; silence counts from there on."""
        self.intake.begun_ns = begun_ns
        for link in self.links.values():
            link.pause(Mark(0, 0, 0), begun_ns)

    def see(self, frame: Frame, capture: int = 0) -> None:
        """Take in the next frame."""
        self.see_all(((capture, frame),))

    def see_all(self, frames: Iterable[tuple[int, Frame]]) -> None:
        """Take in the next frames, each with the number of its capture."""
        self.routing.route(self.intake.take(frames))

    def look_at(self, sources: Sequence[Source], sittings: Sittings | None) -> None:
        """Set the captures by their numbers, and who looks when where there are several."""
        self.intake.sources = sources
        self.routing.sittings = sittings

    def poll(self, now_ns: int) -> None:
        """Let time pass on a live link."""
        now_ns = max(self.intake.now_ns, now_ns)
        self.intake.now_ns = self.intake.passed_ns = self.ledger.now_ns = now_ns
        self.room.shortages.poll(now_ns)
        for link in self.links.values():
            link.poll(now_ns)

    def pause(self, from_ns: int, until_ns: int) -> None:
        """Take in that nothing could be heard for a time, on a link that is followed.

        Members and querier are still those of before, until their time is over, but nobody is
        blamed for what was not heard.
        """
        until_ns = max(self.intake.now_ns, until_ns)
        mark = Mark(0, 0, min(from_ns, until_ns))
        for link in self.links.values():
            link.pause(mark, until_ns)
        self.intake.now_ns = self.intake.passed_ns = until_ns
        self.routing.sitting_ns = until_ns

    def forget(self) -> None:
        """Let go of what is over and has been told: a live link is followed for months."""
        for link in self.links.values():
            link.forget()
        now_ns = self.intake.now_ns
        if now_ns - self._forgot_ns >= _IDLE_NS:
            self._forgot_ns = now_ns
            self.routing.forget_idle()

    def finish(self, ended_ns: int | None = None, sources: Sequence[Source] = ()) -> AnalysisResult:
        """Return what was found, and end.

        `ended_ns` is the time of the last packet, None where the captures were not read to their
        ends; `sources` are the captures by their numbers.
        """
        is_whole = ended_ns is not None
        if is_whole:
            self.routing.route(list(self.intake.last_breaks()))
        self.routing.route(list(self.intake.finish()))
        end_ns = max(self.intake.now_ns, ended_ns or 0)
        self.room.shortages.poll(end_ns)
        links = self.routing.close(end_ns, is_whole=is_whole)
        for link in links:
            harm.judge(link, self.ledger)
        return AnalysisResult(
            profile=self.profile,
            links=links,
            devices=self.routing.devices(),
            findings=self.ledger.seal(),
            captures=self._captures(sources),
            begun_ns=self.intake.begun_ns or 0,
            ended_ns=end_ns,
            left_out=self.left_out(),
            pauses=tuple(self.routing.pauses.known),
        )

    def _captures(self, sources: Sequence[Source]) -> tuple[CaptureFacts, ...]:
        duplicates = self.intake.duplicates
        return tuple(
            seal_capture(
                number, self.parts.get(number), duplicates[number],
                sources[number] if sources else None,
            )
            for number in range(len(sources)) or sorted(self.parts)
        )  # fmt: skip

    def left_out(self) -> tuple[LeftOut, ...]:
        """Return what found no room so far."""
        return self.room.shortages.seal()


@contextmanager
def resting_collector() -> Iterator[None]:
    """Let the collector of cycles rest: neither folds nor results make any.

    It would look through every row again and again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Interrupt(Protocol):
    """Says when a person has had enough."""

    came: bool

    def cut(self, items: Iterable[Item]) -> Iterator[Item]:
        """Give the items until then."""


@dataclass(frozen=True, slots=True)
class _Party:
    """The captures of one site with their analysis."""

    analysis: Analysis
    numbers: tuple[int, ...]
    site: str
    """What to call it; empty where there is no other."""

    def begin(self, sources: Sequence[Source]) -> None:
        """Set the time of the first packet, once there is one."""
        if self.analysis.intake.begun_ns is None:
            firsts = believable(sources[number].first_ns for number in self.numbers)
            if firsts:
                self.analysis.begin(min(firsts))

    def finish(self, sources: Sequence[Source], *, is_whole: bool) -> AnalysisResult:
        """Return what was found; `is_whole` says that all was read."""
        lasts = believable(
            times.last_ns for number in self.numbers for times in sources[number].times
        )
        ended_ns = max(lasts, default=None) if is_whole else None
        result = self.analysis.finish(ended_ns, sources)
        return replace(result, captures=tuple(result.captures[one] for one in self.numbers))


def analyze(
    sources: list[Source],
    analysis: Analysis,
    interrupt: Interrupt | None = None,
    sites: Sequence[tuple[int, ...]] = (),
) -> AnalysisResult:
    """Run the whole of the captures through an analysis, or what is read until an interrupt.

    `sites` has the numbers of captures that see the same links (`mldkit.analysis.sites`), all of
    them if it is empty.
    """
    sittings = Sittings(sources, iter if interrupt is None else interrupt.cut)
    parties = [
        _party(analysis, sources, sittings, numbers, is_alone=len(sites) < 2)
        for numbers in sites or (tuple(range(len(sources))),)
    ]
    of_capture = {number: party for party in parties for number in party.numbers}
    # How far each of several captures is says who looks at which link.
    at_once = 1 if len(sources) > 1 else _AT_ONCE
    waiting = iter(sittings.frames())
    with resting_collector():
        while frames := list(islice(waiting, at_once)):
            # What a gap is shows in what stands behind it.
            while (
                len(frames) < _MOST_AHEAD
                and any(source.is_following for source in sources)
                and (more := list(islice(waiting, at_once)))
            ):
                frames += more
            for number, theirs in groupby(frames, itemgetter(0)):
                party = of_capture[number]
                party.begin(sources)
                party.analysis.see_all(theirs)
        # After an interrupt packets that were read ahead were not looked at.
        is_whole = interrupt is None or not interrupt.came
        return joined([(party.site, party.finish(sources, is_whole=is_whole)) for party in parties])


def _party(
    analysis: Analysis,
    sources: Sequence[Source],
    sittings: Sittings,
    numbers: tuple[int, ...],
    *,
    is_alone: bool,
) -> _Party:
    site = "" if is_alone else _site_name(sources, numbers)
    listener, theirs = analysis.listener, sittings.among(numbers)

    def take(event: Event) -> None:
        if listener is not None:
            link = event.link._replace(site=site)
            finding = event.finding
            captures = theirs.at(event.time_ns)
            if finding is not None:
                finding, captures = replace(finding, link=link), (finding.capture,)
            listener(replace(event, link=link, finding=finding, captures=captures))

    own = replace(analysis, listener=None if listener is None else take)
    own.look_at(sources, theirs if len(numbers) > 1 else None)
    return _Party(own, numbers, site)


def _site_name(sources: Sequence[Source], numbers: tuple[int, ...]) -> str:
    """Return what to call a site: its first capture, and how many more there are."""
    names = short_names([source.name for source in sources])
    more = f" and {len(numbers) - 1} more" if len(numbers) > 1 else ""
    return names[numbers[0]] + more
