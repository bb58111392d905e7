"""What comes in: frames become messages and data, each with its link, place and time.

Every frame takes each step before the first one takes the next: a processor that goes all the way
with one frame after the other has the code of no step at hand, which costs a third more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.copies import Copies
from mldkit.analysis.facts import LATEST_NS, Mark, link_of
from mldkit.analysis.feed import Feed
from mldkit.analysis.part import Part
from mldkit.link.times import LEAST_GAP_NS
from mldkit.model.datagram import Broken
from mldkit.model.messages import Other
from mldkit.model.units import SECOND
from mldkit.wire.decoder import Decoder
from mldkit.wire.rules import INFO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.feed import Break
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.source import Source
    from mldkit.model.datagram import Decoded, Frame
    from mldkit.wire.link_header import LinkHeader

_MOST_COMPARED = 1000
"""Interfaces of which frames are compared with each other."""
# A mark is made for every frame: without the Python level of a named tuple's constructor.
_new = tuple.__new__


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which links to look at; None means all."""

    interfaces: frozenset[str] | None = None
    vlans: frozenset[int] | None = None

    def takes(self, interface: str | None, vlan: tuple[int, ...]) -> bool:
        """Return whether a link is wanted; VLAN 0 stands for untagged frames."""
        if self.interfaces is not None and interface not in self.interfaces:
            return False
        return self.vlans is None or not self.vlans.isdisjoint(vlan or (0,))


EVERYTHING = Wanted()


class Taken(NamedTuple):
    """A message with its link, or a frame that may hold data."""

    key: LinkKey | None
    message: Decoded | None
    """None where the frame holds no message."""
    frame: Frame
    mark: Mark
    link: LinkHeader | None = None
    """What stands in front of a packet that is no message, where it was read."""


class Intake:
    """Reads the frames of all captures."""

    def __init__(
        self, ledger: Ledger, begin: Callable[[int], None], *, tunnels: bool, wanted: Wanted
    ) -> None:
        """Take whom to tell of the time of the first packet that has one."""
        self._ledger = ledger
        self._begin = begin
        self._tunnels = tunnels
        self.wanted = wanted
        self._copies: dict[str | None, Copies] = {}
        """By interface, because each has a clock of its own."""
        self._duplicates: Counter[int] = Counter()
        """Copies on interfaces that are not looked at any more."""
        self._latest: dict[str | None, int] = {}
        """The last time of each interface, over all captures."""
        self.sources: Sequence[Source] = ()
        """The captures by number; none on a live link."""
        self.parts: dict[int, Part] = {}
        self.begun_ns: int | None = None
        """Time of the first packet; set by who reads, else that of the first message."""
        self.now_ns = 0
        """The latest time of all."""
        self.passed_ns = 0
        """Until when time has passed on a live link, whatever came."""

    @property
    def duplicates(self) -> Counter[int]:
        """Frames that came twice, in each capture."""
        found = self._duplicates.copy()
        for copies in self._copies.values():
            found.update(copies.duplicates)
        return found

    def take(self, frames: Iterable[tuple[int, Frame]]) -> list[Taken | Break]:
        """Return what the next frames hold, each with the number of its capture.

        Gaps in what comes stand in front of what comes after them.
        """
        read = []
        for capture, frame in frames:
            part = self.parts.get(capture)
            if part is None:
                part = self.parts[capture] = Part(Decoder(tunnels=self._tunnels))
            found = part.read(frame)
            read.append((capture, frame, part, found, part.decoder.link))
        taken: list[Taken | Break] = []
        for capture, frame, part, found, link in read:
            feed = part.feeds.get(frame.interface)
            if feed is None:
                feed = self._feed(capture, frame.interface, part)
            clock = feed.clock
            before_ns, shift_ns = clock.now_ns, clock.shift_ns
            mark = self._mark(frame, feed)
            if mark.time_ns - before_ns >= LEAST_GAP_NS:
                taken += feed.take_breaks(frame.number, shift_ns)
            feed.frames += 1
            if isinstance(found, Broken):
                # It may be no message at all.
                self._ledger.add(found.id, None, mark, found.reason, severity=INFO)
            elif found:
                feed.messages += 1
                for decoded in found:
                    key = self._sift(decoded, part, mark)
                    if key is not None:
                        taken.append(_new(Taken, (key, decoded, frame, mark, None)))
            else:
                taken.append(_new(Taken, (None, None, frame, mark, link)))
        return taken

    def last_breaks(self) -> Iterator[Break]:
        """Give the gaps that nothing of ours followed, when all was read."""
        for capture, part in self.parts.items():
            # Interfaces of which nothing was looked at tell that they went on.
            described = self.sources[capture].times if capture < len(self.sources) else ()
            for times in described:
                if times.name not in part.feeds and times.packets:
                    self._feed(capture, times.name, part)
            for feed in part.feeds.values():
                yield from feed.take_breaks(None, feed.clock.shift_ns)

    def finish(self) -> Iterator[Taken]:
        """Give the messages that were still being put together from fragments."""
        for capture, part in self.parts.items():
            mark = Mark(capture, 0, self.now_ns)
            for decoded in part.decoder.finish():
                key = self._sift(decoded, part, mark)
                if key is not None:
                    yield Taken(key, decoded, decoded.frame, mark)
        for copies in self._copies.values():
            copies.finish()

    def feed(self, capture: int, interface: str | None) -> Feed | None:
        """Return what a capture has of an interface; devices of one capture share its clock."""
        part = self.parts.get(capture)
        if part is None:
            return None
        return part.feeds.get(interface) or part.feeds.get(None)

    def _feed(self, capture: int, interface: str | None, part: Part) -> Feed:
        """Return the feed of an interface that a capture had nothing of before."""
        source = self.sources[capture] if capture < len(self.sources) else None
        feed = part.feeds[interface] = Feed(capture, interface, source)
        return feed

    def _look_for_copies(self, interface: str | None) -> Copies:
        """Begin to compare the frames of an interface, of which a cooked capture may have many."""
        if len(self._copies) >= _MOST_COMPARED:
            oldest = self._copies.pop(next(iter(self._copies)))
            oldest.finish()
            self._duplicates.update(oldest.duplicates)
        copies = self._copies[interface] = Copies(self._ledger)
        return copies

    def _mark(self, frame: Frame, feed: Feed) -> Mark:
        """Return where and when; packets without a time have that of the packet before."""
        time_ns = frame.time_ns
        clock = feed.clock
        if time_ns is None or time_ns >= LATEST_NS:
            clock.now_ns = max(clock.now_ns, self.now_ns)
        elif time_ns < clock.now_ns or clock.shift_ns:
            back_ns = clock.read(time_ns)
            if back_ns:
                place = Mark(feed.capture, frame.number, clock.now_ns)
                self._ledger.add("M-55", None, place, f"back by {back_ns / SECOND:.6f} s")
        else:
            clock.now_ns = time_ns
        time_ns = clock.now_ns
        if self.begun_ns is None and time_ns:
            self._begin(time_ns)
        interface = frame.interface
        # Calls of max cost three hundredths of an analysis of data, which are many packets.
        latest_ns = self._latest.get(interface, 0)
        if time_ns < latest_ns:  # noqa: PLR1730
            time_ns = latest_ns
        if time_ns < self.passed_ns:  # noqa: PLR1730
            time_ns = self.passed_ns
        self._latest[interface] = time_ns
        if time_ns > self.now_ns:  # noqa: PLR1730
            self.now_ns = time_ns
        return _new(Mark, (feed.capture, frame.number, time_ns))

    def _sift(self, decoded: Decoded, part: Part, mark: Mark) -> LinkKey | None:
        """Return the link of a message, None where nobody asks for it or it is a copy."""
        is_other = type(decoded.datagram.message) is Other
        part.messages += not is_other
        key = link_of(decoded)
        if self.wanted is not EVERYTHING and not self.wanted.takes(key.interface, key.vlan):
            return None
        if not is_other:
            copies = self._copies.get(key.interface) or self._look_for_copies(key.interface)
            if copies.is_copy(decoded, key, mark):
                return None
        return key
