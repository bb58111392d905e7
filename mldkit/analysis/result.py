"""What an analysis gives: plain values that nobody changes any more.

A result can be kept, compared, sent to another process, and made smaller (`only`); everything
that looks, from the ten lines to the pictures, reads it and nothing else. `sealing` makes it from
the folds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mldkit.analysis.choice import Choice
from mldkit.analysis.facts import LinkKey, host_address
from mldkit.model.addresses import is_unspecified
from mldkit.model.family import IGMP
from mldkit.protocol.variables import election_rank

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from mldkit.analysis.delays import DelayFacts
    from mldkit.analysis.devices import DeviceFacts
    from mldkit.analysis.diagnosis import Diagnosis
    from mldkit.analysis.leaves import TallyFacts
    from mldkit.analysis.limits import LeftOut
    from mldkit.analysis.pauses import CapturePause
    from mldkit.analysis.pending_leave import Unheeded
    from mldkit.analysis.stays import Stay
    from mldkit.analysis.trace import TraceFacts
    from mldkit.analysis.vantage import Assumed
    from mldkit.link.reading import Damage
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Unread
    from mldkit.protocol.variables import Variables


@dataclass(frozen=True, slots=True)
class QuerierFacts:
    """One address that sent General Queries; times in nanoseconds since the epoch."""

    address: Address
    mac: bytes | None
    version: int | None
    """Of its last query."""
    first_ns: int
    last_ns: int
    variables: Variables
    announced_ns: int | None
    """Query interval as announced, 0 for none; None where the version carries none."""
    observed_ns: int | None
    """Median of the intervals between its General Queries."""
    general_queries: int
    acting: tuple[tuple[int, int], ...]
    """The times in which it was the acting querier: from, to."""

    def rank(self) -> tuple[bool, bytes]:
        """Return what the election compares; the lowest wins."""
        return election_rank(self.address)


@dataclass(frozen=True, slots=True)
class OlderQuerier:
    """Who asked in an older version, and in which and since when."""

    address: Address
    version: int
    first_ns: int


@dataclass(frozen=True, slots=True)
class SilenceFacts:
    """The times without a General Query; in nanoseconds since the epoch, from and to."""

    begun_ns: int
    """Since when somebody looked at the link without a break."""
    limit_ns: int
    """How long a link may be without a General Query."""
    times: tuple[tuple[int, int], ...]
    """Silences that were too long."""
    at_end: tuple[int, int] | None
    """The one in which the capture ends."""
    unseen: tuple[tuple[int, int], ...]
    """Times in which nobody looked."""
    dropped: int
    """General Queries that hosts must drop."""


@dataclass(frozen=True, slots=True)
class QueriersFacts:
    """Who queries a link, and when nobody does."""

    known: tuple[QuerierFacts, ...]
    """In the order in which they were first heard."""
    acting: QuerierFacts | None
    """Who acts at the end."""
    variables: Variables
    """What the acting querier announced last."""
    silence: SilenceFacts
    older: tuple[OlderQuerier, ...]
    """Who sent General Queries in an older version."""
    older_of_groups: tuple[OlderQuerier, ...]
    """Who sent queries for single groups in an older version."""
    dropped: tuple[tuple[Address, str], ...]
    """Who sent queries that hosts must drop, with the first rule that says so."""
    elsewhere: str = ""
    """Where queries come on the same interface, in words, if they come only there."""

    @property
    def elected(self) -> QuerierFacts | None:
        """The acting querier, if it is one that can win elections."""
        acting = self.acting
        return None if acting is None or is_unspecified(acting.address) else acting


@dataclass(frozen=True, slots=True)
class LeavesFacts:
    """What was asked when somebody left."""

    groups: TallyFacts
    """Hosts that left a group."""
    sources: TallyFacts
    """Hosts that stopped some sources of a group."""
    unheeded: tuple[Unheeded, ...]
    """Leaves that were asked about with queries that hosts must drop, the first few."""
    delays: DelayFacts
    """Time from the leave to the first specific query."""
    emptied: tuple[tuple[Address, int], ...]
    """Groups that nobody is in any more, with the time at which the last member left."""

    @property
    def count(self) -> int:
        """Leaves, and sources that were stopped, that a querier had to ask about."""
        return self.groups.count + self.sources.count

    @property
    def heard(self) -> int:
        """Leaves and stops of sources, whether a querier was there or not."""
        return self.groups.heard + self.sources.heard

    @property
    def asked(self) -> int:
        """Those of them that were asked about."""
        return self.groups.asked + self.sources.asked


@dataclass(frozen=True, slots=True)
class ReturnFacts:
    """Packets that came back to the link that they came from."""

    mac: bytes
    """Who sent them back."""
    hop_limit: int
    packets: int


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """The data of one source to one group; times in nanoseconds since the epoch."""

    group: Address
    source: Address
    first_ns: int
    last_ns: int
    packets: int
    hop_limit: int
    """The lowest seen."""
    flows: bool
    """Whether it is a stream (`mldkit.analysis.streams`)."""
    is_running: bool
    """Whether it flowed when its last packet came."""
    pauses: tuple[tuple[int, int], ...]
    """The last times without a packet of what flowed before: from, to."""
    returned: ReturnFacts | None
    """What came back of it."""


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """What was found on one link and family.

    A row of data, with what each fold found.
    """

    key: LinkKey
    begun_ns: int
    ended_ns: int
    """The first and the last moment at which somebody looked."""
    captures: tuple[int, ...]
    """Those that looked, by number."""
    messages: int
    queriers: QueriersFacts
    stays: tuple[Stay, ...]
    """The memberships to tell of, in order of time; `only` makes them fewer."""
    everybody: tuple[Stay, ...]
    """All of them: what is said of streams depends on members whoever was asked about."""
    streams: tuple[StreamFacts, ...]
    unanswered_requests: int
    """DHCPv6 requests that were repeated for want of an answer."""
    delays: DelayFacts
    """How long after the queries answers came."""
    leaves: LeavesFacts
    vantage: Assumed
    """Where it was looked at, as it is assumed."""
    trace: TraceFacts | None
    """Single queries, reports and delays, for pictures; None where nobody asked for them."""

    @property
    def tells_all(self) -> bool:
        """Whether all stays are told of: answers are counted for whole links only."""
        return len(self.stays) == len(self.everybody)


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """One capture, and what it contributed; a live link is one without a name."""

    number: int
    """What findings and links call it."""
    messages: int
    duplicates: int
    """Frames that were captured twice."""
    name: str = ""
    packets: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    damage: Damage | None = None
    """Where it broke, None where it is whole."""
    descriptions: tuple[tuple[str, str], ...] = ()
    """Names of interfaces, each with what the file says of it."""
    unread: tuple[tuple[Unread, int], ...] = ()
    """What frames are in that were not looked into, and how many."""
    broken: int = 0
    """Frames that ended or contradicted themselves before their protocol was known."""
    foreign: int = 0
    """Packets of link types that are not read."""


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """What captures, or a look at a live link, show."""

    profile: str
    links: tuple[LinkFacts, ...]
    devices: tuple[DeviceFacts, ...]
    """By link, those that are no mere hosts first."""
    findings: tuple[Diagnosis, ...]
    """The worst first, then in order of time."""
    captures: tuple[CaptureFacts, ...]
    """In order of their numbers."""
    begun_ns: int
    ended_ns: int
    left_out: tuple[LeftOut, ...]
    """What found no room."""
    pauses: tuple[CapturePause, ...] = ()
    """Times in which nothing was captured, in order."""

    @property
    def rows(self) -> list[tuple[LinkKey, Stay]]:
        """The memberships to tell of, each with its link."""
        return list(self.stays())

    def stays(self) -> Iterator[tuple[LinkKey, Stay]]:
        """Give the memberships to tell of, each with its link."""
        for link in self.links:
            for stay in link.stays:
                yield link.key, stay

    @property
    def messages(self) -> int:
        """Messages of all captures, whatever they were."""
        return sum(capture.messages for capture in self.captures)

    @property
    def packets(self) -> int:
        """Packets of all captures."""
        return sum(capture.packets for capture in self.captures)

    @property
    def known_packets(self) -> int:
        """Those of link types that are read."""
        return self.packets - sum(capture.foreign for capture in self.captures)

    @property
    def unread(self) -> list[tuple[Unread, int]]:
        """What frames of all captures are in that were not looked into, the most first."""
        found: Counter[Unread] = Counter()
        for capture in self.captures:
            found.update(dict(capture.unread))
        return found.most_common()

    @property
    def is_read(self) -> bool:
        """Whether all packets of link types that are read were read to their protocol."""
        return not any(capture.unread or capture.broken for capture in self.captures)

    def captures_of(self, link: LinkFacts, from_ns: int, until_ns: int) -> tuple[int, ...]:
        """Return the numbers of the captures that looked at a link in a time."""
        if len(link.captures) <= 1:
            return link.captures
        return (
            tuple(
                capture.number
                for capture in self.captures
                if capture.number in link.captures
                and (capture.first_ns is None or capture.first_ns <= until_ns)
                and (capture.last_ns is None or capture.last_ns >= from_ns)
            )
            or link.captures
        )

    @property
    def tells_all(self) -> bool:
        """Whether all stays are told of."""
        return all(link.tells_all for link in self.links)

    def only(
        self,
        *,
        groups: Container[Address] | None = None,
        hosts: Container[Address] | None = None,
        vlans: Container[int] | None = None,
        interfaces: Container[str | None] | None = None,
    ) -> AnalysisResult:
        """Return what concerns these groups, hosts, VLANs and interfaces; None means all.

        VLAN 0 stands for untagged frames; `Choice` says which findings concern whom.
        """

        def is_on(link: LinkKey | None) -> bool:
            if link is None:
                return True
            is_vlan = vlans is None or any(vlan in vlans for vlan in link.vlan or (0,))
            return is_vlan and (interfaces is None or link.interface in interfaces)

        choice = Choice(groups, hosts)
        if not choice.is_all:
            for link in self.links:
                for stay in link.everybody:
                    choice.member(link.key, stay.host, stay.group)
                for querier in link.queriers.known:
                    choice.querier(link.key, querier.address)
        links = tuple(_narrowed(link, choice) for link in self.links if is_on(link.key))
        members = {host_address(stay.host) for link in links for stay in link.stays}

        def is_shown(device: DeviceFacts) -> bool:
            if not is_on(LinkKey(device.interface, device.vlan, IGMP)):
                return False
            if hosts is not None and not any(name in hosts for name in device.addresses):
                return False
            # Who asks about groups wants their members and who is in between.
            return groups is None or not device.is_host or not members.isdisjoint(device.addresses)

        return replace(
            self,
            links=links,
            devices=tuple(device for device in self.devices if is_shown(device)),
            findings=tuple(
                entry
                for entry in self.findings
                if is_on(entry.link) and choice.concerns(entry.link, entry.group, entry.host)
            ),
            left_out=tuple(item for item in self.left_out if is_on(item.link)),
        )


def _narrowed(link: LinkFacts, choice: Choice) -> LinkFacts:
    if choice.is_all:
        return link
    return replace(
        link,
        stays=tuple(stay for stay in link.stays if choice.names(stay.group, stay.host)),
        streams=tuple(stream for stream in link.streams if choice.names(stream.group, b"")),
    )
