"""Frames that were seen, and the trees in whose time they fall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.datagram import Decoded
from mldkit.model.family import IGMP
from mldkit.model.units import MILLISECOND
from mldkit.trace.functions import BY_NAME
from mldkit.wire.decode import decode

if TYPE_CHECKING:
    from mldkit.model.datagram import Frame
    from mldkit.trace.act import Act, Part

_BEFORE_NS = MILLISECOND
"""The clocks of stamps and of the trace differ by less."""
_AFTER_NS = 20 * MILLISECOND
_ON_THE_WAY_NS = 200 * MILLISECOND
_MOST = 4096


class Sightings:
    """Membership messages by time; each belongs to one tree at most."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, Decoded]] = []

    def add(self, time_ns: int, frame: Frame) -> None:
        """Take a frame in; one without a message is none."""
        decoded = decode(frame)
        if isinstance(decoded, Decoded) and len(self._seen) < _MOST:
            self._seen.append((time_ns, decoded))

    def forget_before(self, time_ns: int) -> None:
        """Forget frames that nothing will ask for any more."""
        self._seen = [entry for entry in self._seen if entry[0] >= time_ns]

    def give_to(self, act: Act) -> None:
        """Put the frames to the trees of an act."""
        for part in act.parts:
            row = BY_NAME.get(part.call.name)
            if row is not None and row.act == "query" and part is act.beginning:
                self._incoming(act, part, is_igmp=row.family == "IPv4")
            self._outgoing(part)

    def _outgoing(self, part: Part) -> None:
        """Take as many sent messages as the tree has sent frames."""
        for event in part.call.happened():
            if event.name != "net_dev_xmit":
                continue
            # The stamp is made just in front of the driver, the event behind it.
            near = [
                entry
                for entry in self._seen
                if entry[1].frame.outgoing
                and part.call.time_ns - _BEFORE_NS <= entry[0] <= event.time_ns + _BEFORE_NS
                and event.fields.get("len") in ("", None, str(len(entry[1].frame.data)))
            ]
            if near:
                self._seen.remove(near[-1])
                part.frames.append(near[-1][1])

    def _incoming(self, act: Act, part: Part, *, is_igmp: bool) -> None:
        time_ns = part.call.time_ns
        near = [
            entry
            for entry in self._seen
            if not entry[1].frame.outgoing
            and (entry[1].family is IGMP) == is_igmp
            and time_ns - _ON_THE_WAY_NS <= entry[0] <= time_ns + _BEFORE_NS
        ]
        if near:
            self._seen.remove(near[0])
            part.frames.append(near[0][1])
            if near[0][1].kind != "query":
                act.kind = "report"
