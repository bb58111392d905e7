"""What the kernel says of the rights of a command that runs, and a place for it to run in."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mldkit.link.device import PacketSocket
from mldkit.testing.story import Story
from tests.kernel.event_stream import LONG_S, EventStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Link, Namespace

NOBODY = 65534
SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


SCRIPT = """\
host 10.9.0.2 02:00:00:00:00:02
querier 10.9.0.1 02:00:00:00:00:01
0.0 query 0.0.0.0 max-response 1s
60.0 query 0.0.0.0 max-response 1s
"""
ACTING = SCRIPT.replace("\n0.0", "\nset querier acting interval 8s max-response 1s\n0.0")


@dataclass(frozen=True)
class Rights:
    """What the kernel says of one thread."""

    capabilities: dict[str, int]
    users: set[int]
    groups: set[int]
    further_groups: list[int]
    no_new_privileges: bool


def rights_of(pid: int) -> list[Rights]:
    """Return what each thread may do."""
    found = []
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        lines = (line.partition(":") for line in status.read_text().splitlines())
        facts = {name: value.split() for name, _, value in lines}
        found.append(
            Rights(
                {name: int(facts[name][0], 16) for name in SETS},
                set(map(int, facts["Uid"])),
                set(map(int, facts["Gid"])),
                list(map(int, facts["Groups"])),
                facts["NoNewPrivs"] == ["1"],
            )
        )
    return found


def settled(child: subprocess.Popen[str]) -> list[Rights]:
    """Wait until a command has given something up, which is the last thing it does for that."""
    until = time.monotonic() + LONG_S
    while not any(one.no_new_privileges for one in rights_of(child.pid)):
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)
    return rights_of(child.pid)


def watching(place: Namespace, *arguments: str) -> EventStream:
    """Start a watch, and wait until it has given up its rights and hears."""
    stream = EventStream(place.spawn_mldkit("watch", "-i", "eth1", *arguments))
    settled(stream.process)
    until_true(lambda: any(_hears(line.split()) for line in lines_of(place)))
    return stream


def lines_of(place: Namespace) -> list[str]:
    """Return the packet sockets of a namespace, without the heading."""
    return place.read("/proc/net/packet").splitlines()[1:]


def _hears(words: list[str]) -> bool:
    """Return whether a packet socket for all protocols is bound to an interface."""
    return words[3] == "0003" and words[4] != "0"


def end(child: subprocess.Popen[str]) -> str:
    """End a command as a person does, and return what it said of anything that went wrong."""
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=LONG_S)
    assert child.returncode == 130, said
    return said


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until_true(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def tell(namespace: Namespace, group: str) -> None:
    story = Story()
    story.report(0, "10.9.0.77", f"TO_EX({group})")
    with namespace.entered(), PacketSocket("eth1") as device:
        device.send_many(frame.data for frame in story.frames)


@pytest.fixture
def place(link: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Namespace:
    """A namespace with links of each sort, and a folder with scripts to work in."""
    (tmp_path / "script.play").write_text(SCRIPT)
    (tmp_path / "acting.play").write_text(ACTING)
    monkeypatch.chdir(tmp_path)
    # What is not loaded before the rights are gone may be out of reach.
    path = [str(Path(__file__).with_name("late_imports")), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    near = link.near
    near.ip("link add eth9 type veth peer name eth8")
    near.sysctl("net.ipv6.conf.eth9.disable_ipv6", 1)
    near.sysctl("net.ipv4.igmp_link_local_mcast_reports", 0)
    near.ip("link set eth8 up")
    near.ip("link set eth9 up")
    return near
