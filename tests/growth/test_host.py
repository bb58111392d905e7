"""What a host is asked costs it what the query names, however much it listens to.

Its answers tell all that it listens to, so they are left out here; so is a General Query of an
older version, which is a timer for each group.
"""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING

import pytest

from mldkit.model.datagram import Frame
from mldkit.model.family import IGMP
from mldkit.model.messages import Report
from mldkit.model.units import SECOND
from mldkit.protocol.filters import FilterMode
from mldkit.protocol.host import Host, HostOptions
from mldkit.protocol.settings import parse_setting
from mldkit.protocol.timer import Draws
from mldkit.wire.decoder import Decoder
from mldkit.wire.split import split_report
from tests.growth import frames
from tests.growth.counting import instructions
from tests.growth.frames import GROUP, OLD

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = 300
SOURCES = [frames.address(number, 0x0B000000) for number in range(2 * SIZE)]
OTHERS = [frames.address(number, 0x0C000000) for number in range(300)]


def made(profile: str) -> Host:
    """Return a host that listens to nothing yet."""
    host = Host(
        HostOptions(frames.mac(0xFFFFFE), profile, families=(IGMP,)),
        Draws(Random(1)),
        split_report,
    )
    for name, value in (("igmp_max_memberships", "100000"), ("igmp_max_msf", "100000")):
        host.set(parse_setting(f"net.ipv4.{name}", value, "eth0"), 0)
    host.add_address(frames.address(0, 0x0A0000FE), 24, 0)
    host.link_up(0)
    return host


def of_many_groups(profile: str, size: int) -> Host:
    """Return a host that is in many groups."""
    host = made(profile)
    for number in range(size):
        host.sockets.join(frames.group(number), (), 0)
    host.sockets.join(GROUP, (), 0)
    host.settle()
    return host


def of_many_sources(profile: str, size: int) -> Host:
    """Return a host that wants many sources of one group."""
    host = made(profile)
    host.sockets.join(GROUP, (), 0)
    host.sockets.set_filter(GROUP, FilterMode.INCLUDE, SOURCES[:size], 0)
    host.settle()
    return host


def without_many_sources(profile: str, size: int) -> Host:
    """Return a host that wants all but many sources of one group."""
    host = made(profile)
    host.sockets.join(GROUP, (), 0)
    host.sockets.set_filter(GROUP, FilterMode.EXCLUDE, SOURCES[:size], 0)
    host.settle()
    return host


HOSTS = [of_many_groups, of_many_sources, without_many_sources]
ASKED = {
    "a General Query": frames.query(),
    "an older query for a group": frames.query(OLD, about=GROUP),
    "a query for a group": frames.query(about=GROUP),
    "for some sources": frames.query(about=GROUP, sources=[*SOURCES[:20], *OTHERS[:20]]),
    "for many others": frames.query(about=GROUP, sources=OTHERS),
    "for another group": frames.query(about=frames.group(9999)),
    "an older report": frames.older(1, GROUP),
}


@pytest.mark.parametrize("profile", ["linux", "rfc"])
@pytest.mark.parametrize("listening", HOSTS, ids=lambda listening: listening.__name__)
@pytest.mark.parametrize("octets", ASKED.values(), ids=ASKED)
def test_a_message_costs_the_same_however_much_a_host_listens_to(
    octets: bytes, listening: Callable[[str, int], Host], profile: str
) -> None:
    (decoded,) = Decoder().decode(Frame(octets))
    costs = []
    for size in (SIZE, 2 * SIZE):
        host = listening(profile, size)
        ran = 0
        for now_ns in range(3):
            ran += instructions(partial(host.receive, decoded, now_ns))
        costs.append(ran)

    assert costs[1] <= 1.05 * costs[0] + 50


@pytest.mark.parametrize("listening", HOSTS, ids=lambda listening: listening.__name__)
def test_the_hosts_do_listen_to_as_much(listening: Callable[[str, int], Host]) -> None:
    (decoded,) = Decoder().decode(Frame(frames.query()))
    host = listening("linux", SIZE)
    host.receive(decoded, 0)
    told = [datagram.message for datagram in host.poll(20 * SECOND)]
    records = [one for message in told if isinstance(message, Report) for one in message.records]

    assert sum(1 + len(record.sources) for record in records) >= SIZE
