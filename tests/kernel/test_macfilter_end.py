"""What is left of a check, and what it does where the machine lacks something."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Link, Ordinary

pytestmark = pytest.mark.netns


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        try:
            text = Path(f"/proc/{waiting[-1]}/task/{waiting.pop()}/children").read_text()
        except OSError:
            continue
        fresh = set(map(int, text.split())) - found
        found |= fresh
        waiting += fresh
    return found


def command_of(pid: int) -> bytes:
    """Return the command line of a process; nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def wait_for(condition: object) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("vehicle", ["tap", "macvlan", "bridge"])
def test_nothing_is_left_however_it_ends(vehicle: str, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "mldkit", "macfilter", "check", "--on", vehicle]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def worker_runs() -> bool:
        return any(b"macfilter.worker" in command_of(pid) for pid in descendants(child.pid))

    assert wait_for(worker_runs)
    family = descendants(child.pid)
    child.send_signal(number)
    code = child.wait()

    assert code == (130 if number == signal.SIGINT else -number)
    assert wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))
    here = {path.name for path in Path("/sys/class/net").iterdir()}
    assert not here & {"host0", "nic0", "low0", "far0", "mv0", "br0", "e1", "e2", "e3", "p1"}


def test_an_ordinary_user_checks_macvlan_and_bridge(ordinary: Ordinary) -> None:
    done = ordinary.run(
        ordinary.python, "-m", "mldkit", "macfilter", "check", "--on", "macvlan,bridge", "--json"
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["wrong"] == 0
    assert document["known"] > 2000


def test_without_taps_the_check_is_skipped_with_the_reason() -> None:
    # A mount namespace of its own hides the device from this command alone.
    hidden = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh"]
    command = [*hidden, sys.executable, "-m", "mldkit", "macfilter", "check", "--on"]
    alone = subprocess.run([*command, "tap"], capture_output=True, text=True, check=False)
    assert (alone.returncode, alone.stdout) == (4, "")
    assert alone.stderr == "mldkit: tap: no /dev/net/tun here\nhint: modprobe tun\n"

    together = subprocess.run(
        [*command, "tap,veth", "--json"], capture_output=True, text=True, check=False
    )
    assert together.returncode == 4
    document = json.loads(together.stdout)
    assert document["vehicle"] == "veth"
    assert document["wrong"] == 0
    assert document["skipped"] == ["tap: no /dev/net/tun here"]


def test_the_sender_says_why_it_cannot_send(link: Link) -> None:
    check = ("macfilter", "check", "-i", "eth1", "--peer")
    missing = link.near.mldkit(*check, f"{link.far.name}/eth9")
    assert missing.returncode == 3
    assert missing.stderr.startswith(f"mldkit: --peer {link.far.name}/eth9: eth9: no such")
    nowhere = link.near.mldkit(*check, "mldkit-nowhere/eth1")
    assert nowhere.returncode == 3
    assert "no such network namespace" in nowhere.stderr
    link.far.ip("link set eth1 down")
    down = link.near.mldkit(*check, f"{link.far.name}/eth1")
    assert down.returncode == 3
    assert "the interface is down" in down.stderr
