"""The frames of an interface that is followed: each accounted for, by a time that nobody sets.

::

    presence --- frames ---> timeline ---> folds
       |  kernel's counts ----> account, losses: when what is awaited may have been lost
       |  names --------------> what the interface was called when a frame came
       `  clocks -------------> timeline: what was set, how long the machine slept

What happened to the counts, the name and the clocks is asked before frames are given that were read
already: so nobody is judged by what was lost, and every frame has the name and the time of its
moment.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Protocol

from mldkit.link.account import Account
from mldkit.link.naming import Names
from mldkit.link.presence import UP, Presence
from mldkit.link.timeline import Timeline
from mldkit.model.units import MILLISECOND
from mldkit.model.words import clock_text, counted, interval_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.link.presence import ListeningDevice, Machine
    from mldkit.model.datagram import Frame

AS_ONE_NS = 250 * MILLISECOND
"""Losses that follow each other so closely are one."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Packets that the kernel has thrown away."""

    count: int
    since_ns: int
    """When none was lost yet."""


class Listener(Protocol):
    """Who is told of what happens to the interface."""

    def unsure(self, from_ns: int, until_ns: int) -> None:
        """Take in that what came in a time may not have been heard."""

    def notice(self, time_ns: int, words: str, loss: Loss | None = None) -> None:
        """Take in that something happened, which the words say."""


class LiveFeed:
    """The frames of one interface in the order of time, and what became of all of them.

    It has more methods than a class should, because whatever is counted or asked of the machine has
    to happen between the same two frames.

    Frames have times of the timeline and the name that the interface had at first, so that a link
    stays one for the folds; `wall_ns` and `name_at` say what to print instead.
    """

    def __init__(
        self,
        name: str,
        machine: Machine,
        listener: Listener,
        on_frame: Callable[[Frame], None] | None = None,
    ) -> None:
        """Take who is told, and who gets every frame that is taken in as it came."""
        self._machine = machine
        self._listener = listener
        self._on_frame = on_frame
        self._label = name
        self._names = Names(name)
        self._timeline = Timeline(machine)
        self._losses = _Losses(self._timeline.now_ns())
        self._presence = Presence(name, machine, self._enter, self._rename)
        self._deaf_since_ns: int | None = None
        self._ahead: list[Frame] = []
        """What was read already, but came after the time that is listened to."""
        self._folded = 0

    def begin(self) -> None:
        """Open the interface; raise LinkError where there is none or we may not.

        One that is down is waited for.
        """
        self._presence.begin()

    @property
    def device(self) -> ListeningDevice | None:
        """The socket, None where there is no interface."""
        return self._presence.device

    @property
    def state(self) -> str:
        """Whether the interface is `up`, `down` or `missing`."""
        return self._presence.state

    @property
    def name(self) -> str:
        """What the interface is called now, or was when it went."""
        return self._names.now

    @property
    def account(self) -> Account:
        """What became of the frames so far; it is complete after `rest`."""
        counts, left = self._presence.counts, self._presence.taken - self._folded
        return Account(counts.received, self._folded, counts.dropped, left)

    @property
    def is_plain(self) -> bool:
        """Whether names and times are those at which it began, so that there is no other to say."""
        return self._timeline.is_plain and self._names.are_one

    def now_ns(self) -> int:
        """Return the time."""
        return self._timeline.now_ns()

    def wall_ns(self, time_ns: int) -> int:
        """Return what the clock of the machine said at a time."""
        return self._timeline.wall_ns(time_ns)

    def name_at(self, time_ns: int) -> str:
        """Return what the interface was called at a time."""
        return self._names.at(time_ns)

    def hear(self, until_ns: int) -> Iterator[list[Frame]]:
        """Give the frames up to the monotonic time `until_ns`, those that wait together."""
        time_ns = self._timeline.of_monotonic(until_ns)
        ahead, self._ahead = self._ahead, []
        yield from self._parts(ahead, time_ns)
        for frames in self._presence.hear(until_ns):
            yield from self._parts(frames, time_ns)
        self._look()
        passed_ns = self.passed_ns(until_ns)
        self._timeline.settle(passed_ns)
        self._come_to(passed_ns)
        self._tell_losses()

    def passed_ns(self, until_ns: int) -> int:
        """Return the time of a monotonic one, or of now, before which all frames were given."""
        return self._timeline.of_monotonic(min(until_ns, self._machine.now_ns()))

    def rest(self, end_ns: int) -> Iterator[list[Frame]]:
        """End, and give what waits of before a time; what came later is left."""
        ahead, self._ahead = self._ahead, []
        yield from self._parts(ahead, end_ns)
        for frames in self._presence.rest():
            yield from self._parts(frames, end_ns)
        self._ahead.clear()
        self._presence.close()
        self._look()
        self._come_to(self.now_ns())
        self._tell_losses(at_once=True)

    def _parts(self, frames: list[Frame], end_ns: int) -> Iterator[list[Frame]]:
        """Give frames of before a time; some may have been lost in front of each part."""
        self._look()
        if self.is_plain and self._on_frame is None and _are_all_before(end_ns, frames):
            taken = frames  # as nearly always: a look at each is a fortieth of all the work
            if frames:
                self._timeline.of_stamp(frames[-1].time_ns or 0)
        else:
            taken = [one for frame in frames if (one := self._taken(frame, end_ns)) is not None]
        while taken:
            first_ns = taken[0].time_ns or 0
            self._come_to(first_ns)
            until_ns = self._losses.until_ns(first_ns)
            part = taken if until_ns is None else _before(until_ns, taken) or taken[:1]
            yield part
            self._folded += len(part)
            taken = taken[len(part) :]
        self._tell_losses()

    def _taken(self, frame: Frame, end_ns: int) -> Frame | None:
        """Return a frame as the folds want it, None for one that came later."""
        stamp_ns = frame.time_ns or 0
        time_ns = self._timeline.of_stamp(stamp_ns)
        if time_ns > end_ns:
            self._ahead.append(frame)
            return None
        if self._on_frame is not None:
            name = self._names.at(time_ns)
            self._on_frame(frame if name == frame.interface else replace(frame, interface=name))
        if time_ns != stamp_ns or frame.interface != self._label:
            return replace(frame, time_ns=time_ns, interface=self._label)
        return frame

    def _look(self) -> None:
        """Ask for the clocks, the counts and the name."""
        step = self._timeline.look()
        if step is not None and step.slept_ns:
            self._listener.unsure(step.from_ns, step.until_ns)
            words = f"this machine slept for {interval_text(step.slept_ns)}, nothing was heard"
            self._listener.notice(step.until_ns, words)
        if step is not None and step.set_ns:
            where = "forward" if step.set_ns > 0 else "back"
            words = (
                f"the clock of this machine was set {where} by {interval_text(abs(step.set_ns))}"
            )
            self._listener.notice(step.until_ns, words)
        self._presence.look()
        self._losses.see(self._presence.counts.dropped, self.now_ns())

    def _come_to(self, time_ns: int) -> None:
        """Tell of the times up to this one in which what was awaited may have been lost."""
        for from_ns, until_ns in self._losses.come_to(time_ns):
            self._listener.unsure(from_ns, until_ns)

    def _tell_losses(self, *, at_once: bool = False) -> None:
        """Tell what was lost since that was told last."""
        now_ns = self.now_ns()
        loss = self._losses.to_tell(now_ns, at_once=at_once)
        if loss is not None:
            since = clock_text(self.wall_ns(loss.since_ns))
            words = (
                f"the kernel dropped {counted(loss.count, 'packet')} since {since},"
                f" {self._presence.counts.dropped:,} so far"
            )
            self._listener.notice(now_ns, words, loss)

    def _enter(self, words: str) -> None:
        """Take in that the interface is in another state."""
        now_ns = self.now_ns()
        # Whoever did not answer or ask before the end may have done so after it.
        if self._deaf_since_ns is None:
            self._deaf_since_ns = now_ns
        self._listener.unsure(self._deaf_since_ns, now_ns)
        if self.state == UP:
            self._deaf_since_ns = None
        self._listener.notice(now_ns, words)

    def _rename(self, name: str, wall_ns: int) -> None:
        before, time_ns = self.name, self._timeline.of_wall(wall_ns)
        self._names.take(name, time_ns)
        self._listener.notice(time_ns, f"was {before} until now")


def _are_all_before(time_ns: int, frames: list[Frame]) -> bool:
    return all((frame.time_ns or 0) <= time_ns for frame in frames)


def _before(time_ns: int, frames: list[Frame]) -> list[Frame]:
    """Return those in front of the first one that is not earlier than a time."""
    return list(takewhile(lambda one: (one.time_ns or 0) < time_ns, frames))


class _Losses:
    """When the kernel lost packets, as exactly as its count was asked for."""

    def __init__(self, now_ns: int) -> None:
        self._dropped = 0
        self._looked_ns = now_ns
        self._times: deque[tuple[int, int]] = deque()
        """From the last look that saw none to the last one that saw some, in order."""
        self._untold = 0
        self._since_ns = now_ns
        self._told_ns = 0

    def see(self, dropped: int, now_ns: int) -> None:
        """Take in what the kernel has counted so far."""
        if dropped > self._dropped:
            if not self._untold:
                self._since_ns = self._looked_ns
            self._untold += dropped - self._dropped
            self._dropped = dropped
            from_ns = self._looked_ns
            if self._times and self._times[-1][1] == from_ns:
                from_ns, _ = self._times.pop()
            self._times.append((from_ns, now_ns))
        self._looked_ns = now_ns

    def until_ns(self, time_ns: int) -> int | None:
        """Return until when nothing more is lost behind a time that was come to; None: it is known.

        While packets are lost that is a little: no query is asked and over in it.
        """
        if not self._times:
            return None
        from_ns, until_ns = self._times[0]
        return from_ns if from_ns > time_ns else min(until_ns, time_ns + AS_ONE_NS)

    def come_to(self, time_ns: int) -> Iterator[tuple[int, int]]:
        """Give the times of losses up to this one, and leave them behind."""
        while self._times and self._times[0][0] <= time_ns:
            from_ns, until_ns = self._times.popleft()
            if until_ns > time_ns:
                self._times.appendleft((time_ns, until_ns))
            yield from_ns, min(until_ns, time_ns)
            if until_ns > time_ns:
                break

    def to_tell(self, now_ns: int, *, at_once: bool) -> Loss | None:
        """Return what was not told yet, unless something was told just now."""
        if not self._untold or not (at_once or now_ns - self._told_ns >= AS_ONE_NS):
            return None
        loss, self._untold = Loss(self._untold, self._since_ns), 0
        self._told_ns = now_ns
        return loss
