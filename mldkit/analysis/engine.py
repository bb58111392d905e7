"""One pass over captures, or one look after another at a live link, through all folds.

::

    frames of each capture -> merged by time -> decode -> copies -> link state -> Result
                                                  |
                                                  `-> data to groups -> traffic

Reading is the caller's: an `Analysis` takes frames in order of time and the number of the capture
they belong to. Time that runs backwards inside a capture is made to run forwards, so that the
order of the file holds and no delay is negative.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeGuard, TypeVar

from mldkit.analysis import admission, data_findings
from mldkit.analysis.copies import Copies
from mldkit.analysis.data_packets import read_data
from mldkit.analysis.events import Listener
from mldkit.analysis.facts import LATEST_NS, LinkKey, Mark, believable
from mldkit.analysis.ledger import Ledger
from mldkit.analysis.link_state import LinkState
from mldkit.analysis.result import Part, Result
from mldkit.analysis.sittings import Sittings
from mldkit.analysis.traffic import Traffic
from mldkit.model.datagram import Broken, LinkType
from mldkit.model.family import family_of
from mldkit.model.messages import Other, Report
from mldkit.model.units import SECOND
from mldkit.protocol.variables import DEFAULT_PROFILE
from mldkit.wire.decoder import Decoder
from mldkit.wire.screening import has_plain_envelope
from mldkit.wire.validity import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.analysis.data_packets import DataPacket
    from mldkit.analysis.sittings import Source
    from mldkit.analysis.stays import Row
    from mldkit.model.datagram import Decoded, Frame


# Marks and keys are made for every message: without the Python level of a named tuple's
# constructor.
_new = tuple.__new__
Item = TypeVar("Item")
_SLL2 = int(LinkType.LINUX_SLL2)
_AT_ONCE = 256
"""Frames of a capture that take each step together: some hundred thousand octets."""


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


@dataclass
class Analysis:
    """All folds of all links."""

    profile: str = DEFAULT_PROFILE
    listener: Listener = None
    with_data: bool = True
    tunnels: bool = False
    wanted: Wanted = EVERYTHING
    traced: bool = False
    """Keep what pictures need: times of single queries and reports, and single delays."""

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin anew, with the listener as it is now."""
        self.ledger = Ledger(self.listener)
        self.copies = Copies(self.ledger)
        self.admission = admission.Admission()
        self.links: dict[LinkKey, LinkState] = {}
        self.traffic: dict[LinkKey, Traffic] = {}
        self._places: dict[tuple[str | None, tuple[int, ...], int], Traffic] = {}
        """The traffic by what a packet shows at once: interface, VLANs, octets of an address."""
        self.parts: dict[int, Part] = {}
        self.begun_ns: int | None = None
        """Time of the first packet; set by who reads, else that of the first message."""
        self.sitting_ns: int | None = None
        """Since when a link that is followed can be heard, where it could not before that."""
        self.sittings: Sittings | None = None
        """Who looked when, where there are several captures."""
        self.now_ns = 0

    def begin(self, begun_ns: int) -> None:
        """Set the time of the first packet that has one; those before it tell of no silence."""
        self.begun_ns = begun_ns
        for link in self.links.values():
            link.pause(Mark(0, 0, 0), begun_ns)

    def see(self, frame: Frame, capture: int = 0) -> None:
        """Take in the next frame."""
        self.see_all(((capture, frame),))

    def see_all(self, frames: Iterable[tuple[int, Frame]]) -> None:
        """Take in the next frames, each with the number of its capture.

        Every frame takes each step before the first one takes the next: a processor that goes all
        the way with one frame after the other has the code of no step at hand, which costs a
        third more.
        """
        read = []
        for capture, frame in frames:
            part = self.parts.get(capture)
            if part is None:
                part = self.parts[capture] = Part(Decoder(tunnels=self.tunnels))
            read.append((capture, frame, part, part.read(frame)))
        kept: list[tuple[LinkKey | None, Decoded | None, Frame, Mark]] = []
        for capture, frame, part, found in read:
            mark = self._mark(frame, capture, part)
            if isinstance(found, Broken):
                # It may be no message at all.
                self.ledger.add(found.id, None, mark, found.reason, severity="info")
            elif found:
                for decoded in found:
                    key = self._sift(decoded, part, mark)
                    if key is not None:
                        kept.append((key, decoded, frame, mark))
            elif self.with_data:
                kept.append((None, None, frame, mark))
        for key, message, frame, mark in kept:
            if key is None or message is None:
                self._see_data(frame, mark)
            else:
                self._see_message(message, key, mark)

    def poll(self, now_ns: int) -> None:
        """Let time pass on a live link."""
        self.now_ns = max(self.now_ns, now_ns)
        for link in self.links.values():
            link.poll(self.now_ns)

    def pause(self, from_ns: int, until_ns: int) -> None:
        """Take in that nothing could be heard for a time, on a link that is followed.

        Members and querier are still those of before, until their time is over, but nobody is
        blamed for what was not heard.
        """
        until_ns = max(self.now_ns, until_ns)
        mark = Mark(0, 0, min(from_ns, until_ns))
        for link in self.links.values():
            link.pause(mark, until_ns)
        self.sitting_ns = self.now_ns = until_ns

    def forget(self) -> None:
        """Let go of what is over and has been told: a live link is followed for months."""
        for link in self.links.values():
            link.forget()
        self.admission.forget(self.links)

    def finish(self, ended_ns: int | None = None) -> Result:
        """Return what was found; `ended_ns` is the time of the last packet."""
        for capture, part in self.parts.items():
            mark = Mark(capture, 0, self.now_ns)
            for decoded in part.decoder.finish():
                key = self._sift(decoded, part, mark)
                if key is not None:
                    self._see_message(decoded, key, mark)
        end_ns = max(self.now_ns, ended_ns or 0)
        rows, members = [], []
        for key, link in self.links.items():
            link_end_ns = self._end_ns(link)
            if link_end_ns is None:
                link_end_ns = end_ns
            mark = Mark(max(link.captures, default=0), 0, link_end_ns)
            link.finish(mark)
            stays = link.memberships.finish(link_end_ns)
            members.append((link, stays, mark))
            rows += [(key, row) for row in stays]
        data_findings.judge(self.traffic, members, self.ledger)
        return Result(
            self.profile,
            list(self.links.values()),
            self.traffic,
            rows,
            rows,
            self.ledger.entries(),
            self.parts,
            self.copies.duplicates,
            self.begun_ns or 0,
            end_ns,
            self.left_out(),
            self.tunnels,
        )

    def left_out(self) -> list[str]:
        """Return in words what found no room so far."""
        return admission.texts(self.admission, self.links.values(), self.traffic)

    def _mark(self, frame: Frame, capture: int, part: Part) -> Mark:
        """Return where and when; packets without a time have that of the packet before."""
        time_ns = frame.time_ns
        clock = part.clock
        if time_ns is None or time_ns >= LATEST_NS:
            clock.now_ns = max(clock.now_ns, self.now_ns)
        elif time_ns < clock.now_ns or clock.shift_ns:
            back_ns = clock.read(time_ns)
            if back_ns:
                place = Mark(capture, frame.number, clock.now_ns)
                self.ledger.add("M-55", None, place, f"back by {back_ns / SECOND:.6f} s")
        else:
            clock.now_ns = time_ns
        time_ns = clock.now_ns
        if self.begun_ns is None and time_ns:
            self.begin(time_ns)
        self.now_ns = time_ns = max(self.now_ns, time_ns)
        return _new(Mark, (capture, frame.number, time_ns))

    def _sift(self, decoded: Decoded, part: Part, mark: Mark) -> LinkKey | None:
        """Return the link of a message, None where nobody asks for it or it is a copy."""
        datagram = decoded.datagram
        is_other = type(datagram.message) is Other
        part.messages += not is_other
        frame = decoded.frame
        interface = frame.interface
        if interface is None and frame.link_type == _SLL2:
            interface = _device(frame)
        if self.wanted is not EVERYTHING and not self.wanted.takes(interface, datagram.vlan):
            return None
        if not is_other and self.copies.is_copy(decoded, mark):
            return None
        return _new(LinkKey, (interface, datagram.vlan, decoded.family))

    def _see_message(self, decoded: Decoded, key: LinkKey, mark: Mark) -> None:
        datagram = decoded.datagram
        message = datagram.message
        if type(message) is Other:
            if self.admission.admits(key, datagram):
                self.ledger.take(find(decoded), key, mark, datagram.source)
            return
        link = self.links.get(key)
        if link is None or (self.sittings is not None and mark.capture not in link.captures):
            if link is None and not self.admission.admits_link(self.links):
                return
            link = self._link(key, mark.capture)
        rows = unseen = None
        if type(message) is Report:
            rows = link.memberships.recognise(datagram.source, message.records)
            if rows is not None:
                if _is_repetition(rows, decoded) and link.hear_again(datagram, message, rows, mark):
                    return
                records = message.records
                unseen = [records[number] for number, row in enumerate(rows) if row is None]
        if not self.admission.admits(key, datagram):
            return
        found = find(decoded, unseen)
        if found:
            self.ledger.take(found, link.key, mark, datagram.source)
        link.see(decoded, found, mark, rows)

    def _see_data(self, frame: Frame, mark: Mark) -> None:
        packet = read_data(frame)
        if packet is None:
            return
        interface = frame.interface or _device(frame)
        place = interface, packet.vlan, len(packet.group)
        traffic = self._places.get(place)
        if traffic is None or self.sittings is not None or packet.is_detection:
            traffic = self._look_at_data(packet, interface, mark)
            if traffic is None:
                return
            self._places[place] = traffic
        traffic.see(packet, frame, mark)

    def _look_at_data(
        self, packet: DataPacket, interface: str | None, mark: Mark
    ) -> Traffic | None:
        """Return where a packet counts; None where nobody asks for it, and for detection."""
        if not self.wanted.takes(interface, packet.vlan):
            return None
        key = LinkKey(interface, packet.vlan, family_of(packet.group))
        if key not in self.links and not self.admission.admits_link(self.links):
            return None
        link = self._link(key, mark.capture)
        if packet.is_detection:
            link.unspecified.detection(packet.link_source, mark.time_ns)
            return None
        traffic = self.traffic.get(key)
        if traffic is None:
            traffic = self.traffic[key] = Traffic(key, self.ledger, link)
        return traffic

    def _link(self, key: LinkKey, capture: int) -> LinkState:
        """Return the link, made if need be, which this capture looks at from now on."""
        sittings = self.sittings
        link = self.links.get(key)
        if link is None:
            begun_ns = self.sitting_ns or self.begun_ns
            if sittings is not None:
                begun_ns = sittings.begin_ns(capture, key.interface)
            link = self.links[key] = LinkState(
                key, self.ledger, begun_ns or 0, profile=self.profile, listener=self.listener
            )
            link.unspecified.sees_detection = self.with_data
            if self.traced:
                link.keep_trace()
        elif sittings is not None and capture not in link.captures:
            begin_ns, end_ns = sittings.begin_ns(capture, key.interface), self._end_ns(link)
            if end_ns is not None and begin_ns is not None and sittings.is_break(end_ns, begin_ns):
                link.skip(Mark(0, 0, end_ns), begin_ns)
        link.captures.add(capture)
        return link

    def _end_ns(self, link: LinkState) -> int | None:
        """Return until when somebody looked at a link, None while somebody does."""
        if self.sittings is None:
            return None
        end_ns = self.sittings.end_ns(link.captures, link.key.interface)
        # Clocks that were set back go on from where they were.
        steady_ns = max((self.parts[number].clock.now_ns for number in link.captures), default=0)
        return None if end_ns is None else max(end_ns, steady_ns)


def _is_repetition(rows: list[Row | None], decoded: Decoded) -> TypeGuard[list[Row]]:
    """Return whether no rule minds a report of which every record was recognised."""
    return all(rows) and len(set(rows)) == len(rows) and has_plain_envelope(decoded)


def _device(frame: Frame) -> str | None:
    """Return a name for the device of a frame in a capture of all devices, which has numbers."""
    if frame.link_type != _SLL2:
        return None
    return f"if{int.from_bytes(frame.data[4:8])}"


@contextmanager
def resting_collector() -> Iterator[None]:
    """Let the collector of cycles rest: neither folds nor results make any.

    It would look through every row again and again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Interrupt(Protocol):
    """Says when a person has had enough."""

    came: bool

    def cut(self, items: Iterable[Item]) -> Iterator[Item]:
        """Give the items until then."""


def analyze(
    sources: list[Source], analysis: Analysis, interrupt: Interrupt | None = None
) -> Result:
    """Run the whole of the captures through an analysis, or what is read until an interrupt."""
    sittings = Sittings(sources)
    if len(sources) > 1:
        analysis.sittings = sittings
    # How far each of several captures is says who looks at which link.
    at_once = 1 if len(sources) > 1 else _AT_ONCE
    waiting = iter(sittings.frames())
    if interrupt is not None:
        waiting = interrupt.cut(waiting)
    with resting_collector():
        while frames := list(islice(waiting, at_once)):
            if analysis.begun_ns is None:
                firsts = believable(source.first_ns for source in sources)
                if firsts:
                    analysis.begin(min(firsts))
            analysis.see_all(frames)
        if interrupt is not None and interrupt.came:
            # Packets that were read ahead were not looked at.
            return analysis.finish()
        lasts = believable(source.last_ns for source in sources)
        return analysis.finish(max(lasts, default=None))
