"""The process in the sandbox that plays scripts, all at the same time, each on its own link.

::

    standard input:    {"target": "kernel", "scripts": [{"name", "text", "profile", "seed"}]}
    standard output:   one line a script, in their order (`results`)

    querierN  <- in the namespace of the sandbox, no IPv6
       |
    INTERFACE <- in the namespace hostN

Links and namespaces are there already. Each script has a process, which enters the namespace of
its host for good; one more on each processor measures how long this machine runs nothing of ours,
and one how long the kernel lets its own work wait: MLD reports are made in a workqueue.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from mldkit.errors import LinkError, MldkitError
from mldkit.link import clock, interfaces, launcher, stalls
from mldkit.link.configuration import Configuration
from mldkit.link.device import PacketSocket
from mldkit.model.units import MILLISECOND, SECOND
from mldkit.play import results
from mldkit.play.acting_querier import ActingQuerier
from mldkit.play.kernel_host import KernelHost
from mldkit.play.performance import STALL_NS, Performance, ScriptStall
from mldkit.play.real_time import RealTime, next_zero_ns
from mldkit.play.responder_host import ResponderHost
from mldkit.play.simulation import draws
from mldkit.protocol.script import Script
from mldkit.protocol.script_parser import parse_script

_ROOM = Path("/run")
"""Of the sandbox; nobody else sees it."""
_WATCH_NS = 2 * MILLISECOND
_BEHIND_TICK_NS = MILLISECOND // 4
"""A line at the very moment of a tick may find the kernel still in the jiffy before."""
_APART_NS = 17 * MILLISECOND
"""Between the beginnings of two scripts, whose lines often have the same times."""


def main() -> None:
    """Play what standard input says."""
    order = json.load(sys.stdin)
    watchers = [_fork(_watch, cpu) for cpu in sorted(os.sched_getaffinity(0))]
    if order["target"] == "kernel":
        watchers.append(_fork(_watch_kernel_work))
    start = Start()
    players = [
        _fork(_play_one, number, given, order["target"], start)
        for number, given in enumerate(order["scripts"])
    ]
    signal.signal(signal.SIGINT, lambda *_: _interrupt(players))
    start.wait_for_all()
    for player in players:
        os.waitpid(player, 0)
    for watcher in watchers:
        os.kill(watcher, signal.SIGKILL)
        os.waitpid(watcher, 0)
    for number in range(len(players)):
        sys.stdout.write(_result(number) + "\n")


def _interrupt(players: list[int]) -> None:
    """Let every script end with what there is."""
    for player in players:
        with suppress(ProcessLookupError):
            os.kill(player, signal.SIGINT)


class Start:
    """Lets the processes of all scripts begin together, when the last one is ready.

    Preparing takes processor time, which those that play already would lack. Nothing is sent
    through the pipes: that everybody has closed one end is the message.
    """

    def __init__(self) -> None:
        self._all_ready, self._ready = os.pipe()
        self._go, self._hold = os.pipe()

    def wait_for_all(self) -> None:
        """Wait until everybody is ready or gone, and let them begin: for the parent."""
        os.close(self._ready)
        os.read(self._all_ready, 1)
        os.close(self._hold)

    def wait(self) -> None:
        """Say that this process is ready, and wait for the others."""
        os.close(self._hold)
        os.close(self._ready)
        os.read(self._go, 1)


def _fork(work: Any, *arguments: Any) -> int:  # noqa: ANN401
    """Do some work in a process of its own and return the number of the process."""
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        work(*arguments)
        code = 0
    finally:
        sys.stderr.flush()
        # Not the ordinary end: buffers and exit handlers are the parent's.
        os._exit(code)


def _play_one(number: int, given: dict[str, Any], target: str, start: Start) -> None:
    try:
        script = parse_script(given["text"], given["name"])
        script.profile = given["profile"]
        text = results.to_text(_play(script, number, target, start, given["seed"]))
    except MldkitError as error:
        text = results.failure(error)
    except BaseException as error:
        # Nobody sees a traceback of this process.
        reason = f"the process of the script failed: {type(error).__name__}: {error}"
        _result_file(number).write_text(results.failure(LinkError(reason)))
        raise
    _result_file(number).write_text(text)


def _result(number: int) -> str:
    try:
        return _result_file(number).read_text()
    except FileNotFoundError:
        return results.failure(LinkError("the process of the script ended before its end"))


def _result_file(number: int) -> Path:
    return _ROOM / f"play-{number}"


def _play(script: Script, number: int, target: str, start: Start, seed: int | None) -> Performance:
    name = f"querier{number}"
    _without_ipv6(name)
    peer = Configuration()
    peer_index = interfaces.find(name).index
    peer.set_up(peer_index, is_up=True)
    with PacketSocket(name) as device, ActingQuerier(script, name) as querier:
        launcher.enter(f"host{number}")
        if target == "kernel":
            kernel_host = KernelHost(script, peer, peer_index)
            kernel_host.prepare(device)
            start.wait()
            kernel_host.come_to_rest(device)
            zero_ns = _begin(number, clock.tick_ns(), script.phase) + _BEHIND_TICK_NS
            performance = RealTime(script, device, kernel_host, querier).play(zero_ns)
        else:
            _without_ipv6(script.interface)
            with Configuration() as own:
                own.set_up(interfaces.find(script.interface).index, is_up=True)
            with (
                PacketSocket(script.interface) as below,
                ResponderHost(script, below, draws(script, seed)) as responder,
            ):
                start.wait()
                zero_ns = _begin(number, SECOND // script.hz, script.phase)
                performance = RealTime(script, device, responder, querier).play(zero_ns)
                performance.reasons += responder.reasons_since(zero_ns)
                performance.stalls += responder.stalls_since(zero_ns)
    performance.stalls += _stalls(zero_ns, clock.now_ns())
    performance.stalls.sort(key=lambda stall: stall.from_ns)
    return performance


def _without_ipv6(interface: str) -> None:
    Path("/proc/sys/net/ipv6/conf", interface, "disable_ipv6").write_text("1")


def _begin(number: int, tick_ns: int, phase: float) -> int:
    """Return time 0; scripts begin one after the other."""
    _hurry()
    return next_zero_ns(clock.now_ns() + number * _APART_NS, tick_ns, phase)


def _hurry() -> None:
    """Go before everything else, where that is allowed: lines are to happen at their time."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


# Stalls


def _watch(cpu: int) -> None:
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    with (_ROOM / f"stalls-{cpu}").open("w") as notes:
        stalls.watch_processor(cpu, notes, STALL_NS, period_ns=_WATCH_NS)


def _watch_kernel_work() -> None:
    with suppress(OSError), (_ROOM / "stalls-work").open("w") as notes:
        stalls.watch_kernel_work(notes, STALL_NS, period_ns=_WATCH_NS)


def _stalls(zero_ns: int, end_ns: int) -> list[ScriptStall]:
    """Return the stalls of all processors between two times, in script time."""
    found = []
    for path in _ROOM.glob("stalls-*"):
        for begin_ns, until_ns in stalls.read(path.read_text().splitlines()):
            if until_ns >= zero_ns and begin_ns <= end_ns:
                found.append(ScriptStall(begin_ns - zero_ns, until_ns - zero_ns))
    return sorted(found, key=lambda stall: stall.from_ns)


if __name__ == "__main__":
    main()
