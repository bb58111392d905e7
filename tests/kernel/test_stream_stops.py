"""The stream that stops on a real snooping bridge, and the sentence that says why.

::

    source 10.9.0.50 --- bridge with snooping --- captured here --- host 10.9.0.101
                                 |
                         router 10.9.0.1, a bridge that queries, and then no more

All times are a fiftieth of the usual ones: queries each 2 s, members forgotten after 5 s.
"""

from __future__ import annotations

import json
import re
import socket
import struct
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from mldkit.cli.main import main
from mldkit.link import clock
from mldkit.link.capture_writer import CaptureWriter
from mldkit.link.device import PacketSocket
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Namespace

pytestmark = pytest.mark.netns

GROUP, OTHER = "239.1.1.1", "239.1.1.2"
FORGETS = "mcast_membership_interval 500 mcast_querier_interval 6000"
ASKS = (
    "mcast_querier 1 mcast_igmp_version 3 mcast_query_use_ifaddr 1 mcast_query_interval 200"
    " mcast_query_response_interval 100 mcast_startup_query_interval 200"
)
_JOIN = 35


@dataclass(frozen=True)
class Stage:
    """A bridge with a host, a source and a router."""

    switch: Namespace
    host: Namespace
    source: Namespace
    router: Namespace


@pytest.fixture
def stage(make_namespace: Callable[[], Namespace]) -> Stage:
    stage = Stage(*(make_namespace() for _ in range(4)))
    for space in (stage.switch, stage.host, stage.source, stage.router):
        space.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        space.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    switch, router = stage.switch, stage.router
    switch.ip(f"link add br0 type bridge mcast_snooping 1 mcast_igmp_version 3 {FORGETS}")
    switch.ip("link set br0 up")
    for space, port in ((stage.host, "port-a"), (stage.source, "port-b"), (router, "port-c")):
        switch.ip(f"link add {port} type veth peer name eth1 netns {space.name}")
        switch.ip(f"link set {port} master br0 up")
        space.ip("link set eth1 up")
    stage.host.ip("address add 10.9.0.101/24 dev eth1")
    stage.source.ip("address add 10.9.0.50/24 dev eth1")
    router.ip(f"link add br0 type bridge {ASKS}")
    router.ip("address add 10.9.0.1/24 dev br0")
    router.ip("link set eth1 master br0")
    return stage


def member_of(space: Namespace, group: str) -> socket.socket:
    with space.entered():
        device = socket.if_nametoindex("eth1")
        member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    request = struct.pack("=4s4si", socket.inet_aton(group), bytes(4), device)
    member.setsockopt(socket.IPPROTO_IP, _JOIN, request)
    return member


def sender_in(space: Namespace) -> socket.socket:
    with space.entered():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.9.0.50"))
    return sender


def send_for(sender: socket.socket, seconds: float) -> None:
    until_ns = clock.now_ns() + round(seconds * SECOND)
    while clock.now_ns() < until_ns:
        sender.sendto(b"data", (GROUP, 5000))
        clock.wait_ns(50 * MILLISECOND)


def test_the_stream_stops_when_the_bridge_forgets_its_member(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "stream.pcapng"
    with stage.switch.entered():
        listener = PacketSocket("port-a", everything=True)
    with listener, closing(sender_in(stage.source)) as sender:
        member = member_of(stage.host, GROUP)
        stage.router.ip("link set br0 up")
        send_for(sender, 4)
        stage.router.ip("link set br0 down")
        send_for(sender, 16)
        # The stream goes on at its source, but not at this port; the next report shows the time.
        other = member_of(stage.host, OTHER)
        clock.wait_ns(SECOND)
        with CaptureWriter(str(path)) as writer:
            while (frame := listener.receive(clock.now_ns())) is not None:
                writer.write(frame)
        member.close()
        other.close()

    assert main(["analyze", "--json", str(path)]) == 1

    found = json.loads(capsys.readouterr().out)
    errors = {item["id"] for item in found["findings"] if item["severity"] == "error"}
    first = found["summary"][0]
    sentence = re.search(rf"your stream to {GROUP} stopped (\d+) s after the last one, at", first)
    (stream,) = found["streams"]
    assert errors == {"D-01"}
    assert "since 10.9.0.1 fell silent at" in first
    assert sentence, first
    # The bridge forgets members 5 s after their last report; its timers run at most an eighth late.
    assert 4 <= int(sentence[1]) <= 6
    assert float(found["captures"][0]["last"]) - float(stream["last"]) > 5
