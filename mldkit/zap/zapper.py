"""Viewers with a set each: leave a channel, join the next one, watch it for a time.

::

    act:    a viewer leaves the old channel and joins the new one
    frames: own reports and leaves (stamps of leaving), datagrams (stamps of arrival)

All delays are differences of the kernel's stamps of one interface. A channel that was left is
looked at until the viewer chooses it again, or the end: what comes after the leave is what the
network did not cut.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.model.messages import Leave, LegacyReport, RecordType, Report
from mldkit.model.units import MILLISECOND
from mldkit.wire.decoder import Decoder
from mldkit.wire.media import read_udp
from mldkit.zap.channel import Channel
from mldkit.zap.switch import Switch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Decoded, Frame
    from mldkit.zap.channel import Viewing

QUIET_NS = 500 * MILLISECOND
"""A channel of which nothing came for so long has ended; pictures and sound come far more often."""

_JOINS = (RecordType.TO_EX, RecordType.ALLOW)
_LEAVES = (RecordType.TO_IN, RecordType.BLOCK)


@dataclass(frozen=True, slots=True)
class Link:
    """What it needs of the machine."""

    listen: Callable[[int, Callable[[Frame], None]], None]
    """Hand over every frame until a monotonic time."""
    now_ns: Callable[[], int]
    """Monotonic time, for waiting."""
    wall_ns: Callable[[], int]
    """Time of the stamps."""


@dataclass(slots=True)
class Viewer:
    """One set: what it does, and what becomes of it."""

    mac: bytes
    """From which its reports come."""
    join: Callable[[Address], None]
    leave: Callable[[Address], None]
    channels: Sequence[Address]
    """What it watches, one after the other."""
    position: int = -1
    viewing: Viewing | None = None
    switch: Switch | None = None
    """The last one."""
    ending: dict[Address, Switch] = field(default_factory=dict)
    """Channels that it has left and that are still looked at."""


class Zapper:
    """Carries out the switches of all viewers and collects what they cost."""

    def __init__(self, link: Link, viewers: Sequence[Viewer], groups: Iterable[Address]) -> None:
        self.switches: list[Switch] = []
        self.is_interrupted = False
        self.on_frame: Callable[[Frame], None] | None = None
        self._link = link
        self._viewers = tuple(viewers)
        self._by_mac = {viewer.mac: viewer for viewer in viewers}
        self._decoder = Decoder()
        self._channels = {group: Channel(group) for group in groups}

    def run(self, watch_ns: int) -> None:
        """Let everybody tune in and switch through their channels, and look once more at the end.

        Each channel is watched for `watch_ns`; viewers act at different moments of that time. An
        interrupt ends it with what there is.
        """
        begun_ns = self._link.now_ns()
        apart_ns = watch_ns // len(self._viewers)
        acts = [(begun_ns + number * apart_ns, number) for number in range(len(self._viewers))]
        try:
            while acts:
                act_ns, number = heapq.heappop(acts)
                viewer = self._viewers[number]
                self._link.listen(act_ns, self._see)
                self._act(viewer)
                if viewer.position + 1 < len(viewer.channels):
                    heapq.heappush(acts, (act_ns + watch_ns, number))
            self._link.listen(self._link.now_ns() + watch_ns, self._see)
        except KeyboardInterrupt:
            self.is_interrupted = True
        for viewer in self._viewers:
            for group in list(viewer.ending):
                self._settle(viewer, group)

    def _act(self, viewer: Viewer) -> None:
        """Leave the channel that a viewer watches, and join the next one."""
        viewer.position += 1
        new = viewer.channels[viewer.position]
        self._settle(viewer, new)
        channel = self._channels[new]
        last_ns = channel.last_ns
        was_there = last_ns is not None and self._link.wall_ns() - last_ns < QUIET_NS
        viewing = channel.begin()
        if viewer.viewing is not None:
            old = viewer.channels[viewer.position - 1]
            self._channels[old].end(viewer.viewing)
            switch = Switch(old, new, was_there=was_there, viewing=viewing)
            switch.is_shared = self._channels[old].is_watched
            self.switches.append(switch)
            viewer.switch = viewer.ending[old] = switch
            # As a set does: the line need not carry both.
            viewer.leave(old)
        viewer.viewing = viewing
        viewer.join(new)

    def _see(self, frame: Frame) -> None:
        if self.on_frame is not None:
            self.on_frame(frame)
        if frame.outgoing:
            for decoded in self._decoder.decode(frame):
                self._see_own(decoded)
            return
        datagram = read_udp(frame)
        if datagram is not None and datagram.destination in self._channels:
            self._channels[datagram.destination].see(datagram, frame.time_ns or 0)

    def _see_own(self, decoded: Decoded) -> None:
        """Take the stamp of the first report and of the first leave that concern a switch."""
        viewer = self._by_mac.get(decoded.datagram.link_source or b"")
        if viewer is None or viewer.switch is None:
            return
        switch, time_ns = viewer.switch, decoded.frame.time_ns
        joined, left = changes(decoded)
        if switch.after in joined and switch.reported_ns is None:
            switch.reported_ns = time_ns
        if switch.before in left and switch.left_ns is None:
            switch.left_ns = time_ns

    def _settle(self, viewer: Viewer, group: Address) -> None:
        """Judge whether a channel that a viewer left has ended by now."""
        switch = viewer.ending.pop(group, None)
        last_ns = self._channels[group].last_ns
        if switch is None or last_ns is None:
            return
        if switch.is_shared or self._channels[group].is_watched:
            # Another viewer here keeps it coming: nothing is known of this leave.
            switch.is_shared = True
            return
        switch.goes_on = self._link.wall_ns() - last_ns < QUIET_NS
        if not switch.goes_on:
            switch.ended_ns = last_ns


def changes(decoded: Decoded) -> tuple[set[Address], set[Address]]:
    """Return the groups that a message of a host joins, and those that it leaves."""
    message = decoded.datagram.message
    if isinstance(message, LegacyReport):
        return {message.group}, set()
    if isinstance(message, Leave):
        return set(), {message.group}
    if not isinstance(message, Report):
        return set(), set()
    joined = {one.group for one in message.records if one.type in _JOINS}
    left = {one.group for one in message.records if one.type in _LEAVES}
    return joined, left - joined
