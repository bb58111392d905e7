"""Times in which nobody looked: a pause of the capture is no silence of the querier.

::

    all packets    |||||||||||||                      ||||||||||||||
                                 |<----- pause ----->|
    messages       |     |     |                      |     |     |

What runs before and after a gap, whatever the memberships are, and stops for so much longer than it
ever does, stopped because nobody looked. Data to groups run by leave of the memberships: where they
alone fill the capture they may have stopped for want of a querier, so they prove it only where the
querier that was there so far paused with them. Membership messages alone prove nothing: their
silence may be the fault itself, and it is told that this is not known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from mldkit.analysis.facts import Mark
from mldkit.analysis.feed import Break
from mldkit.link.times import LEAST_GAP_NS, Gap
from mldkit.model.units import SECOND
from mldkit.model.words import clock_text, length_text
from mldkit.protocol.variables import Variables

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mldkit.analysis.feed import Feed
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.link_state import LinkState
    from mldkit.analysis.part import Part

PAUSED, DOWN, UNKNOWN = "paused", "down", "unknown"
USUAL, WITH_QUERIER = "usual", "with-querier"
_TIMES_USUAL = 20
"""A pause is at least so many times as long as what runs is apart."""
_TIMES_UNKNOWN = 4
"""The same of a silence of messages alone, of which only that it is not known is told."""
_LEAST_PACKETS = 10
"""Packets that run, without which it is not known how far they are apart."""
_LEAST_MESSAGES = 4
_DAY_NS = 86_400 * SECOND
"""No link of a network is without a single packet for so long."""
_MISSED_NS = Variables().other_querier_ns
"""Of less silence nobody asks."""
_MOST_PAUSES = 1000
_MOST_COMPARED = 1000
"""Interfaces of a capture that are asked whether they went on."""
_MOST_ALIKE = 4
"""Pauses of about one length: where there are more, what runs comes in bursts."""


@dataclass(frozen=True, slots=True)
class CapturePause:
    """A time of which nothing is known, by the steady clock of its interface."""

    capture: int
    interface: str | None
    from_ns: int
    until_ns: int
    kind: str
    """`paused`: nobody looked. `down`: nothing came while other interfaces went on. `unknown`: the
    capture holds membership messages alone, so that nobody can tell."""

    @property
    def length_ns(self) -> int:
        """How long it took."""
        return self.until_ns - self.from_ns


class Pauses:
    """All pauses of an analysis."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._found: list[tuple[Feed, int, int, str]] = []
        self.known: list[CapturePause] = []
        """What is told of, in order of time; complete at the end."""
        self.ends_ns: dict[int, int] = {}
        """When an interface was last heard that went down, by the identity of its feed."""

    def see(self, item: Break, feeds: Iterable[Feed], links: Iterable[LinkState]) -> bool:
        """Take in a gap on an interface of a capture with these feeds, and with these links.

        Return whether nobody looked.
        """
        feed, from_ns, until_ns = item.feed, item.from_ns, item.until_ns
        if any(other.went_on(from_ns, until_ns) for other in _others(feed, feeds)):
            what = judge(_beside_others(item))
        else:
            what = judge(item)
        kind = _in_the_end(what, from_ns, until_ns, links)
        feed.quiet.append((from_ns, until_ns))
        if kind == USUAL:
            return False
        if len(self._found) < _MOST_PAUSES:
            self._found.append((feed, from_ns, until_ns, kind))
        if kind == UNKNOWN:
            for link in links:
                link.queriers.restart()
            return False
        feed.paused.append(until_ns - from_ns)
        feed.since_ns = until_ns
        return True

    def see_end(
        self, feed: Feed, feeds: Collection[Feed], links: Iterable[LinkState], end_ns: int
    ) -> None:
        """Look whether an interface of a capture with these feeds went down before the end."""
        last_ns = feed.last_ns
        if last_ns is None or end_ns - last_ns < LEAST_GAP_NS:
            return
        feed.quiet.append((last_ns, end_ns))
        others = _others(feed, feeds)
        if not any((other.first_ns or 0) < last_ns < (other.last_ns or 0) for other in others):
            # Captures that were put together, one after the other.
            self.ends_ns[id(feed)] = last_ns
            return
        kind = _in_the_end(judge_end(feed, end_ns), last_ns, end_ns, links)
        if kind == USUAL:
            return
        self._found.append((feed, last_ns, end_ns, kind))
        if kind == PAUSED:
            self.ends_ns[id(feed)] = last_ns

    def tell(self, parts: Mapping[int, Part]) -> None:
        """D-40, now that it is known whether other interfaces went on meanwhile."""
        # Not in the order of the file, which may have one interface after the other.
        for feed, from_ns, until_ns, kind in sorted(self._found, key=itemgetter(1)):
            if not feed.messages:
                continue
            others = _others(feed, parts[feed.capture].feeds.values())
            is_down = kind == PAUSED and any(one.went_on(from_ns, until_ns) for one in others)
            told = DOWN if is_down else kind
            pause = CapturePause(feed.capture, feed.interface, from_ns, until_ns, told)
            if not is_down and self._is_told(pause):
                continue
            self.known.append(pause)
            mark = Mark(feed.capture, 0, from_ns)
            self._ledger.add("D-40", None, mark, _text(pause), weight=pause.length_ns)

    def _is_told(self, pause: CapturePause) -> bool:
        """Return whether the same time was told of for another interface."""
        return any(
            other.capture == pause.capture
            and other.kind == pause.kind
            and 10 * abs(other.from_ns - pause.from_ns) <= pause.length_ns
            and 10 * abs(other.until_ns - pause.until_ns) <= pause.length_ns
            for other in self.known
        )


def _others(feed: Feed, feeds: Iterable[Feed]) -> list[Feed]:
    return [other for other in islice(feeds, _MOST_COMPARED) if other is not feed]


def _text(pause: CapturePause) -> str:
    since = f"from {clock_text(pause.from_ns)} on, for {length_text(pause.length_ns)}"
    if pause.kind == DOWN:
        name = pause.interface or "an interface without a name"
        return (
            f"not one packet of any kind on {name} {since}, while other interfaces went on: it was"
            " down or cut off, and nothing is said of it for that time"
        )
    if pause.kind == UNKNOWN:
        return (
            f"no message {since}; the capture holds nothing else, so it is not known whether"
            " anybody looked"
        )
    return f"not one packet of any kind {since}: nobody looked, and nothing is said of that time"


def _in_the_end(kind: str, from_ns: int, until_ns: int, links: Iterable[LinkState]) -> str:
    """Return what a gap is that data alone show to be one.

    They may pause by themselves, and they stop where a querier is missed. A pause is what a querier
    that was there so far, and would have asked in it, paused with them.
    """
    if kind != WITH_QUERIER:
        return kind
    is_shared = False
    for link in links:
        silence, interval_ns = link.queriers.silence, link.queriers.variables.interval_ns
        if from_ns - silence.since_ns > silence.limit_ns:
            return USUAL
        if silence.last_general_ns is not None:
            is_shared |= silence.last_general_ns + 2 * interval_ns < until_ns
    return PAUSED if is_shared else USUAL


def judge(item: Break) -> str:
    """Return what a gap is: a pause, one if the querier paused too, unknown, usual."""
    feed, gap = item.feed, item.gap
    length_ns = gap.length_ns
    if length_ns >= _DAY_NS or (item.is_border and length_ns > _MISSED_NS):
        return PAUSED
    before_ns = gap.from_ns - (feed.first_ns or 0) - sum(feed.paused)
    seen_ns = max(before_ns, 0) + gap.last_ns - gap.until_ns
    waits = gap.waits - sum(other_ns**2 for other_ns in feed.paused)
    # Where packets come in bursts, one waits for the next burst and not for the next packet.
    is_exceptional = length_ns * seen_ns >= _TIMES_USUAL * waits
    alike = sum(2 * other_ns > length_ns for other_ns in feed.paused)
    if is_exceptional and alike < _MOST_ALIKE:
        others, data = gap.others, gap.others + gap.to_groups
        if _is_long(length_ns, seen_ns, item.before - item.frames, others):
            return PAUSED
        if _is_long(length_ns, seen_ns, item.before - item.messages, data):
            return WITH_QUERIER
    has_messages_alone = item.before <= item.messages and not gap.others + gap.to_groups
    messages = item.before + gap.followed
    if has_messages_alone and messages >= _LEAST_MESSAGES and length_ns > _MISSED_NS:
        return UNKNOWN if length_ns * seen_ns >= _TIMES_UNKNOWN * waits else USUAL
    return USUAL


def judge_end(feed: Feed, end_ns: int) -> str:
    """Return what it is that nothing came of an interface from some time to the end."""
    gap = Gap(0, feed.last_ns or 0, end_ns, feed.packets, end_ns, feed.waits)
    item = Break(feed, gap, feed.packets, feed.frames, feed.messages, 0)
    return judge(_beside_others(item))


def _beside_others(item: Break) -> Break:
    """Return a gap in which other interfaces went on: nothing has to run behind it."""
    gap = item.gap
    others = max(gap.others, int(item.before > item.frames))
    to_groups = max(gap.to_groups, int(item.before > item.messages))
    return item._replace(gap=replace(gap, others=others, to_groups=to_groups))


def _is_long(length_ns: int, seen_ns: int, before: int, behind: int) -> bool:
    """Return whether nothing came for much longer than usual of what runs on both sides."""
    if before <= 0 or not behind or before + behind < _LEAST_PACKETS:
        return False
    return length_ns * (before + behind) >= _TIMES_USUAL * seen_ns
