"""`respond` against the clock: ten thousand hosts answer at once, one host does nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.link import clock
from mldkit.link.alarm import Alarm
from mldkit.link.device import PacketSocket
from mldkit.link.lateness import Lateness
from mldkit.model.datagram import Decoded
from mldkit.model.messages import Query, Report
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.testing.envelopes import IGMP_QUERY, MLD_QUERY
from mldkit.wire.decode import decode
from mldkit.wire.encode import encode_frame

if TYPE_CHECKING:
    from tests.conftest import Link, Namespace

pytestmark = [pytest.mark.bench, pytest.mark.netns]

HOSTS = 10_000
GROUPS = {"-4": "239.1.0.0+20", "-6": "ff15::1:0+20"}
QUERIES = {
    "-4": replace(IGMP_QUERY, message=Query(3, bytes(4), 10, robustness=2, interval_code=125)),
    "-6": MLD_QUERY,
}
"""General Queries with a maximum of 1 s."""
IDLE_S = 10
BEFORE = os.environ.get("MLDKIT_BENCH_BEFORE", "").split()
"""A command to run the responder with, such as `chrt -f 10` on a machine that has other work."""


@pytest.fixture
def quiet(link: Link) -> Link:
    link.far.sysctl("net.ipv6.conf.eth1.disable_ipv6", 1)
    return link


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ready(namespace: Namespace, *arguments: str) -> subprocess.Popen[str]:
    """Start a responder and wait until its hosts have their answers made."""
    child = namespace.spawn(
        *BEFORE,
        sys.executable,
        "-m",
        "mldkit",
        "respond",
        "-i",
        "eth1",
        "--warm",
        "--json",
        *arguments,
    )
    assert child.stderr is not None
    while " on eth1 in " not in child.stderr.readline():
        assert child.poll() is None
    used, before = cpu_seconds(child.pid), -1.0
    while used > before:
        time.sleep(1)
        used, before = cpu_seconds(child.pid), used
    return child


def ended(child: subprocess.Popen[str]) -> dict[str, Any]:
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=60)
    return dict(json.loads(output))


def load() -> str:
    return f"load {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors"


@pytest.mark.parametrize("option", GROUPS)
def test_ten_thousand_hosts_answer_one_query(quiet: Link, option: str) -> None:
    child = ready(quiet.far, "--hosts", str(HOSTS), GROUPS[option])
    before, used_s = load(), cpu_seconds(child.pid)
    with quiet.near.entered():
        device = PacketSocket("eth1")
    with device:
        device.send(encode_frame(QUERIES[option]))
        time.sleep(3)
        answered = {}
        while (frame := device.take()) is not None:
            found = decode(frame)
            if frame.outgoing or not isinstance(found, Decoded):
                continue
            datagram = found.datagram
            assert isinstance(datagram.message, Report)
            answered[datagram.link_source] = len(datagram.message.records)
    used_s = cpu_seconds(child.pid) - used_s
    document = ended(child)
    late, beyond = document["late_ms"], document["more_than_a_tick_late"]
    sys.stdout.write(
        f"\n{HOSTS:,} hosts x 20 groups {option}, {before}: {len(answered):,} answered,"
        f" {100 * (1 - beyond / max(document['sent'], 1)):.2f} % within 4 ms of their moment,"
        f" median {late['median']:.2f}, 99 % {late['p99']:.2f}, worst {late['max']:.2f} ms late,"
        f" {used_s:.2f} s of CPU\n"
    )
    assert len(answered) == HOSTS
    assert set(answered.values()) <= {20, 21}
    assert document["sent"] == HOSTS


def test_one_host_answers_a_hundred_queries(quiet: Link) -> None:
    child = ready(quiet.far, "239.1.1.1")
    quickly = replace(IGMP_QUERY, message=Query(3, bytes(4), 1, robustness=2, interval_code=125))
    with quiet.near.entered():
        device = PacketSocket("eth1")
    with device:
        for _ in range(100):
            device.send(encode_frame(quickly))
            time.sleep(0.15)  # its maximum is 0.1 s
    document = ended(child)

    late = document["late_ms"]
    sys.stdout.write(
        f"\none host, 100 answers, {load()}: median {late['median']:.3f},"
        f" 99 % {late['p99']:.3f}, worst {late['max']:.3f} ms late\n"
    )
    assert (document["queries"], document["sent"]) == (100, 100)


def test_a_host_without_work_costs_next_to_nothing(quiet: Link) -> None:
    child = ready(quiet.far, "239.1.1.1", "ff15::1")
    before = cpu_seconds(child.pid)
    time.sleep(IDLE_S)
    share = (cpu_seconds(child.pid) - before) / IDLE_S
    document = ended(child)

    sys.stdout.write(f"\none idle host: {100 * share:.2f} % of a processor\n")
    assert share < 0.01
    assert document["sent"] == 0


def test_how_exactly_an_instant_is_met() -> None:
    late = Lateness()
    with Alarm() as alarm:
        for number in range(400):
            until_ns = clock.now_ns() + (1 + number % 15) * MILLISECOND
            alarm.wait(until_ns)
            late.add(clock.now_ns() - until_ns)

    sys.stdout.write(
        f"\nwaits of 1 to 15 ms, {load()}: median {late.quantile_ns(0.5) / SECOND * 1e6:.1f} us,"
        f" 99 % {late.quantile_ns(0.99) / SECOND * 1e6:.0f} us late\n"
    )
    assert late.count == 400
