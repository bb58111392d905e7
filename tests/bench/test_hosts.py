"""100,000 hosts with 20 groups each answer a General Query in virtual time."""

from __future__ import annotations

import heapq
import sys
import time
from pathlib import Path
from random import Random

import pytest

from mldkit.model.addresses import parse
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.family import IGMP, MLD, Family
from mldkit.model.messages import Query
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.protocol.host import Host, HostOptions
from mldkit.protocol.timer import Draws, Grid
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.split import split_report

pytestmark = pytest.mark.bench

HOSTS = 100_000
GROUPS = 20
TICK = 4096
"""The number of the tick at time 0."""
LATEST_NS = 1036 * MILLISECOND
"""A maximum of 1 s, two ticks more, rounded up by the wheel."""


def resident_mb() -> float:
    """Return what this process holds in memory."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * 4096 / 1e6


def host_of(number: int, family: Family, groups: list[bytes], chance: Draws) -> Host:
    """Return a host that has been up for a while, with an address and a MAC of its own."""
    octets = number.to_bytes(4, "big")
    options = HostOptions(b"\x02\x00" + octets, grid=Grid(250, TICK), families=(family,))
    host = Host(options, chance, split_report)
    host.link_up(0)
    if family is IGMP:
        host.add_address((0x0A010000 + number).to_bytes(4, "big"), 8, 0)
    else:
        host.add_address(parse("fe80::ff:fe00:0")[:12] + octets, 64, 0)
    for group in groups:
        host.sockets.join(group, (), 0)
    host.settle()
    return host


def general_query(family: Family) -> Decoded:
    """Return a General Query of a querier with a maximum response time of 1 s."""
    source = parse("10.0.0.1" if family is IGMP else "fe80::1")
    query = Query(
        family.current_version,
        family.unspecified,
        SECOND // family.response_unit_ns,
        robustness=2,
        interval_code=125,
    )
    mac = b"\x02\xff\x00\x00\x00\x01"
    datagram = Datagram(source, family.all_hosts, query, link_source=mac)
    decoded = decode(Frame(encode_frame(datagram), SECOND, 1))
    assert isinstance(decoded, Decoded)
    return decoded


def answers(hosts: list[Host]) -> list[tuple[int, bytes]]:
    """Carry out what every host has to do, in order of time; return times and frames."""
    sent: list[tuple[int, bytes]] = []
    due = [(host.deadline_ns or 0, number) for number, host in enumerate(hosts)]
    heapq.heapify(due)
    while due:
        now_ns, number = heapq.heappop(due)
        host = hosts[number]
        sent += [(now_ns, encode_frame(datagram)) for datagram in host.poll(now_ns)]
        if host.deadline_ns is not None:
            heapq.heappush(due, (host.deadline_ns, number))
    return sent


@pytest.mark.parametrize("family", [IGMP, MLD], ids=lambda family: family.name)
def test_every_host_answers_once_with_all_groups(family: Family) -> None:
    chance = Draws(Random(1))
    local = "239.1.2.{}" if family is IGMP else "ff05::1:{}"
    groups = [parse(local.format(number)) for number in range(1, GROUPS + 1)]
    begun_s = time.process_time()
    hosts = [host_of(number, family, groups, chance) for number in range(HOSTS)]
    made_s = time.process_time()
    held_mb = resident_mb()
    query = general_query(family)
    for host in hosts:
        host.receive(query, SECOND)
    sent = answers(hosts)
    ended_s = time.process_time()

    sys.stdout.write(
        f"\n{family.name}: {HOSTS:,} hosts x {GROUPS} groups:"
        f" made in {made_s - begun_s:.1f} s, {held_mb:,.0f} MB resident;"
        f" query to last answer in {ended_s - made_s:.1f} s;"
        f" {ended_s - begun_s:.1f} s of CPU in all, the aim is 60\n"
    )
    assert len(sent) == len({frame[6:12] for _, frame in sent}) == HOSTS
    assert all(SECOND < at_ns <= SECOND + LATEST_NS for at_ns, _ in sent)
    assert len({at_ns for at_ns, _ in sent}) > 30
