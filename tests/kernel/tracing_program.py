"""Runs in a guest for the tests of `trace`: what happens when tracing goes wrong there.

It is packed and started as the program of a guest (`mldkit.guest`), and answers with plain facts.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mldkit.cli.trace
import mldkit.link.capture_writer
import mldkit.render.terminal
import mldkit.render.trace  # noqa: F401 (what a command loads as it runs is packed, too)
from mldkit.cli.main import main
from mldkit.guest.program import answer
from mldkit.link import clock
from mldkit.link.group_sockets import GroupSockets
from mldkit.link.interfaces import find
from mldkit.model.addresses import parse, text
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.trace.observation import Line
from mldkit.trace.recorder import Recorder
from mldkit.trace.story import Story

if TYPE_CHECKING:
    from collections.abc import Callable

    from mldkit.trace.act import Act

TRACEFS = Path("/sys/kernel/tracing")
INTERFACE = "eth0"
_CLONE_NEWNET = 0x40000000
_SMALL_KB = 256


def left() -> dict[str, Any]:
    """Return what is in tracefs of ours and of others."""
    probes = (TRACEFS / "kprobe_events").read_text().splitlines()
    return {
        "instances": sorted(entry.name for entry in (TRACEFS / "instances").iterdir()),
        "ours": sum(":mldkit_" in line for line in probes),
        "others": [line for line in probes if ":mldkit_" not in line],
        "tracer": (TRACEFS / "current_tracer").read_text().strip(),
    }


def watched(
    recorder: Recorder, do: Callable[[], None], wait_ns: int
) -> tuple[list[Act], Story, int]:
    """Return what a recorder saw of something that is done, and how many probes of joins."""
    seen = 0
    story = Story()
    acts: list[Act] = []
    for observation in recorder.beginning():
        acts += story.feed(observation)
    do()
    until_ns = clock.now_ns() + wait_ns
    while clock.now_ns() < until_ns:
        for observation in recorder.poll(until_ns):
            acts += story.feed(observation)
    for observation in recorder.ending():
        seen += isinstance(observation, Line) and "__ipv6_dev_mc_inc: (" in observation.text
        acts += story.feed(observation)
    return acts, story, seen


def killed() -> dict[str, Any]:
    """Let a child trace, kill it with -9, and trace again."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with Recorder(INTERFACE):
            os.write(writer, b"traces")
            signal.pause()
    os.read(reader, 6)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    before = left()
    with Recorder(INTERFACE) as recorder:
        removed = recorder.removed
    return {"before": before, "removed": list(removed), "child": child, "after": left()}


def interrupted() -> dict[str, Any]:
    """End a trace by an exception in its middle."""
    with suppress(KeyboardInterrupt), Recorder(INTERFACE) as recorder:
        for _ in recorder.beginning():
            signal.raise_signal(signal.SIGINT)
    return left()


def two_at_once() -> dict[str, Any]:
    """Let a child trace all the while, and be a second one."""
    ours, childs = socket.socketpair()
    child = os.fork()
    if not child:
        with Recorder(INTERFACE) as recorder:
            story = Story()
            acts: list[Act] = []
            for observation in recorder.beginning():
                acts += story.feed(observation)
            childs.send(b"traces")
            childs.recv(10)
            for observation in recorder.ending():
                acts += story.feed(observation)
        childs.send(",".join(f"{act.kind} {text(act.group or b'')}" for act in acts).encode())
        os._exit(0)
    ours.recv(10)
    index = find(INTERFACE).index
    with Recorder(INTERFACE) as recorder, GroupSockets(index) as sockets:
        removed = recorder.removed
        acts, *_ = watched(recorder, lambda: sockets.join(parse("ff15::88")), 700 * MILLISECOND)
        ours.send(b"end")
    told = ours.recv(1000).decode()
    os.waitpid(child, 0)
    mine = [f"{act.kind} {text(act.group or b'')}" for act in acts]
    return {"mine": mine, "other": told.split(","), "removed": list(removed), "after": left()}


def other_namespaces() -> dict[str, Any]:
    """Join the same group on an interface of the same name in another namespace."""
    with Recorder(INTERFACE) as recorder:
        acts, *_ = watched(recorder, _join_elsewhere, 700 * MILLISECOND)
    return {"acts": [[act.kind, act.beginning.call.name] for act in acts]}


def _join_elsewhere() -> None:
    child = os.fork()
    if not child:
        ctypes.CDLL(None).unshare(_CLONE_NEWNET)
        os.system("ip link set lo up; ip link set lo name eth0 2>/dev/null")  # noqa: S605
        names = [name for _, name in socket.if_nameindex()]
        with GroupSockets(socket.if_nametoindex(names[0])) as sockets:
            sockets.join(parse("ff15::99"))
            sockets.join(parse("239.9.9.9"))
        os._exit(0)
    os.waitpid(child, 0)


def a_flood(number: int) -> dict[str, Any]:
    """Join many groups as fast as it goes, with a buffer that cannot hold all of it."""
    index = find(INTERFACE).index
    first = int.from_bytes(parse("ff15::1:0:0"), "big")
    with Recorder(INTERFACE, buffer_kb=_SMALL_KB) as recorder, GroupSockets(index) as sockets:

        def join_all() -> None:
            for place in range(number):
                group = (first + place).to_bytes(16, "big")
                sockets.join(group, name=str(place // 100))

        begun_ns = clock.now_ns()
        acts, story, seen = watched(recorder, join_all, 0)
        took_ns = clock.now_ns() - begun_ns
        joins = [act for act in acts if act.kind == "join"]
    return {
        "acts": len(joins),
        "seen": seen,
        "cut": sum(act.is_cut for act in acts),
        "lost": story.lost,
        "unseen": dict(story.unseen),
        "seconds": took_ns / SECOND,
        "after": left(),
    }


def command() -> dict[str, Any]:
    """Run the verb as a command, join a group meanwhile, and end it with Ctrl-C."""
    said, complaints, capture = Path("/said"), Path("/complaints"), Path("/capture")
    child = os.fork()
    if not child:
        for number, path in ((1, said), (2, complaints)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
        arguments = ["trace", "-i", INTERFACE, "--format", "ndjson", "-w", str(capture)]
        os._exit(main(arguments))
    until_ns = clock.now_ns() + 100 * SECOND
    while not left()["ours"] or not capture.exists():
        if clock.now_ns() > until_ns:
            break
        clock.wait_ns(100 * MILLISECOND)
    clock.wait_ns(SECOND)
    with GroupSockets(find(INTERFACE).index) as sockets:
        sockets.join(parse("ff15::66"))
        until_ns = clock.now_ns() + 10 * SECOND
        while not said.read_text() and clock.now_ns() < until_ns:
            clock.wait_ns(100 * MILLISECOND)
        os.kill(child, signal.SIGINT)
        _, status = os.waitpid(child, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "said": said.read_text(),
        "complaints": complaints.read_text(),
        "capture": capture.read_bytes().hex(),
        "after": left(),
    }


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Do what the tests ask about."""
    until_ns = clock.now_ns() + 15 * SECOND
    while not find(INTERFACE).is_running and clock.now_ns() < until_ns:
        clock.wait_ns(20 * MILLISECOND)
    os.write(os.open(TRACEFS / "kprobe_events", os.O_WRONLY | os.O_APPEND), b"p:others vfs_read\n")
    report: dict[str, Any] = {"begin": left()}
    report["killed"] = killed()
    report["interrupted"] = interrupted()
    report["two"] = two_at_once()
    report["elsewhere"] = other_namespaces()
    report["command"] = command()
    report["flood"] = a_flood(job["joins"])
    return report


if __name__ == "__main__":
    answer(work)
