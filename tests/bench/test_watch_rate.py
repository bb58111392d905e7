"""`watch` on a veth pair: 20,000 reports a second are all folded, of 50,000 all are counted."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.link import clock
from mldkit.link.device import PacketSocket
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.testing.story import Story
from tests.kernel.test_watch import until_true
from tests.kernel.test_watch_account import listeners

if TYPE_CHECKING:
    from tests.conftest import Link

pytestmark = [pytest.mark.bench, pytest.mark.netns]

RATE = 20_000
TOO_FAST = 50_000
SECONDS = 10
HOSTS = 2000
_BATCH_NS = 10 * MILLISECOND


def reports(records_each: int) -> list[bytes]:
    """Return a report of each host: the current state of some groups of its own and of all."""
    story = Story()
    for number in range(HOSTS):
        host = f"10.1.{number // 250}.{number % 250 + 1}"
        groups = [(number * 7 + step * 13) % 5000 for step in range(records_each)]
        records = [f"IS_EX(239.1.{group // 250}.{group % 250})" for group in groups]
        story.report(0, host, *records)
    return [frame.data for frame in story.frames]


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settled_cpu_seconds(pid: int) -> float:
    """Return the processor time of a process once it has worked off what waits for it."""
    used_s = -1.0
    for _ in range(60):
        before_s, used_s = used_s, cpu_seconds(pid)
        if used_s - before_s < 0.1:
            break
        time.sleep(1)
    return used_s


def sent_to_a_watch(link: Link, rate: int, records_each: int) -> dict[str, Any]:
    """Send so many reports a second for some seconds; return the document of a watch of them."""
    frames = reports(records_each)
    batch = rate * _BATCH_NS // SECOND
    watcher = link.near.spawn_mldkit("watch", "-i", link.interface, "--json")
    until_true(lambda: listeners(link.near) == 1)
    started_s = cpu_seconds(watcher.pid)
    with link.far.entered():
        device = PacketSocket(link.interface)
    with device:
        begun_ns = clock.now_ns()
        for turn in range(SECONDS * SECOND // _BATCH_NS):
            first = turn * batch % HOSTS
            device.send_many(frames[first : first + batch])
            clock.wait_ns(begun_ns + (turn + 1) * _BATCH_NS - clock.now_ns())
        sent_s = (clock.now_ns() - begun_ns) / SECOND
    cpu_s = settled_cpu_seconds(watcher.pid) - started_s
    watcher.send_signal(signal.SIGINT)
    output, _ = watcher.communicate(timeout=60)

    document = json.loads(output)
    sys.stdout.write(
        f"\nwatch: {rate * SECONDS / sent_s:,.0f} reports/s with {records_each} records"
        f" for {sent_s:.1f} s, load {os.getloadavg()[0]:.1f}:"
        f" {document['received']:,} received, {document['folded']:,} folded,"
        f" {document['dropped']:,} dropped, {document['left']:,} left,"
        f" {cpu_s / max(document['messages'], 1) * 1e6:.0f} us of CPU each\n"
    )
    return dict(document)


@pytest.mark.parametrize("records_each", [1, 5])
def test_no_report_is_dropped(silent_link: Link, records_each: int) -> None:
    document = sent_to_a_watch(silent_link, RATE, records_each)

    assert document["dropped"] == 0
    assert document["received"] == document["folded"] == RATE * SECONDS


def test_more_than_one_processor_takes_is_counted(silent_link: Link) -> None:
    document = sent_to_a_watch(silent_link, TOO_FAST, 1)

    carried = TOO_FAST * SECONDS
    assert document["received"] == carried
    assert document["folded"] + document["dropped"] + document["left"] == carried
