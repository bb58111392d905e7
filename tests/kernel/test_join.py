"""`join` against what the kernel lists in /proc/net."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mldkit.model.addresses import parse, text

if TYPE_CHECKING:
    from tests.conftest import Link, Namespace

pytestmark = pytest.mark.netns

Filter = tuple[str, str, int, int]

SEND = """
import socket, sys
group, port, source, octets = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
six = ":" in group
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((source, 0, 0, socket.if_nametoindex("eth1")) if six else (source, 0))
if six:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("eth1"))
else:
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(source))
s.sendto(bytes(octets), (group, port))
"""


def joined(namespace: Namespace, *arguments: str, lines: int) -> subprocess.Popen[str]:
    """Start a join and wait until it says that it has joined."""
    child = namespace.spawn_mldkit("join", "-i", "eth1", *arguments)
    assert child.stdout is not None
    for _ in range(lines):
        assert "joined" in child.stdout.readline()
    return child


def groups_of(namespace: Namespace) -> dict[str, int]:
    """Return the groups of eth1 with the number of their users."""
    groups = {}
    for line in namespace.read("/proc/net/igmp6").splitlines():
        _, device, group, users, *_ = line.split()
        if device == "eth1":
            groups[text(bytes.fromhex(group))] = int(users)
    device = ""
    for line in namespace.read("/proc/net/igmp").splitlines()[1:]:
        words = line.split()
        if not line.startswith("\t"):
            device = words[1]
        elif device == "eth1":
            # The address is printed as a number of this machine.
            number = int(words[0], 16).to_bytes(4, sys.byteorder)
            groups[text(number)] = int(words[1])
    return groups


def filters_of(namespace: Namespace) -> set[Filter]:
    """Return (group, source, includes, excludes) of eth1."""
    found = set()
    for line in namespace.read("/proc/net/mcfilter").splitlines()[1:]:
        _, _, group, source, includes, excludes = line.split()
        addresses = [text(int(word, 16).to_bytes(4, "big")) for word in (group, source)]
        found.add((addresses[0], addresses[1], int(includes), int(excludes)))
    for line in namespace.read("/proc/net/mcfilter6").splitlines()[1:]:
        _, _, group, source, includes, excludes = line.split()
        addresses = [text(bytes.fromhex(word)) for word in (group, source)]
        found.add((addresses[0], addresses[1], int(includes), int(excludes)))
    return found


def test_the_kernel_lists_the_groups_as_long_as_they_are_held(link: Link) -> None:
    before = groups_of(link.far)
    child = joined(link.far, "239.1.2.3", "ff15::4321:1234", lines=2)

    during = groups_of(link.far)
    child.send_signal(signal.SIGTERM)
    _, errors = child.communicate(timeout=10)

    assert during == before | {"239.1.2.3": 1, "ff15::4321:1234": 1}
    assert groups_of(link.far) == before
    assert (child.returncode, errors) == (0, "")


def test_ctrl_c_leaves_with_130_and_an_elapsed_time_with_0(link: Link) -> None:
    interrupted = joined(link.far, "239.1.2.3", lines=1)
    interrupted.send_signal(signal.SIGINT)
    assert interrupted.wait(timeout=10) == 130

    done = link.far.mldkit("join", "-i", "eth1", "239.1.2.3", "--for", "100ms")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "joined 239.1.2.3 on eth1 from any source\n",
        "",
    )


def test_sources_become_filters_of_the_kernel(link: Link) -> None:
    joined(
        link.far,
        "10.0.0.1,10.0.0.2@232.1.1.1",
        "2001:db8::1@ff3e::1",
        lines=2,
    )  # fmt: skip
    joined(link.far, "239.1.2.3", "ff15::1", "--block", "10.0.0.9", "--block", "fe80::9", lines=2)

    assert filters_of(link.far) == {
        ("232.1.1.1", "10.0.0.1", 1, 0),
        ("232.1.1.1", "10.0.0.2", 1, 0),
        ("ff3e::1", "2001:db8::1", 1, 0),
        ("239.1.2.3", "10.0.0.9", 0, 1),
        ("ff15::1", "fe80::9", 0, 1),
    }


def test_a_group_joined_with_and_without_sources_is_both(link: Link) -> None:
    # Linux 6.18 leaves an interface out of mcfilter if its newest group has no sources
    # (net/ipv4/igmp.c:igmp_mcf_get_first), so the one with sources comes last.
    joined(link.far, "239.1.2.3", "10.0.0.1@239.1.2.3", lines=2)

    # A socket that wants all and one that wants one: two users, as with two programs.
    assert groups_of(link.far)["239.1.2.3"] == 2
    assert filters_of(link.far) == {("239.1.2.3", "10.0.0.1", 1, 0)}


def test_more_groups_and_sources_than_a_socket_takes_are_spread_over_several(link: Link) -> None:
    before = groups_of(link.far)
    sources = [f"10.0.1.{number}" for number in range(1, 31)]
    sources6 = [f"2001:db8::{number:x}" for number in range(1, 101)]
    joined(
        link.far, "239.2.0.0+100", "ff15::2:0+100",
        ",".join(sources) + "@232.1.1.1", ",".join(sources6) + "@ff3e::1", lines=4,
    )  # fmt: skip

    assert link.far.read("/proc/sys/net/ipv4/igmp_max_memberships") == "20\n"
    assert link.far.read("/proc/sys/net/ipv4/igmp_max_msf") == "10\n"
    added = groups_of(link.far).keys() - before.keys()
    wanted = [parse("239.2.0.0"), parse("ff15::2:0")]
    ranges = [(int.from_bytes(first, "big") + i).to_bytes(len(first), "big")
              for first in wanted for i in range(100)]  # fmt: skip
    assert added == {text(group) for group in ranges} | {"232.1.1.1", "ff3e::1"}
    assert {source for _, source, includes, _ in filters_of(link.far) if includes == 1} == {
        *sources, *sources6,
    }  # fmt: skip


def test_more_blocked_sources_than_a_socket_takes_name_the_sysctl(link: Link) -> None:
    block = [word for number in range(1, 12) for word in ("--block", f"10.0.0.{number}")]

    done = link.far.mldkit("join", "-i", "eth1", "239.1.2.3", *block)

    assert done.returncode == 3
    assert done.stderr == (
        "mldkit: 239.1.2.3 on eth1: the kernel has no room for the 11 blocked sources\n"
        "hint: raise the sysctl net.ipv4.igmp_max_msf\n"
    )
    link.far.sysctl("net.ipv4.igmp_max_msf", 11)
    joined(link.far, "239.1.2.3", *block, lines=1)
    assert len(filters_of(link.far)) == 11


def test_the_groups_are_announced_on_the_wire(link: Link) -> None:
    tshark = link.near.spawn(
        "tshark", "-l", "-n", "-i", "eth1", "-c", "1", "-f", "igmp", "-T", "fields",
        "-e", "igmp.maddr", "-e", "igmp.saddr", "-e", "igmp.record_type",
    )  # fmt: skip
    assert tshark.stderr is not None
    while "Capturing" not in tshark.stderr.readline():
        assert tshark.poll() is None
    joined(link.far, "10.0.0.1@232.1.1.1", lines=1)

    line, _ = tshark.communicate(timeout=20)

    assert line.split() == ["232.1.1.1", "10.0.0.1", "5"]  # ALLOW_NEW_SOURCES


@pytest.mark.parametrize(
    ("group", "near_source"), [("239.1.2.3", "10.9.0.1"), ("ff15::1", "fe80::ff:fe00:1")]
)
@pytest.mark.parametrize("port", [5000, None], ids=["one port", "every port"])
def test_received_datagrams_are_printed(
    link: Link, group: str, near_source: str, port: int | None
) -> None:
    ports = [] if port is None else ["--port", str(port)]
    # Another program's membership must not bring its groups here.
    joined(link.far, "239.9.9.9", "ff15::9", lines=2)
    child = joined(link.far, group, "--receive", *ports, "--format", "ndjson", lines=1)
    assert child.stdout is not None

    other_group = "ff15::9" if ":" in group else "239.9.9.9"
    for to_group, to_port, octets in ((other_group, 5000, 9), (group, 6000, 11), (group, 5000, 12)):
        sent = link.near.run(
            sys.executable, "-c", SEND, to_group, str(to_port), near_source, str(octets)
        )
        assert sent.returncode == 0, sent.stderr
    seen = [json.loads(child.stdout.readline()) for _ in range(1 if port else 2)]
    child.send_signal(signal.SIGTERM)
    rest, _ = child.communicate(timeout=10)

    assert rest == ""
    facts = [(e["event"], e["source"], e["group"], e["port"], e["length"]) for e in seen]
    expected = [("datagram", near_source, group, number, octets)
                for number, octets in ((6000, 11), (5000, 12))]  # fmt: skip
    assert facts == (expected[1:] if port else expected)


@pytest.mark.parametrize("ports", [["--port", "5000"], []], ids=["one port", "every port"])
def test_blocked_sources_are_not_received(link: Link, ports: list[str]) -> None:
    link.near.ip("address add 10.9.0.7/24 dev eth1")
    child = joined(link.far, "239.1.2.3", "--block", "10.9.0.7", "--receive", *ports, lines=1)
    assert child.stdout is not None

    for source in ("10.9.0.7", "10.9.0.1"):
        link.near.run(sys.executable, "-c", SEND, "239.1.2.3", "5000", source, "4")

    assert "10.9.0.1 > 239.1.2.3 port 5000, 4 octets" in child.stdout.readline()


def test_the_document_is_complete_after_an_interrupt(link: Link) -> None:
    child = link.far.spawn_mldkit("join", "-i", "eth1", "239.1.2.3+2", "--json")
    while "239.1.2.4" not in groups_of(link.far):
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=10)

    document = json.loads(output)
    assert child.returncode == 130
    assert document["schema"] == "mldkit.join/1"
    assert [entry["group"] for entry in document["joined"]] == ["239.1.2.3", "239.1.2.4"]


def test_an_unprivileged_member_needs_no_right_but_for_every_port(link: Link) -> None:
    powerless = [
        "setpriv",
        "--inh-caps=-all",
        "--bounding-set=-all",
        sys.executable,
        "-m",
        "mldkit",
    ]
    arguments = ["join", "-i", "eth1", "239.1.2.3", "--for", "10ms", "--receive"]

    one_port = link.far.run(*powerless, *arguments, "--port", "5000")
    every_port = link.far.run(*powerless, *arguments)

    assert one_port.returncode == 0
    assert every_port.returncode == 3
    assert every_port.stderr.splitlines()[1] == "hint: name one with --port, or run it with sudo"


def test_a_removed_interface_ends_it_with_what_was_joined(link: Link) -> None:
    child = joined(link.near, "239.1.2.3", "--format", "ndjson", lines=1)
    link.near.ip("link delete eth1")
    _, complaint = child.communicate(timeout=10)

    assert child.returncode == 3
    assert complaint.splitlines()[-1] == (
        "mldkit: eth1: the interface was removed, and its memberships with it"
    )


def test_a_link_that_goes_down_and_up_is_announced_again(link: Link) -> None:
    child = joined(link.near, "239.1.2.3", lines=1)
    assert child.stderr is not None
    link.near.ip("link set eth1 down")
    assert child.stderr.readline().startswith("note: eth1 is down: the memberships stay")
    link.near.ip("link set eth1 up")
    assert child.stderr.readline().startswith("note: eth1 is up again")

    assert groups_of(link.near)["239.1.2.3"] == 1
    assert child.poll() is None
