"""Promises of the querier that hold for whatever arrives: against hosts, each other, and noise."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mldkit.model.addresses import parse
from mldkit.model.datagram import Decoded, Frame
from mldkit.model.family import IGMP, MLD, Family, family_of
from mldkit.model.units import SECOND
from mldkit.protocol.filters import FilterMode
from mldkit.protocol.host import Host, HostOptions
from mldkit.protocol.querier import Querier
from mldkit.protocol.querier_settings import QuerierSettings
from mldkit.protocol.timer import Draws
from mldkit.protocol.variables import Variables
from mldkit.testing.addressing import Addressing
from mldkit.testing.strategies import datagrams
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.split import split_report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Datagram

Filter = tuple[str, frozenset[int]]
NOTHING: Filter = ("INCLUDE", frozenset())
QUICK = Variables(robustness=2, interval_ns=20 * SECOND, response_ns=4 * SECOND)
LIFETIME_S = 2 * 20 + 2 * 4
families = pytest.mark.parametrize("family", [IGMP, MLD], ids=repr)


def querier(family: Family, last: int, version: int | None = None) -> Querier:
    options = QuerierSettings(family, version or family.current_version, QUICK)
    return Querier(b"\x02\0\0\0\0" + bytes((last,)), {Addressing(family).router(last): options})


def host(family: Family, number: int, profile: str) -> Host:
    options = HostOptions(b"\x02\0\0\0\x01" + bytes((number,)), profile, families=(family,))
    made = Host(options, Draws(Random(number)), split_report)
    made.add_address(Addressing(family).host(number), 64, 0)
    made.link_up(0)
    made.settle()
    return made


@dataclass
class Link:
    """Machines that hear each other without delay."""

    machines: list[Host | Querier]
    now_ns: int = 0
    sent: list[tuple[int, int, Datagram]] = field(default_factory=list)
    """Time, position of the sender, what it sent."""

    def run(self, until_s: float) -> None:
        until_ns = round(until_s * SECOND)
        while True:
            due = [
                (machine.deadline_ns, index)
                for index, machine in enumerate(self.machines)
                if machine.deadline_ns is not None
            ]
            if not due or min(due)[0] > until_ns:
                break
            due_ns, index = min(due)
            self.now_ns = max(self.now_ns, due_ns)
            for datagram in self.machines[index].poll(self.now_ns):
                self.sent.append((self.now_ns, index, datagram))
                self.deliver(datagram, index)
        self.now_ns = until_ns

    def deliver(self, datagram: Datagram, sender: int) -> None:
        decoded = decode(Frame(encode_frame(datagram), self.now_ns))
        assert isinstance(decoded, Decoded)
        for index, machine in enumerate(self.machines):
            if index != sender:
                machine.receive(decoded, self.now_ns)


acts = st.tuples(
    st.floats(0.01, 8),
    st.integers(1, 2),
    st.integers(1, 3),
    st.sampled_from(("INCLUDE", "EXCLUDE")),
    st.frozensets(st.integers(1, 4)),
)


@families
@pytest.mark.parametrize("profile", ["linux", "rfc"])
@settings(max_examples=30, deadline=None)
@given(steps=st.lists(acts, max_size=8))
def test_in_the_end_the_querier_knows_what_the_hosts_want(
    family: Family, profile: str, steps: list[tuple[float, int, int, str, frozenset[int]]]
) -> None:
    hosts = [host(family, 1, profile), host(family, 2, profile)]
    router, addressing = querier(family, 1), Addressing(family)
    link = Link([router, *hosts])
    router.start(0)
    link.run(1)
    filters: dict[tuple[int, int], Filter] = {}
    for pause, number, which, mode, numbers in steps:
        link.run(link.now_ns / SECOND + pause)
        before = filters.pop((number, which), NOTHING)
        change(hosts[number - 1], addressing.group(which), before, (mode, numbers), link.now_ns)
        filters[number, which] = mode, numbers
    link.run(link.now_ns / SECOND + LIFETIME_S + 25)

    known = {
        member.group: (member.exclude, set(member.sources))
        for member in router.members(link.now_ns)
    }
    for which in (1, 2, 3):
        held = [filters.get((number, which), NOTHING) for number in (1, 2)]
        assert known.pop(addressing.group(which), (False, set())) == merged(family, held)


def change(machine: Host, address: Address, before: Filter, after: Filter, now_ns: int) -> None:
    """Give the group of a host another filter, as a program with one socket would."""
    mode, numbers = after
    if after == NOTHING:
        if before != NOTHING:
            machine.sockets.leave(address, now_ns)
        return
    if before == NOTHING:
        machine.sockets.join(address, (), now_ns)
    sources = Addressing(family_of(address)).sources(numbers)
    machine.sockets.set_filter(address, FilterMode[mode], sources, now_ns)


def merged(family: Family, held: Iterable[Filter]) -> tuple[bool, set[Address]]:
    """Return what several filters want together (RFC 9776 §3.2, RFC 9777 §4.2)."""
    included: set[int] = set()
    excluded: set[int] | None = None
    for mode, numbers in held:
        if mode == "INCLUDE":
            included |= numbers
        else:
            excluded = set(numbers) if excluded is None else excluded & numbers
    if excluded is None:
        return False, set(Addressing(family).sources(included))
    return True, set(Addressing(family).sources(excluded - included))


@families
@settings(max_examples=20, deadline=None)
@given(
    starts=st.dictionaries(st.integers(1, 60), st.floats(0, 100), min_size=1, max_size=5),
    reset=st.booleans(),
)
def test_of_several_queriers_the_lowest_is_left(
    family: Family, starts: dict[int, float], reset: bool
) -> None:
    routers = {last: querier(family, last) for last in starts}
    link = Link(list(routers.values()))
    for last, at in sorted(starts.items(), key=lambda item: item[1]):
        link.run(at)
        routers[last].start(link.now_ns)
    link.run(200)
    lowest = min(starts)
    assert [last for last, one in routers.items() if one.is_querier(family)] == [lowest]
    assert {one.elected(family) for one in routers.values()} == {Addressing(family).router(lowest)}
    settled_ns = 150 * SECOND
    position = list(routers).index(lowest)
    assert {sender for at_ns, sender, _ in link.sent if at_ns > settled_ns} == {position}
    if reset and len(routers) > 1:
        del link.machines[position]
        rest = sorted(set(starts) - {lowest})
        link.run(300)
        assert [last for last in rest if routers[last].is_querier(family)] == rest[:1]


@families
@settings(max_examples=100, deadline=None)
@given(heard=st.lists(st.tuples(datagrams(), st.floats(0, 60)), max_size=12))
def test_no_message_makes_it_fail_or_ask_without_end(
    family: Family, heard: list[tuple[Datagram, float]]
) -> None:
    # The lowest address there is: others could announce intervals of hours.
    own = parse("0.0.0.1" if family is IGMP else "fe80::")
    options = QuerierSettings(family, family.current_version, QUICK)
    router = Querier(bytes(6), {own: options})
    link = Link([router])
    router.start(0)
    for datagram, pause in heard:
        link.run(link.now_ns / SECOND + pause)
        link.deliver(datagram, -1)
    link.run(link.now_ns / SECOND + LIFETIME_S)
    assert list(router.members(link.now_ns)) == []
    settled = len(link.sent)
    link.run(link.now_ns / SECOND + 1000)
    assert len(link.sent) - settled == 1000 / 20
