"""Frames that were captured twice, loops and storms, messages that come back.

A span port of both directions gives every frame twice within a millisecond: the copy is counted
and kept out of the folds. The same octets ten times within 100 ms, spread over more than that
millisecond, are what a loop makes of a frame, and so is one packet that comes again and again: by
its IP identification, where the others of its sender differ (`identifications`). A message that
comes again with a hop limit lower by one, or on another VLAN, was forwarded by something that
must not forward it.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.analysis.identifications import Identifications
from mldkit.model.addresses import is_link_local, is_unspecified, text
from mldkit.model.datagram import LinkType
from mldkit.model.messages import RecordType, Report
from mldkit.model.units import MILLISECOND
from mldkit.model.words import delay_text
from mldkit.wire.rules import INFO

if TYPE_CHECKING:
    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.analysis.ledger import Entry, Ledger
    from mldkit.model.datagram import Decoded

COPY_NS = MILLISECOND
STORM_NS = 100 * MILLISECOND
STORM_FRAMES = 10
_CLOSE_NS = STORM_NS // (STORM_FRAMES - 1)
"""As far apart as the frames of a storm are on average: nobody repeats a message so soon twice."""
_LOOP_NS = 50 * MILLISECOND
"""A loop gives a frame back at once; what comes later was sent again."""
_MOST_FRAMES = 1 << 14
"""Remembered at a time, where the clock of a capture stands still."""
_MOST_OCTETS = 1 << 22
"""Of these frames."""
_MOST_COPIES = 100
"""Of one burst, that are told by their frames."""
_MOST_COMPARED = 128
"""Frames that a message is compared with octet by octet, as many as a millisecond brings."""
_AGAIN = "the same octets within a millisecond"
_TOLD_AT_ONCE = 4
"""Bursts that are over, of which is told when a message comes."""
_PACKET_TYPE = 2
"""Octets of the packet type, with which a cooked header begins."""
_COOKED = (LinkType.LINUX_SLL, LinkType.LINUX_SLL2)


@dataclass(slots=True)
class _Burst:
    """The same octets, no two of them further apart than a storm lasts."""

    begun_ns: int
    last_ns: int
    frames: int = 1
    latest: deque[int] = field(default_factory=lambda: deque(maxlen=STORM_FRAMES))
    copies: list[Mark] = field(default_factory=list)
    """Those that are not told yet."""
    unnamed: int = 0
    """How many came after those."""
    found: Entry | None = None
    """The finding, once it is a storm."""


class Copies:
    """Compares each message with those shortly before it, over all links of one interface."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._frames: dict[bytes, int | _Burst] = {}
        """When the octets of each frame were seen, since the last turn."""
        self._before: dict[bytes, int | _Burst] = {}
        """The same of the time before that, as long as a storm lasts."""
        self._octets = 0
        """Of the frames since the last turn."""
        self._turned_ns = 0
        self._bursts: deque[_Burst] = deque()
        """Those with copies that are not told yet."""
        self._order: deque[tuple[int, bytes]] = deque(maxlen=_MOST_COMPARED)
        self._odd: dict[int, int] = {}
        """Hop limits by a number that no other message has as far as anybody can tell."""
        self._odd_order: deque[tuple[int, int]] = deque()
        self._identifications = Identifications(ledger)
        self.duplicates: Counter[int] = Counter()
        """Copies in each capture."""

    def is_copy(self, decoded: Decoded, link: LinkKey, mark: Mark) -> bool:
        """Return whether the same frame was seen just before, or comes back from a loop."""
        frame = decoded.frame
        if frame.time_ns is None:
            # Equal messages without a time may be minutes apart.
            return False
        now_ns = mark.time_ns
        frames = self._frames
        if self._bursts:
            self._tell_over(now_ns)
        is_full = len(frames) >= _MOST_FRAMES or self._octets >= _MOST_OCTETS
        if is_full or now_ns - self._turned_ns >= STORM_NS:
            self._turn(now_ns)
            frames = self._frames
        data = frame.data
        if frame.link_type == LinkType.LINUX_SLL:
            # One frame on a bridge and on its port: only whether it came or went differs.
            data = data[_PACKET_TYPE:]
        seen = frames.get(data) or self._before.get(data)
        if seen is not None and self._is_again(seen, data, decoded, link, mark):
            self.duplicates[mark.capture] += 1
            return True
        if seen is None:
            frames[data] = now_ns
            self._octets += len(data)
        self._order.append((now_ns, data))
        datagram = decoded.datagram
        if len(datagram.source) == 4 and self._identifications.is_again(decoded, link, mark):
            self.duplicates[mark.capture] += 1
            return True
        if datagram.vlan and any(datagram.vlan):
            self._look_for_vlan_copy(decoded, data, link, mark)
        if datagram.hop_limit != 1 or self._odd:
            self._look_for_loop(decoded, data, link, mark)
        return False

    def finish(self) -> None:
        """Tell of the last copies."""
        for burst in self._bursts:
            self._tell_copies(burst)
        self._bursts.clear()

    def _turn(self, now_ns: int) -> None:
        """Let go of what was seen longer ago than a storm lasts."""
        is_long = now_ns - self._turned_ns >= 2 * STORM_NS
        self._before = {} if is_long else self._frames
        self._frames = {}
        self._octets = 0
        self._turned_ns = now_ns

    def _tell_over(self, now_ns: int) -> None:
        """Tell of the copies of some bursts that are over: others wait for the next message."""
        for _ in range(_TOLD_AT_ONCE):
            if not self._bursts:
                return
            burst = self._bursts.popleft()
            if now_ns - burst.last_ns <= STORM_NS:
                self._bursts.append(burst)
                return
            self._tell_copies(burst)

    def _is_again(
        self, seen: int | _Burst, data: bytes, decoded: Decoded, link: LinkKey, mark: Mark
    ) -> bool:
        """Take in octets that were seen before; return whether they are no new message."""
        now_ns = mark.time_ns
        burst = seen if isinstance(seen, _Burst) else _Burst(seen, seen, latest=_times(seen))
        after_ns = now_ns - burst.last_ns
        if after_ns > STORM_NS:
            burst = _Burst(now_ns, now_ns, latest=_times(now_ns))
            self._frames[data] = now_ns
            return False
        self._frames[data] = burst
        burst.frames += 1
        burst.last_ns = now_ns
        burst.latest.append(now_ns)
        if burst.found is None and _is_storm(burst):
            self._begin_storm(burst, decoded, link, mark)
        if burst.found is not None:
            if burst.frames > burst.found.weight:
                burst.found.weight, burst.found.detail = burst.frames, _storm_text(burst)
            return True
        if after_ns <= COPY_NS:
            if not burst.copies:
                self._bursts.append(burst)
            if len(burst.copies) < _MOST_COPIES:
                burst.copies.append(mark)
            else:
                burst.unnamed += 1
            return True
        # Hosts tell a change again after any time; no querier asks the same again so soon.
        return after_ns <= _CLOSE_NS and (burst.frames > 2 or decoded.kind == "query")

    def _tell_copies(self, burst: _Burst) -> None:
        """M-56."""
        for mark in burst.copies:
            self._ledger.add("M-56", None, mark, _AGAIN)
        if burst.unnamed:
            last = burst.copies[-1]._replace(frame=0)
            self._ledger.add("M-56", None, last, _AGAIN, times=burst.unnamed)
        burst.copies.clear()
        burst.unnamed = 0

    def _begin_storm(self, burst: _Burst, decoded: Decoded, link: LinkKey, mark: Mark) -> None:
        """D-34, an error: switches that send frames around stop working altogether."""
        burst.found = self._ledger.add(
            "D-34", link, mark, _storm_text(burst), host=decoded.datagram.source
        )
        # They are no copies of a span port.
        burst.copies.clear()
        burst.unnamed = 0

    def _look_for_vlan_copy(self, decoded: Decoded, data: bytes, link: LinkKey, mark: Mark) -> None:
        """D-30; queriers of trunks ask every VLAN at once, so queries are left out.

        So are cooked captures of all devices: a VLAN's own device and the one below both have it.
        """
        if decoded.kind == "query" or decoded.frame.link_type in _COOKED:
            return
        tags = " ".join(map(str, decoded.datagram.vlan))
        if self._follows(decoded, data, hop_limit_differs=False):
            detail = f"the same message also on VLAN {tags}"
            if _is_of_each_link(decoded):
                detail += "; a host on both VLANs that acts on both at once does the same"
                self._tell(decoded, link, mark, detail, INFO)
            else:
                self._tell(decoded, link, mark, detail)

    def _look_for_loop(self, decoded: Decoded, data: bytes, link: LinkKey, mark: Mark) -> None:
        """D-30; messages with hop limit 1, nearly all, are remembered for a millisecond only."""
        datagram = decoded.datagram
        order, odd = self._odd_order, self._odd
        while order and order[0][0] < mark.time_ns - _LOOP_NS:
            odd.pop(order.popleft()[1], None)
        hops = datagram.hop_limit
        payload = decoded.frame.data[decoded.offset :]
        key = hash((datagram.source, datagram.destination, payload))
        before = odd.get(key)
        came_back = before is not None and before == hops + 1
        if came_back or (hops == 0 and self._follows(decoded, data, hop_limit_differs=True)):
            self._tell(decoded, link, mark, f"came back with hop limit {hops}")
        if hops != 1:
            odd[key] = hops
            order.append((mark.time_ns, key))
            if len(order) > _MOST_FRAMES:
                odd.pop(order.popleft()[1], None)

    def _follows(self, decoded: Decoded, data: bytes, *, hop_limit_differs: bool) -> bool:
        """Return whether the message in these octets was seen just before with other headers."""
        payload, source = decoded.frame.data[decoded.offset :], data[6:12]
        since_ns = (decoded.frame.time_ns or 0) - COPY_NS
        for seen_ns, other in reversed(self._order):
            if seen_ns < since_ns:
                break
            if other is data or not other.endswith(payload):
                continue
            if hop_limit_differs:
                return len(other) == len(data)
            if data[12:18] != other[12:18] and other[6:12] == source:
                return True
        return False

    def _tell(
        self, decoded: Decoded, link: LinkKey, mark: Mark, detail: str, severity: str | None = None
    ) -> None:
        source = decoded.datagram.source
        detail = f"{text(source)}: {detail}"
        self._ledger.add("D-30", link, mark, detail, host=source, severity=severity)


def _is_of_each_link(decoded: Decoded) -> bool:
    """Return whether a device of several VLANs may send the same message on each at one moment.

    Its MAC makes the same link-local address on each of them, and a program joins on all at once.
    Answers to queries are delayed by chance on each (RFC 9777 §6.2), so they betray what copies.
    """
    source, message = decoded.datagram.source, decoded.datagram.message
    if not (is_link_local(source) or is_unspecified(source)):
        return False
    records = message.records if isinstance(message, Report) else ()
    return not any(record.type in (RecordType.IS_IN, RecordType.IS_EX) for record in records)


def _is_storm(burst: _Burst) -> bool:
    """Return whether the last frames came too close, and not all at once as at a span port."""
    latest = burst.latest
    is_close = len(latest) == STORM_FRAMES and latest[-1] - latest[0] <= STORM_NS
    return is_close and burst.last_ns - burst.begun_ns > COPY_NS


def _storm_text(burst: _Burst) -> str:
    lasted = delay_text(burst.last_ns - burst.begun_ns)
    return f"the same octets came {burst.frames:,} times within {lasted}"


def _times(time_ns: int) -> deque[int]:
    return deque((time_ns,), maxlen=STORM_FRAMES)
