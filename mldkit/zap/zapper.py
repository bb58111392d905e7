"""A viewer with one set: leaves a channel, joins the next one, watches it for a time.

::

    act:    close the sockets of the old channel, open those of the new one
    frames: own reports and leaves (stamps of leaving), datagrams (stamps of arrival)

All delays are differences of the kernel's stamps of one interface. The old channel is looked at
until it is chosen again, or the end: what comes after its leave is what the network did not cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

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

QUIET_NS = 500 * MILLISECOND
"""A channel of which nothing came for so long has ended; pictures and sound come far more often."""

_JOINS = (RecordType.TO_EX, RecordType.ALLOW)
_LEAVES = (RecordType.TO_IN, RecordType.BLOCK)


class ListeningDevice(Protocol):
    """What it needs of a link."""

    def receive(self, until_ns: int | None = None) -> Frame | None:
        """Return the next frame, or None at the monotonic time `until_ns`."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """What a viewer does, as functions of the machine."""

    join: Callable[[Address], None]
    leave: Callable[[Address], None]
    now_ns: Callable[[], int]
    """Monotonic time, for waiting."""
    wall_ns: Callable[[], int]
    """Time of the stamps."""


class Zapper:
    """Carries out switches and collects what they cost."""

    def __init__(self, device: ListeningDevice, viewer: Viewer, groups: Iterable[Address]) -> None:
        self.switches: list[Switch] = []
        self.is_interrupted = False
        self.on_frame: Callable[[Frame], None] | None = None
        self._device = device
        self._viewer = viewer
        self._decoder = Decoder()
        self._channels = {group: Channel(group) for group in groups}
        self._ending: dict[Address, Switch] = {}
        """Channels that were left and are still looked at."""

    def run(self, channels: Sequence[Address], watch_ns: int) -> None:
        """Tune in to the first channel, then switch through the others; look once more at the end.

        Each is watched for `watch_ns`. An interrupt ends it with what there is.
        """
        current = channels[0]
        try:
            self._channels[current].begin()
            self._viewer.join(current)
            self._listen(watch_ns)
            for group in channels[1:]:
                self._switch(current, group)
                current = group
                self._listen(watch_ns)
        except KeyboardInterrupt:
            self.is_interrupted = True
        for group in list(self._ending):
            self._settle(group)

    def _switch(self, old: Address, new: Address) -> None:
        self._settle(new)
        channel = self._channels[new]
        last_ns = channel.last_ns
        was_there = last_ns is not None and self._viewer.wall_ns() - last_ns < QUIET_NS
        switch = Switch(old, new, was_there=was_there)
        self.switches.append(switch)
        self._channels[old].end()
        self._ending[old] = switch
        switch.viewing = channel.begin()
        # As a set does: the line need not carry both.
        self._viewer.leave(old)
        self._viewer.join(new)

    def _listen(self, duration_ns: int) -> None:
        until_ns = self._viewer.now_ns() + duration_ns
        while (frame := self._device.receive(until_ns)) is not None:
            if self.on_frame is not None:
                self.on_frame(frame)
            if frame.outgoing:
                for decoded in self._decoder.decode(frame):
                    self._see_own(decoded)
                continue
            datagram = read_udp(frame)
            if datagram is not None and datagram.destination in self._channels:
                self._channels[datagram.destination].see(datagram, frame.time_ns or 0)

    def _see_own(self, decoded: Decoded) -> None:
        """Take the stamp of the first report and of the first leave that concern the switch."""
        if not self.switches:
            return
        switch, time_ns = self.switches[-1], decoded.frame.time_ns
        joined, left = changes(decoded)
        if switch.after in joined and switch.reported_ns is None:
            switch.reported_ns = time_ns
        if switch.before in left and switch.left_ns is None:
            switch.left_ns = time_ns

    def _settle(self, group: Address) -> None:
        """Judge whether a channel that was left has ended by now."""
        switch = self._ending.pop(group, None)
        if switch is None:
            return
        last_ns = self._channels[group].last_ns
        if last_ns is None:
            return
        switch.goes_on = self._viewer.wall_ns() - last_ns < QUIET_NS
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
    # Nothing is left of a group that is changed to no sources.
    left = {one.group for one in message.records if one.type in _LEAVES}
    return joined, left - joined
