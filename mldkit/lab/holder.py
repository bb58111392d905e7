"""Process 1 of a running lab: builds the network, holds it, captures every link.

Started by `mldkit.lab.lab` in namespaces of its own, with the state folder of the lab as working
directory. It says one line of JSON when the lab is ready or cannot be made, waits for a line in
return, and then belongs to nobody: it ends by `lab stop`, or after two hours in which nobody used
the lab. With it the kernel ends every process in the lab and removes every interface.

One thread serves all: each capture socket is opened while the process is in the namespace of
that node, and stays there.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from select import POLLIN, poll
from typing import TYPE_CHECKING

from mldkit.errors import LabError, LinkError, MldkitError, UnsupportedError
from mldkit.lab import commands
from mldkit.lab.captures import LinkCapture
from mldkit.lab.lab import PROGRAMS
from mldkit.lab.state import USED
from mldkit.lab.topology import load
from mldkit.link import clock
from mldkit.link.interfaces import find, interfaces
from mldkit.link.launcher import inside
from mldkit.link.membership import HeldMemberships, Wish
from mldkit.link.namespace import complaint_of, environment
from mldkit.model.addresses import text
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mldkit.lab.topology import LabStream

IDLE_NS = 2 * 3600 * SECOND
_LOOK_AROUND_NS = 2 * SECOND
_CARRIER_NS = 5 * SECOND
_TERMINAL_FIELD = 4  # of /proc/PID/stat, counted behind the name in brackets


def main(arguments: list[str]) -> int:
    """Be the holder of the lab in a folder, with a seed: the two arguments."""
    with ExitStack() as held:
        try:
            holder = Holder(Path(arguments[0]), held, int(arguments[1]))
            holder.build()
        except MldkitError as error:
            reply = {"error": error.message, "hint": error.hint, "exit_code": error.exit_code}
            print(json.dumps(reply), flush=True)  # noqa: T201 (the answer to `lab start`)
            return error.exit_code
        print(json.dumps({"ready": True}), flush=True)  # noqa: T201
        if sys.stdin.readline() != "go\n":
            return 1
        nowhere = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1):
            os.dup2(nowhere, standard)
        holder.hold()
    return 0


class Holder:
    """Builds and holds one lab."""

    def __init__(self, folder: Path, held: ExitStack, seed: int = 0) -> None:
        self._folder = folder
        self._seed = seed
        self._topology = load(folder)
        self._held = held
        self._taps: dict[int, LinkCapture] = {}
        self._senders: list[tuple[LabStream, socket.socket]] = []

    def build(self) -> None:
        """Make the network; raise `UnsupportedError` where this machine lacks something."""
        for need in self._topology.needs:
            _require(need)
        plan = commands.build(self._topology, self._seed)
        execute(plan.create)
        for name, (node, interface) in self._topology.captures().items():
            if interface not in self._topology.nodes[node].down:
                self._capture(node, interface, name)
        execute(plan.connect)
        self._wait_for_carriers()
        for tool in self._topology.tools:
            _install(tool, self._folder)
        for join in self._topology.joins:
            with inside(join.node):
                memberships = self._held.enter_context(HeldMemberships(find(join.interface)))
                for spec in join.groups:
                    for group in spec.groups:
                        memberships.join(Wish(group, spec.sources))
        execute(plan.setup)
        for stream in self._topology.streams:
            try:
                with inside(stream.node):
                    self._senders.append((stream, self._held.enter_context(_sender(stream))))
            except OSError as error:
                # Such as a source that is no address of the node.
                reason = (error.strerror or str(error)).lower()
                raise LabError(
                    f"stream of {stream.node} to {text(stream.group)}: {reason}"
                ) from error

    def hold(self) -> None:
        """Capture and send until the lab is idle for too long."""
        waiting = poll()
        for number in self._taps:
            waiting.register(number, POLLIN)
        due_ns = [clock.now_ns() for _ in self._senders]
        look_ns = clock.now_ns()
        while True:
            now_ns = clock.now_ns()
            if now_ns >= look_ns:
                if _is_abandoned():
                    return
                look_ns = now_ns + _LOOK_AROUND_NS
            for position, (stream, sender) in enumerate(self._senders):
                if now_ns >= due_ns[position]:
                    # A link that is down, or a route that is gone, is part of a lesson.
                    with suppress(OSError):
                        sender.sendto(_payload(stream), (text(stream.group), stream.port))
                    due_ns[position] = now_ns + stream.every_ns
            _reap()
            wait_ns = max(min([look_ns, *due_ns]) - clock.now_ns(), 0)
            for number, _ in waiting.poll(wait_ns / MILLISECOND + 1):
                if not self._taps[number].drain():
                    waiting.unregister(number)

    def _capture(self, node: str, interface: str, name: str) -> None:
        with inside(node):
            tap = LinkCapture(interface, name, self._held)
        self._taps[tap.fileno()] = tap

    def _wait_for_carriers(self) -> None:
        """Wait until the kernel has told its protocols that the links are there.

        It does so a little after `link set up` (net/core/link_watch.c).
        """
        off = {(name, port) for name, node in self._topology.nodes.items() for port in node.down}
        deadline_ns = clock.now_ns() + _CARRIER_NS
        for node in self._topology.nodes:
            names = {
                interface
                for link in self._topology.links
                if not off.intersection(link.ends)
                for owner, interface in link.ends
                if owner == node
            }
            names |= {
                name
                for name, lower in self._topology.nodes[node].macvlans.items()
                if lower in names
            }
            while True:
                with inside(node):
                    running = {entry.name for entry in interfaces() if entry.is_running}
                if names <= running:
                    break
                if clock.now_ns() > deadline_ns:
                    raise LinkError(f"{node}: {min(names - running)} did not come up")
                clock.wait_ns(5 * MILLISECOND)


def execute(lines: Iterable[str]) -> None:
    """Run commands; neighbours that only differ in what `ip` does share one program.

    Starting a program costs more than what most of these commands do.
    """
    variables = environment()
    variables["PATH"] = f"{PROGRAMS}:{variables['PATH']}"
    batches: list[tuple[list[str], list[str]]] = []
    for line in lines:
        words = shlex.split(line)
        if words[0] == "ip" and words[1] != "netns":
            head = words[:3] if words[1] == "-n" else words[:1]
            head, rest = [*head, "-batch", "-"], shlex.join(words[len(head) :])
        elif words[:3] == ["ip", "netns", "add"]:
            head, rest = ["ip", "-batch", "-"], shlex.join(words[1:])
        else:
            head, rest = words, ""
        if batches and rest and batches[-1][0] == head:
            batches[-1][1].append(rest)
        else:
            batches.append((head, [rest]))
    for argv, given in batches:
        done = subprocess.run(  # noqa: S603 (no shell)
            argv,
            input="\n".join(given),
            capture_output=True,
            text=True,
            env=variables,
            check=False,
        )
        if done.returncode:
            complaint = complaint_of(done).partition("; ")[0]
            raise LabError(f"{shlex.join(argv)}: {given[0]}: {complaint}")


def _require(need: str) -> None:
    """Raise `UnsupportedError` where this machine lacks something; links are really made."""
    kind, _, name = need.partition(" ")
    if kind == "program":
        found = subprocess.run(  # noqa: S603
            ["sh", "-c", 'command -v -- "$0"', name],  # noqa: S607
            capture_output=True,
            env=environment(),
            check=False,
        )
        if found.returncode:
            raise UnsupportedError(f"this lab needs the program {name}", hint=f"install {name}")
    elif kind == "sysctl":
        if not Path("/proc/sys", name.replace(".", "/")).exists():
            raise UnsupportedError(f"this kernel has no sysctl {name}")
    elif kind == "tap":
        try:
            execute(["ip tuntap add mldkit0 mode tap", "ip link delete mldkit0"])
        except LabError as error:
            hint = "modprobe tun; chmod 666 /dev/net/tun"
            raise UnsupportedError("this lab needs taps", hint=hint) from error
    else:
        lower = "link mldkit1 " if kind == "macvlan" else ""
        try:
            if lower:
                execute(["ip link add mldkit1 type veth"])
            execute([f"ip link add mldkit0 {lower}type {kind}"])
        except LabError as error:
            raise UnsupportedError(f"this kernel has no links of type {kind}") from error
        execute(["ip link delete mldkit1" if lower else "ip link delete mldkit0"])


def _install(tool: str, folder: Path) -> None:
    """Make a program of a lesson one that every node has."""
    program = Path(PROGRAMS, tool)
    argv = ["env", f"PYTHONPATH={os.environ['PYTHONPATH']}", sys.executable, "-P"]
    program.write_text(f'#!/bin/sh\nexec {shlex.join([*argv, str(folder / tool)])}.py "$@"\n')
    program.chmod(0o755)


def _sender(stream: LabStream) -> socket.socket:
    index = find(stream.interface).index
    if len(stream.group) == 4:
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        request = bytes(8) + index.to_bytes(4, sys.byteorder)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, request)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, stream.hops)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    else:
        sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, stream.hops)
        sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
    if stream.source is not None:
        sender.bind((text(stream.source), 0))
    sender.setblocking(False)  # noqa: FBT003 (as the socket module has it)
    return sender


def _payload(stream: LabStream) -> bytes:
    return f"stream of {stream.node}".encode()


def _reap() -> None:
    """Take the orphans of the lab off the kernel's hands, as process 1 has to."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _is_abandoned() -> bool:
    """Return whether nobody has used the lab for two hours and nobody sits at a shell in it."""
    try:
        used_ns = Path(USED).stat().st_mtime_ns
    except OSError:
        return True  # the state folder was removed
    return clock.wall_ns() - used_ns > IDLE_NS and not _has_terminal()


def _has_terminal() -> bool:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if path.read_text().rpartition(")")[2].split()[_TERMINAL_FIELD] != "0":
                return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
