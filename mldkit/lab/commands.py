"""From a topology to the commands that build it, in the order in which they run.

The text is what `mldkit lab start --dry-run` prints and what the holder executes. Everything that
a lab depends on is set, whatever this machine has as default: machines are numbered in the order
of `lab.toml`, and number 2 has the MAC 02:00:00:00:00:02, hence fe80::ff:fe00:2.

    create    namespaces, links, bridges, settings, addresses; the captured ends are switched on
              -- here the captures are opened --
    connect   the other ends are switched on: from here on there are frames
              -- here the lab joins its groups --
    setup     what a lab does to its nodes on top of that
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.lab.topology import Node, Topology

_INTERFACE_SYSCTLS = {
    "net.ipv4.conf.{}.rp_filter": "0",
    "net.ipv4.conf.{}.forwarding": "0",
    "net.ipv4.conf.{}.force_igmp_version": "0",
    "net.ipv6.conf.{}.disable_ipv6": "0",
    "net.ipv6.conf.{}.forwarding": "0",
    "net.ipv6.conf.{}.force_mld_version": "0",
    "net.ipv6.conf.{}.router_solicitations": "0",
    "net.ipv6.conf.{}.accept_ra": "0",
    "net.ipv6.conf.{}.addr_gen_mode": "0",
}
_NODE_SYSCTLS = {
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.igmp_max_memberships": "20",
    "net.ipv4.igmp_qrv": "2",
}


@dataclass(frozen=True, slots=True)
class LabCommands:
    """The commands, as a person would type them."""

    create: tuple[str, ...]
    connect: tuple[str, ...]
    setup: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """All of them."""
        return self.create + self.connect + self.setup


def build(topology: Topology, seed: int = 0) -> LabCommands:
    """Return the commands that build the network of a lab; the seed chooses among its variants."""
    variant = topology.variant(seed)
    return LabCommands(
        create=(
            *(f"ip netns add {name}" for name in topology.nodes),
            *_links(topology),
            *(line for node in topology.nodes.values() for line in _bridge(topology, node)),
            *_macvlans(topology),
            *(_sysctls(topology, node) for node in topology.nodes.values()),
            *_addresses(topology),
            *(f"ip -n {name} link set lo up" for name in topology.nodes),
            *_up(topology, captured=True),
        ),
        connect=(
            *_up(topology, captured=False),
            *(
                f"ip -n {node.name} link set {node.bridge} up"
                for node in topology.nodes.values()
                if node.bridge
            ),
        ),
        setup=(
            *(
                f"ip netns exec {node.name} {command}"
                for node in topology.nodes.values()
                for command in node.setup
            ),
            *(
                f"ip netns exec {node} {command}"
                for node, command in (variant.setup if variant else ())
            ),
        ),
    )


def mac(topology: Topology, node: str, interface: str) -> str:
    """Return the MAC of an interface: the last octet is the node, the one before the interface."""
    number = list(topology.nodes).index(node) + 1
    names = topology.devices(node)
    position = names.index(interface) if interface in names else 0xBB  # a bridge
    return f"02:00:00:00:{position:02x}:{number:02x}"


def index(topology: Topology, node: str, interface: str) -> int:
    """Return the number of an interface; no two of a lab have the same.

    Where an end has the number of its peer the kernel takes it for a plain device and tells that
    it is up as much as a second later (net/core/link_watch.c).
    """
    numbered = [end for link in topology.links for end in link.ends]
    numbered += [(owner.name, name) for owner in topology.nodes.values() for name in owner.macvlans]
    return 11 + numbered.index((node, interface))


def _links(topology: Topology) -> Iterator[str]:
    for link in topology.links:
        near, far = link.ends
        yield (
            f"ip link add {near[1]} index {index(topology, *near)} "
            f"address {mac(topology, *near)} netns {near[0]} "
            f"type veth peer name {far[1]} index {index(topology, *far)} "
            f"address {mac(topology, *far)} netns {far[0]}"
        )


def _macvlans(topology: Topology) -> Iterator[str]:
    for node in topology.nodes.values():
        for name, lower in node.macvlans.items():
            yield (
                f"ip -n {node.name} link add {name} index {index(topology, node.name, name)} "
                f"link {lower} address {mac(topology, node.name, name)} type macvlan mode private"
            )


def _bridge(topology: Topology, node: Node) -> Iterator[str]:
    if node.bridge is None:
        return
    address = mac(topology, node.name, node.bridge)
    yield f"ip -n {node.name} link add {node.bridge} address {address} type bridge"
    for options in node.bridge_options:
        yield f"ip -n {node.name} link set {node.bridge} type bridge {options}"
    for port in topology.interfaces(node.name):
        yield f"ip -n {node.name} link set {port} master {node.bridge}"


def _sysctls(topology: Topology, node: Node) -> str:
    settings = dict(_NODE_SYSCTLS)
    for interface in (*topology.devices(node.name), node.bridge):
        if interface is None:
            continue
        settings |= {name.format(interface): value for name, value in _INTERFACE_SYSCTLS.items()}
        settings[f"net.ipv6.conf.{interface}.accept_dad"] = str(int(node.dad))
    # Ports of a bridge and what carries a macvlan have no addresses: only what is above is a host.
    for lower in topology.interfaces(node.name) if node.bridge else node.macvlans.values():
        settings[f"net.ipv6.conf.{lower}.addr_gen_mode"] = "1"
    settings |= node.sysctls
    words = " ".join(f"{name}={value}" for name, value in settings.items())
    return f"ip netns exec {node.name} sysctl -qw {words}"


def _addresses(topology: Topology) -> Iterator[str]:
    for node in topology.nodes.values():
        for interface, addresses in node.addresses.items():
            for address in addresses:
                yield f"ip -n {node.name} address add {address} dev {interface}"


def _up(topology: Topology, *, captured: bool) -> Iterator[str]:
    for link in topology.links:
        node, interface = link.ends[0 if captured else 1]
        if interface not in topology.nodes[node].down:
            yield f"ip -n {node} link set {interface} up"
            for name, lower in topology.nodes[node].macvlans.items():
                if lower == interface:
                    yield f"ip -n {node} link set {name} up"
