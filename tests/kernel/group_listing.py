"""What tests of `groups` share: its document by group, members to find in it, and `ip maddr`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mldkit.model.addresses import parse, text

if TYPE_CHECKING:
    import subprocess

    from tests.conftest import Namespace

Row = dict[str, Any]

HOLD = """
import ctypes, os, socket, struct, sys
def request(index, *addresses):
    packed = struct.pack("@I0l", index)
    for a in addresses:
        six = ":" in a
        octets = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, a)
        packed += (struct.pack("=HHI16sI", 10, 0, 0, octets, 0) if six
                   else struct.pack("=HH4s", 2, 0, octets)).ljust(128, b"\\0")
    return packed
index = socket.if_nametoindex("eth1")
"""


def listing(namespace: Namespace, *arguments: str) -> dict[str, Any]:
    """Return the JSON document of `groups`, whose invariants must hold."""
    done = namespace.mldkit("groups", "--json", *arguments)
    document: dict[str, Any] = json.loads(done.stdout)
    broken = [entry["text"] for entry in document["invariants"] if not entry["holds"]]
    assert (done.returncode, broken, done.stderr) == (0, [], "")
    assert document["schema"] == "mldkit.groups/1"
    return document


def rows(namespace: Namespace, interface: str = "eth1") -> dict[str, Row]:
    """Return the rows of one interface by group."""
    return {row["group"]: row for row in listing(namespace, "-i", interface)["groups"]}


def joined(namespace: Namespace, *arguments: str, lines: int = 1) -> subprocess.Popen[str]:
    """Start a join and wait until it says that it has joined."""
    child = namespace.spawn_mldkit("join", "-i", "eth1", *arguments)
    assert child.stdout is not None
    for _ in range(lines):
        assert "joined" in child.stdout.readline()
    return child


def held(namespace: Namespace, code: str) -> subprocess.Popen[str]:
    """Run Python that joins something and then waits."""
    ready = "\nprint('ready', flush=True)\nimport time; time.sleep(60)\n"
    child = namespace.spawn(sys.executable, "-c", HOLD + code + ready)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def kinds(row: Row) -> list[str]:
    """Return the kinds of the reasons of a row."""
    return [reason["kind"] for reason in row["reasons"]]


def details(row: Row) -> str:
    """Return the reasons of a row in words."""
    return "; ".join(reason["detail"] for reason in row["reasons"])


def of_ip(namespace: Namespace) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """Return users of groups and references of MACs as `ip maddr` prints them."""
    groups, macs = {}, {}
    device = ""
    for line in namespace.ip("maddr show").splitlines():
        words = line.split()
        users = int(words[words.index("users") + 1]) if "users" in words else 1
        if not line.startswith("\t"):
            device = words[1]
        elif words[0] == "link":
            macs[device, words[1]] = users
        else:
            groups[device, words[1]] = users
    return groups, macs


def made(namespace: Namespace, command: str) -> None:
    """Make a device with `ip`; skip where this kernel has none of the kind."""
    done = namespace.run("ip", *command.split())
    for reason in ("Unknown device type", "not supported", "/dev/net/tun"):
        if done.returncode and reason in done.stderr:
            pytest.skip(f"ip {command}: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr


def bytes_of(group: str) -> str:
    """Return a group as igmp6 writes it."""
    assert text(parse(group)) == group
    return parse(group).hex()
