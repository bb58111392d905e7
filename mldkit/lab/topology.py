"""What a lab consists of: the file `lab.toml`, read and checked.

::

    title = "Join and leave on the wire"    level = 1    minutes = 20    learns = ["..."]
    needs = ["bridge", "program tc"]        what this machine must have
    hints = ["...", "..."]                  from vague to plain
    [questions]        users = "How many users has the group?"
    [nodes.h1]         addresses = { eth1 = ["10.9.0.1/24"] }    down = ["eth1"]    dad = false
                       macvlans = { mv0 = "eth1" }
    [nodes.sw]         bridge = "br0"       bridge_options = ["mcast_snooping 1"]
                       setup = ["bridge link set dev p1 mcast_router 0"]   run last of all
    [[links]]          ends = ["r1:eth1", "h1:eth1"]      captured at the first end
    [sysctls.h1]       "net.ipv4.igmp_max_memberships" = 5
    [[joins]]          node = "h1"  interface = "eth1"  groups = ["ff15::1"]
    [[streams]]        node = "h1"  interface = "eth1"  group = "ff15::1"  port = 5000
                       every = "200ms"    source = "2001:db8::1"    hops = 1
    tools = ["mroute"]                      programs on all nodes: mroute.py in the lab's folder
    [[variants]]       name = "filter"      setup = { h1 = ["..."] }     one of them, by the seed,
                                            runs after all other commands

A key that is missing, misspelt or of the wrong kind is a `LabError` that names file and key.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mldkit.errors import LabError, UsageError
from mldkit.lab.toml_table import TomlTable
from mldkit.model import notation
from mldkit.model.units import MILLISECOND

if TYPE_CHECKING:
    from pathlib import Path

    from mldkit.model.addresses import Address
    from mldkit.model.notation import GroupSpec

FILE = "lab.toml"
# A name with a digit is no keyword of `ip`; 15 octets are all that a device name holds.
_NAME = re.compile(r"(?=.*[0-9])[a-z][a-z0-9]{1,14}|[a-z]{2}")
_NEED = re.compile(r"veth|bridge|macvlan|tap|program [a-z0-9-]+|sysctl [a-z0-9_./]+")
_NAME_OF_TOOL = re.compile(r"[a-z][a-z0-9]*")
_OPTIONS = re.compile(r"[a-z0-9_ ]+")
_SYSCTL = re.compile(r"net\.[A-Za-z0-9_.]+")
_HOPS = 16
_REQUIRED = ("title", "level", "minutes", "learns", "nodes", "links")


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the lab: a network namespace."""

    name: str
    addresses: dict[str, tuple[str, ...]]
    """Interface to addresses with prefix lengths."""
    down: tuple[str, ...]
    """Interfaces that the student switches on."""
    dad: bool
    """Whether addresses go through duplicate address detection, which takes its second."""
    bridge: str | None
    """The bridge device that all links of this node are ports of."""
    bridge_options: tuple[str, ...]
    macvlans: dict[str, str]
    """Devices with a MAC address and a receive filter of their own, on top of an interface."""
    sysctls: dict[str, str]
    setup: tuple[str, ...]
    """Commands that run on the node when the network and its members are there."""


@dataclass(frozen=True, slots=True)
class Link:
    """A veth pair; what happens on it is captured at the first end."""

    ends: tuple[tuple[str, str], tuple[str, str]]

    @property
    def name(self) -> str:
        """The word for this link: `r1-h1`."""
        return "-".join(node for node, _ in self.ends)


@dataclass(frozen=True, slots=True)
class Join:
    """Memberships that the lab itself holds from its start."""

    node: str
    interface: str
    groups: tuple[GroupSpec, ...]


@dataclass(frozen=True, slots=True)
class LabStream:
    """Datagrams that the lab itself sends."""

    node: str
    interface: str
    group: Address
    port: int
    every_ns: int
    hops: int
    source: Address | None


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to break a lab that can be broken in several."""

    name: str
    setup: tuple[tuple[str, str], ...]
    """Commands with the nodes that they run on."""


@dataclass(frozen=True, slots=True)
class Topology:
    """All of `lab.toml`.

    It has more attributes than a class should, because each is a key of the file.
    """

    title: str
    level: int
    minutes: int
    learns: tuple[str, ...]
    needs: tuple[str, ...]
    hints: tuple[str, ...]
    questions: dict[str, str]
    nodes: dict[str, Node]
    links: tuple[Link, ...]
    joins: tuple[Join, ...]
    streams: tuple[LabStream, ...]
    tools: tuple[str, ...]
    variants: tuple[Variant, ...] = ()

    def variant(self, seed: int) -> Variant | None:
        """Return the variant that a seed chooses, None where there is none to choose."""
        return self.variants[seed % len(self.variants)] if self.variants else None

    def interfaces(self, node: str) -> tuple[str, ...]:
        """Return the names of a node's interfaces, in the order of the links."""
        return tuple(name for link in self.links for owner, name in link.ends if owner == node)

    def devices(self, node: str) -> tuple[str, ...]:
        """Return the names of its interfaces and of what stands on top of them."""
        return (*self.interfaces(node), *self.nodes[node].macvlans)

    def captures(self) -> dict[str, tuple[str, str]]:
        """Return where the captures are taken: links at their first end, and macvlans."""
        found = {link.name: link.ends[0] for link in self.links}
        for node in self.nodes.values():
            found |= {f"{node.name}-{name}": (node.name, name) for name in node.macvlans}
        return found


def load(folder: Path) -> Topology:
    """Read and check the `lab.toml` of a lab's folder."""
    where = f"{folder.name}/{FILE}"
    try:
        with (folder / FILE).open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise LabError(f"{where}: {(error.strerror or str(error)).lower()}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LabError(f"{where}: {str(error)[:1].lower()}{str(error)[1:]}") from error
    topology = parse(document, where)
    for tool in topology.tools:
        if not (folder / f"{tool}.py").is_file():
            raise LabError(f"{where}: tools: there is no {folder.name}/{tool}.py")
    return topology


def parse(document: dict[str, Any], where: str) -> Topology:
    """Return the topology of a TOML document; `where` is the file's name for messages."""
    table = TomlTable(document, where, "")
    for key in _REQUIRED:
        if key not in document:
            raise table.wrong(key, "is missing")
    sysctls = table.table("sysctls")
    names = table.table("nodes")
    links = tuple(_link(entry, names) for entry in table.tables("links"))
    topology = Topology(
        title=table.text("title"),
        level=table.number("level", 1, 3),
        minutes=table.number("minutes", 1, 240),
        learns=table.texts("learns"),
        needs=table.texts("needs", _NEED),
        hints=table.texts("hints"),
        questions=table.table("questions").all_texts(),
        nodes={name: _node(names, name, sysctls) for name in names.keys()},  # noqa: SIM118
        links=links,
        joins=tuple(_join(entry, names, links) for entry in table.tables("joins")),
        streams=tuple(_stream(entry, names, links) for entry in table.tables("streams")),
        tools=table.texts("tools", _NAME_OF_TOOL),
        variants=tuple(_variant(entry, names) for entry in table.tables("variants")),
    )
    for name in sysctls.keys():  # noqa: SIM118 (no dict)
        sysctls.one_of(name, name, tuple(topology.nodes))
    ends = [end for link in links for end in link.ends]
    for node, interface in ends:
        if ends.count((node, interface)) > 1:
            raise table.wrong("links", f"{node}:{interface} is an end of two links")
    names_of_links = [link.name for link in links]
    for name in names_of_links:
        if names_of_links.count(name) > 1:
            # Each has a capture of that name.
            raise table.wrong("links", f"two links between the same nodes, {name}")
    for name, node_ in topology.nodes.items():
        for interface in (*node_.addresses, *node_.down):
            if interface not in (*topology.devices(name), node_.bridge):
                raise table.wrong(f"nodes.{name}", f"{interface!r} is on no link")
        for lower in node_.macvlans.values():
            # Its capture is opened while it is up, before anything can send to it.
            if (name, lower) not in [link.ends[0] for link in links]:
                raise table.wrong(f"nodes.{name}", f"{lower!r} is no first end of a link")
    table.finish()
    return topology


def _node(nodes: TomlTable, name: str, sysctls: TomlTable) -> Node:
    if not _NAME.fullmatch(name):
        raise nodes.wrong(name, "a node is named like h1: small letters and a digit")
    table = nodes.table(name)
    addresses = table.table("addresses")
    settings: dict[str, str] = {}
    if name in sysctls.keys():  # noqa: SIM118 (no dict)
        own = sysctls.table(name)
        for key in own.keys():  # noqa: SIM118
            if not _SYSCTL.fullmatch(key):
                raise own.wrong(key, "is not a sysctl of the network")
            settings[key] = str(own.value(key, int))
    return Node(
        name=name,
        addresses={key: _addresses(addresses, key) for key in addresses.keys()},  # noqa: SIM118
        down=table.texts("down"),
        dad=table.value("dad", bool, False),  # noqa: FBT003 (a default)
        bridge=table.text("bridge", _NAME) if table.value("bridge", str, "") else None,
        bridge_options=table.texts("bridge_options", _OPTIONS),
        macvlans=_macvlans(table.table("macvlans")),
        sysctls=settings,
        setup=_commands(table, "setup"),
    )


def _variant(table: TomlTable, nodes: TomlTable) -> Variant:
    setup = table.table("setup")
    lines = []
    for node in setup.keys():  # noqa: SIM118 (no dict)
        setup.one_of(node, node, nodes.keys())
        lines += [(node, command) for command in _commands(setup, node)]
    return Variant(table.text("name"), tuple(lines))


def _addresses(table: TomlTable, interface: str) -> tuple[str, ...]:
    values = table.texts(interface)
    for value in values:
        try:
            ipaddress.ip_interface(value)
        except ValueError:
            raise table.wrong(interface, f"{value!r} is no address") from None
    return values


def _commands(table: TomlTable, key: str) -> tuple[str, ...]:
    values = table.texts(key)
    for value in values:
        try:
            # It is one line, and no program takes an argument with a NUL.
            is_command = value.isprintable() and bool(shlex.split(value))
        except ValueError:
            is_command = False
        if not is_command:
            raise table.wrong(key, f"{value!r} is no command")
    return values


def _macvlans(table: TomlTable) -> dict[str, str]:
    for name in table.keys():  # noqa: SIM118 (no dict)
        if not _NAME.fullmatch(name):
            raise table.wrong(name, "a device is named like mv0: small letters and a digit")
    return table.all_texts()


def _link(table: TomlTable, nodes: TomlTable) -> Link:
    ends = table.texts("ends")
    if len(ends) != 2:
        raise table.wrong("ends", "a link has two ends")
    found = []
    for end in ends:
        node, _, interface = end.partition(":")
        table.one_of("ends", node, nodes.keys())
        if not _NAME.fullmatch(interface):
            raise table.wrong("ends", f"{end!r}: write NODE:INTERFACE, such as h1:eth1")
        found.append((node, interface))
    return Link((found[0], found[1]))


def _place(table: TomlTable, nodes: TomlTable, links: tuple[Link, ...]) -> tuple[str, str]:
    node = table.one_of("node", table.text("node"), nodes.keys())
    there = [name for link in links for owner, name in link.ends if owner == node]
    return node, table.one_of("interface", table.text("interface"), there)


def _join(table: TomlTable, nodes: TomlTable, links: tuple[Link, ...]) -> Join:
    node, interface = _place(table, nodes, links)
    if not table.texts("groups"):
        raise table.wrong("groups", "names no group")
    try:
        groups = tuple(notation.parse_group_spec(group) for group in table.texts("groups"))
    except UsageError as error:
        raise table.wrong("groups", error.message) from error
    return Join(node, interface, groups)


def _stream(table: TomlTable, nodes: TomlTable, links: tuple[Link, ...]) -> LabStream:
    node, interface = _place(table, nodes, links)
    try:
        group = notation.parse_group(table.text("group"))
        every_ns = notation.parse_duration(table.text("every"))
        source = table.value("source", str, "")
        source = notation.parse_address(source) if source else None
    except UsageError as error:
        raise table.wrong("group, every or source", error.message) from error
    if every_ns < MILLISECOND:
        raise table.wrong("every", "is less than 1 ms")
    if source is not None and len(source) != len(group):
        raise table.wrong("source", "is not of the family of the group")
    return LabStream(
        node=node,
        interface=interface,
        group=group,
        port=table.number("port", 1, 65535),
        every_ns=every_ns,
        hops=table.number("hops", 1, 255, default=_HOPS),
        source=source,
    )
