"""Who is member by the analysis, and by the multicast database of the Linux bridge.

A bridge keeps the router's state of RFC 9776 §6.4 for each port (net/bridge/br_multicast.c), and
there is one host at each. Both get the same frames; after each step both are asked for filter
mode, sources and deadline of each host and group. The analysis is told that each step comes ten
seconds after the one before, and the bridge to keep memberships for ten seconds longer each time:
so deadlines say which step they come from, and nobody has to wait.

A router keeps more than a host announces, until its timers run out: sources that a record of the
current state no longer names, and EXCLUDE mode after IS_IN. There the announced filter must lie
within what the router keeps (`Told.is_exact`). A stay has one deadline where a router has one for
each source and one for the mode: it must be the latest of them, but for a BLOCK of those sources
that have the latest. A query by itself ends nothing in the analysis, so all members answer.

Not in the stories is what the bridge does otherwise than the RFC:

- reports that receivers must drop for what stands around them: hop limit and source of MLD (V-03,
  V-08; RFC 9777 §5.2.14, §7.4), the records before a fault (V-10, V-11), and reports from ``::``;
- records for unicast groups (V-12; RFC 9776 §4.2.9) and for 224.0.0.0/24, which it never keeps;
- auxiliary data of any record but the last (V-14; RFC 9776 §4.2.11);
- older reports and leaves of who has told sources (RFC 9776 §7.3.2): it prolongs the filter that
  is there, and lets sources stay until their time is over.
"""

from __future__ import annotations

import os
import select
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from mldkit.analysis.engine import Analysis
from mldkit.analysis.facts import LinkKey
from mldkit.analysis.stays import EXPIRY
from mldkit.link.device import PacketSocket
from mldkit.model.addresses import is_flooded, parse, text
from mldkit.model.datagram import Decoded
from mldkit.model.family import IGMP, MLD, Family, family_of
from mldkit.model.messages import GroupRecord, Leave, LegacyReport, Query, RecordType, Report
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.wire.decode import decode
from tests.kernel.bridge_hosts import UNKNOWN, Hosts, Member
from tests.kernel.bridge_stage import HOSTS, Bridge, Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mldkit.analysis.stays import Row
    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Frame
    from tests.conftest import Namespace

pytestmark = [pytest.mark.netns, pytest.mark.usefixtures("one_processor")]

LIFETIME_S, STEP_S, STEPS = 270, 10, 24
"""A membership of the first step lasts until after the last one."""
GROUPS = 20
STORIES = 2
LONG_S = 20.0
QUERIER = "mcast_querier 1 mcast_last_member_interval 2"
QUICK = (
    "mcast_query_interval 100 mcast_query_response_interval 50 mcast_startup_query_interval 100"
    " mcast_membership_interval 300"
)
EXPECTED = {
    *((kind, mode) for kind in (*map(int, RecordType), *UNKNOWN) for mode in (None, False, True)),
    *((kind, mode) for kind in (Leave, LegacyReport) for mode in (None, True)),
    *((kind, mode) for kind in ("answer", "answer for sources") for mode in (False, True)),
    *(("broken", mode) for mode in (None, False, True)),
}


@dataclass
class Ends:
    """The hosts' ends of a bridge, and the analysis of what passes there."""

    bridge: Bridge
    sockets: dict[int, PacketSocket]
    analysis: Analysis = field(default_factory=lambda: Analysis(with_data=False))
    shift_ns: int = 0
    """How much later it is for the analysis."""

    def begin(self) -> None:
        """Let the analysis begin anew."""
        self.listen()
        self.analysis = Analysis(with_data=False)

    def step(self, number: int) -> None:
        """Let time pass up to a step."""
        self.listen()
        self.shift_ns = number * STEP_S * SECOND
        self.bridge.set(f"mcast_membership_interval {(LIFETIME_S + number * STEP_S) * 100}")

    def send(self, frames: list[tuple[int, bytes]]) -> None:
        """Send frames at the ends of hosts, in order."""
        for host, frame in frames:
            self.sockets[host].send(frame)

    def listen(self) -> None:
        """Analyse what has passed."""
        frames: list[Frame] = []
        for socket in self.sockets.values():
            while (frame := socket.take()) is not None:
                frame.time_ns = (frame.time_ns or 0) + self.shift_ns
                frames.append(frame)
        frames.sort(key=lambda frame: frame.time_ns or 0)
        for frame in frames:
            self.analysis.see(frame)

    def await_queries(self) -> None:
        """Wait until both families are asked at all ends."""
        until = time.monotonic() + LONG_S
        while True:
            self.listen()
            links = self.analysis.links.values()
            if sum(link.queriers.elected is not None for link in links) == 2 * len(HOSTS):
                return
            assert time.monotonic() < until, "no General Query"
            select.select(self.sockets.values(), (), (), 0.1)

    def asked_at(self, host: int) -> set[Address]:
        """Return the groups for which queries have come at the end of a host."""
        asked = set()
        while (frame := self.sockets[host].take()) is not None:
            decoded = decode(frame)
            if isinstance(decoded, Decoded) and isinstance(decoded.datagram.message, Query):
                asked.add(decoded.datagram.message.group)
        return asked

    def row(self, hosts: Hosts, member: Member) -> Row | None:
        """Return what the analysis says of a host and group."""
        link = self.analysis.links.get(LinkKey(f"h{member[0]}", (), hosts.family))
        members = {} if link is None else link.memberships.groups.get(member[1], {})
        return members.get(hosts.address(member[0]))

    def settle(self, hosts: Hosts, said: Callable[[Member], str]) -> Database:
        """Wait until the bridge agrees, which asks before it forgets; return what it keeps."""
        until = time.monotonic() + LONG_S
        while True:
            self.listen()
            database = self.bridge.database()
            faults = {}
            for member, told in hosts.told.items():
                row, kept = self.row(hosts, member), database.of(*member)
                if found := told.faults(row, kept, STEP_S * SECOND // 2):
                    ours = row and (row.exclude, row.sources, row.deadline_ns)
                    faults[member[0], text(member[1])] = said(member), found, ours, kept, told
            if not faults:
                return database
            assert time.monotonic() < until, faults

    def greet(self, stories: list[Hosts], number: int) -> None:
        """Let each host report another group until the bridge keeps it: ports begin deaf."""
        until = time.monotonic() + LONG_S
        for hosts in stories:
            other = group_of(hosts.family, number, GROUPS)
            report = Report((GroupRecord(RecordType.IS_EX, other),))
            while True:
                self.send([(host, hosts.message(host, report)) for host in HOSTS])
                database = self.bridge.database()
                if all(database.of(host, other).exclude for host in HOSTS):
                    break
                assert time.monotonic() < until, "the bridge hears nobody"


@pytest.fixture
def one_processor() -> Iterator[None]:
    """Frames that one processor sends reach the bridge in order."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.fixture
def open_ends(make_namespace: Callable[[], Namespace]) -> Iterator[Callable[[str], Ends]]:
    """Make a bridge with some settings, and listen at the hosts' ends."""
    with ExitStack() as stack:

        def make(settings: str) -> Ends:
            bridge = Bridge(make_namespace, settings)
            stack.enter_context(bridge.near.entered())
            sockets = {host: stack.enter_context(PacketSocket(f"h{host}")) for host in HOSTS}
            return Ends(bridge, sockets)

        yield make


def group_of(family: Family, story: int, number: int) -> Address:
    """Return a group that no other story has."""
    if family is IGMP:
        return parse(f"239.1.{story}.{number}")
    return parse(f"ff{(0x02, 0x05, 0x0E)[number % 3]:02x}::{story + 1:x}:{number:x}")


def groups_of(family: Family, story: int, count: int = GROUPS) -> list[Address]:
    return [group_of(family, story, number) for number in range(count)]


@pytest.mark.parametrize("family", [IGMP, MLD], ids=repr)
def test_after_each_step_both_know_the_same_members(
    open_ends: Callable[[str], Ends], family: Family
) -> None:
    ends = open_ends(f"{QUERIER} mcast_hash_max 65536")
    taken = set()
    for story in range(STORIES):
        hosts = Hosts(family, story, groups_of(family, story))
        ends.step(0)
        ends.begin()
        ends.greet([hosts], story)
        database = ends.settle(hosts, lambda _: "")
        for number in range(STEPS):
            ends.step(number)
            rows = {member: ends.row(hosts, member) for member in hosts.told}
            step = hosts.step(rows, {member: database.of(*member) for member in hosts.told})
            ends.send(step.frames)
            database = ends.settle(hosts, step.of)
        taken |= hosts.taken
    assert taken == EXPECTED


def test_what_is_not_told_again_is_over_in_both(open_ends: Callable[[str], Ends]) -> None:
    ends = open_ends(f"{QUERIER} {QUICK}")
    stories = [Hosts(family, 1, groups_of(family, 0)) for family in (IGMP, MLD)]
    ends.await_queries()
    ends.greet(stories, 0)
    nothing = ends.bridge.database()
    for hosts in stories:
        kept = {member: nothing.of(*member) for member in hosts.told}
        ends.send(hosts.step(dict.fromkeys(hosts.told), kept).frames)
    lasting, until = 0, time.monotonic() + LONG_S
    while True:
        database = ends.bridge.database()
        ends.listen()
        for hosts in stories:
            for member in hosts.told:
                row = ends.row(hosts, member)
                # A tick of the kernel may have begun before the report.
                if row is not None and row.deadline_ns > database.ended_ns + 50 * MILLISECOND:
                    assert not database.of(*member).is_nothing, (member, row.deadline_ns)
                    lasting += 1
        if all(kept.is_nothing for kept in database.kept.values()):
            break
        assert time.monotonic() < until, database
    result = ends.analysis.finish(database.begun_ns)
    assert lasting > GROUPS
    # The bridge itself is member of some groups and answers.
    heard = {hosts.address(host) for hosts in stories for host in HOSTS}
    assert {row.ended_by for _, row in result.rows if row.host in heard} == {EXPIRY}


@pytest.mark.parametrize(
    "names",
    [
        ("224.0.0.251", "224.0.0.2", "224.0.1.1", "239.1.1.1"),
        ("ff02::1", "ff02::fb", "ff02::1:ff00:5", "ff12::5", "ff05::fb"),
    ],
)
def test_a_bridge_asks_who_is_left_in_every_group_that_is_not_flooded(
    open_ends: Callable[[str], Ends], names: tuple[str, ...]
) -> None:
    ends, groups = open_ends(QUERIER), tuple(map(parse, names))
    hosts = Hosts(family_of(groups[0]), 0, [])
    ends.greet([hosts], 0)
    last = group_of(hosts.family, 0, GROUPS)
    for kind in (RecordType.IS_EX, RecordType.TO_IN):
        records = tuple(GroupRecord(kind, group) for group in (*groups, last))
        ends.send([(1, hosts.message(1, Report(records)))])
    asked: set[Address] = set()
    until = time.monotonic() + LONG_S
    # Questions come in the order of the records.
    while last not in asked:
        assert time.monotonic() < until
        asked |= ends.asked_at(1)
    assert [group in asked for group in groups] == [not is_flooded(group) for group in groups]


@pytest.mark.parametrize("family", [IGMP, MLD], ids=repr)
def test_a_bridge_takes_auxiliary_data_for_the_next_record(
    open_ends: Callable[[str], Ends], family: Family
) -> None:
    ends, hosts = open_ends(QUERIER), Hosts(family, 0, [])
    ends.greet([hosts], 0)
    hidden, second = groups_of(family, 0, 2)
    aux_data = bytes((RecordType.IS_EX, 0, 0, 0)) + hidden
    first = GroupRecord(RecordType.IS_EX, group_of(family, 0, GROUPS), aux_data=aux_data)
    report = Report((first, GroupRecord(RecordType.IS_EX, second)))
    ends.send([(1, hosts.message(1, report))])
    until = time.monotonic() + LONG_S
    while not (database := ends.bridge.database()).of(1, hidden).exclude:
        assert time.monotonic() < until
    assert database.of(1, second).is_nothing
    ends.listen()
    groups = ends.analysis.links[LinkKey("h1", (), family)].memberships.groups
    assert second in groups
    assert hidden not in groups
