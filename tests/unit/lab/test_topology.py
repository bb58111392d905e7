"""`lab.toml`: what is wrong is said with file and key."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from mldkit.errors import LabError
from mldkit.lab import catalogue, checks, topology

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
title = "A title"
level = 1
minutes = 10
learns = ["a thing"]
tools = ["send"]
needs = ["bridge", "program tc", "sysctl net.ipv4.igmp_qrv"]
hints = ["try"]
[questions]
users = "How many?"
[nodes.h1]
addresses = { eth1 = ["10.9.0.1/24"] }
macvlans = { mv0 = "eth1" }
[nodes.sw]
bridge = "br0"
bridge_options = ["mcast_snooping 1"]
setup = ["bridge link set dev p1 mcast_router 0"]
[[links]]
ends = ["h1:eth1", "sw:p1"]
[sysctls.h1]
"net.ipv4.igmp_max_memberships" = 5
[[joins]]
node = "h1"
interface = "eth1"
groups = ["ff15::1+2", "2001:db8::1@ff3e::1"]
[[streams]]
node = "h1"
interface = "eth1"
group = "ff15::1"
port = 5000
every = "200ms"
source = "2001:db8::1"
hops = 1
"""


def parsed(text: str) -> topology.Topology:
    return topology.parse(tomllib.loads(text), "01-one/lab.toml")


def test_a_whole_file_is_read() -> None:
    found = parsed(GOOD)

    assert found.links[0].name == "h1-sw"
    assert found.interfaces("sw") == ("p1",)
    assert found.nodes["h1"].sysctls == {"net.ipv4.igmp_max_memberships": "5"}
    assert [len(spec.groups) for spec in found.joins[0].groups] == [2, 1]
    assert found.streams[0].every_ns == 200_000_000
    assert found.streams[0].source == bytes.fromhex("20010db8") + bytes(11) + b"\1"
    assert found.devices("h1") == ("eth1", "mv0")
    assert found.captures() == {"h1-sw": ("h1", "eth1"), "h1-mv0": ("h1", "mv0")}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "A title"', "", "title: is missing"),
        ("level = 1", 'level = "1"', "level: is not a number"),
        ("level = 1", "level = 9", "level: 9 is not from 1 to 3"),
        ("minutes = 10", "minutes = true", "minutes: is not a number"),
        ('learns = ["a thing"]', 'learns = "a thing"', "learns: is not a list"),
        ('"program tc"', '"program rm -rf"', "needs: 'program rm -rf' makes no sense here"),
        ("users = ", "users.deep = ", "questions.users: is not a text"),
        ("[nodes.sw]", "[nodes.link]\n[nodes.sw]", "nodes.link: a node is named like h1"),
        ("addresses =", "adresses =", "nodes.h1.adresses: no such key; there are: "),
        ("eth1 = [", "eth7 = [", "nodes.h1: 'eth7' is on no link"),
        ('"sw:p1"]', '"sx:p1"]', "links[0].ends: 'sx' is none of: h1, sw"),
        ('"sw:p1"]', '"sw:p1", "sw:p2"]', "links[0].ends: a link has two ends"),
        ('"sw:p1"]', '"h1:eth1"]', "links: h1:eth1 is an end of two links"),
        ("[sysctls.h1]", "[sysctls.h9]", "sysctls.h9: 'h9' is none of: h1, sw"),
        ('"net.ipv4.igmp_max', '"kernel.igmp_max', "is not a sysctl of the network"),
        ("ff15::1+2", "fe80::1", "joins[0].groups: 'fe80::1' is not a multicast group"),
        ('every = "200ms"', 'every = "often"', "'often' is not a duration"),
        ("hops = 1", "hops = 256", "streams[0].hops: 256 is not from 1 to 255"),
        ('"2001:db8::1"\nhops', '"h1"\nhops', "streams[0].group, every or source: 'h1' is not an"),
        ("{ mv0 =", "{ macvlan =", "nodes.h1.macvlans.macvlan: a device is named like mv0"),
        ('mv0 = "eth1"', 'mv0 = "p1"', "nodes.h1: 'p1' is no first end of a link"),
        ('["send"]', '["../send"]', "tools: '../send' makes no sense here"),
        ('"10.9.0.1/24"', '"10.9.0.300/24"', "h1.addresses.eth1: '10.9.0.300/24' is no address"),
        ("mcast_router 0", "'", 'nodes.sw.setup: "bridge link set dev p1 \'" is no command'),
        ('setup = ["bridge link set dev p1 mcast_router 0"]', 'setup = [""]', "is no command"),
        ("mcast_router 0", "mcast_router \\u0000", "is no command"),
        (
            '"sw:p1"]',
            '"sw:p1"]\n[[links]]\nends = ["h1:eth2", "sw:p2"]',
            "links: two links between the same nodes, h1-sw",
        ),
        ('["ff15::1+2", "2001:db8::1@ff3e::1"]', "[]", "joins[0].groups: names no group"),
        ('"200ms"', '"0s"', "streams[0].every: is less than 1 ms"),
        ('"2001:db8::1"\nhops', '"10.9.0.1"\nhops', "streams[0].source: is not of the family"),
        ('bridge = "br0"', "bridge = 0", "nodes.sw.bridge: is not a text"),
        ('bridge = "br0"', 'brigde = "br0"', "there are: addresses, down, dad, bridge, bridge_opt"),
        ("port = 5000", "port = 0", "streams[0].port: 0 is not from 1 to 65535"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(LabError) as raised:
        parsed(GOOD.replace(old, new, 1))

    assert raised.value.message.startswith("01-one/lab.toml: ")
    assert message in raised.value.message


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "01-one"
    folder.mkdir()
    with pytest.raises(LabError, match=r"01-one/lab\.toml: no such file"):
        topology.load(folder)
    (folder / "lab.toml").write_text("title = ")
    with pytest.raises(LabError, match=r"01-one/lab\.toml: invalid value"):
        topology.load(folder)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "01-one"
    folder.mkdir()
    (folder / "lab.toml").write_text(GOOD)
    with pytest.raises(LabError, match=r"01-one/lab\.toml: tools: there is no 01-one/send\.py"):
        topology.load(folder)
    (folder / "send.py").touch()
    assert topology.load(folder).tools == ("send",)


@pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda entry: entry.id)
def test_each_lab_has_a_lesson_hints_and_a_check_for_every_question(
    entry: catalogue.LabEntry,
) -> None:
    found = entry.topology()

    answered = {check.id for check in checks.load(entry.folder)}
    assert {f"answer-{question}" for question in found.questions} <= answered
    assert len(found.hints) >= 2
    for question in found.questions:
        assert f"Question `{question}`" in " ".join(entry.readme.split())
    for part in ("**Goal**", "## Steps", "## What to conclude", "## Where in the kernel"):
        assert part in entry.readme


VARIANTS = """
[[variants]]
name = "one"
setup.h1 = ["true 1"]
[[variants]]
name = "two"
setup.sw = ["true 2"]
setup.h1 = ["true 3"]
"""


def test_a_seed_chooses_a_variant_and_the_same_one_again() -> None:
    found = parsed(GOOD + VARIANTS)

    names = [variant.name for seed in range(4) if (variant := found.variant(seed)) is not None]
    assert names == ["one", "two", "one", "two"]
    assert found.variants[1].setup == (("sw", "true 2"), ("h1", "true 3"))
    assert parsed(GOOD).variant(3) is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "one"', "", "variants[0].name: is missing"),
        ("setup.h1", "setup.h9", "variants[0].setup.h9: 'h9' is none of: h1, sw"),
        ('["true 1"]', '"true 1"', "variants[0].setup.h1: is not a list"),
        ('["true 1"]', '["true \'1"]', "is no command"),
        ("setup.h1", "set.h1", "variants[0].set: no such key"),
    ],
)
def test_a_variant_that_makes_no_sense_is_named(old: str, new: str, message: str) -> None:
    with pytest.raises(LabError) as caught:
        parsed(GOOD + VARIANTS.replace(old, new, 1))

    assert message in caught.value.message
