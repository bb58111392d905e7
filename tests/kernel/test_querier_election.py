"""`querier` beside other queriers: those that it hears first, and those that come later.

::

    near eth1 10.9.0.9 02:..:09  ------ veth ------  eth1 far: a host, or a port of bridge br0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.kernel.querier_events import QUICK, begin, messages, queries_from, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Link, Namespace
    from tests.kernel.event_stream import EventStream

pytestmark = pytest.mark.netns

OWN4, OWN6 = "10.9.0.9", "fe80::ff:fe00:9"


@dataclass(frozen=True)
class Bridge:
    """A bridge at the far end with its own querier, each second."""

    space: Namespace

    def set(self, settings: str) -> None:
        self.space.ip(f"link set br0 type bridge {settings}")


@pytest.fixture
def plug(make_namespace: Callable[[], Namespace]) -> Callable[[int], tuple[Namespace, Bridge]]:
    """Give a function that makes a near end and a bridge whose address ends with a number."""

    def make(number: int) -> tuple[Namespace, Bridge]:
        near, far = make_namespace(), make_namespace()
        near.ip(f"link add eth1 index 11 type veth peer name eth1 index 12 netns {far.name}")
        far.ip("link add br0 type bridge")
        # Tenths would be the same; the response time must come before the interval.
        far.ip("link set br0 type bridge mcast_query_response_interval 50")
        far.ip(
            "link set br0 type bridge mcast_query_interval 100 mcast_startup_query_interval 50"
            " mcast_querier_interval 500 mcast_query_use_ifaddr 1"
            " mcast_igmp_version 3 mcast_mld_version 2"
        )
        far.ip("link set eth1 addrgenmode none master br0")
        for space, device, last in ((near, "eth1", 9), (far, "br0", number)):
            space.sysctl(f"net.ipv6.conf.{device}.accept_dad", 0)
            space.sysctl(f"net.ipv6.conf.{device}.router_solicitations", 0)
            space.ip(f"link set {device} address 02:00:00:00:00:{last:02x}")
            space.ip(f"address add 10.9.0.{last}/24 dev {device}")
            space.ip(f"link set {device} up")
        far.ip("link set eth1 up")
        near.wait_for_ipv6("eth1")
        far.wait_for_ipv6("br0")
        return near, Bridge(far)

    return make


def test_a_bridge_with_a_higher_address_steps_down(
    plug: Callable[[int], tuple[Namespace, Bridge]], tmp_path: Path
) -> None:
    near, bridge = plug(0x20)
    capture = tmp_path / "higher.pcapng"
    bridge.set("mcast_querier 1")
    querier = begin(
        near, *QUICK[:4], "--listen", "3s", "--robustness", "3", "--take-over", "-w", str(capture)
    )
    for family in ("ipv4", "ipv6"):
        wait_for(querier, event="other", family=family)
    for _ in range(5):
        for family in ("ipv4", "ipv6"):
            querier.wait_for(event="query", family=family)
    querier.end()
    assert all(one["own"] for one in querier.events[-1]["queriers"])
    seen = messages(capture)
    for own, other in ((OWN4, "10.9.0.32"), (OWN6, "fe80::ff:fe00:20")):
        ours, theirs = queries_from(seen, own), queries_from(seen, other)
        assert theirs
        # The last one was told when it was sent, and may not have been read back before the end.
        assert len(ours) >= 4
        assert max(theirs) < ours[1]


def test_a_bridge_with_a_lower_address_wins_until_it_stops(
    plug: Callable[[int], tuple[Namespace, Bridge]],
) -> None:
    near, bridge = plug(1)
    # In this order: a Linux bridge that starts while another one queries stays silent, whatever
    # the addresses (net/bridge/br_multicast.c:br_multicast_query_expired).
    bridge.set("mcast_querier 1")
    querier = begin(near, *QUICK)
    for family in ("ipv4", "ipv6"):
        querier.wait_for(event="query", family=family)
    for family, host in (("ipv4", "10.9.0.1"), ("ipv6", "fe80::ff:fe00:1")):
        event = wait_for(querier, event="querier", family=family, own=False)
        assert event["host"] == host
    bridge.set("mcast_querier 0")
    for family, host in (("ipv4", OWN4), ("ipv6", OWN6)):
        event = wait_for_later(querier, family)
        assert event["host"] == host
    code, _ = querier.end()
    assert code == 0


def test_a_lower_querier_that_is_heard_first_is_left_alone(
    plug: Callable[[int], tuple[Namespace, Bridge]], tmp_path: Path
) -> None:
    near, bridge = plug(1)
    capture = tmp_path / "refused.pcapng"
    bridge.set("mcast_querier 1")
    done = near.mldkit("querier", "-i", "eth1", "-4", "--listen", "15s", "-w", str(capture))
    assert done.returncode == 3
    assert "10.9.0.1 queries the link: lower address; this one is silent" in done.stdout
    assert done.stderr.splitlines()[-2:] == [
        "mldkit: eth1 has a querier already: 10.9.0.1 (IGMP, lower than 10.9.0.9)",
        "hint: --standby waits until the lower one has gone",
    ]
    assert queries_from(messages(capture), OWN4) == []


def test_a_higher_querier_that_is_heard_first_is_left_alone_too(
    plug: Callable[[int], tuple[Namespace, Bridge]], tmp_path: Path
) -> None:
    near, bridge = plug(0x20)
    capture = tmp_path / "refused.pcapng"
    bridge.set("mcast_querier 1")
    done = near.mldkit("querier", "-i", "eth1", "-6", "--listen", "15s", "-w", str(capture))
    assert done.returncode == 3
    assert done.stderr.splitlines()[-2:] == [
        "mldkit: eth1 has a querier already: fe80::ff:fe00:20 (MLD, higher than fe80::ff:fe00:9)",
        "hint: --take-over begins all the same, and the election decides",
    ]
    seen = messages(capture)
    assert queries_from(seen, "fe80::ff:fe00:20")
    assert queries_from(seen, OWN6) == []


def test_taking_over_beside_a_lower_querier_is_to_be_silent(
    plug: Callable[[int], tuple[Namespace, Bridge]],
) -> None:
    near, bridge = plug(1)
    bridge.set("mcast_querier 1")
    querier = begin(near, *QUICK[:4], "-6", "--listen", "3s", "--take-over", "--for", "2s")
    code, _ = querier.finish()
    assert code == 0
    assert not any(event["event"] == "query" for event in querier.events)
    assert [one["own"] for one in querier.events[-1]["queriers"]] == [False]
    assert querier.events[-1]["left_behind"] == []


def test_on_standby_it_takes_over_from_a_lower_querier(
    plug: Callable[[int], tuple[Namespace, Bridge]],
) -> None:
    near, bridge = plug(1)
    bridge.set("mcast_querier 1")
    querier = begin(near, *QUICK[:4], "-6", "--listen", "3s", "--standby")
    querier.wait_for(event="querier", own=False)
    bridge.set("mcast_querier 0")
    assert querier.wait_for(event="querier")["own"]
    assert not any(event["event"] == "query" for event in querier.events)
    querier.wait_for(event="query")
    querier.end()


@pytest.mark.parametrize(
    ("query", "named"),
    [
        pytest.param(("239.1.1.1",), "10.9.0.2 (IGMP, higher than 10.9.0.1)", id="for one group"),
        pytest.param(
            ("-4", "--source", "0.0.0.0"),
            "0.0.0.0 (IGMP, a switch without an address)",
            id="0.0.0.0",
        ),
        pytest.param(
            ("-4", "--source", "10.9.0.1"), "10.9.0.1 (IGMP, the same as 10.9.0.1)", id="a twin"
        ),
    ],
)
def test_whoever_queries_keeps_it_from_beginning(
    link: Link, query: tuple[str, ...], named: str
) -> None:
    querier = link.near.spawn_mldkit("querier", "-i", "eth1", "--listen", "60s")
    asked = None
    while querier.poll() is None:
        asked = link.far.mldkit("query", "-i", "eth1", *query, "--wait", "0")
    assert asked is not None
    assert asked.returncode == 0, asked.stderr
    assert querier.stderr is not None
    said = querier.stderr.read().splitlines()
    assert said[-2:] == [
        f"mldkit: eth1 has a querier already: {named}",
        "hint: --take-over begins all the same, and the election decides;"
        " -6 asks in MLD only, IGMP is left out",
    ]


def test_a_message_that_no_router_accepts_is_no_querier(link: Link) -> None:
    querier = begin(link.near, "--listen", "2s", "--for", "0")
    asking = ("query", "-i", "eth1", "--wait", "0")
    for defect in (("--bad-checksum",), ("--vlan", "7"), ("-6", "--hop-limit", "2")):
        assert link.far.mldkit(*asking, *defect).returncode == 0
    code, _ = querier.finish()
    assert code == 0


def wait_for_later(stream: EventStream, family: str) -> dict[str, Any]:
    """Return the event of taking over, which comes after that of losing."""
    return wait_for(
        stream, event="querier", family=family, own=True, reason="the other querier has gone"
    )
