"""Who is there for the data of a link: its streams and its members side by side.

What only the whole capture shows is judged here in one order, so that a cause is told once: a
source that nobody asked for explains that the wanted one is missing, a host that left explains
that a stream stopped, and only what nothing explains is left to be told as such.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from mldkit.analysis.streams import Pause, Stream, is_pause
from mldkit.analysis.traffic import over_text
from mldkit.wire.rules import WARNING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.analysis.facts import Mark
    from mldkit.analysis.stays import Row
    from mldkit.analysis.traffic import Traffic
    from mldkit.model.addresses import Address

MOST_STREAMS_OF_GROUP = 100
MOST_STAYS_OF_GROUP = 100
MOST_OTHERS = 10
"""Streams and stays of one group that are held against each other."""


class Audience:
    """The streams and the stays of one link, by group, at the end of a capture."""

    def __init__(self, traffic: Traffic, rows: Iterable[Row], end: Mark) -> None:
        self.traffic = traffic
        self.end = end
        self.streams: defaultdict[Address, list[Stream]] = defaultdict(list)
        """Everything sent to a group that is no discovery."""
        self.flows: defaultdict[Address, list[Stream]] = defaultdict(list)
        """What flows of it."""
        self.stays: defaultdict[Address, list[Row]] = defaultdict(list)
        for stream in traffic.streams.values():
            of_group = self.streams[stream.group]
            if len(of_group) < MOST_STREAMS_OF_GROUP and not stream.is_discovery:
                of_group.append(stream)
                if stream.flows:
                    self.flows[stream.group].append(stream)
        for row in rows:
            if row.group in self.streams and len(self.stays[row.group]) < MOST_STAYS_OF_GROUP:
                self.stays[row.group].append(row)
        self.explained: set[int] = set()
        """Streams, by identity, of which it is known why they stopped."""

    def pauses(self, stream: Stream) -> list[tuple[Pause, bool]]:
        """Return when a stream paused while somebody looked, and whether it did not go on."""
        pauses = [(pause, False) for pause in stream.pauses]
        end_ns = self.end.time_ns
        if stream.is_running and is_pause(end_ns - stream.last_ns, stream.gap_ns):
            pauses.append((Pause(stream.last_ns, end_ns, gap_ns=stream.gap_ns), True))
        return [one for one in pauses if self._was_seen(one[0].from_ns, one[0].until_ns)]

    def others(self, stream: Stream, pause: Pause) -> list[Stream]:
        """Return some streams to the same group that went on when one had stopped."""
        return [
            other
            for other in self.flows[stream.group]
            if other is not stream
            and other.first_ns < pause.until_ns
            and is_pause(other.last_ns - pause.from_ns, pause.gap_ns)
        ][:MOST_OTHERS]

    def conclude(self) -> None:
        """Say for how long streams went on after the last member left."""
        for stream in self.traffic.streams.values():
            if stream.over is not None:
                is_certain = stream.over.severity == WARNING
                stream.over.detail = over_text(stream, is_certain=is_certain)
                stream.over.weight = stream.last_ns - stream.left_ns

    def _was_seen(self, from_ns: int, until_ns: int) -> bool:
        """Return whether somebody looked all the time, and somebody queried when it began.

        What stops in a silence of the querier is told with that silence.
        """
        silence = self.traffic.state.queriers.silence
        return not any(
            begun_ns < until_ns and from_ns < ended_ns for begun_ns, ended_ns in silence.unseen
        ) and not any(begun_ns < from_ns < ended_ns for begun_ns, ended_ns in silence.times)
