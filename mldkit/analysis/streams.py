"""What a stream is: a flow of data that somebody would miss.

A *stream* are packets of one source to one group that flow: at least 20 of them, over at least
5 s, no two of them further apart than 2.5 s. A burst of announcements is too short for it,
searches that come each 3 s and announcements each 10 s are too rare, whoever sends them. Groups
and ports of discovery (SSDP, mDNS, WS-Discovery, SLP, LLMNR, CoAP, session announcements) carry
no streams, however often somebody asks: what is sent there waits for nobody.

A stream *pauses* where nothing of it comes for at least 5 s and for 20 of its usual gaps, so
that bursts of a video and silences of speech are none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mldkit.analysis.limits import STREAMS
from mldkit.analysis.shelf import USEFUL, USELESS
from mldkit.model.units import SECOND
from mldkit.model.well_known import is_discovery

if TYPE_CHECKING:
    from collections.abc import Container

    from mldkit.analysis.data_packets import DataPacket
    from mldkit.analysis.facts import Host
    from mldkit.analysis.ledger import Entry
    from mldkit.analysis.room import LinkRoom
    from mldkit.analysis.shelf import Table
    from mldkit.model.addresses import Address

FLOW_PACKETS = 20
FLOW_NS = 5 * SECOND
FLOW_GAP_NS = 2_500_000_000
PAUSE_NS = 5 * SECOND
PAUSE_GAPS = 20
MOST_PAUSES = 8
"""Of one stream that are kept."""
MOST_TO_GROUP = 100
"""Streams to one group that are looked at when something happens in the group."""


@dataclass(slots=True)
class Pause:
    """A time in which nothing came of a stream that flowed before."""

    from_ns: int
    """Time of the last packet before it."""
    until_ns: int
    """Time of the first packet after it."""
    reporter: Host = b""
    """Which member reported in it, empty if none did."""
    reported_ns: int = 0
    """When it did."""
    gap_ns: int = 0
    """Mean gap of the stream before it."""


@dataclass(slots=True)
class Return:
    """Packets that come back to the link that they came from."""

    mac: bytes
    """Who sends them back."""
    hop_limit: int
    packets: int = 0
    """Those that were compared with what was sent."""
    unsure: int = 1
    """Packets with nothing to compare them with: the first one."""
    octets: bytes = b""
    """The last packet that was sent, from its IP header on."""
    found: Entry | None = None
    """The finding that says so."""


@dataclass(slots=True)
class Stream:
    """The packets of one source to one group.

    It has more attributes than a class should, because it is one flat record of what is counted: a
    capture may hold a great many.
    """

    group: Address
    source: Address
    first_ns: int
    last_ns: int
    mac: bytes | None
    """Who sends them on this link; a router in place of the source."""
    destination: bytes | None
    """Hardware address to which the last one went."""
    sent_hop_limit: int
    """That of the sender on this link."""
    port: int = 0
    """UDP port of the first packet, 0 where it is none."""
    exchange: int = 0
    """Number of the last exchange of General Queries before the first packet."""
    packets: int = 0
    hop_limit: int = 255
    """The lowest seen."""
    pauses: list[Pause] = field(default_factory=list)
    pause_count: int = 0
    flowed_ns: int | None = None
    """When it flowed for the last time before a pause."""
    returned: Return | None = None
    over: Entry | None = None
    """The finding that it goes on after the last member left."""
    left_ns: int = 0
    """The leave that it belongs to."""
    _run_ns: int = 0
    _before_run: int = 0

    def __post_init__(self) -> None:
        self._run_ns = self.first_ns

    @property
    def is_discovery(self) -> bool:
        """Whether the group or the port is one of discovery."""
        return is_discovery(self.group, self.port)

    @property
    def is_running(self) -> bool:
        """Whether the packets since the last break of `FLOW_GAP_NS` flow."""
        return (
            self.run_packets >= FLOW_PACKETS
            and self.last_ns - self._run_ns >= FLOW_NS
            and not self.is_discovery
        )

    @property
    def flows(self) -> bool:
        """Whether it is a stream, or was one."""
        return self.flowed_ns is not None or self.is_running

    @property
    def ended_ns(self) -> int:
        """When it flowed for the last time."""
        return self.last_ns if self.is_running or self.flowed_ns is None else self.flowed_ns

    @property
    def run_packets(self) -> int:
        """How many packets came since the last break."""
        return self.packets - self._before_run

    @property
    def gap_ns(self) -> int:
        """Mean gap between its packets since the last break."""
        return (self.last_ns - self._run_ns) // max(self.run_packets - 1, 1)

    @property
    def is_steady(self) -> bool:
        """Whether it does not pause again and again by itself, as speech to a group does."""
        return self.pause_count < 3

    def break_off(self, now_ns: int) -> Pause | None:
        """Take in that a packet comes after a break; return the pause if it was one."""
        pause = None
        if self.is_running:
            self.flowed_ns = self.last_ns
            if is_pause(now_ns - self.last_ns, self.gap_ns):
                self.pause_count += 1
                pause = Pause(self.last_ns, now_ns, gap_ns=self.gap_ns)
                self.pauses = [*self.pauses[-MOST_PAUSES + 1 :], pause]
        self._run_ns, self._before_run = now_ns, self.packets
        return pause


class Streams:
    """Those of one link."""

    def __init__(self, room: LinkRoom) -> None:
        self.by_source: Table[tuple[Address, Address], Stream] = room.table(STREAMS, worth)
        """All, by group and source."""
        self._by_group: Table[Address, list[Stream]] = room.table(STREAMS, beside="group")

    def add(self, stream: Stream) -> None:
        """Take in a stream that begins."""
        self.by_source.keep((stream.group, stream.source), stream)
        to_group = self._by_group.get(stream.group)
        if to_group is None:
            to_group = self._by_group.keep(stream.group, [])
        if len(to_group) < MOST_TO_GROUP:
            to_group.append(stream)

    def to(self, group: Address) -> list[Stream]:
        """Return the first streams to a group, up to `MOST_TO_GROUP`."""
        known = self.by_source
        found = self._by_group.get(group, ())
        return [one for one in found if known.get((group, one.source)) is one]


def is_pause(silence_ns: int, gap_ns: int) -> bool:
    """Return whether a stream with such gaps would have been heard in so long a time."""
    return silence_ns >= max(PAUSE_NS, PAUSE_GAPS * gap_ns)


def begin(packet: DataPacket, now_ns: int, port: int, exchange: int) -> Stream:
    """Return the stream that begins with a packet, which is not counted yet."""
    return Stream(
        packet.group,
        packet.source,
        now_ns,
        now_ns,
        packet.link_source,
        packet.link_destination,
        packet.hop_limit,
        port,
        exchange,
    )


def worth(_: Container[Address], __: tuple[Address, Address], stream: Stream) -> int:
    """Return how much it is worth to know of some data: streams are what people ask for."""
    return USEFUL if stream.flows else USELESS
