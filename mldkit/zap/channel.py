"""One channel: what arrives of a group, when it began, and what is missing in it.

Losses are counted by the sequence numbers of RTP (RFC 3550 appendix A.1: extended by what ran
over), else only seen as jumps of the continuity counters of MPEG-TS, four bits of each PID.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.wire.media import read_rtp, read_ts

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.wire.media import RtpPacket, TsPacket, UdpDatagram

_HALF = 1 << 15
_WHOLE = 1 << 16
_MOST_PIDS = 256


@dataclass(slots=True)
class Viewing:
    """What came of a channel while it was watched, from its first datagram to the leave."""

    first_ns: int | None = None
    datagrams: int = 0
    key_ns: int | None = None
    """When the first packet came with which a decoder can begin, in clear MPEG-TS."""
    is_rtp: bool = False
    lost: int = 0
    gaps: int = 0
    discontinuities: int = 0
    """Jumps of continuity counters."""


class Channel:
    """The datagrams to one group, in order of arrival."""

    def __init__(self, group: Address) -> None:
        self.group = group
        self.last_ns: int | None = None
        """Arrival of the last datagram, wanted or not."""
        self.viewing: Viewing | None = None
        """While it is watched."""
        self._source: tuple[Address, int, int] | None = None
        self._highest = 0
        self._missing: set[int] = set()
        self._counters: dict[int, int] = {}

    def begin(self) -> Viewing:
        """Begin to watch; what came before does not count."""
        self.viewing = Viewing()
        self._source = None
        self._counters.clear()
        return self.viewing

    def end(self) -> None:
        """Watch no more; what still comes only moves `last_ns`."""
        self.viewing = None

    def see(self, datagram: UdpDatagram, time_ns: int) -> None:
        """Take in one datagram to the group."""
        self.last_ns = time_ns
        viewing = self.viewing
        if viewing is None:
            return
        if viewing.first_ns is None:
            viewing.first_ns = time_ns
        viewing.datagrams += 1
        payload = datagram.payload
        rtp = read_rtp(payload)
        if rtp is not None:
            self._follow(viewing, datagram, rtp)
            payload = rtp.payload
        for packet in read_ts(payload):
            self._look_into(viewing, packet, time_ns)

    def _follow(self, viewing: Viewing, datagram: UdpDatagram, rtp: RtpPacket) -> None:
        """Take in a sequence number; another sender begins anew."""
        source = (datagram.source, datagram.port, rtp.ssrc)
        if source != self._source:
            self._source, self._highest = source, rtp.sequence
            self._missing.clear()
            return
        # Two packets of one sender: what only looks like RTP has no such order.
        viewing.is_rtp = True
        ahead = (rtp.sequence - self._highest) % _WHOLE
        if 0 < ahead < _HALF:
            missed = range(self._highest + 1, self._highest + ahead)
            self._missing.update(number % _WHOLE for number in missed)
            viewing.lost += len(missed)
            viewing.gaps += bool(missed)
            self._highest = rtp.sequence
        elif rtp.sequence in self._missing:
            # It was late, not lost.
            self._missing.discard(rtp.sequence)
            viewing.lost -= 1

    def _look_into(self, viewing: Viewing, packet: TsPacket, time_ns: int) -> None:
        if viewing.key_ns is None and packet.is_key and not packet.is_scrambled:
            viewing.key_ns = time_ns
        if not packet.has_payload:
            return
        before = self._counters.get(packet.pid)
        if before is None and len(self._counters) >= _MOST_PIDS:
            return
        self._counters[packet.pid] = packet.continuity
        # A packet may be sent twice with the same counter (ISO/IEC 13818-1 §2.4.3.3).
        if before is not None and not packet.is_discontinuous:
            viewing.discontinuities += packet.continuity not in (before, (before + 1) % 16)
