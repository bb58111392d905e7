"""The host as a machine: what it promises to whoever drives it, whatever it is fed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from mldkit.link.capture import open_capture
from mldkit.model.addresses import consecutive, parse
from mldkit.model.datagram import Datagram, Decoded, Frame
from mldkit.model.family import IGMP, MLD
from mldkit.model.messages import GroupRecord, Query, RecordType, Report
from mldkit.model.units import SECOND
from mldkit.play import simulate
from mldkit.protocol.answers import MOST_ASKED
from mldkit.protocol.host import Host, HostOptions
from mldkit.protocol.script_parser import parse_script
from mldkit.protocol.timer import Draws, Grid, Timer, Timers
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame
from mldkit.wire.split import split_report

MAC = bytes.fromhex("020000000002")
QUERY = Datagram(
    source=parse("10.9.0.1"),
    destination=IGMP.all_hosts,
    hop_limit=1,
    router_alert=0,
    message=Query(3, IGMP.unspecified, 100),
    link_source=bytes.fromhex("020000000001"),
)
GROUPS = [parse("ff05::1"), parse("239.1.1.1")]
CAPTURES = sorted((Path(__file__).resolve().parents[3] / "captures").glob("*.pcapng"))
HEADER = """\
host fe80::ff:fe00:2 02:00:00:00:00:02
host 10.9.0.2 02:00:00:00:00:02
querier fe80::ff:fe00:1 02:00:00:00:00:01
querier 10.9.0.1 02:00:00:00:00:01
"""


def make_host(profile: str = "linux") -> Host:
    options = HostOptions(MAC, profile, Grid(250, 4096))
    host = Host(options, Draws(Random(1)), split_report)
    host.link_up(0)
    host.add_address(parse("fe80::ff:fe00:2"), 64, 0)
    host.add_address(parse("10.9.0.2"), 24, 0)
    host.settle()
    for group in GROUPS:
        host.sockets.join(group, (), 0)
    return host


@pytest.mark.parametrize("profile", ["linux", "rfc"])
def test_no_frame_makes_the_host_raise_or_look_back_in_time(profile: str) -> None:
    host = make_host(profile)
    generator = Random(7)
    now_ns = 0
    for path in CAPTURES:
        with open_capture(str(path)) as capture:
            frames = [frame.data for frame in capture.frames()]
        for data in frames * 3:
            octets = bytearray(data)
            for _ in range(generator.randrange(4)):
                octets[generator.randrange(14, len(octets))] = generator.randrange(256)
            cut = bytes(octets[: generator.randrange(20, len(octets) + 1)])
            now_ns += generator.randrange(SECOND // 10)
            for found in (decode(Frame(cut)), decode(Frame(bytes(octets)))):
                if isinstance(found, Decoded):
                    host.receive(found, now_ns)
            host.poll(now_ns)
            assert host.deadline_ns is None or host.deadline_ns > now_ns


def test_poll_sends_nothing_before_the_deadline() -> None:
    host = make_host()
    deadline_ns = host.deadline_ns

    assert deadline_ns is not None
    assert host.poll(deadline_ns - 1) == []
    assert host.poll(deadline_ns) != []


def test_ipv6_goes_with_an_mtu_below_1280_and_comes_back_without_the_groups_of_sockets() -> None:
    # Recording of 6.18: the inet6_dev is destroyed, memberships of sockets are not restored.
    script = parse_script(
        HEADER
        + """
0.0 join ff05::1
0.0 forwarding on
3.0 mtu 1000
3.5 query :: max-response 1s
+0..2 expect none mld
6.0 mtu 1500
+0..0.012 expect TO_EX(ff02::1:ff00:2)
9.0 forwarding off
9.1 leave ff05::1
"""
    )

    assert [outcome.passed for outcome in simulate(script).outcomes] == [True, True]


def test_version_1_forced_for_all_interfaces_wins_over_2_for_one() -> None:
    # IGMP_V1_SEEN looks at both settings, and is asked first.
    script = parse_script(
        HEADER
        + """
sysctl net.ipv4.conf.all.force_igmp_version 2
sysctl net.ipv4.conf.eth1.force_igmp_version 1
0.0 join 239.1.1.1
+0.008..0.012 expect report 1 239.1.1.1
"""
    )

    assert simulate(script).failed == 0


def test_hosts_share_nothing_that_one_of_them_changes() -> None:
    first, second = make_host(), make_host()
    for group, source in zip(GROUPS, ("2001:db8::1", "10.0.0.1"), strict=True):
        first.sockets.block(group, [parse(source)], SECOND)
        first.sockets.leave(group, 2 * SECOND)
        first.sockets.join(group, [parse(source)], 3 * SECOND)

    told = [
        record
        for host in (second, make_host())
        for datagram in host.poll(4 * SECOND)
        if isinstance(datagram.message, Report)
        for record in datagram.message.records
    ]
    assert {str(record) for record in told} == {"TO_EX(ff05::1)", "TO_EX(239.1.1.1)"}


def test_a_timer_that_is_armed_again_and_again_leaves_nothing_behind() -> None:
    fired: list[int] = []
    timers = Timers(Grid(250, 4096), Draws(Random(1)))
    timer = Timer(MLD, "state change", fired.append)
    other = Timer(MLD, "group answer", fired.append)
    for turn in range(1000):
        timers.arm(timer, 2, turn * SECOND // 1000)
        timers.arm(other, 3, turn * SECOND // 1000)
        if turn % 3 == 0:
            timers.stop(other)

    timers.run(10 * SECOND)

    assert len(fired) == 1
    assert timers.deadline_ns is None


def test_a_query_in_the_tick_of_the_answer_brings_no_second_answer() -> None:
    # This kernel: igmp_mod_timer puts the timer back for the same tick, and it runs with the next.
    script = parse_script(
        HEADER
        + """
set phase 0.5
0.0   join 239.1.2.3
5.0   query 239.1.2.3 max-response 0s
5.008 query 239.1.2.3 max-response 10s
5.008 query 239.1.2.3 max-response 0s
9.0   data 239.1.2.3 from 10.9.0.11
+0..9 expect none
""",
        "tick",
    )

    sent = [
        e for e in simulate(script, seed=1).events if e.who == "host" and e.time_ns > 5 * SECOND
    ]

    assert [event.time_ns for event in sent] == [5_010_000_000]


def test_answers_that_are_due_at_once_come_in_the_order_of_the_walk() -> None:
    # This kernel: the works are queued while the groups are walked, the newest first.
    script = parse_script(
        HEADER
        + """
0.0   join ff15::1
0.0   join ff15::2
0.0   join ff15::3
5.0   query :: version 1 max-response 1ms
""",
        "walk",
    )

    sent = [
        e for e in simulate(script, seed=1).events if e.who == "host" and e.time_ns >= 5 * SECOND
    ]

    groups = [str(event.decoded.datagram.message) for event in sent]
    assert groups[:3] == ["report 1 ff15::3", "report 1 ff15::2", "report 1 ff15::1"]


@pytest.mark.parametrize("octet", [0, 1], ids=["whole", "header damaged"])
def test_a_packet_whose_ipv4_header_is_damaged_is_not_delivered(octet: int) -> None:
    """The kernel drops it before IGMP sees it (net/ipv4/ip_input.c:ip_rcv_core)."""
    host = make_host("rfc")
    while host.deadline_ns is not None:
        host.poll(host.deadline_ns)
    query = bytearray(encode_frame(QUERY))
    query[14 + 5] ^= octet  # identification, which the checksum covers

    found = decode(Frame(bytes(query)))
    assert isinstance(found, Decoded)
    host.receive(found, 100 * SECOND)

    assert (host.deadline_ns is None) == bool(octet)


@pytest.mark.parametrize("more", [0, 1])
def test_questions_for_sources_without_end_are_answered_with_the_whole_state(more: int) -> None:
    host = make_host("rfc")
    host.poll(60 * SECOND)
    group = GROUPS[1]
    sources = consecutive(parse("10.1.0.0"), MOST_ASKED + more)
    for first in range(0, len(sources), 256):
        question = Query(3, group, 100, robustness=2, sources=tuple(sources[first : first + 256]))
        datagram = replace(QUERY, destination=group, message=question)
        found = decode(Frame(encode_frame(datagram)))
        assert isinstance(found, Decoded)
        host.receive(found, 60 * SECOND)

    sent = [one.message for one in host.poll(80 * SECOND) if one.source == parse("10.9.0.2")]
    records = [record for one in sent if isinstance(one, Report) for record in one.records]
    told = {record.type for record in records if record.group == group}
    assert told == {RecordType.IS_EX if more else RecordType.IS_IN}
    assert GroupRecord(RecordType.IS_EX, group) in records or not more
