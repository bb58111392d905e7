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
from mldkit.model import notation
from mldkit.model.units import MILLISECOND

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mldkit.model.addresses import Address
    from mldkit.model.notation import GroupSpec

FILE = "lab.toml"
# A name with a digit is no keyword of `ip`; 15 octets are all that a device name holds.
_NAME = re.compile(r"(?=.*[0-9])[a-z][a-z0-9]{1,14}|[a-z]{2}")
_NEED = re.compile(r"veth|bridge|macvlan|program [a-z0-9-]+|sysctl [a-z0-9_./]+")
_NAME_OF_TOOL = re.compile(r"[a-z][a-z0-9]*")
_OPTIONS = re.compile(r"[a-z0-9_ ]+")
_SYSCTL = re.compile(r"net\.[A-Za-z0-9_.]+")
_HOPS = 16
_REQUIRED = ("title", "level", "minutes", "learns", "nodes", "links")
_KINDS = {list: "a list", dict: "a table", str: "a text", int: "a number", bool: "true or false"}


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
class Topology:
    """All of `lab.toml`."""

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
    table = _Table(document, where, "")
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


class _Table:
    """A TOML table that knows its file and place, and which keys nobody asked for."""

    def __init__(self, values: dict[str, Any], where: str, place: str) -> None:
        self._values = values
        self._where = where
        self._place = place
        self._asked: dict[str, _Table | None] = {}

    def keys(self) -> tuple[str, ...]:
        return tuple(self._values)

    def wrong(self, key: str, what: str) -> LabError:
        name = f"{self._place}.{key}" if self._place else key
        return LabError(f"{self._where}: {name}: {what}")

    def value(self, key: str, kind: type, default: Any = None) -> Any:  # noqa: ANN401 (TOML)
        self._asked.setdefault(key, None)
        if key not in self._values:
            if default is None:
                raise self.wrong(key, "is missing")
            return default
        value = self._values[key]
        if type(value) is not kind:
            raise self.wrong(key, f"is not {_KINDS[kind]}")
        return value

    def table(self, key: str) -> _Table:
        child = _Table(self.value(key, dict, {}), self._where, self._joined(key))
        self._asked[key] = child
        return child

    def tables(self, key: str) -> list[_Table]:
        found = []
        for position, entry in enumerate(self.value(key, list, [])):
            if not isinstance(entry, dict):
                raise self.wrong(key, "is not a list of tables")
            child = _Table(entry, self._where, f"{self._joined(key)}[{position}]")
            found.append(child)
            self._asked[child._place] = child
        return found

    def text(self, key: str, pattern: re.Pattern[str] | None = None) -> str:
        value: str = self.value(key, str)
        if pattern is not None and not pattern.fullmatch(value):
            raise self.wrong(key, f"{value!r} makes no sense here")
        return value

    def texts(self, key: str, pattern: re.Pattern[str] | None = None) -> tuple[str, ...]:
        values = self.value(key, list, [])
        for value in values:
            if not isinstance(value, str):
                raise self.wrong(key, "is not a list of texts")
            if pattern is not None and not pattern.fullmatch(value):
                raise self.wrong(key, f"{value!r} makes no sense here")
        return tuple(values)

    def all_texts(self) -> dict[str, str]:
        return {key: self.text(key) for key in self._values}

    def number(self, key: str, low: int, high: int, default: int | None = None) -> int:
        value: int = self.value(key, int, default)
        if not low <= value <= high:
            raise self.wrong(key, f"{value} is not from {low} to {high}")
        return value

    def one_of(self, key: str, value: str, known: Sequence[str]) -> str:
        if value not in known:
            raise self.wrong(key, f"{value!r} is none of: {', '.join(known)}")
        return value

    def finish(self) -> None:
        """Raise for a key that nothing has asked for: it is misspelt."""
        known = [key for key in self._asked if "[" not in key]
        for key in self._values:
            if key not in self._asked:
                raise self.wrong(key, f"no such key; there are: {', '.join(known)}")
        for child in self._asked.values():
            if child is not None:
                child.finish()

    def _joined(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key


def _node(nodes: _Table, name: str, sysctls: _Table) -> Node:
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


def _addresses(table: _Table, interface: str) -> tuple[str, ...]:
    values = table.texts(interface)
    for value in values:
        try:
            ipaddress.ip_interface(value)
        except ValueError:
            raise table.wrong(interface, f"{value!r} is no address") from None
    return values


def _commands(table: _Table, key: str) -> tuple[str, ...]:
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


def _macvlans(table: _Table) -> dict[str, str]:
    for name in table.keys():  # noqa: SIM118 (no dict)
        if not _NAME.fullmatch(name):
            raise table.wrong(name, "a device is named like mv0: small letters and a digit")
    return table.all_texts()


def _link(table: _Table, nodes: _Table) -> Link:
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


def _place(table: _Table, nodes: _Table, links: tuple[Link, ...]) -> tuple[str, str]:
    node = table.one_of("node", table.text("node"), nodes.keys())
    there = [name for link in links for owner, name in link.ends if owner == node]
    return node, table.one_of("interface", table.text("interface"), there)


def _join(table: _Table, nodes: _Table, links: tuple[Link, ...]) -> Join:
    node, interface = _place(table, nodes, links)
    if not table.texts("groups"):
        raise table.wrong("groups", "names no group")
    try:
        groups = tuple(notation.parse_group_spec(group) for group in table.texts("groups"))
    except UsageError as error:
        raise table.wrong("groups", error.message) from error
    return Join(node, interface, groups)


def _stream(table: _Table, nodes: _Table, links: tuple[Link, ...]) -> LabStream:
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
