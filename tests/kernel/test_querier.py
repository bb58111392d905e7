"""`querier` against this kernel: its hosts answer, its bridges query too and lose or win.

::

    near eth1 10.9.0.9 02:..:09  ------ veth ------  eth1 far: a host, or a port of bridge br0
"""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.link.capture import open_capture
from mldkit.model.addresses import text
from mldkit.model.messages import Query
from mldkit.wire.decoder import Decoder
from tests.kernel.event_stream import EventStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.model.datagram import Decoded
    from tests.conftest import Link, Namespace

pytestmark = pytest.mark.netns

QUICK = ("--interval", "2s", "--max-response", "500ms", "--listen", "0")
GROUPS = ("239.1.2.3", "10.0.0.9,10.0.0.8@232.1.1.1", "ff15::1:2", "2001:db8::9@ff3e::8000:1")
JOINED = {
    "239.1.2.3": ("EXCLUDE", set[str]()),
    "232.1.1.1": ("INCLUDE", {"10.0.0.8", "10.0.0.9"}),
    "ff15::1:2": ("EXCLUDE", set[str]()),
    "ff3e::8000:1": ("INCLUDE", {"2001:db8::9"}),
}
OWN4, OWN6 = "10.9.0.9", "fe80::ff:fe00:9"


def begin(near: Namespace, *arguments: str) -> EventStream:
    return EventStream(near.spawn_mldkit("querier", "-i", "eth1", "--format", "ndjson", *arguments))


def join(link: Link, *groups: str) -> EventStream:
    """Join groups at the far end and wait until the kernel has them."""
    stream = EventStream(
        link.far.spawn_mldkit("join", "-i", link.interface, "--format", "ndjson", *groups)
    )
    for group in groups:
        stream.wait_for(event="joined", group=group.rpartition("@")[2])
    return stream


def learned(end: dict[str, Any]) -> dict[str, tuple[str, set[str]]]:
    """Return mode and sources of the groups that were joined here."""
    return {
        row["group"]: (row["filter_mode"], set(row["sources"]))
        for row in end["memberships"]
        if row["group"] in JOINED
    }


def messages(capture: Path) -> list[Decoded]:
    decoder = Decoder()
    with open_capture(str(capture)) as opened:
        return [decoded for frame in opened.frames() for decoded in decoder.decode(frame)]


def queries_from(seen: list[Decoded], source: str) -> list[int]:
    """Return when General Queries of an address were seen."""
    return [
        decoded.frame.time_ns or 0
        for decoded in seen
        if isinstance(decoded.datagram.message, Query)
        and decoded.datagram.message.is_general
        and text(decoded.datagram.source) == source
    ]


# Hosts


def test_hosts_of_this_kernel_answer_and_their_groups_are_learned(link: Link) -> None:
    # Joined before anybody asks: what is learned was answered.
    held = join(link, *GROUPS)
    querier = begin(link.near, *QUICK)
    for group in JOINED:
        _wait_for_group(querier, "join", group)
    code, _ = querier.end()
    held.end()
    assert code == 130
    end = querier.events[-1]
    assert learned(end) == JOINED
    assert {row["own"] for row in end["queriers"]} == {True}
    assert end["interrupted"]


def test_what_the_last_listener_leaves_is_asked_for_and_given_up(link: Link) -> None:
    held = join(link, *GROUPS)
    querier = begin(link.near, *QUICK, "--last-member-interval", "500ms")
    for group in ("239.1.2.3", "ff3e::8000:1"):
        _wait_for_group(querier, "join", group)
    held.end()
    left = {group: _wait_for_group(querier, "leave", group) for group in JOINED}
    querier.end()
    asked = [event for event in querier.events if event["event"] == "query"]
    for group, event in left.items():
        times = [float(one["time"]) for one in asked if one["group"] == group]
        assert len(times) == 2, group
        assert float(event["time"]) > times[1]
        wanted = {frozenset(one["sources"]) for one in asked if one["group"] == group}
        assert wanted == {frozenset(JOINED[group][1])}


def test_an_old_version_makes_the_hosts_fall_back(link: Link, tmp_path: Path) -> None:
    capture = tmp_path / "old.pcapng"
    held = join(link, "239.1.2.3", "ff15::1:2")
    querier = begin(
        link.near, *QUICK, "--version", "igmp2", "--version", "mld1", "-w", str(capture)
    )
    # On a slow machine the first report may still be of the current version: a change follows then.
    four = _wait_for(querier, group="239.1.2.3", version=2, filter_mode="EXCLUDE")
    six = _wait_for(querier, group="ff15::1:2", version=1, filter_mode="EXCLUDE")
    assert {four["event"], six["event"]} <= {"join", "change"}
    # net/ipv4/igmp.c:igmp_mc_seq_show
    rows = link.far.read("/proc/net/igmp").splitlines()
    assert next(row.split()[-1] for row in rows if f"{link.interface} " in row) == "V2"
    held.end()
    _wait_for_group(querier, "leave", "239.1.2.3")
    querier.end()
    kinds = {
        (decoded.family.name, decoded.kind, decoded.version)
        for decoded in messages(capture)
        if text(decoded.datagram.source) not in ("10.9.0.1", "fe80::ff:fe00:1")
    }
    assert {("igmp", "report", 2), ("igmp", "leave", 2), ("mld", "report", 1)} <= kinds


# Queriers of this kernel


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
    querier = begin(near, *QUICK[:4], "--listen", "3s", "--robustness", "3", "-w", str(capture))
    for family in ("ipv4", "ipv6"):
        _wait_for(querier, event="other", family=family)
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
        event = _wait_for(querier, event="querier", family=family, own=False)
        assert event["host"] == host
    bridge.set("mcast_querier 0")
    for family, host in (("ipv4", OWN4), ("ipv6", OWN6)):
        event = _wait_for_later(querier, family)
        assert event["host"] == host
    code, _ = querier.end()
    assert code == 130


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
        "hint: --standby waits until it has gone",
    ]
    assert queries_from(messages(capture), OWN4) == []


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


# How it ends


def test_people_read_what_happened_and_who_listens(link: Link) -> None:
    held = join(link, "10.0.0.8@232.1.1.1")
    done = link.near.mldkit("querier", "-i", "eth1", *QUICK, "--for", "4s")
    held.end()
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][1:] == ["querier", "10.9.0.1,", "this", "one:", "start"]
    assert "IGMPv3 General Query, max response 500 ms, robustness 2, interval 2 s" in done.stdout
    assert "232.1.1.1 INCLUDE {10.0.0.8}, reported by 10.9.0.2" in done.stdout
    assert ["group", "mode", "sources", "in", "doubt", "version", "last", "reporter"] in lines
    assert ["232.1.1.1", "INCLUDE", "10.0.0.8", "3", "10.9.0.2"] in lines
    assert "IGMP querier, MLD querier" in done.stderr


def test_it_announces_itself_before_anything_is_sent(link: Link) -> None:
    done = link.near.mldkit("querier", "-i", "eth1", "--listen", "100ms", "--for", "100ms")
    notes = done.stderr.splitlines()
    assert notes[0].startswith("note: IGMPv3 from 10.9.0.1: a General Query every 125 s")
    assert "fall silent until 255 s after the last query" in done.stderr
    assert "nothing is sent for 100 ms" in done.stderr


def test_a_signal_to_end_gives_the_document_and_130(link: Link) -> None:
    child = link.near.spawn_mldkit("querier", "-i", "eth1", *QUICK, "--format", "ndjson")
    stream = EventStream(child)
    stream.wait_for(event="query", family="ipv6")
    code, _ = stream.end(signal.SIGTERM)
    assert code == 130
    assert stream.events[-1]["event"] == "end"
    assert stream.events[-1]["interrupted"]


def test_an_address_that_goes_is_told_once_and_queries_go_on(link: Link) -> None:
    own = "10.9.0.1"
    querier = begin(link.near, *QUICK, "-4")
    querier.wait_for(event="query", host=own)
    link.near.ip(f"addr del {own}/24 dev eth1")
    gone = querier.wait_for(event="address")
    querier.wait_for(event="query", host=own)
    querier.wait_for(event="query", host=own)
    code, _ = querier.end()
    assert (gone["host"], gone["reason"]) == (own, "gone")
    assert [event["event"] for event in querier.events].count("address") == 1
    assert code == 130


def test_an_interface_that_vanishes_ends_it_with_what_there_was(link: Link) -> None:
    querier = begin(link.near, *QUICK)
    querier.wait_for(event="query", family="ipv6")
    link.near.ip("link delete eth1")
    code, said = querier.finish()
    assert code == 3
    assert querier.events[-1]["event"] == "end"
    assert said.splitlines()[-1] == "mldkit: eth1: the interface was removed"


def test_an_interface_that_goes_down_ends_it_with_what_there_was(link: Link) -> None:
    querier = begin(link.near, *QUICK)
    querier.wait_for(event="query", family="ipv6")
    link.near.ip("link set eth1 down")
    code, said = querier.finish()
    assert code == 3
    assert querier.events[-1]["event"] == "end"
    assert said.splitlines()[-2:] == [
        "mldkit: eth1: the interface went down",
        "hint: ip link set eth1 up",
    ]


def test_a_query_that_is_due_at_the_end_is_in_the_capture(link: Link, tmp_path: Path) -> None:
    capture = tmp_path / "seen.pcapng"
    # A quarter of the interval is the time between the queries of a start.
    querier = begin(link.near, *QUICK, "-4", "--for", "500ms", "-w", str(capture))
    code, _ = querier.finish()
    assert code == 0
    assert querier.events[-1]["queries"] == 2
    assert [one.kind for one in messages(capture) if one.family.ip_version == 4] == ["query"] * 2


def test_a_file_that_cannot_grow_ends_it_with_what_there_was(link: Link, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "mldkit", "querier", "-i", "eth1", "--format", "ndjson")
    capture = str(tmp_path / "seen.pcapng")
    querier = EventStream(
        link.near.spawn("sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *command, *QUICK, "-w", capture)
    )
    code, said = querier.finish()
    assert code == 3
    assert querier.events[-1]["event"] == "end"
    assert querier.events[-1]["queries"] > 0
    assert said.splitlines()[-1] == f"mldkit: {capture}: cannot be written: file too large"


def test_a_downed_interface_is_no_link(link: Link) -> None:
    link.near.ip("link set eth1 down")
    done = link.near.mldkit("querier", "-i", "eth1", "--for", "1s")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-2:] == [
        "mldkit: eth1: the interface is down",
        "hint: ip link set eth1 up",
    ]


def _wait_for(stream: EventStream, **wanted: object) -> dict[str, Any]:
    """Return an event that came already, or wait for it."""
    for event in stream.events:
        if wanted.items() <= event.items():
            return event
    return stream.wait_for(**wanted)


def _wait_for_group(stream: EventStream, kind: str, group: str) -> dict[str, Any]:
    return _wait_for(stream, event=kind, group=group)


def _wait_for_later(stream: EventStream, family: str) -> dict[str, Any]:
    """Return the event of taking over, which comes after that of losing."""
    return _wait_for(
        stream, event="querier", family=family, own=True, reason="the other querier has gone"
    )
