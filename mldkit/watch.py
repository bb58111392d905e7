"""The job `watch`: the folds of the analysis on a live link, whatever becomes of its interface.

The interface is followed as long as it is there, then its name (`mldkit.link.presence`). Each
change of its state is a `LinkEvent`, and so are a new name, a clock that was set, and a time in
which the kernel had to throw packets away. What nobody could hear meanwhile proves nothing: the
folds are told of each such time.

Time comes in three forms. Waiting is on the monotonic clock. The folds judge by a timeline that
nobody sets (`mldkit.link.timeline`); events carry the wall clock of their moment, as frames do.
Expiry is judged only up to an instant before which every frame has been taken in, so a report that
waits in the socket's buffer is never overtaken by the expiry it prevents.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from mldkit.analysis.engine import Analysis
from mldkit.analysis.events import Event
from mldkit.analysis.glance import Glance, MemberLine, glance, members
from mldkit.analysis.limits import MOST_LIVE, enlarged
from mldkit.analysis.vantage import AUTO
from mldkit.link.live_feed import LiveFeed
from mldkit.model.units import MILLISECOND
from mldkit.protocol.variables import DEFAULT_PROFILE
from mldkit.wire.rules import ERROR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mldkit.analysis.facts import LinkKey
    from mldkit.analysis.limits import LeftOut
    from mldkit.analysis.result import AnalysisResult
    from mldkit.link.account import Account
    from mldkit.link.live_feed import Loss
    from mldkit.link.presence import Machine
    from mldkit.model.datagram import Frame

SLICE_NS = 250 * MILLISECOND
"""How long one look at the link lasts; what stands still is noticed after that time."""


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """Something happened to the interface or to this machine, or packets were lost."""

    time_ns: int
    interface: str
    """Its name at that moment."""
    state: str
    """`up`, `down` or `missing`."""
    dropped: int
    """Packets that the kernel has thrown away since the start of the watch."""
    text: str
    """The same in words."""
    lost: int = 0
    """Packets that it has thrown away since `since_ns`."""
    since_ns: int | None = None
    """When none of these was lost yet; None where none was lost."""


WatchEvent: TypeAlias = "Event | LinkEvent"


class Watch:
    """Follows one interface and feeds what it hears to the folds.

    It has more methods than a class should, because the table, the documents and the last lines
    each ask it for something.
    """

    def __init__(
        self,
        interface: str,
        machine: Machine,
        listener: Callable[[WatchEvent], None],
        *,
        profile: str = DEFAULT_PROFILE,
        vantage: str = AUTO,
        room: int = 1,
        on_frame: Callable[[Frame], None] | None = None,
    ) -> None:
        """Open the interface; raise LinkError where there is none or we may not.

        An interface that is down is waited for. `room` says how many times as much is kept of
        senders and members (`mldkit.analysis.limits`).
        """
        self.errors = 0
        """Findings of severity error so far."""
        self.events = 0
        self.last_loss_ns: int | None = None
        """When packets were lost last, by the wall clock."""
        self._listener = listener
        most = enlarged(MOST_LIVE, room)
        self.analysis = Analysis(profile, self._take, with_data=False, vantage=vantage, most=most)
        self._feed = LiveFeed(interface, machine, self, on_frame)
        self.analysis.intake.begun_ns = self.begun_ns = self._feed.now_ns()
        self._feed.begin()

    @property
    def interface(self) -> str:
        """The name that the interface has now, or had when it went."""
        return self._feed.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What the socket had to do without and what is not heard here, one line each."""
        device = self._feed.device
        notes = tuple(getattr(device, "notes", ()))
        if device is not None and device.interface.kind == "bridge":
            # net/bridge/br_multicast.c:__br_multicast_send_query sends to one port.
            notes += (
                f"{self.interface} is a bridge, which asks each of its ports by itself: what it"
                " asks there is not heard here: watch a port, or say --vantage bridge",
            )
        return notes

    @property
    def state(self) -> str:
        """Whether the interface is `up`, `down` or `missing`."""
        return self._feed.state

    @property
    def messages(self) -> int:
        """Messages so far, whatever they were."""
        return sum(part.messages for part in self.analysis.parts.values())

    @property
    def account(self) -> Account:
        """What became of the frames so far, over all sockets; complete after `finish`."""
        return self._feed.account

    def now_ns(self) -> int:
        """Return the time by which `glance` and `members` are told: nobody sets its clock."""
        return self._feed.now_ns()

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What found no room so far."""
        return self.analysis.left_out()

    def glance(self) -> Glance:
        """Return who queries, and how many groups and hosts there are now."""
        return glance(self.analysis.links.values())

    def members(self, room: int) -> tuple[list[MemberLine], int]:
        """Return the members that fit into so many lines, and how many do not."""
        return members(self.analysis.links.values(), room)

    def listen(self, until_ns: int) -> None:
        """Take in everything up to the monotonic time `until_ns`, and let time pass till then."""
        self._fold(self._feed.hear(until_ns))
        # Expiry is judged up to a time before which no frame is left to be read.
        self.analysis.poll(self._feed.passed_ns(until_ns))
        self.analysis.forget()

    def catch_up(self, ended_ns: int | None = None) -> None:
        """Hear no more, and take in what waits of before the monotonic time `ended_ns`, or of now.

        What came later is left, and what waits where this is cut short.
        """
        end_ns = self._feed.now_ns() if ended_ns is None else self._feed.passed_ns(ended_ns)
        self._fold(self._feed.rest(end_ns))

    def finish(self, ended_ns: int | None = None) -> AnalysisResult:
        """Judge what only the end shows, and return everything; what waits still is left."""
        self._fold(self._feed.rest(self.begun_ns))
        end_ns = self._feed.now_ns() if ended_ns is None else self._feed.passed_ns(ended_ns)
        result = self.analysis.finish(end_ns)
        # By now it may be known that some of it is not seen from here.
        self.errors = sum(entry.severity == ERROR for entry in result.findings)
        return result

    def unsure(self, from_ns: int, until_ns: int) -> None:
        """Take in that what came in a time may not have been heard: nobody is blamed for that."""
        self.analysis.pause(from_ns, until_ns)

    def notice(self, time_ns: int, words: str, loss: Loss | None = None) -> None:
        """Tell of something that happened to the interface or to this machine."""
        feed, count, since_ns = self._feed, 0, None
        if loss is not None:
            count, since_ns = loss.count, feed.wall_ns(loss.since_ns)
            self.last_loss_ns = feed.wall_ns(time_ns)
        self.events += 1
        self._listener(
            LinkEvent(
                feed.wall_ns(time_ns),
                feed.name_at(time_ns),
                self.state,
                feed.account.dropped,
                words,
                count,
                since_ns,
            )
        )

    def _fold(self, groups: Iterable[list[Frame]]) -> None:
        for frames in groups:
            self.analysis.see_all((0, one) for one in frames)

    def _take(self, event: Event) -> None:
        self.events += 1
        if event.finding is not None and event.finding.severity == ERROR:
            self.errors += 1
        self._listener(event if self._feed.is_plain else _as_of_then(event, self._feed))


def _as_of_then(event: Event, feed: LiveFeed) -> Event:
    """Return an event with the name and the clock of its moment."""
    found, left_out = event.finding, event.left_out
    if found is not None and found.link is not None and found.time_ns is not None:
        link = _named(found.link, feed, found.time_ns)
        found = replace(found, link=link, time_ns=feed.wall_ns(found.time_ns))
    if left_out is not None:
        since_ns, last_ns = feed.wall_ns(left_out.since_ns), feed.wall_ns(left_out.last_ns)
        place = left_out.link and _named(left_out.link, feed, left_out.last_ns)
        left_out = replace(left_out, link=place, since_ns=since_ns, last_ns=last_ns)
    return replace(
        event,
        time_ns=feed.wall_ns(event.time_ns),
        link=_named(event.link, feed, event.time_ns),
        finding=found,
        left_out=left_out,
    )


def _named(link: LinkKey, feed: LiveFeed, time_ns: int) -> LinkKey:
    """Return a link with the name that its interface had at a time."""
    return link if link.interface is None else link._replace(interface=feed.name_at(time_ns))
