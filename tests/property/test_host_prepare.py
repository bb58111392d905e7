"""A host whose answers are made ahead sends exactly what it would have sent anyway."""

from __future__ import annotations

from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from mldkit.errors import UsageError
from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.messages import Query
from mldkit.model.units import MILLISECOND
from mldkit.protocol.filters import FilterMode
from mldkit.protocol.host import Host, HostOptions
from mldkit.protocol.settings import parse_setting
from mldkit.protocol.timer import Draws, Grid
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.split import split_report

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUPS = {IGMP: ["239.1.1.1", "224.0.0.9"], MLD: ["ff05::1", "ff3e::1"]}
SOURCES = {IGMP: ["10.0.0.1", "10.0.0.2"], MLD: ["2001:db8::1", "2001:db8::2"]}
QUERIERS = {IGMP: "10.9.0.1", MLD: "fe80::1"}
VERBS = [
    *("join", "leave", "block", "unblock", "filter", "query", "ask", "both"),
    *("prepare", "mtu", "address", "local", "link"),
]


def acts(chance: Random) -> Iterator[tuple[str, int, set[int], int]]:
    """Give what a program and a querier do, and how long nothing happens afterwards."""
    for _ in range(30):
        chosen = {index for index in (0, 1) if chance.random() < 0.4}
        yield chance.choice(VERBS), chance.randrange(2), chosen, chance.choice((0, 20, 300))


def query_for(family: Family, group: bytes, sources: tuple[bytes, ...]) -> Decoded:
    message = Query(family.current_version, group, 1 if family is IGMP else 100, False, 2, 125,
                    sources)  # fmt: skip
    general = group == family.unspecified
    datagram = Datagram(
        parse(QUERIERS[family]),
        family.all_hosts if general else group,
        message,
        link_source=b"\2\0\0\0\0\1",
    )
    found = decode(Frame(encode_frame(datagram)))
    assert isinstance(found, Decoded)
    return found


class Story:
    """One host and what it sent."""

    def __init__(self, *, prepares: bool) -> None:
        options = HostOptions(bytes(5) + b"\2", "linux", Grid(250, 4096))
        self.host = Host(options, Draws(Random(5)), split_report)
        self.prepares = prepares
        self.now_ns = 0
        self.told: list[tuple[int, bytes]] = []
        self.kept = 0
        self.host.link_up(0)
        self.host.add_address(parse("fe80::2"), 64, 0)
        self.host.add_address(parse("10.9.0.2"), 24, 0)

    def wait(self, milliseconds: int) -> None:
        until_ns = self.now_ns + milliseconds * MILLISECOND
        while (deadline_ns := self.host.deadline_ns) is not None and deadline_ns <= until_ns:
            self.told += [(deadline_ns, encode_frame(d)) for d in self.host.poll(deadline_ns)]
        self.now_ns = until_ns

    def act(self, verb: str, family: Family, number: int, chosen: set[int]) -> None:
        host, now_ns = self.host, self.now_ns
        group = parse(GROUPS[family][number])
        sources = tuple(parse(SOURCES[family][index]) for index in sorted(chosen))
        match verb:
            case "join":
                host.sockets.join(group, sources, now_ns, socket=str(number))
            case "leave":
                host.sockets.leave(group, now_ns, socket=str(number))
            case "block":
                host.sockets.block(group, sources, now_ns, socket=str(number))
            case "unblock":
                host.sockets.unblock(group, sources, now_ns, socket=str(number))
            case "filter":
                mode = FilterMode(number % 2)
                host.sockets.set_filter(group, mode, sources, now_ns, socket=str(number))
            case "query" | "both" | "ask":
                self.ask(verb, family, group, sources)
            case "prepare":
                self.kept += len(host.prepare()) if self.prepares else 0
            case "mtu":
                host.set_mtu((1000, 1500)[number], now_ns)
            case "address":
                host.add_address(parse(("fe80::3", "10.9.0.9")[number]), 64, now_ns)
            case "local":
                name = "net.ipv4.igmp_link_local_mcast_reports"
                host.set(parse_setting(name, str(number % 2), "eth1"), now_ns)
            case _:
                (host.link_up if number else host.link_down)(now_ns)

    def ask(self, verb: str, family: Family, group: bytes, sources: tuple[bytes, ...]) -> None:
        """Ask for a group, for everything, or for both: the later answer may come first."""
        if verb != "ask":
            self.host.receive(query_for(family, group, sources), self.now_ns)
        if verb != "query":
            self.host.receive(query_for(family, family.unspecified, ()), self.now_ns)


@given(st.integers(0, 1 << 32), st.sampled_from([IGMP, MLD]))
@settings(max_examples=60, deadline=None)
def test_answers_made_ahead_change_nothing(seed: int, family: Family) -> None:
    plain, ahead = Story(prepares=False), Story(prepares=True)
    for verb, number, chosen, wait_ms in acts(Random(seed)):
        for story in (plain, ahead):
            with suppress(UsageError):  # what a kernel refuses too
                story.act(verb, family, number, chosen)
            story.wait(wait_ms)
            if story.prepares:
                story.host.prepare()
        # Every state is asked for, while the next act still has the answer pending sometimes.
        for story in (plain, ahead):
            story.act("ask", family, 0, set())
            story.wait(wait_ms)
    for story in (plain, ahead):
        story.wait(15_000)

    assert ahead.told == plain.told


def test_the_frames_made_ahead_are_the_ones_that_leave() -> None:
    story = Story(prepares=True)
    story.act("join", IGMP, 0, set())
    story.wait(5_000)
    made = story.host.prepare()
    story.host.receive(query_for(IGMP, IGMP.unspecified, ()), story.now_ns)
    deadline_ns = story.host.deadline_ns
    assert deadline_ns is not None

    (sent,) = story.host.poll(deadline_ns)

    assert any(sent is datagram for datagram in made)
    assert story.host.prepare() == []
