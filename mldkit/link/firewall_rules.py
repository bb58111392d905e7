"""The rules of nftables and iptables in this network namespace, as they are written.

The program `nft` prints them as JSON, which also holds what `iptables-nft` made. Without it netlink
still tells whether there are any tables at all. The older iptables has tables of its own in
/proc/net/ip_tables_names. All of it is for root alone.
"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mldkit.errors import LinkError
from mldkit.link import netlink
from mldkit.link.namespace import environment

# linux/netfilter/nf_tables.h, linux/netfilter.h
_GET_TABLE = (10 << 8) | 1
_GET_CHAIN = (10 << 8) | 4
_NETDEV = 5
_INGRESS_FAMILIES = {"netdev": _NETDEV, "inet": 1}
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK = 1, 3, 4
_HOOK_DEVICE, _HOOK_DEVICES, _DEVICE_NAME = 3, 4, 1
_NETFILTER_HEADER_OCTETS = 4
_LEGACY = {
    4: ("ip_tables_names", "iptables-legacy-save"),
    16: ("ip6_tables_names", "ip6tables-legacy-save"),
}
_SECONDS = 5


@dataclass(frozen=True, slots=True)
class FirewallRules:
    """All rules, or why they cannot be known."""

    objects: tuple[dict[str, Any], ...] = ()
    """What `nft -j list ruleset` prints: chains, rules, sets."""
    unknown: str = ""
    """Why there may be more rules; empty: these are all of nftables."""
    legacy: dict[int, str] = field(default_factory=dict)
    """By octets of an address: rules of the older iptables, or why they cannot be known."""


def read() -> FirewallRules:
    """Return the rules of this network namespace."""
    objects, unknown = _nftables()
    legacy = {octets: why for octets in _LEGACY if (why := _legacy(octets))}
    return FirewallRules(objects, unknown, legacy)


def _nftables() -> tuple[tuple[dict[str, Any], ...], str]:
    try:
        tables = _dump(_GET_TABLE, socket.AF_UNSPEC)
    except PermissionError:
        return (), "only root may read the rules of nftables"
    except (LinkError, OSError) as error:
        if "not permitted" in str(error):
            return (), "only root may read the rules of nftables"
        return (), ""  # a kernel without nftables
    if not tables:
        return (), ""
    try:
        done = subprocess.run(
            ["nft", "-j", "list", "ruleset"],  # noqa: S607 (found in the path, as people do)
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env=environment(),
            check=False,
        )
    except FileNotFoundError:
        return (), "there are rules of nftables, and no program nft to print them"
    except subprocess.TimeoutExpired:
        return (), "there are rules of nftables, and nft does not answer"
    try:
        listed = json.loads(done.stdout)["nftables"]
    except (ValueError, KeyError):
        return (), f"nft does not print its rules: {done.stderr.strip()}"
    objects = tuple(each for each in listed if isinstance(each, dict))
    for each in objects:
        chain = each.get("chain")
        if isinstance(chain, dict) and chain.get("hook") == "ingress":
            # nft leaves the devices of a chain out (before 1.0.7), so the kernel is asked.
            chain["dev"] = _devices(chain)
    return objects, ""


def _devices(chain: dict[str, Any]) -> list[str]:
    """Return the interfaces at whose ingress a chain hangs."""
    found: list[str] = []
    family = _INGRESS_FAMILIES.get(str(chain.get("family")), _NETDEV)
    for _, attributes in _dump(_GET_CHAIN, family):
        names = (_string(attributes.get(kind, b"")) for kind in (_CHAIN_TABLE, _CHAIN_NAME))
        if tuple(names) != (chain.get("table"), chain.get("name")):
            continue
        hook = dict(netlink.attributes(attributes.get(_CHAIN_HOOK, b"")))
        if _HOOK_DEVICE in hook:
            found.append(_string(hook[_HOOK_DEVICE]))
        listed = netlink.attributes(hook.get(_HOOK_DEVICES, b""))
        found += [_string(name) for kind, name in listed if kind == _DEVICE_NAME]
    return list(dict.fromkeys(found))


def _dump(request: int, family: int) -> list[netlink.NetlinkEntry]:
    return netlink.dump(
        request,
        family=family,
        fixed_octets=_NETFILTER_HEADER_OCTETS,
        question=struct.pack("=BBH", family, 0, 0),
        protocol=netlink.NETFILTER,
    )


def _string(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")


def _legacy(octets: int) -> str:
    names, program = _LEGACY[octets]
    try:
        tables = Path("/proc/thread-self/net", names).read_text().split()
    except FileNotFoundError:
        return ""
    except OSError:
        return "only root may read whether there are rules of the older iptables"
    if not tables:
        return ""
    try:
        done = subprocess.run(  # noqa: S603
            [program],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env=environment(),
            check=False,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return f"tables of the older iptables: {', '.join(tables)}"
    rules = [line for line in done.stdout.splitlines() if line.startswith("-A")]
    dropping = [
        line for line in done.stdout.splitlines() if line.startswith(":") and " DROP" in line
    ]
    return "\n".join(rules + dropping)
