"""What checks look at around a snooping bridge: its settings, its table, and who gets a stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mldkit.errors import LabError
from mldkit.lab.checks import Outcome
from mldkit.lab.datagrams import datagrams
from mldkit.lab.evidence import frames, messages
from mldkit.link import clock
from mldkit.link.namespace import complaint_of
from mldkit.model.addresses import parse, text
from mldkit.model.messages import Query
from mldkit.model.units import SECOND

if TYPE_CHECKING:
    from mldkit.lab.checks import Look
    from mldkit.lab.lab import Lab


def bridge_setting(node: str, bridge: str, setting: str, value: int) -> Look:
    """Look at a setting of a bridge by the name that `ip link set ... type bridge` has for it."""

    def look(lab: Lab) -> Outcome:
        found = _json(lab, node, "ip", "-d", "-j", "link", "show", "dev", bridge)
        got = found[0]["linkinfo"]["info_data"].get(setting)
        return Outcome(
            holds=got == value,
            expected=f"{setting} {value}",
            got=f"{setting} {got}",
            where=f"{node}: ip -d link show dev {bridge}",
        )

    return look


def forwarded(node: str, group: str, port: str) -> Look:
    """Look for a group and port in the table of a bridge."""

    def look(lab: Lab) -> Outcome:
        ports = {entry["port"] for entry in table(lab, node) if entry["grp"] == group}
        return Outcome(
            holds=port in ports,
            expected=f"{group} goes out at {port}",
            got=f"it goes out at {', '.join(sorted(ports))}" if ports else "no such entry",
            where=f"{node}: bridge mdb show",
        )

    return look


def router_port(node: str, bridge: str, port: str) -> Look:
    """Look whether a bridge takes a port for one with a router behind it."""

    def look(lab: Lab) -> Outcome:
        document = _json(lab, node, "bridge", "-d", "-j", "mdb", "show")
        ports = [entry["port"] for found in document for entry in found["router"].get(bridge, ())]
        return Outcome(
            holds=port in ports,
            expected=f"router ports: {port}",
            got=f"router ports: {', '.join(sorted(ports)) or 'none'}",
            where=f"{node}: bridge -d mdb show",
        )

    return look


def connected(node: str, bridge: str, port: str) -> Look:
    """Look whether a port of a bridge and its peer are up: without a cable nobody gets a stream."""

    def look(lab: Lab) -> Outcome:
        found = _json(lab, node, "ip", "-d", "-j", "link", "show", "dev", port)[0]
        state = found.get("linkinfo", {}).get("info_slave_data", {}).get("state")
        is_up = found["operstate"] == "UP"
        return Outcome(
            holds=is_up and found.get("master") == bridge and state == "forwarding",
            expected=f"{port} is up and a port of {bridge} that forwards",
            got=f"{found['operstate'].lower()}, {state or 'no port'}",
            where=f"{node}: ip -d link show dev {port}",
        )

    return look


def received(link: str, group: str, port: int, *, wanted: bool, source: str | None = None) -> Look:
    """Look whether datagrams of a stream crossed a link in the last second, or none did.

    A bridge trusts its own querier only after the maximum response time of its first query
    (net/bridge/br_multicast.c:br_multicast_set_querier); until then it floods.
    """
    address = parse(group)

    def look(lab: Lab) -> Outcome:
        since_ns = clock.wall_ns() - SECOND
        lately = (frame for frame in frames(lab, link) if (frame.time_ns or 0) > since_ns)
        numbers = [
            sent.frame.number
            for sent in datagrams(lately)
            if (sent.group, sent.port) == (address, port) and source in (None, text(sent.source))
        ]
        trusted_ns = 0
        for decoded in messages(lab, link):
            message = decoded.datagram.message
            if isinstance(message, Query) and len(message.group) == len(address):
                trusted_ns = (decoded.frame.time_ns or 0) + message.max_response_ns
                break
        return Outcome(
            holds=bool(numbers) == wanted,
            expected=f"{'datagrams' if wanted else 'no datagram'} to {group}"
            + (f" from {source}" if source else ""),
            got=f"{len(numbers)} in the last second",
            where=f"capture of {link}",
            frames=tuple(numbers),
            until_ns=trusted_ns + SECOND + SECOND // 2,
        )

    return look


def table(lab: Lab, node: str) -> list[dict[str, Any]]:
    """Return the entries of the multicast table of a bridge, as iproute2 names their fields."""
    document = _json(lab, node, "bridge", "-j", "mdb", "show")
    return [entry for bridge in document for entry in bridge.get("mdb", ())]


def _json(lab: Lab, node: str, *argv: str) -> Any:  # noqa: ANN401 (whatever iproute2 prints)
    done = lab.run(node, *argv)
    if done.returncode:
        raise LabError(f"{node}: {' '.join(argv)}: {complaint_of(done)}")
    return json.loads(done.stdout)
