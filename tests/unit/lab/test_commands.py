"""Topology to commands: the text that is printed and run."""

from __future__ import annotations

import shutil
import subprocess
import tomllib

import pytest

from mldkit.lab import catalogue, commands, topology
from tests.unit.lab.test_topology import GOOD, VARIANTS


def test_the_commands_come_in_an_order_that_captures_the_first_frame() -> None:
    plan = commands.build(topology.parse(tomllib.loads(GOOD), "lab.toml"))

    assert plan.create[:3] == (
        "ip netns add h1",
        "ip netns add sw",
        "ip link add eth1 index 11 address 02:00:00:00:00:01 netns h1 "
        "type veth peer name p1 index 12 address 02:00:00:00:00:02 netns sw",
    )
    assert "ip -n sw link set br0 type bridge mcast_snooping 1" in plan.create
    assert "ip -n h1 address add 10.9.0.1/24 dev eth1" in plan.create
    assert (
        "ip -n h1 link add mv0 index 13 link eth1 address 02:00:00:00:01:01 "
        "type macvlan mode private"
    ) in plan.create
    assert plan.create[-2:] == ("ip -n h1 link set eth1 up", "ip -n h1 link set mv0 up")
    assert plan.connect == ("ip -n sw link set p1 up", "ip -n sw link set br0 up")
    assert plan.setup == ("ip netns exec sw bridge link set dev p1 mcast_router 0",)
    assert plan.lines == plan.create + plan.connect + plan.setup


def test_every_setting_that_a_lab_depends_on_is_set() -> None:
    plan = commands.build(topology.parse(tomllib.loads(GOOD), "lab.toml"))

    (line,) = (line for line in plan.create if line.startswith("ip netns exec h1 sysctl"))
    for setting in (
        "net.ipv6.conf.eth1.force_mld_version=0",
        "net.ipv6.conf.eth1.accept_dad=0",
        "net.ipv4.conf.eth1.rp_filter=0",
        "net.ipv4.igmp_max_memberships=5",
    ):
        assert f" {setting}" in line
    assert "net.ipv4.igmp_max_memberships=20" not in line


@pytest.mark.skipif(not shutil.which("sh"), reason="no shell")
@pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.id)
def test_the_printed_commands_are_a_script_that_a_shell_takes(entry: catalogue.LabEntry) -> None:
    script = "\n".join(commands.build(entry.topology()).lines)

    subprocess.run(["sh", "-n", "-c", script], check=True)
    subprocess.run(["sh", "-n", str(entry.folder / "solution.sh")], check=True)


def test_the_variant_of_the_seed_comes_last() -> None:
    found = topology.parse(tomllib.loads(GOOD + VARIANTS), "lab.toml")

    assert commands.build(found, 0).setup[1:] == ("ip netns exec h1 true 1",)
    assert commands.build(found, 5).setup[1:] == (
        "ip netns exec sw true 2",
        "ip netns exec h1 true 3",
    )
