"""What this machine can do: every fact is tried or read, none is guessed.

A check is one line for a person: what, whether it works, what was seen, what to do about it. The
core works when the packages are there and packet sockets can be had, on the machine's own
interfaces or at least in a sandbox.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from mldkit.core import PURE, core, is_off
from mldkit.errors import LinkError
from mldkit.link import clock
from mldkit.link.namespace import Sandbox, environment
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ("scapy", "netns", "rich")
OPTIONAL_PROGRAMS = {
    "tshark": "apt install tshark, for a third opinion on captures",
    "tcpdump": "apt install tcpdump, for a third opinion on captures",
}
_LINK_COMMANDS = {
    "veth": "link add mldkit0 type veth peer name mldkit1",
    "bridge": "link add mldkit2 type bridge",
    "macvlan": "link add mldkit3 link mldkit0 type macvlan mode bridge",
    "tap": "tuntap add dev mldkit4 mode tap",
}
_TRY_PACKET_SOCKET = "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)"


class Status(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    MISSING = "missing"
    CHANGED = "changed"
    """A setting that makes this kernel behave otherwise than usual."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MachineCheck:
    """One thing that was looked at."""

    name: str
    status: Status
    seen: str
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class MachineSetting:
    """A sysctl that changes what is seen on the wire or how much can be joined."""

    name: str
    usual: str | None
    """None: any value is as good."""
    meaning: str


SETTINGS = (
    MachineSetting("net/ipv4/igmp_qrv", "2", "times a change is reported"),
    MachineSetting("net/ipv6/mld_qrv", "2", "times a change is reported"),
    MachineSetting("net/ipv4/igmp_max_memberships", None, "IPv4 groups a socket"),
    MachineSetting("net/ipv4/igmp_max_msf", None, "IPv4 sources a group and socket"),
    MachineSetting("net/ipv6/mld_max_msf", None, "IPv6 sources a group and socket"),
    MachineSetting("net/ipv4/igmp_link_local_mcast_reports", "1", "1: 224.0.0.x is reported too"),
    MachineSetting("net/core/optmem_max", None, "octets for the memberships of a socket"),
    MachineSetting("net/core/rmem_max", None, "octets of receive buffer without privilege"),
)


def checks() -> Iterator[MachineCheck]:
    """Yield every check, the important ones first."""
    yield from packages()
    yield compiled_core()
    yield packet_sockets()
    yield from sandbox()
    yield iproute2()
    yield kernel()
    yield tick()
    yield forced_version("net/ipv4/conf", "force_igmp_version")
    yield forced_version("net/ipv6/conf", "force_mld_version")
    yield from map(setting, SETTINGS)
    for program, advice in OPTIONAL_PROGRAMS.items():
        path = _which(program)
        yield MachineCheck(
            program, Status.OK if path else Status.MISSING, path or "not installed",
            None if path else advice,
        )  # fmt: skip


def core_works(found: list[MachineCheck]) -> bool:
    """Return whether the main jobs can be done here, if need be in a sandbox."""
    good = {check.name for check in found if check.status is Status.OK}
    own = "packet sockets" in good
    return good.issuperset(PACKAGES) and (own or sandbox_works(found))


def sandbox_works(found: list[MachineCheck]) -> bool:
    """Return whether a network of namespaces can be made here, as the demonstration needs it."""
    good = {check.name for check in found if check.status is Status.OK}
    return {"sandbox", "packet sockets in a sandbox", "veth"} <= good


def packages() -> Iterator[MachineCheck]:
    """Yield Python and the packages mldkit depends on, by their metadata."""
    yield MachineCheck("python", Status.OK, platform.python_version())
    for name in PACKAGES:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield MachineCheck(name, Status.MISSING, "not installed", f"pip install {name}")
            continue
        least = _least_version(name)
        if _numbers(version) < _numbers(least):
            advice = f"pip install '{name}>={least}'"
            yield MachineCheck(
                name, Status.MISSING, f"{version}, {least} is needed at least", advice
            )
        else:
            yield MachineCheck(name, Status.OK, version)


def compiled_core() -> MachineCheck:
    """Return whether captures are read by the compiled core, or in Python alone."""
    name = "compiled core"
    if core is not None:
        return MachineCheck(name, Status.OK, "captures are read by it")
    if is_off():
        return MachineCheck(
            name, Status.CHANGED, f"off: {PURE} is set", f"unset {PURE} to read captures faster"
        )
    return MachineCheck(
        name, Status.MISSING, "not built: all is done in Python, captures are read half as fast",
        "install a C compiler and the headers of Python, then mldkit again",
    )  # fmt: skip


def _least_version(package: str) -> str:
    """Return the oldest version that mldkit says it works with; "0" where it says nothing."""
    try:
        requirements = importlib.metadata.requires("mldkit") or ()
    except importlib.metadata.PackageNotFoundError:
        return "0"  # run from a source tree that was not installed
    for requirement in requirements:
        found = re.fullmatch(rf"{package} *\(?>= *([0-9.]+)\)?", requirement)
        if found is not None:
            return found[1]
    return "0"


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers in front of a version, which compare as versions do."""
    found = re.match(r"[0-9]+(\.[0-9]+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def packet_sockets() -> MachineCheck:
    """Try a packet socket in the namespace of this process."""
    name = "packet sockets"
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        return MachineCheck(
            name, Status.MISSING, "no permission on this machine's own interfaces",
            "run mldkit with sudo; mldkit demo and the labs do without",
        )  # fmt: skip
    except OSError as error:
        return MachineCheck(name, Status.MISSING, f"{error.strerror}", "load the module af_packet")
    return MachineCheck(name, Status.OK, "on this machine's own interfaces")


def sandbox() -> Iterator[MachineCheck]:
    """Make a throw-away sandbox, and in it one link of each type and a packet socket."""
    yield _user_namespaces()
    try:
        held = Sandbox()
    except LinkError as error:
        yield MachineCheck("sandbox", Status.MISSING, error.message, error.hint)
        return
    with held:
        how = "in a user namespace" if held.is_rootless else "as root"
        yield MachineCheck("sandbox", Status.OK, f"namespaces can be made {how}")
        raw = held.run([sys.executable, "-c", _TRY_PACKET_SOCKET])
        yield _tried("packet sockets in a sandbox", raw, "allow CAP_NET_RAW")
        for kind, command in _LINK_COMMANDS.items():
            done = held.run(["ip", *command.split()])
            advice = f"modprobe {'tun' if kind == 'tap' else kind}"
            if "/dev/net/tun" in done.stderr or "Permission" in done.stderr:
                advice += "; chmod 666 /dev/net/tun"
            yield _tried(kind, done, advice)


def iproute2() -> MachineCheck:
    """Ask `ip` for its version."""
    path = _which("ip")
    if path is None:
        return MachineCheck("iproute2", Status.MISSING, "no program ip", "apt install iproute2")
    done = subprocess.run([path, "-V"], capture_output=True, text=True, check=False)  # noqa: S603
    match = re.search(r"iproute2-([\w.]+)", done.stdout)
    return MachineCheck("iproute2", Status.OK, match[1] if match else done.stdout.strip())


def kernel() -> MachineCheck:
    """Return the version of the running kernel."""
    release = platform.release()
    version = tuple(int(word) for word in re.findall(r"\d+", release)[:2])
    if version < (5, 1):  # 64-bit stamps of packet sockets
        return MachineCheck("kernel", Status.MISSING, release, "mldkit needs Linux 5.1")
    return MachineCheck("kernel", Status.OK, release)


def tick() -> MachineCheck:
    """Return HZ, by which the kernel's own answers are rounded."""
    tick_ns = clock.tick_ns()
    return MachineCheck(
        "HZ", Status.OK, f"{round(SECOND / tick_ns)} (timers step by {tick_ns / 1e6:g} ms)"
    )


def setting(wanted: MachineSetting) -> MachineCheck:
    """Read one sysctl; some exist in the initial network namespace only."""
    name = wanted.name.replace("/", ".")
    try:
        value = Path("/proc/sys", wanted.name).read_text().strip()
    except OSError:
        return MachineCheck(name, Status.UNKNOWN, "not to be seen in this network namespace")
    seen = f"{value} ({wanted.meaning})"
    if wanted.usual is None or value == wanted.usual:
        return MachineCheck(name, Status.OK, seen)
    return MachineCheck(name, Status.CHANGED, seen, f"sysctl -w {name}={wanted.usual}")


def forced_version(directory: str, name: str) -> MachineCheck:
    """Tell the interfaces on which an old version is forced; `all` and `default` count too."""
    values = {}
    for path in sorted(Path("/proc/sys", directory).glob(f"*/{name}")):
        values[path.parent.name] = path.read_text().strip()
    forced = {where: value for where, value in values.items() if value != "0"}
    if not values:
        return MachineCheck(name, Status.UNKNOWN, "this kernel does not have it")
    if not forced:
        return MachineCheck(name, Status.OK, "0 everywhere (as the querier asks)")
    seen = ", ".join(f"{where}: {value}" for where, value in forced.items())
    first = f"{directory}/{next(iter(forced))}/{name}".replace("/", ".")
    return MachineCheck(name, Status.CHANGED, seen, f"sysctl -w {first}=0")


def _user_namespaces() -> MachineCheck:
    name = "user namespaces"
    program = _which("unshare")
    if program is None:
        return MachineCheck(name, Status.MISSING, "no program unshare", "apt install util-linux")
    done = subprocess.run(  # noqa: S603
        [program, "--user", "--map-root-user", "--net", "true"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return _tried(
        name, done, "use sudo, or see user.max_user_namespaces and the machine's AppArmor profile"
    )


def _tried(name: str, done: subprocess.CompletedProcess[str], advice: str) -> MachineCheck:
    if done.returncode == 0:
        return MachineCheck(name, Status.OK, "tried, works")
    last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
    return MachineCheck(name, Status.MISSING, last[0], advice)


def _which(program: str) -> str | None:
    return shutil.which(program, mode=os.X_OK, path=environment()["PATH"])
