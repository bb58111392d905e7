"""`analyze --compare` on both sides of a real snooping bridge.

::

    host 10.9.0.101 --- A --- bridge with snooping --- B --- router 10.9.0.1 (a bridge that queries)
    host 10.9.0.102 ------------'

The bridge sends IGMPv2 reports to ports with a router only (RFC 4541 §2.1.1): what other hosts say
never reaches the port of the first one. A port that is told to have no router loses them all.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from mldkit.cli.main import main
from mldkit.link import clock
from mldkit.link.capture_writer import CaptureWriter
from mldkit.link.device import PacketSocket
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Namespace

pytestmark = pytest.mark.netns

AHEAD_S = 3.5
"""By how much the clock of the second capture is put forward."""
QUICK = "mcast_querier 1 mcast_query_interval 100 mcast_query_response_interval 50"
EARLY, LATER, LOST = "239.1.1.1", "239.1.1.2", "239.1.1.3"


class Sides(NamedTuple):
    """The captures of both ports."""

    host: str
    router: str


def plug(switch: Namespace, space: Namespace, port: str, number: int) -> None:
    switch.ip(f"link add {port} type veth peer name eth1 netns {space.name}")
    switch.ip(f"link set {port} addrgenmode none")
    switch.ip(f"link set {port} master br0 up")
    space.ip("link set eth1 addrgenmode none")
    space.ip(f"link set eth1 address 02:00:00:00:00:{number:02x}")


def joined(space: Namespace, group: str) -> socket.socket:
    with space.entered():
        device = socket.if_nametoindex("eth1")
        member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    request = struct.pack("=4s4si", socket.inet_aton(group), bytes(4), device)
    member.setsockopt(socket.IPPROTO_IP, 35, request)
    return member


def wait_for_router(switch: Namespace, port: str) -> None:
    """Wait until the bridge has heard a query on a port."""
    until = time.monotonic() + 20
    while port not in switch.run("bridge", "mdb", "show", "dev", "br0").stdout:
        assert time.monotonic() < until, f"no query came from {port}"
        time.sleep(0.05)


@pytest.fixture
def sides(make_namespace: Callable[[], Namespace], tmp_path: Path) -> Sides:
    switch, first, second, router = (make_namespace() for _ in range(4))
    switch.ip("link add br0 type bridge mcast_snooping 1 mcast_igmp_version 3")
    switch.ip("link set br0 addrgenmode none")
    switch.ip("link set br0 up")
    for space, port, number in (
        (first, "port-a", 101),
        (second, "port-c", 102),
        (router, "port-b", 1),
    ):
        plug(switch, space, port, number)
    for space, number in ((first, 101), (second, 102)):
        space.sysctl("net.ipv4.conf.all.force_igmp_version", 2)
        space.ip("link set eth1 up")
        space.ip(f"address add 10.9.0.{number}/24 dev eth1")
    router.ip(f"link add br0 type bridge mcast_igmp_version 2 mcast_query_use_ifaddr 1 {QUICK}")
    router.ip("link set br0 address 02:00:00:00:00:01 addrgenmode none")
    router.ip("address add 10.9.0.1/24 dev br0")
    router.ip("link set eth1 master br0 up")
    with switch.entered():
        listeners = PacketSocket("port-a"), PacketSocket("port-b")
    members = [joined(first, EARLY)]
    router.ip("link set br0 up")
    wait_for_router(switch, "port-b")
    # A bridge floods until the maximum response time after the first query it hears is over
    # (net/bridge/br_private.h:__br_multicast_querier_exists).
    time.sleep(1)
    members += [joined(first, LATER), joined(second, LATER)]
    time.sleep(1)
    switch.run("bridge", "link", "set", "dev", "port-b", "mcast_router", "0").check_returncode()
    members.append(joined(first, LOST))
    time.sleep(1)
    names = []
    for listener, name, ahead_s in zip(listeners, ("host", "router"), (0, AHEAD_S), strict=True):
        names.append(str(tmp_path / f"{name}.pcapng"))
        with listener, CaptureWriter(names[-1]) as writer:
            while (frame := listener.receive(clock.now_ns())) is not None:
                frame.time_ns = (frame.time_ns or 0) + round(ahead_s * SECOND)
                writer.write(frame)
    for member in members:
        member.close()
    return Sides(*names)


def messages(capsys: pytest.CaptureFixture[str], file: str) -> dict[int, dict[str, Any]]:
    """Return the messages of a capture by their frame."""
    main(["decode", "--json", file])
    found = json.loads(capsys.readouterr().out)["messages"]
    return {message["frame"]: message for message in found}


def test_what_the_bridge_kept_to_itself_is_told(
    sides: Sides, capsys: pytest.CaptureFixture[str]
) -> None:
    at_host, at_router = messages(capsys, sides.host), messages(capsys, sides.router)

    code = main(["analyze", "--json", "--compare", *sides])

    found = json.loads(capsys.readouterr().out)
    lost = [at_host[frame] for frame in found["only_a"]]
    hidden = [at_router[frame] for frame in found["only_b"]]
    assert code == 1
    assert found["offset_s"] == pytest.approx(AHEAD_S, abs=0.1)
    assert found["changed"] == []
    # The second report of an older join may come as late as ten seconds after the first.
    assert {message["ip"]["src"] for message in lost} == {"10.9.0.101"}
    assert LOST in {message["group"] for message in lost} <= {LOST, LATER, EARLY}
    assert {(message["ip"]["src"], message["group"]) for message in hidden} == {
        ("10.9.0.102", LATER)
    }
    assert found["elsewhere"] == found["only_b"]
    assert found["matched"] == len(at_host) - len(lost) == len(at_router) - len(hidden)
    asked = [message for message in at_host.values() if message["kind"] == "query"]
    assert asked, "the query reached the port of the host"


def test_the_words_say_which_side_is_missing_what(
    sides: Sides, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", "--compare", *sides]) == 1

    words = capsys.readouterr().out
    assert "the clock of B is +3." in words
    assert f"only in {sides.host}: " in words
    assert f"10.9.0.101 > {LOST}  IGMPv2 report {LOST}" in words
    assert "from hosts behind other ports" in words
