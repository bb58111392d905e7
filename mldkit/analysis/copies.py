"""Frames that were captured twice, messages that come back, clocks that run backwards.

A span port of both directions gives every frame twice within a millisecond: the copy is counted
and kept out of the folds. A message that comes again with a hop limit lower by one, or on
another VLAN, was forwarded by something that must not forward it.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from mldkit.analysis.facts import LinkKey, Mark, link_vlan
from mldkit.model.addresses import text
from mldkit.model.datagram import LinkType
from mldkit.model.units import MILLISECOND

if TYPE_CHECKING:
    from mldkit.analysis.ledger import Ledger
    from mldkit.model.datagram import Decoded

COPY_NS = MILLISECOND
_LOOP_NS = 50 * MILLISECOND
"""A loop gives a frame back at once; what comes later was sent again."""
_MOST_FRAMES = 1 << 14
"""Remembered at a time, where the clock of a capture stands still."""
_MOST_COMPARED = 128
"""Frames that a message is compared with octet by octet, as many as a millisecond brings."""
_PACKET_TYPE = 2
"""Octets of the packet type, with which a cooked header begins."""
_COOKED = (LinkType.LINUX_SLL, LinkType.LINUX_SLL2)


class Copies:
    """Compares each message with those shortly before it, over all links."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._frames: dict[tuple[str | None, bytes], int] = {}
        self._order: deque[tuple[int, tuple[str | None, bytes]]] = deque()
        self._odd: dict[bytes, int] = {}
        self._odd_order: deque[tuple[int, bytes]] = deque()
        self.duplicates: dict[int, int] = {}
        """Copies in each capture."""

    def is_copy(self, decoded: Decoded, mark: Mark) -> bool:
        """Return whether the same frame was seen within the last millisecond."""
        frame = decoded.frame
        if frame.time_ns is None:
            # Equal messages without a time may be minutes apart.
            return False
        now_ns = mark.time_ns
        order, frames = self._order, self._frames
        if order and order[-1][0] < now_ns - COPY_NS:
            # Nearly always all are over.
            order.clear()
            frames.clear()
        while order and order[0][0] < now_ns - COPY_NS:
            before_ns, key = order.popleft()
            if frames.get(key) == before_ns:
                del frames[key]
        data = frame.data
        if frame.link_type == LinkType.LINUX_SLL:
            # One frame on a bridge and on its port: only whether it came or went differs.
            data = data[_PACKET_TYPE:]
        key = (frame.interface, data)
        if key in frames:
            self.duplicates[mark.capture] = self.duplicates.get(mark.capture, 0) + 1
            self._ledger.add("M-56", None, mark, "the same octets within a millisecond")
            return True
        frames[key] = now_ns
        order.append((now_ns, key))
        if len(order) > _MOST_FRAMES:
            frames.pop(order.popleft()[1], None)
        datagram = decoded.datagram
        if any(datagram.vlan):
            self._look_for_vlan_copy(decoded, mark)
        if datagram.hop_limit != 1 or self._odd:
            self._look_for_loop(decoded, mark)
        return False

    def _look_for_vlan_copy(self, decoded: Decoded, mark: Mark) -> None:
        """D-30; queriers of trunks ask every VLAN at once, so queries are left out.

        So are cooked captures of all devices: a VLAN's own device and the one below both have it.
        """
        if decoded.kind == "query" or decoded.frame.link_type in _COOKED:
            return
        tags = " ".join(map(str, decoded.datagram.vlan))
        if self._follows(decoded, hop_limit_differs=False):
            self._tell(decoded, mark, f"the same message also on VLAN {tags}")

    def _look_for_loop(self, decoded: Decoded, mark: Mark) -> None:
        """D-30; messages with hop limit 1, nearly all, are remembered for a millisecond only."""
        datagram = decoded.datagram
        order, odd = self._odd_order, self._odd
        while order and order[0][0] < mark.time_ns - _LOOP_NS:
            odd.pop(order.popleft()[1], None)
        hops = datagram.hop_limit
        key = datagram.source + datagram.destination + decoded.frame.data[decoded.offset :]
        before = odd.get(key)
        came_back = before is not None and before == hops + 1
        if came_back or (hops == 0 and self._follows(decoded, hop_limit_differs=True)):
            self._tell(decoded, mark, f"came back with hop limit {hops}")
        if hops != 1:
            odd[key] = hops
            order.append((mark.time_ns, key))
            if len(order) > _MOST_FRAMES:
                odd.pop(order.popleft()[1], None)

    def _follows(self, decoded: Decoded, *, hop_limit_differs: bool) -> bool:
        """Return whether the message was seen just before with other headers."""
        data = decoded.frame.data
        payload, source = data[decoded.offset :], data[6:12]
        for _, (interface, other) in islice(reversed(self._order), _MOST_COMPARED):
            if other is data or interface != decoded.frame.interface:
                continue
            if not other.endswith(payload):
                continue
            if hop_limit_differs:
                return len(other) == len(data)
            if data[12:18] != other[12:18] and other[6:12] == source:
                return True
        return False

    def _tell(self, decoded: Decoded, mark: Mark, detail: str) -> None:
        datagram = decoded.datagram
        vlan = link_vlan(datagram.vlan)
        link = LinkKey(decoded.frame.interface, vlan, decoded.family, datagram.circuit)
        source = datagram.source
        self._ledger.add("D-30", link, mark, f"{text(source)}: {detail}", host=source)
