"""One packet that comes again and again: told by its IPv4 identification.

A sender gives each packet another identification (RFC 6864 §4.1), or 0 to all that are not
fragmented, as Linux does with membership messages. The same message with the same one is the same
packet: something sends it around, slower than a storm. That only holds of a sender whose other
messages differ; some devices have one identification for everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.model.words import seconds_text

if TYPE_CHECKING:
    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.analysis.ledger import Entry, Ledger
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Decoded

_MOST_SENDERS = 1024
_MOST_KEPT = 16
"""Identifications of one sender."""
_LEAST_OTHERS = 3
"""Other packets of a sender, each seen once, that show that they differ."""
_AGAIN = 6
"""Times that one packet comes before it is told: a counter may meet one of before by chance."""
_USUAL_WORDS = 6
"""Length of a header with Router Alert, in units of four octets."""


@dataclass(slots=True)
class _Packet:
    message: int
    """A number that no other message has as far as anybody can tell."""
    begun_ns: int
    times: int = 1
    found: Entry | None = None


class Identifications:
    """The last packets of each sender on one interface, by their identification."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._senders: dict[Address, dict[bytes, _Packet]] = {}

    def is_again(self, decoded: Decoded, link: LinkKey, mark: Mark) -> bool:
        """Take in an IGMP message; return whether its very packet was here before."""
        data, offset = decoded.frame.data, decoded.offset
        # With Router Alert in the header, as nearly always.
        if data[offset - 20 : offset - 18] == b"\0\0" and data[offset - 24] == 0x46:
            return False
        number = _identification(data, offset)
        if number == b"\0\0":
            return False
        source = decoded.datagram.source
        packets = self._senders.get(source)
        if packets is None:
            if len(self._senders) >= _MOST_SENDERS:
                del self._senders[next(iter(self._senders))]
            packets = self._senders[source] = {}
        # The octets themselves would be megabytes of what a stranger sends.
        message = hash(data[offset:])
        packet = packets.get(number)
        if packet is None or packet.message != message:
            if len(packets) >= _MOST_KEPT and packet is None:
                del packets[next(iter(packets))]
            packets[number] = _Packet(message, mark.time_ns)
            return False
        packet.times += 1
        others = sum(other.times == 1 for other in packets.values())
        if others < _LEAST_OTHERS:
            return False
        if packet.times >= _AGAIN:
            self._tell(packet, source, link, mark)
        return True

    def _tell(self, packet: _Packet, source: Address, link: LinkKey, mark: Mark) -> None:
        """D-34, an error: whatever sends packets around may do so with all of them."""
        lasted = seconds_text(mark.time_ns - packet.begun_ns)
        detail = (
            f"one packet, by its identification, came {packet.times:,} times in {lasted}, while"
            " the others of its sender differ"
        )
        if packet.found is None:
            packet.found = self._ledger.add("D-34", link, mark, detail, host=source)
        if packet.times > packet.found.weight:
            packet.found.weight, packet.found.detail = packet.times, detail


def _identification(data: bytes, offset: int) -> bytes:
    """Return the identification in the IPv4 header that ends at an offset; zeros if none does."""
    for words in (_USUAL_WORDS, *range(5, 16)):
        at = offset - 4 * words
        if at >= 0 and data[at] == 0x40 | words:
            return data[at + 4 : at + 6]
    return b"\0\0"
