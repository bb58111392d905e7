"""`querier` against this kernel: its hosts answer, and whatever happens it ends in order."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.model.addresses import text
from tests.kernel.event_stream import EventStream
from tests.kernel.querier_events import QUICK, begin, messages, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Link

pytestmark = pytest.mark.netns

GROUPS = ("239.1.2.3", "10.0.0.9,10.0.0.8@232.1.1.1", "ff15::1:2", "2001:db8::9@ff3e::8000:1")
JOINED = {
    "239.1.2.3": ("EXCLUDE", set[str]()),
    "232.1.1.1": ("INCLUDE", {"10.0.0.8", "10.0.0.9"}),
    "ff15::1:2": ("EXCLUDE", set[str]()),
    "ff3e::8000:1": ("INCLUDE", {"2001:db8::9"}),
}


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


# Hosts


def test_hosts_of_this_kernel_answer_and_their_groups_are_learned(link: Link) -> None:
    # Joined before anybody asks: what is learned was answered.
    held = join(link, *GROUPS)
    querier = begin(link.near, *QUICK)
    for group in JOINED:
        _wait_for_group(querier, "join", group)
    code, _ = querier.end()
    held.end()
    assert code == 0
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
    four = wait_for(querier, group="239.1.2.3", version=2, filter_mode="EXCLUDE")
    six = wait_for(querier, group="ff15::1:2", version=1, filter_mode="EXCLUDE")
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


def test_a_signal_to_end_gives_the_document_and_0(link: Link) -> None:
    child = link.near.spawn_mldkit("querier", "-i", "eth1", *QUICK, "--format", "ndjson")
    stream = EventStream(child)
    stream.wait_for(event="query", family="ipv6")
    code, said = stream.end(signal.SIGTERM)
    assert code == 0
    behind = {(one["family"], one["what"]) for one in stream.events[-1]["left_behind"]}
    kinds = ("variables", "router-port", "other-queriers", "members")
    assert behind == {(family, what) for family in ("ipv4", "ipv6") for what in kinds}
    assert "note: Linux hosts keep robustness 2 and interval 2 s of IGMP and MLD until" in said
    assert stream.events[-1]["event"] == "end"
    assert stream.events[-1]["interrupted"]


def test_a_reader_who_goes_ends_it_and_the_sums_are_said(link: Link) -> None:
    child = link.near.spawn_mldkit("querier", "-i", "eth1", *QUICK)
    assert child.stdout is not None
    assert "this one: start" in child.stdout.readline()
    child.stdout.close()
    assert child.wait(timeout=20) == 0
    assert child.stderr is not None
    assert " listened to; IGMP querier, MLD querier" in child.stderr.read()


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
    assert code == 0


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


def test_a_file_that_cannot_grow_ends_the_capture_alone(link: Link, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "mldkit", "querier", "-i", "eth1", "--format", "ndjson")
    capture = str(tmp_path / "seen.pcapng")
    querier = EventStream(
        link.near.spawn("sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *command, *QUICK, "-w", capture)
    )
    # Each family asks once and twice more, which is more than fits into 512 octets.
    for _ in range(6):
        querier.wait_for(event="query")
    code, said = querier.end(signal.SIGTERM)
    assert code == 0
    assert querier.events[-1]["event"] == "end"
    assert querier.events[-1]["queries"] >= 6
    told = f"note: {capture}: cannot be written: file too large: it ends with "
    assert [line.startswith(told) for line in said.splitlines()].count(True) == 1


def test_a_downed_interface_is_no_link(link: Link) -> None:
    link.near.ip("link set eth1 down")
    done = link.near.mldkit("querier", "-i", "eth1", "--for", "1s")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-2:] == [
        "mldkit: eth1: the interface is down",
        "hint: ip link set eth1 up",
    ]


def _wait_for_group(stream: EventStream, kind: str, group: str) -> dict[str, Any]:
    return wait_for(stream, event=kind, group=group)
