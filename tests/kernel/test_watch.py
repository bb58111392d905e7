"""`watch` on real links: hosts of this kernel join and leave, interfaces go and come back."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mldkit.link.capture import open_capture
from mldkit.link.device import PacketSocket
from mldkit.testing.story import Story
from tests.kernel.event_stream import LONG_S, EventStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Link, Namespace

pytestmark = pytest.mark.netns

HOST = "10.9.0.2"


def begin(link: Link, *arguments: str) -> EventStream:
    """Start a watch on the near end, and wait until it hears the far end."""
    watcher = EventStream(link.near.spawn_mldkit("watch", "-i", link.interface, *arguments))
    until = time.monotonic() + LONG_S
    while not _is_listening(link.near):
        assert time.monotonic() < until
        assert watcher.process.poll() is None
        time.sleep(0.01)
    return watcher


def _is_listening(namespace: Namespace) -> bool:
    """Return whether a packet socket for all protocols is bound to an interface."""
    lines = namespace.read("/proc/net/packet").splitlines()[1:]
    return any(line.split()[3] == "0003" and line.split()[4] != "0" for line in lines)


def tell(namespace: Namespace, interface: str, story: Story) -> None:
    """Send the frames of a story at once."""
    with namespace.entered(), PacketSocket(interface) as device:
        device.send_many(frame.data for frame in story.frames)


def test_a_kernel_host_joins_changes_and_leaves(link: Link) -> None:
    watcher = begin(link)
    join = link.far.spawn_mldkit("join", "-i", link.interface, "239.1.2.3", "--for", "30s")

    joined = watcher.wait_for(event="join", group="239.1.2.3")
    # A second socket that wants less of the group changes nothing, one that ends it all leaves.
    more = link.far.spawn_mldkit(
        "join", "-i", link.interface, "10.0.0.7@232.1.2.3", "ff15::9", "--for", "30s"
    )
    watcher.wait_for(event="join", group="ff15::9", family="ipv6")
    second = link.far.spawn_mldkit(
        "join", "-i", link.interface, "10.0.0.8@232.1.2.3", "--for", "30s"
    )
    changed = watcher.wait_for(event="change", group="232.1.2.3")
    join.send_signal(signal.SIGINT)
    left = watcher.wait_for(event="leave", group="239.1.2.3")
    for child in (more, second):
        child.send_signal(signal.SIGINT)
    code, words = watcher.end()

    assert (joined["host"], joined["mac"]) == (HOST, "02:00:00:00:00:02")
    assert (joined["filter_mode"], joined["sources"]) == ("EXCLUDE", [])
    assert changed["filter_mode"] == "INCLUDE"
    assert set(changed["sources"]) == {"10.0.0.7", "10.0.0.8"}
    assert joined["time"] < changed["time"] < left["time"]
    assert code == 0
    assert "0 packets dropped by the kernel" in words.splitlines()[-1]


def test_queriers_and_expiry_are_told(link: Link) -> None:
    watcher = begin(link)
    story = Story()
    story.query(0, HOST, interval=1, max_response=0.1)
    story.report(0, "10.9.0.77", "IS_EX(239.7.7.7)")

    tell(link.far, link.interface, story)

    assert watcher.wait_for(event="querier")["host"] == HOST
    joined = watcher.wait_for(event="join", group="239.7.7.7")
    expired = watcher.wait_for(event="expire", group="239.7.7.7")
    # RV x QI + 2 x QRI = 2 x 1 + 2 x 0.1 s (RFC 9776 §8.4).
    assert float(expired["time"]) - float(joined["time"]) == pytest.approx(2.2, abs=1e-6)
    watcher.end()


def test_down_and_up_are_told_and_the_watch_goes_on(link: Link) -> None:
    watcher = begin(link)

    link.near.ip(f"link set {link.interface} down")
    down = watcher.wait_for(event="link", state="down")
    link.near.ip(f"link set {link.interface} up")
    watcher.wait_for(event="link", state="up")
    link.far.spawn_mldkit("join", "-i", link.interface, "239.1.2.3", "--for", "10s")

    assert down["interface"] == link.interface
    watcher.wait_for(event="join", group="239.1.2.3")
    watcher.end()


def test_an_interface_made_again_under_its_name_is_followed(link: Link) -> None:
    watcher = begin(link)

    link.near.ip(f"link delete {link.interface}")
    watcher.wait_for(event="link", state="missing")
    link.near.ip(
        f"link add {link.interface} type veth peer name {link.interface} netns {link.far.name}"
    )
    watcher.wait_for(event="link", state="down")
    link.far.ip(f"address add {HOST}/24 dev {link.interface}")
    for namespace in (link.near, link.far):
        namespace.ip(f"link set {link.interface} up")
    watcher.wait_for(event="link", state="up")
    link.far.spawn_mldkit("join", "-i", link.interface, "239.1.2.3", "--for", "10s")

    assert watcher.wait_for(event="join", group="239.1.2.3")["host"] == HOST
    watcher.end()


def test_the_duration_ends_it_and_an_error_finding_is_exit_1(link: Link, tmp_path: Path) -> None:
    story = Story()
    story.older_report(0, HOST, 2, "239.1.2.3")
    bad = bytearray(story.frames[0].data)
    bad[-1] ^= 1  # the checksum no longer fits (RFC 9776 §4.1.2): V-01
    story.frames[0].data = bytes(bad)
    capture = tmp_path / "seen.pcapng"
    silent = link.near.mldkit("watch", "-i", link.interface, "--duration", "300ms")
    watcher = begin(link, "--duration", "2s", "-w", str(capture))

    tell(link.far, link.interface, story)

    found = watcher.wait_for(event="finding")["finding"]
    code = watcher.process.wait(timeout=LONG_S)
    assert (found["id"], found["severity"]) == ("V-01", "error")
    assert code == 1
    assert silent.returncode == 0
    # This kernel may tell its own groups meanwhile.
    assert re.search(r"no IGMP and no MLD message was heard|MLD on \S+: no General", silent.stderr)
    with open_capture(str(capture)) as written:
        frames = list(written.frames())
    assert bytes(bad) in [frame.data for frame in frames]


def test_one_document_with_json(link: Link) -> None:
    done = link.near.mldkit("watch", "-i", link.interface, "--json", "--duration", "200ms")

    document = json.loads(done.stdout)
    assert document["schema"] == "mldkit.watch/1"
    assert document["interface"] == link.interface
    assert document["dropped"] == 0


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("sleep 300", id="slow"),
        pytest.param("false", id="failing"),
        pytest.param("sh -c 'kill -9 $$'", id="dying"),
        pytest.param("yes", id="noisy"),
        pytest.param("sh -c 'exec <&- >&- 2>&-; exit 0'", id="closing all"),
        pytest.param("sh -c 'for i in 1 2 3; do setsid sleep 4321 & done'", id="forking"),
        pytest.param("sh -c 'kill -9 $PPID'", id="killing its parent"),
    ],
)
def test_no_command_stops_the_watch(link: Link, command: str) -> None:
    watcher = begin(link, "--exec-user", "nobody", "--exec", command)
    for number in range(20):
        story = Story()
        story.report(0, "10.9.0.77", f"TO_EX(239.7.7.{number})")
        tell(link.far, link.interface, story)
        watcher.wait_for(event="join", group=f"239.7.7.{number}")

    assert watcher.process.poll() is None
    watcher.process.kill()


def test_a_launcher_that_a_command_has_stopped_ends_with_the_watch(link: Link) -> None:
    with tempfile.TemporaryDirectory(prefix="mldkit-stopped-") as folder:
        Path(folder).chmod(0o777)
        once = f"sh -c 'mkdir {folder}/once && kill -STOP $PPID'"
        watcher = begin(link, "--exec-user", "nobody", "--exec", once)
        (launcher,) = children_of(watcher.process.pid)
        state = Path(f"/proc/{launcher}/stat")
        tell_join(link, "239.7.7.1")
        watcher.wait_for(event="join", group="239.7.7.1")
        until_true(lambda: state.read_text().rpartition(")")[2].split()[0] == "T")
        tell_join(link, "239.7.7.2")
        watcher.wait_for(event="join", group="239.7.7.2")

        watcher.process.kill()

        watcher.process.wait()
        until_true(lambda: not state.exists() or _is_zombie(launcher))


def tell_join(link: Link, group: str) -> None:
    story = Story()
    story.report(0, "10.9.0.77", f"TO_EX({group})")
    tell(link.far, link.interface, story)


def test_commands_get_the_events(link: Link, tmp_path: Path) -> None:
    log = tmp_path / "log"
    watcher = begin(link, "--exec-user", "root", "--exec", f"tee -a {log}")
    story = Story()
    story.report(0, "10.9.0.77", "TO_EX(239.7.7.7)")

    tell(link.far, link.interface, story)

    event = watcher.wait_for(event="join", group="239.7.7.7")
    watcher.end()
    assert event in [json.loads(line) for line in log.read_text().splitlines()]


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until_true(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_kill_9_leaves_no_command(link: Link) -> None:
    watcher = begin(link, "--exec-user", "nobody", "--exec", "sleep 4321")
    story = Story()
    story.report(0, "10.9.0.77", "TO_EX(239.7.7.7)")
    tell(link.far, link.interface, story)
    (launcher,) = children_of(watcher.process.pid)
    until_true(lambda: len(children_of(launcher)) > 0)
    (child, *_) = children_of(launcher)
    until_true(lambda: b"sleep" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0])

    os.kill(watcher.process.pid, signal.SIGKILL)

    watcher.process.wait()
    until_true(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_terminal_gets_a_table_and_its_cursor_back(link: Link) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    child = subprocess.Popen(
        ["ip", "netns", "exec", link.near.name, sys.executable, "-m", "mldkit", "watch",
         "-i", link.interface, "--duration", "1s"],
        stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    # Reading fails once nobody has the other end any more.
    with suppress(OSError):
        while octets := os.read(ours, 65536):
            shown += octets
    os.close(ours)

    assert child.wait(timeout=LONG_S) == 0
    assert b"Group / host" in shown
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def test_a_reader_who_goes_ends_it_with_the_code_of_what_was_found(link: Link) -> None:
    child = link.near.spawn_mldkit("watch", "-i", link.interface, "--format", "ndjson")
    faulty = ("query", "-i", link.interface, "-6", "--no-router-alert", "--wait", "0")
    assert child.stdout is not None
    while not select.select([child.stdout], [], [], 0)[0]:
        link.far.mldkit(*faulty, "--source", "fe80::99")
    child.stdout.close()
    # An event that nobody reads; each sender is a finding of its own.
    number = 0
    while child.poll() is None:
        number += 1
        link.far.mldkit(*faulty, "--source", f"fe80::9:{number:x}")
    assert child.returncode == 1
    assert child.stderr is not None
    assert " error" in child.stderr.read().splitlines()[-1]
