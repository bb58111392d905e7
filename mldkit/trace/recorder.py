"""A trace of this kernel while it happens: observations of one interface, as they come."""

from __future__ import annotations

import os
import platform
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from mldkit.errors import LinkError
from mldkit.link import clock, ethtool, interfaces
from mldkit.link.device import InterfaceDown, PacketSocket
from mldkit.model.units import MILLISECOND
from mldkit.trace.devices import LISTED
from mldkit.trace.observation import Beginning, Ending, Line, Sighting, Tables
from mldkit.trace.setup import COUNTED, prepare
from mldkit.trace.tables import read_texts
from mldkit.trace.tracefs import BUFFER_KB, TracingInstance, find_tracefs, remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.trace.observation import Observation

_POLL_NS = 100 * MILLISECOND


class Recorder:
    """Traces from its making to `close`, which leaves nothing behind."""

    def __init__(self, interface: str, *, buffer_kb: int = BUFFER_KB) -> None:
        self.interface = interfaces.find(interface).name
        self._held = ExitStack()
        place = find_tracefs()
        self.removed = remove_leftovers(place)
        """What runs that were killed had left."""
        with self._held:
            self._instance = TracingInstance(place, os.getpid(), buffer_kb)
            self._held.callback(self._instance.close)
            self.tracing = prepare(self._instance)
            self._frames: PacketSocket | None = None
            self._held.callback(self._close_frames)
            self._open_frames()
            self._instance.start()
            self._held = self._held.pop_all()
        self._came = False

    def __enter__(self) -> Self:
        """Return the recorder itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    def close(self) -> None:
        """Remove the instance and its events."""
        self._held.close()

    def beginning(self) -> Iterator[Observation]:
        """Give what has to be known first."""
        yield Beginning(
            kernel=platform.release(),
            interface=self.interface,
            pid=threading.get_native_id(),
            tracer=self.tracing.tracer,
            tick_ns=clock.tick_ns(),
            wall_offset_ns=clock.wall_offset_ns(),
            missing=self.tracing.missing,
            driver=ethtool.driver(self.interface).name,
        )
        yield self._tables()
        # At once: what tells the addresses of the devices must not be overwritten.
        yield from self.waiting()

    def poll(self, until_ns: int | None = None) -> Iterator[Observation]:
        """Give what has come since the last time, after waiting a little, or until then."""
        until = clock.now_ns() + _POLL_NS
        clock.wait_ns((until if until_ns is None else min(until, until_ns)) - clock.now_ns())
        yield from self.waiting()

    def waiting(self) -> Iterator[Observation]:
        """Give what has come, and where anything has, the tables as they are now."""
        yield from self._sightings()
        came_before, self._came = self._came, False
        for line in self._instance.lines():
            # What reading the tables causes is no reason to read them again.
            self._came = self._came or LISTED not in line
            yield Line(line)
        yield from self._sightings()
        is_wanted = self._came or came_before
        yield self._tables() if is_wanted else Tables(clock.now_ns(), {})

    def ending(self) -> Iterator[Observation]:
        """Stop; give what was still on its way."""
        self._instance.stop()
        yield from self.waiting()
        calls = {symbol: self._instance.counted(symbol) for symbol in COUNTED}
        yield Ending(self._instance.lost(), calls)

    def _tables(self) -> Tables:
        return Tables(clock.now_ns(), read_texts(self.interface))

    def _sightings(self) -> Iterator[Sighting]:
        if self._frames is None:
            self._open_frames()
        if self._frames is None:
            return
        try:
            while (frame := self._frames.receive(clock.now_ns())) is not None:
                yield Sighting(frame.time_ns or 0, frame.outgoing, frame.data)
        except InterfaceDown:
            return
        except LinkError:  # it is gone; it may come back under its name
            self._close_frames()

    def _open_frames(self) -> None:
        try:
            # Without all multicast: that would change the very list that is looked at.
            self._frames = PacketSocket(self.interface, all_multicast=False)
        except LinkError:
            self._frames = None

    def _close_frames(self) -> None:
        frames, self._frames = self._frames, None
        if frames is not None:
            frames.close()
