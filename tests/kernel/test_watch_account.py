"""`watch` accounts for every packet that passed its filter, whatever happens meanwhile.

The witness is the kernel's counter of a link that carries nothing but what the test sends.
"""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.link.capture import open_capture
from mldkit.link.device import PacketSocket
from mldkit.testing.story import Story
from tests.kernel.event_stream import LONG_S, EventStream
from tests.kernel.test_watch import begin, until_true

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Link, Namespace

pytestmark = pytest.mark.netns


def reports(count: int, *, first: int = 0) -> list[bytes]:
    """Return so many reports, each of a host of its own."""
    story = Story()
    for number in range(first, first + count):
        host = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        story.report(0, host, "TO_EX(239.7.7.7)")
    return [frame.data for frame in story.frames]


def received_by(namespace: Namespace, interface: str) -> int:
    """Return how many packets the kernel counted at an interface."""
    return int(namespace.read(f"/sys/class/net/{interface}/statistics/rx_packets"))


def send(link: Link, frames: list[bytes]) -> None:
    with link.far.entered(), PacketSocket(link.interface) as device:
        device.send_many(frames)


def listeners(namespace: Namespace) -> int:
    """Return how many packet sockets for all protocols are bound to an interface."""
    return len(re.findall(r" 0003 +[1-9]", namespace.read("/proc/net/packet")))


def stand_still(process: subprocess.Popen[str]) -> None:
    """Stop a process, so that what it should read waits for it."""
    process.send_signal(signal.SIGSTOP)
    state = Path(f"/proc/{process.pid}/stat")
    until_true(lambda: state.read_text().rpartition(")")[2].split()[0] == "T")


def ended(watcher: EventStream) -> dict[str, Any]:
    """Return the last line of a watch that was told to end."""
    watcher.finish()
    assert watcher.events[-1]["event"] == "end"
    return watcher.events[-1]


def is_balanced(account: dict[str, Any]) -> bool:
    return bool(account["received"] == account["folded"] + account["dropped"] + account["left"])


def test_all_that_a_silent_link_carries_is_folded(silent_link: Link) -> None:
    link = silent_link
    send(link, reports(3))  # nobody listens yet
    watchers = [EventStream(link.near.spawn_mldkit("watch", "-i", link.interface)) for _ in "12"]
    until_true(lambda: listeners(link.near) == len(watchers))
    before = received_by(link.near, link.interface)

    send(link, reports(500))
    for watcher in watchers:
        watcher.wait_for(event="join", host="10.0.1.243")
        watcher.process.send_signal(signal.SIGTERM)

    carried = received_by(link.near, link.interface) - before
    for watcher in watchers:
        account = ended(watcher)
        assert account["received"] == account["folded"] == account["messages"] == carried == 500
        assert account["dropped"] == account["left"] == 0


def test_what_waits_when_a_signal_comes_is_folded_before_the_end(silent_link: Link) -> None:
    link = silent_link
    watcher = begin(link)
    stand_still(watcher.process)

    send(link, reports(700))
    watcher.process.send_signal(signal.SIGTERM)
    watcher.process.send_signal(signal.SIGCONT)

    account = ended(watcher)
    assert account["received"] == account["folded"] == account["messages"] == 700
    assert account["left"] == 0
    assert sum(event["event"] == "join" for event in watcher.events) == 700


def test_what_came_after_the_duration_is_left_and_counted(silent_link: Link) -> None:
    link = silent_link
    watcher = begin(link, "--duration", "2s")
    begun = time.monotonic()
    stand_still(watcher.process)

    send(link, reports(300))
    assert time.monotonic() < begun + 1, "too slow to tell before from after"
    until_true(lambda: time.monotonic() > begun + 2.5)
    send(link, reports(40, first=300))
    watcher.process.send_signal(signal.SIGCONT)

    account = ended(watcher)
    assert account["received"] == 340
    assert account["folded"] == account["messages"] == 300
    assert account["left"] == 40
    assert account["dropped"] == 0


def watch_into(link: Link, output: int, *options: str) -> subprocess.Popen[str]:
    """Start a watch that prints to a descriptor, which it takes over, and wait until it listens."""
    watcher = subprocess.Popen(
        ["ip", "netns", "exec", link.near.name, sys.executable, "-m", "mldkit", "watch",
         "-i", link.interface, *options],
        stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(output)
    until_true(lambda: listeners(link.near) == 1)
    return watcher


def test_a_reader_that_does_not_read_costs_no_frame(silent_link: Link) -> None:
    link = silent_link
    ours, theirs = os.pipe()
    watcher = watch_into(link, theirs)

    # Some 300 octets of events each: more than a pipe takes.
    send(link, reports(3000))
    with link.near.entered(), PacketSocket(link.interface) as near:
        near.send_many(reports(1, first=1 << 20))
    watcher.send_signal(signal.SIGTERM)
    with os.fdopen(ours) as reader:
        lines = [json.loads(line) for line in reader]
    _, words = watcher.communicate(timeout=LONG_S)

    assert [line["event"] for line in lines] == ["join"] * 3001 + ["end"]
    assert lines[-1]["received"] == lines[-1]["folded"] == 3001
    assert "3,001 packets received: 3,001 folded, 0 dropped by the kernel, 0 left" in words


def test_a_terminal_that_nobody_reads_costs_no_frame(silent_link: Link) -> None:
    link = silent_link
    ours, theirs = pty.openpty()
    watcher = watch_into(link, theirs, "--duration", "6s")

    # Each picture of so many hosts is longer than what waits in a terminal.
    for first in range(0, 2000, 50):
        send(link, reports(50, first=first))
    _, words = watcher.communicate(timeout=LONG_S)
    os.close(ours)

    assert watcher.returncode == 0
    assert "2,000 packets received: 2,000 folded, 0 dropped by the kernel, 0 left" in words


def test_a_reader_that_never_reads_does_not_keep_it_from_its_end(silent_link: Link) -> None:
    link = silent_link
    ours, theirs = os.pipe()
    watcher = watch_into(link, theirs)

    send(link, reports(3000))
    watcher.send_signal(signal.SIGTERM)
    _, words = watcher.communicate(timeout=LONG_S)
    os.close(ours)

    assert "3,000 packets received: 3,000 folded" in words
    left_out = re.search(r"note: ([0-9,]+) events left out: nobody read standard output", words)
    assert left_out is not None
    assert 1000 < int(left_out[1].replace(",", "")) < 3000


def test_what_the_kernel_drops_is_told_and_counted(silent_link: Link) -> None:
    link = silent_link
    # Without the right to a larger one the receive buffer is small: a frame takes half a KiB of it.
    most = 4 * int(Path("/proc/sys/net/core/rmem_max").read_text()) // 1024
    watcher = EventStream(
        link.near.spawn(
            "setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin",
            sys.executable, "-m", "mldkit", "watch", "-i", link.interface,
        )
    )  # fmt: skip
    until_true(lambda: listeners(link.near) == 1)
    send(link, reports(1))
    watcher.wait_for(event="join")
    before = received_by(link.near, link.interface)
    stand_still(watcher.process)
    frames = reports(1000)
    for _ in range(most // 1000 + 1):
        send(link, frames)
    carried = received_by(link.near, link.interface) - before
    watcher.process.send_signal(signal.SIGCONT)
    told = watcher.wait_for(event="link", state="up")
    watcher.process.send_signal(signal.SIGTERM)

    account = ended(watcher)
    assert carried >= most
    assert account["received"] == carried + 1
    assert account["dropped"] > 0
    assert is_balanced(account)
    assert account["left"] == 0
    losses = [event for event in watcher.events if event["event"] == "link"]
    assert sum(event["lost"] for event in losses) == losses[-1]["dropped"] == account["dropped"]
    assert told["since"] < told["time"]
    assert re.fullmatch(
        r"the kernel dropped [0-9,]+ packets since \S+ \S+ UTC, [0-9,]+ so far", told["detail"]
    )


def test_an_interface_renamed_twice_is_followed_and_named_as_it_was(silent_link: Link) -> None:
    link = silent_link
    watcher = begin(link)
    link.near.ip(f"link set {link.interface} name lan0")
    link.near.ip("link set lan0 name lan1")
    watcher.wait_for(event="link", interface="lan1")
    send(link, reports(2))
    watcher.wait_for(event="join", interface="lan1", host="10.0.0.1")
    link.near.ip("link set lan1 name wan0")
    watcher.wait_for(event="link", interface="wan0")
    send(link, reports(1, first=2))
    watcher.wait_for(event="join", interface="wan0", host="10.0.0.2")

    watcher.process.send_signal(signal.SIGTERM)

    account = ended(watcher)
    assert account["interface"] == "wan0"
    assert account["received"] == account["folded"] == 3
    states = {event.get("state", "up") for event in watcher.events}
    assert states == {"up"}


def test_the_interface_is_followed_and_not_another_one_that_gets_its_name(
    silent_link: Link,
) -> None:
    link = silent_link
    link.near.ip(f"link add other type veth peer name other netns {link.far.name}")
    for namespace in (link.near, link.far):
        namespace.ip("link set other up")
    watcher = begin(link)

    link.near.batch(
        [f"link set {link.interface} name away", f"link set other name {link.interface}"]
    )
    watcher.wait_for(event="link", interface="away")
    send(link, reports(1))
    watcher.wait_for(event="join", interface="away", host="10.0.0.0")
    with link.far.entered(), PacketSocket("other") as device:
        device.send_many(reports(1, first=1))
    send(link, reports(1, first=2))
    watcher.wait_for(event="join", interface="away", host="10.0.0.2")
    # Once it is gone, its last name is looked for, and that is not what the other one has.
    link.far.ip(f"link delete {link.interface}")
    watcher.wait_for(event="link", state="missing", interface="away")
    link.near.ip(f"link set {link.interface} name away")
    watcher.wait_for(event="link", state="up", interface="away")
    with link.far.entered(), PacketSocket("other") as device:
        device.send_many(reports(1, first=3))
    watcher.wait_for(event="join", interface="away", host="10.0.0.3")

    watcher.process.send_signal(signal.SIGTERM)

    account = ended(watcher)
    assert account["received"] == account["folded"] == 3
    assert not any(event.get("host") == "10.0.0.1" for event in watcher.events)


def test_frames_in_front_of_the_end_of_a_namespace_are_folded(
    silent_link: Link, make_namespace: Callable[[], Namespace]
) -> None:
    link = silent_link
    beyond = make_namespace()
    beyond.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    link.near.ip(f"link add up0 type veth peer name up0 netns {beyond.name}")
    for namespace in (link.near, beyond):
        namespace.ip("link set up0 up")
    watcher = EventStream(link.near.spawn_mldkit("watch", "-i", "up0"))
    until_true(lambda: listeners(link.near) == 1)
    stand_still(watcher.process)
    with beyond.entered(), PacketSocket("up0") as device:
        device.send_many(reports(50))

    beyond.remove()
    until_true(lambda: "up0" not in link.near.ip("link show"))
    watcher.process.send_signal(signal.SIGCONT)
    missing = watcher.wait_for(event="link", state="missing")
    joins = [event for event in watcher.events if event["event"] == "join"]
    watcher.process.send_signal(signal.SIGTERM)

    account = ended(watcher)
    assert missing["interface"] == "up0"
    assert len(joins) == 50, "told before the interface is missing"
    assert account["received"] == account["folded"] == 50


def test_a_full_disk_ends_the_capture_and_not_the_watch(silent_link: Link, tmp_path: Path) -> None:
    link = silent_link
    capture = tmp_path / "seen.pcapng"
    # A file of at most 8 KiB is as good as a full disk (setrlimit(2), RLIMIT_FSIZE).
    watcher = EventStream(
        link.near.spawn(
            "prlimit", "--fsize=8192", sys.executable, "-m", "mldkit", "watch",
            "-i", link.interface, "-w", str(capture),
        )
    )  # fmt: skip
    until_true(lambda: listeners(link.near) == 1)

    frames = reports(300)
    send(link, frames)
    watcher.process.send_signal(signal.SIGTERM)
    code, words = watcher.finish()

    account = watcher.events[-1]
    assert code == 0
    assert account["received"] == account["folded"] == 300
    assert sum(event["event"] == "join" for event in watcher.events) == 300
    with open_capture(str(capture)) as written:
        kept = [frame.data for frame in written.frames()]
        assert not written.damage
    assert 50 < len(kept) < 300
    assert kept == frames[: len(kept)]
    assert words.count("seen.pcapng: cannot be written: file too large") == 1
    assert f"it ends with {len(kept)} packets, and the rest goes on without it" in words
