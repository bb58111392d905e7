"""The job `demo`: the main job end to end on this machine's own kernel, with nothing to set up.

::

    querier eth0 10.9.0.1 fe80::1  ---- veth ----  10.9.0.2 fe80::2 eth0 host
    mldkit query                                   mldkit join (sockets of the kernel)

Both namespaces live in a sandbox, so everything goes with this process. Each step is a command
that a person could type; the steps are carried out as child processes and their words kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mldkit.errors import LinkError
from mldkit.link import clock
from mldkit.link.namespace import Sandbox, complaint_of
from mldkit.link.own_command import mldkit_command
from mldkit.model.addresses import group_mac, mac_text, text
from mldkit.model.notation import parse_group_spec
from mldkit.model.units import MILLISECOND, SECOND

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

CAPTURE = "/run/demo.pcapng"
"""Inside the sandbox, whose /run goes with it."""

NETWORK = """\
netns add querier
netns add host
link add eth0 netns querier type veth peer name eth0 netns host
"""
# Addresses without duplicate address detection: a lesson about that takes its second elsewhere.
ADDRESSES = {
    "querier": ("10.9.0.1/24", "fe80::1/64"),
    "host": ("10.9.0.2/24", "fe80::2/64"),
}
_CARRIER_NS = 5 * SECOND
GROUPS = (
    "239.1.2.3",
    "10.9.0.9@232.1.1.1",
    "ff15::4321:1234",
    "2001:db8::1,2001:db8::2@ff3e::8000:1",
)
QUERY = ("query", "-i", "eth0", "--max-response", "1s", "-w", CAPTURE)


@dataclass(frozen=True, slots=True)
class DemoStep:
    """One act: what it is for, the commands, and what they printed."""

    title: str
    commands: tuple[str, ...]
    lines: tuple[str, ...] = ()
    data: Any = None


class Demo:
    """Carries out the steps in order; use it as a context manager."""

    def __init__(self, *, as_data: bool = False) -> None:
        self._as_data = as_data
        self._sandbox = Sandbox()

    def __enter__(self) -> Demo:
        """Return the demo itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove everything."""
        self._sandbox.close()

    @property
    def is_rootless(self) -> bool:
        """Whether a user namespace was needed."""
        return self._sandbox.is_rootless

    def steps(self) -> Iterator[DemoStep]:
        """Give each step when it is done."""
        yield self._build()
        yield self._join()
        yield self._query()
        yield self._filter()
        yield self._decode()
        yield self._analyze()

    def _build(self) -> DemoStep:
        commands = self._ip(NETWORK)
        for name in ADDRESSES:
            commands += self._ip("link set eth0 addrgenmode none\nlink set eth0 up", name)
        for name in ADDRESSES:
            self._wait_for_carrier(name)
        for name, (ipv4, ipv6) in ADDRESSES.items():
            addresses = f"address add {ipv4} dev eth0\naddress add {ipv6} dev eth0 nodad"
            commands += self._ip(addresses, name)
        return DemoStep(
            "two network namespaces with a link between them",
            tuple(f"ip {command}" for command in commands),
        )

    def _ip(self, lines: str, namespace: str | None = None) -> list[str]:
        """Run `ip` commands and return them as they would be typed."""
        self._sandbox.ip(lines, namespace=namespace)
        prefix = f"-n {namespace} " if namespace else ""
        return [prefix + line for line in lines.splitlines()]

    def _wait_for_carrier(self, name: str) -> None:
        """Wait until the kernel has told its protocols that the link is there.

        It does so up to a second after `link set up` (net/core/link_watch.c), and a host side
        that has not heard of it yet answers no query.
        """
        command = ("ip", "-n", name, "-json", "link", "show", "dev", "eth0")
        deadline_ns = clock.now_ns() + _CARRIER_NS
        while clock.now_ns() < deadline_ns:
            done = self._sandbox.run(command)
            if done.returncode:
                raise LinkError(f"ip: {complaint_of(done)}")
            if json.loads(done.stdout)[0]["operstate"] == "UP":
                return
            clock.wait_ns(20 * MILLISECOND)
        raise LinkError(f"the link of {name} did not come up")

    def _join(self) -> DemoStep:
        arguments = ("--netns", "host", "join", "-i", "eth0", *GROUPS)
        child = self._sandbox.spawn(mldkit_command(*arguments))
        lines = []
        for _ in GROUPS:
            line = child.stdout.readline().rstrip() if child.stdout else ""
            if not line:
                said = self._sandbox.ended(child)[1].strip().partition("\n")[0]
                complaint = said.removeprefix("mldkit: ") or "the program ended without a word"
                raise LinkError(f"the host could not join: {complaint}")
            lines.append(line)
        return DemoStep(
            "the host joins groups with sockets of the kernel", (_shown(arguments),), tuple(lines)
        )

    def _query(self) -> DemoStep:
        return self._run(
            "General Queries of both families, and what the kernel's host side answers",
            ("--netns", "querier", *QUERY),
        )

    def _filter(self) -> DemoStep:
        """Read which hardware addresses the joins put into the receive filter of the device."""
        command = ("ip", "netns", "exec", "host", "cat", "/proc/net/dev_mcast")
        done = self._sandbox.run(command, timeout=30)
        wanted = {
            mac_text(group_mac(group)): text(group)
            for given in GROUPS
            for group in parse_group_spec(given).groups
        }
        entries = []
        for line in done.stdout.splitlines():
            _, device, references, _, octets = line.split()
            if device == "eth0":
                mac = mac_text(bytes.fromhex(octets))
                entry = {"mac": mac, "references": int(references), "group": wanted.get(mac)}
                entries.append(entry)
        lines = [
            f"{entry['mac']}  {entry['group'] or 'joined by the kernel itself'}"
            for entry in entries
        ]
        return DemoStep(
            "the MAC addresses that the joins put into the host's receive filter",
            (" ".join(command),),
            tuple(lines),
            entries,
        )

    def _decode(self) -> DemoStep:
        return self._run("the capture of it all, decoded", ("decode", CAPTURE))

    def _analyze(self) -> DemoStep:
        return self._run("what the doctor makes of that capture", ("analyze", CAPTURE))

    def _run(self, title: str, arguments: tuple[str, ...]) -> DemoStep:
        extra = ("--json",) if self._as_data else ()
        done = self._sandbox.run(mldkit_command(*arguments, *extra), timeout=60)
        if done.returncode not in (0, 1):
            raise LinkError(_complaint(done))
        lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
        data = json.loads(done.stdout) if self._as_data else None
        return DemoStep(title, (_shown(arguments),), tuple(lines), data)


def _shown(arguments: tuple[str, ...]) -> str:
    return " ".join(("mldkit", *arguments))


def _complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a failed command said, without the name that our own error begins with."""
    return done.stderr.strip().partition("\n")[0].removeprefix("mldkit: ") or "a step failed"
