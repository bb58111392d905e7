"""What `analyze` says at each place of a sound network behind the Linux bridge.

::

    host 1 --- p1 |
    host 2 --- p2 | br0, snooping, querier 10.9.0.1        captured: p1, p2, p3, br0
    host 3 --- p3 |

Every host answers and leaves as it should, and the bridge asks at the port of each leaver: so
nobody is to be blamed, wherever one looks, once it is said where that is.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.cli.main import main
from mldkit.link import clock
from mldkit.link.capture_writer import CaptureWriter
from mldkit.link.device import PacketSocket

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Namespace

pytestmark = pytest.mark.netns

PLACES = ("p1", "p2", "p3", "br0")
QUICK = (
    "mcast_snooping 1 mcast_query_use_ifaddr 1 mcast_query_interval 100"
    " mcast_query_response_interval 50 mcast_startup_query_interval 100"
    " mcast_last_member_interval 100"
)
VERSIONS = {
    "current": "mcast_igmp_version 3 mcast_mld_version 2",
    "older": "mcast_igmp_version 2 mcast_mld_version 1",
}
GROUPS = {
    1: ("239.1.1.1", "ff15::1:1"),
    2: ("239.1.1.1", "ff15::1:1"),
    3: ("239.1.1.2", "ff15::1:2"),
}
TRUE_OF_THE_BRIDGE = {"D-20"}
"""In older versions it asks for a group at the address of all hosts."""


class Member:
    """Sockets of one host that are members of a group of each family."""

    def __init__(self, space: Namespace, groups: tuple[str, str]) -> None:
        with space.entered():
            index = socket.if_nametoindex("eth1")
            self._four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        four, six = groups
        request = struct.pack("=4s4si", socket.inet_aton(four), bytes(4), index)
        self._four.setsockopt(socket.IPPROTO_IP, 35, request)
        request = struct.pack("=16si", socket.inet_pton(socket.AF_INET6, six), index)
        self._six.setsockopt(socket.IPPROTO_IPV6, 20, request)

    def close(self) -> None:
        self._four.close()
        self._six.close()


def network(make: Callable[[], Namespace], version: str) -> tuple[Namespace, dict[int, Namespace]]:
    switch = make()
    switch.ip(f"link add br0 type bridge {QUICK} {VERSIONS[version]}")
    switch.sysctl("net.ipv6.conf.br0.accept_dad", 0)
    switch.ip("link set br0 address 02:00:00:00:00:01")
    switch.ip("address add 10.9.0.1/24 dev br0")
    switch.ip("link set br0 up")
    hosts = {}
    for number in GROUPS:
        space = hosts[number] = make()
        switch.ip(f"link add p{number} type veth peer name eth1 netns {space.name}")
        space.sysctl("net.ipv6.conf.eth1.accept_dad", 0)
        space.sysctl("net.ipv6.conf.eth1.router_solicitations", 0)
        switch.ip(f"link set p{number} addrgenmode none")
        switch.ip(f"link set p{number} master br0 up")
        space.ip(f"link set eth1 address 02:00:00:00:01:{number:02x} up")
        space.ip(f"address add 10.9.0.{100 + number}/24 dev eth1")
    return switch, hosts


@pytest.fixture(scope="module", params=VERSIONS)
def captures(
    request: pytest.FixtureRequest,
    make_common_namespace: Callable[[], Namespace],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Capture at each place for some seconds; return the folder."""
    switch, hosts = network(make_common_namespace, request.param)
    folder = tmp_path_factory.mktemp("places")
    with ExitStack() as stack:
        with switch.entered():
            listeners = {place: stack.enter_context(PacketSocket(place)) for place in PLACES}
        switch.ip("link set br0 type bridge mcast_querier 1")
        members: dict[int, Member] = {}
        events: list[tuple[float, int]] = []
        for number in hosts:
            events += [(1 + number / 3, number), (5 + number, number)]
        begun = time.monotonic()
        for at, number in sorted(events):
            time.sleep(max(0, begun + at - time.monotonic()))
            if number in members:
                members[number].close()
            else:
                members[number] = Member(hosts[number], GROUPS[number])
        time.sleep(4)
        for place, listener in listeners.items():
            with CaptureWriter(str(folder / f"{place}.pcapng")) as writer:
                while (frame := listener.receive(clock.now_ns())) is not None:
                    writer.write(frame)
    return folder


def blamed(
    capsys: pytest.CaptureFixture[str], file: Path, vantage: str
) -> tuple[set[str], set[str], dict[str, Any]]:
    """Return the rules told as errors and warnings, the places assumed, and the document."""
    main(["analyze", "--json", "--vantage", vantage, str(file)])
    document = json.loads(capsys.readouterr().out)
    rules = {found["id"] for found in document["findings"] if found["severity"] != "info"}
    return rules - TRUE_OF_THE_BRIDGE, {one["assumed"] for one in document["vantage"]}, document


@pytest.mark.parametrize(
    ("place", "vantage"), [("p1", "port"), ("p2", "port"), ("p3", "port"), ("br0", "bridge")]
)
def test_where_it_is_said_nobody_is_blamed_for_what_others_are_asked(
    captures: Path, capsys: pytest.CaptureFixture[str], place: str, vantage: str
) -> None:
    rules, assumed, document = blamed(capsys, captures / f"{place}.pcapng", vantage)

    assert document["responses"]["count"] > 10
    assert assumed == {vantage}
    assert rules == set()


@pytest.mark.parametrize("place", PLACES)
def test_where_it_is_not_said_nobody_is_called_silent(
    captures: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    rules, _, _ = blamed(capsys, captures / f"{place}.pcapng", "auto")

    # That questions are missing shows no port, and on the bridge itself answers seem late.
    assert rules <= {"D-11", "D-08"}
