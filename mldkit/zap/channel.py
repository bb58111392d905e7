"""One channel: what arrives of a group, and for each who watches it what is missing in it.

Losses are counted by the sequence numbers of RTP (RFC 3550 appendix A.1: extended by what ran
over), else only seen as jumps of the continuity counters of MPEG-TS, four bits of each PID.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.wire.media import read_rtp, read_ts

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.wire.media import RtpPacket, TsPacket, UdpDatagram

_HALF = 1 << 15
_WHOLE = 1 << 16
_MOST_PIDS = 256


class Viewing:
    """What came of a channel while somebody watched it, from its first datagram to the leave."""

    def __init__(self) -> None:
        self.first_ns: int | None = None
        self.datagrams = 0
        self.key_ns: int | None = None
        """When the first packet came with which a decoder can begin, in clear MPEG-TS."""
        self.is_rtp = False
        self.lost = 0
        self.gaps = 0
        self.discontinuities = 0
        """Jumps of continuity counters."""
        self._source: tuple[Address, int, int] | None = None
        self._highest = 0
        self._missing: set[int] = set()
        self._counters: dict[int, int] = {}

    def see(
        self,
        datagram: UdpDatagram,
        rtp: RtpPacket | None,
        packets: list[TsPacket],
        time_ns: int,
    ) -> None:
        """Take in one datagram of the channel, and what is in it."""
        if self.first_ns is None:
            self.first_ns = time_ns
        self.datagrams += 1
        if rtp is not None:
            self._follow((datagram.source, datagram.port, rtp.ssrc), rtp.sequence)
        for packet in packets:
            self._look_into(packet, time_ns)

    def _follow(self, source: tuple[Address, int, int], sequence: int) -> None:
        """Take in a sequence number; another sender begins anew."""
        if source != self._source:
            self._source, self._highest = source, sequence
            self._missing.clear()
            return
        # Two packets of one sender: what only looks like RTP has no such order.
        self.is_rtp = True
        ahead = (sequence - self._highest) % _WHOLE
        if 0 < ahead < _HALF:
            missed = range(self._highest + 1, self._highest + ahead)
            self._missing.update(number % _WHOLE for number in missed)
            self.lost += len(missed)
            self.gaps += bool(missed)
            self._highest = sequence
        elif sequence in self._missing:
            # It was late, not lost.
            self._missing.discard(sequence)
            self.lost -= 1

    def _look_into(self, packet: TsPacket, time_ns: int) -> None:
        if self.key_ns is None and packet.is_key and not packet.is_scrambled:
            self.key_ns = time_ns
        if not packet.has_payload:
            return
        before = self._counters.get(packet.pid)
        if before is None and len(self._counters) >= _MOST_PIDS:
            return
        self._counters[packet.pid] = packet.continuity
        # A packet may be sent twice with the same counter (ISO/IEC 13818-1 §2.4.3.3).
        if before is not None and not packet.is_discontinuous:
            self.discontinuities += packet.continuity not in (before, (before + 1) % 16)


class Channel:
    """The datagrams to one group, in order of arrival, and who watches them."""

    def __init__(self, group: Address) -> None:
        self.group = group
        self.last_ns: int | None = None
        """Arrival of the last datagram, wanted or not."""
        self._viewings: list[Viewing] = []

    @property
    def is_watched(self) -> bool:
        """Whether anybody here watches it."""
        return bool(self._viewings)

    def begin(self) -> Viewing:
        """Begin to watch; what came before does not count."""
        viewing = Viewing()
        self._viewings.append(viewing)
        return viewing

    def end(self, viewing: Viewing) -> None:
        """Watch no more; what still comes only moves `last_ns`."""
        self._viewings.remove(viewing)

    def see(self, datagram: UdpDatagram, time_ns: int) -> None:
        """Take in one datagram to the group."""
        self.last_ns = time_ns
        if not self._viewings:
            return
        payload = datagram.payload
        rtp = read_rtp(payload)
        packets = list(read_ts(payload if rtp is None else rtp.payload))
        for viewing in self._viewings:
            viewing.see(datagram, rtp, packets, time_ns)
