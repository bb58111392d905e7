"""The job `watch`: the folds of the analysis on a live link, whatever becomes of its interface.

The interface is followed by its name (`mldkit.link.presence`). Each change of its state is a
`LinkEvent`, and so is a moment at which the kernel had to throw packets away. What nobody could
hear meanwhile proves nothing: the folds are told of each such time.

Time comes in two forms. Waiting is on the monotonic clock. Events carry wall time, as frames
do; expiry is judged only up to an instant before which every frame has been taken in, so a
report that waits in the socket's buffer is never overtaken by the expiry it prevents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mldkit.analysis.engine import Analysis
from mldkit.analysis.events import Event
from mldkit.analysis.glance import Glance, MemberLine, glance, members
from mldkit.analysis.limits import MOST_LIVE, enlarged
from mldkit.analysis.vantage import AUTO
from mldkit.link.presence import UP, Presence
from mldkit.model.units import MILLISECOND
from mldkit.protocol.variables import DEFAULT_PROFILE
from mldkit.wire.rules import ERROR

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.analysis.limits import LeftOut
    from mldkit.analysis.result import AnalysisResult
    from mldkit.link.presence import Machine
    from mldkit.model.datagram import Frame

SLICE_NS = 250 * MILLISECOND
"""How long one look at the link lasts; what stands still is noticed after that time."""


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """Something happened to the interface, or packets were lost."""

    time_ns: int
    interface: str
    state: str
    """`up`, `down` or `missing`."""
    dropped: int
    """Packets that the kernel has thrown away since the start of the watch."""
    text: str
    """The same in words."""


WatchEvent: TypeAlias = "Event | LinkEvent"


class Watch:
    """Follows one interface by its name and feeds what it hears to the folds."""

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
        self.interface = interface
        self.errors = 0
        """Findings of severity error so far."""
        self.events = 0
        self._machine = machine
        self._listener = listener
        self._on_frame = on_frame
        self._deaf_since_ns: int | None = None
        """Wall time since which nothing can be heard."""
        most = enlarged(MOST_LIVE, room)
        self.analysis = Analysis(profile, self._take, with_data=False, vantage=vantage, most=most)
        self.analysis.intake.begun_ns = self.begun_ns = machine.wall_ns()
        self._presence = Presence(machine, self._enter, self._miss)
        self._presence.begin()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the socket had to do without and what is not heard here, one line each."""
        device = self._presence.device
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
        return self._presence.state

    @property
    def messages(self) -> int:
        """Messages so far, whatever they were."""
        return sum(part.messages for part in self.analysis.parts.values())

    @property
    def dropped(self) -> int:
        """Packets that the kernel has thrown away so far, over all sockets."""
        return self._presence.dropped

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
        for frames in self._presence.hear(until_ns):
            if self._on_frame is not None:
                for one in frames:
                    self._on_frame(one)
            self.analysis.see_all((0, one) for one in frames)
        self._presence.count_drops()
        self._let_pass(until_ns)

    def finish(self) -> AnalysisResult:
        """Hear no more, judge what only the end shows, and return everything."""
        self._presence.count_drops()
        self._presence.close()
        result = self.analysis.finish(self._machine.wall_ns())
        # By now it may be known that some of it is not seen from here.
        self.errors = sum(entry.severity == ERROR for entry in result.findings)
        return result

    def _miss(self) -> None:
        """Take in that packets were lost: nobody is blamed for what they did not say."""
        now_ns = self._machine.wall_ns()
        self.analysis.pause(now_ns, now_ns)
        self._tell(f"the kernel dropped packets, {self.dropped} so far")

    def _let_pass(self, until_ns: int) -> None:
        """Judge expiry up to `until_ns`, before which no frame is left to be read."""
        machine = self._machine
        passed_ns = min(until_ns, machine.now_ns())
        self.analysis.poll(machine.wall_ns() - (machine.now_ns() - passed_ns))
        self.analysis.forget()

    def _enter(self, words: str) -> None:
        """Take in that the interface is in another state."""
        now_ns = self._machine.wall_ns()
        # Whoever did not answer or ask before the end may have done so after it.
        if self._deaf_since_ns is None:
            self._deaf_since_ns = now_ns
        self.analysis.pause(self._deaf_since_ns, now_ns)
        if self.state == UP:
            self._deaf_since_ns = None
        self._tell(words)

    def _tell(self, words: str) -> None:
        self.events += 1
        self._listener(
            LinkEvent(self._machine.wall_ns(), self.interface, self.state, self.dropped, words)
        )

    def _take(self, event: Event) -> None:
        self.events += 1
        if event.finding is not None and event.finding.severity == ERROR:
            self.errors += 1
        self._listener(event)
