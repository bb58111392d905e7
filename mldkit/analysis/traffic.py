"""Data to groups: which streams run, and whether memberships explain them.

Counted are IP packets to multicast addresses that are no IGMP, MLD, PIM or Neighbor Discovery
and lie outside 224.0.0.0/24 and the scopes 0 to 2, per group and source. Neighbor Solicitations
from :: are told too, because they explain reports from ::.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from mldkit.analysis.facts import LAST_MEMBER_INTERVAL_NS, MARGIN_NS
from mldkit.analysis.limits import MOST_STREAMS, STREAMS
from mldkit.model.addresses import group_mac, mac_text, text
from mldkit.model.units import SECOND
from mldkit.wire.ethernet import ETHERTYPE_IPV4, ETHERTYPE_IPV6, LinkHeader
from mldkit.wire.link_layer import READERS

if TYPE_CHECKING:
    from collections.abc import Container

    from mldkit.analysis.facts import LinkKey, Mark
    from mldkit.analysis.ledger import Ledger
    from mldkit.analysis.memberships import Memberships
    from mldkit.analysis.stays import Row
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Frame

_NOT_DATA = frozenset((2, 103))
"""IGMP and PIM."""
_HOP_BY_HOP, _ICMPV6, _SOLICITATION = 0, 58, 135
_DISCOVERY = frozenset((*range(130, 138), 143, 151, 152, 153))
_PACKETS_TO_JUDGE = 10
_MOST_JUDGED = 100
"""Streams to one group that are held against its members."""
_SILENCE_NS = 5 * SECOND
_SILENCE_IN_GAPS = 20


class DataPacket(NamedTuple):
    """A packet to a group."""

    vlan: tuple[int, ...]
    source: Address
    group: Address
    hop_limit: int
    link_source: bytes | None
    link_destination: bytes | None
    is_detection: bool
    """A Neighbor Solicitation from ::, not data."""


def read_data(frame: Frame) -> DataPacket | None:
    """Return the packet to a group in `frame`, None where there is no such packet."""
    reader = READERS.get(frame.link_type)
    link = reader(frame.data) if reader is not None else None
    if not isinstance(link, LinkHeader):
        return None
    data, at = frame.data, link.offset
    detection = False
    if link.ethertype == ETHERTYPE_IPV4:
        if len(data) < at + 20 or data[at + 16] & 0xF0 != 0xE0 or data[at + 9] in _NOT_DATA:
            return None
        source, group, hops = data[at + 12 : at + 16], data[at + 16 : at + 20], data[at + 8]
        if group.startswith(b"\xe0\0\0"):
            return None
    elif link.ethertype == ETHERTYPE_IPV6:
        if len(data) < at + 40 or data[at + 24] != 0xFF or data[at + 6] in (_HOP_BY_HOP, 103):
            return None
        source, group, hops = data[at + 8 : at + 24], data[at + 24 : at + 40], data[at + 7]
        if data[at + 6] == _ICMPV6 and len(data) > at + 40 and data[at + 40] in _DISCOVERY:
            detection = data[at + 40] == _SOLICITATION and not any(source)
            if not detection:
                return None
        elif group[1] & 15 <= 2:
            return None
    else:
        return None
    return DataPacket(link.vlan, source, group, hops, link.source, link.destination, detection)


@dataclass(slots=True)
class Stream:
    """The packets of one source to one group."""

    group: Address
    source: Address
    first_ns: int
    last_ns: int
    packets: int = 0
    hop_limit: int = 255
    """The lowest seen."""
    pause: tuple[int, int] = (0, 0)
    """The longest time without a packet: from, to."""


class Traffic:
    """The streams of one link and family."""

    def __init__(self, link: LinkKey, ledger: Ledger) -> None:
        self._link = link
        self._ledger = ledger
        self.left_out: Counter[str] = Counter()
        """What found no room: words of `limits`."""
        self.streams: dict[tuple[Address, Address], Stream] = {}

    def see(self, packet: DataPacket, memberships: Memberships, queries: int, mark: Mark) -> None:
        """Take in one packet; `queries` is the number of last-member queries of a leave."""
        key = packet.group, packet.source
        stream = self.streams.get(key)
        if stream is None:
            if len(self.streams) >= MOST_STREAMS:
                self.left_out[STREAMS] += 1
                return
            stream = Stream(packet.group, packet.source, mark.time_ns, mark.time_ns)
            self.streams[key] = stream
            self._check_mac(packet, mark)
        stream.packets += 1
        if mark.time_ns - stream.last_ns > stream.pause[1] - stream.pause[0]:
            stream.pause = stream.last_ns, mark.time_ns
        stream.last_ns = mark.time_ns
        stream.hop_limit = min(stream.hop_limit, packet.hop_limit)
        left_ns = memberships.emptied.get(packet.group)
        if left_ns is not None:
            self._judge_after_leave(stream, left_ns, queries, mark)

    def finish(self, memberships: Memberships, end_ns: int, mark: Mark) -> None:
        """Look for streams that stopped under their members."""
        judged: dict[Address, int] = {}
        for stream in self.streams.values():
            if stream.packets < _PACKETS_TO_JUDGE or judged.get(stream.group, 0) >= _MOST_JUDGED:
                continue
            gap_ns = (stream.last_ns - stream.first_ns) // (stream.packets - 1)
            if end_ns - stream.last_ns <= max(_SILENCE_NS, _SILENCE_IN_GAPS * gap_ns):
                continue
            judged[stream.group] = judged.get(stream.group, 0) + 1
            for row in memberships.groups.get(stream.group, {}).values():
                if row.from_ns < stream.last_ns < row.last_ns and wants(row, stream.source):
                    self._tell_stopped(stream, end_ns, mark)
                    break

    def keep(self, groups: Container[Address]) -> None:
        """Let go of the streams to other groups, for who asks about some only."""
        self.streams = {key: stream for key, stream in self.streams.items() if key[0] in groups}

    def _judge_after_leave(self, stream: Stream, left_ns: int, queries: int, mark: Mark) -> None:
        """D-12, data go on."""
        limit_ns = queries * LAST_MEMBER_INTERVAL_NS * 1127 // 1000 + MARGIN_NS
        after_ns = mark.time_ns - left_ns
        if stream.first_ns < left_ns and after_ns > limit_ns:
            detail = (
                f"{text(stream.source)} to {text(stream.group)} goes on {after_ns / SECOND:.1f} s"
                " after the last member left"
            )
            self._ledger.add(
                "D-12", self._link, mark, detail,
                host=stream.source, group=stream.group, weight=after_ns,
            )  # fmt: skip

    def _tell_stopped(self, stream: Stream, end_ns: int, mark: Mark) -> None:
        """D-12, data stop."""
        silence_s = (end_ns - stream.last_ns) / SECOND
        detail = (
            f"{text(stream.source)} to {text(stream.group)} stopped {silence_s:.0f} s before the"
            " end of the capture though members reported since"
        )
        self._ledger.add("D-12", self._link, mark, detail, host=stream.source, group=stream.group)

    def _check_mac(self, packet: DataPacket, mark: Mark) -> None:
        """D-25 of data."""
        expected = group_mac(packet.group)
        mac = packet.link_destination
        if mac is None or mac == expected:
            return
        detail = f"data for {text(packet.group)} sent to {mac_text(mac)}, not {mac_text(expected)}"
        severity = "error" if mac[0] & 1 else "info"
        self._ledger.add(
            "D-25", self._link, mark, detail,
            host=packet.source, group=packet.group, severity=severity,
        )  # fmt: skip


def wants(row: Row, source: Address) -> bool:
    """Return whether the filter of a member lets a source through."""
    return row.exclude != (source in row.sources)
