"""What a match of nftables looks at in a packet, and whether it lies in a range.

A value that is known has several ways to be written (`igmp`, 2), each of which a rule may use; one
that nobody knows is None, and one that the packet does not have is empty.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.model.addresses import is_multicast, text
from mldkit.model.protocol_numbers import ICMPV6
from mldkit.path.rule_words import statement_of

if TYPE_CHECKING:
    from mldkit.model.addresses import Address
    from mldkit.path.rule_words import Value

_NUMBERS = {"igmp": 2, "udp": 17, "tcp": 6, "icmp": 1, "icmpv6": 58, "ipv6-icmp": 58}
_ETHERTYPES = {4: ("ip", 0x0800), 16: ("ip6", 0x86DD)}


@dataclass(frozen=True, slots=True)
class Packet:
    """What is known of a packet where it meets the rules."""

    source: Address | None
    destination: Address
    protocol: int
    """IP protocol number."""
    incoming: str | None = None
    """Interface it came in by; None: it is sent from here."""
    outgoing: str | None = None
    port: int | None = None
    """UDP destination port; None: not known."""
    message_type: tuple[object, ...] = ()
    """The ways to write the type of a message of IGMP or ICMPv6; empty: not known."""


def fact(left: Value, packet: Packet) -> tuple[Value, ...] | None:
    """Return the ways to write what a match looks at; None: nobody knows; empty: not there."""
    kind, value = statement_of(left)
    if not isinstance(value, dict):
        return None
    if kind == "payload":
        return _field(value.get("protocol"), value.get("field"), packet)
    if kind != "meta":
        return None
    octets = len(packet.destination)
    names = {number: name for name, number in _NUMBERS.items()}
    facts: dict[str, tuple[Value, ...] | None] = {
        "iifname": () if packet.incoming is None else (packet.incoming,),
        "oifname": () if packet.outgoing is None else (packet.outgoing,),
        "nfproto": ("ipv4", 2) if octets == 4 else ("ipv6", 10),
        "protocol": _ETHERTYPES[octets],
        "l4proto": (packet.protocol, names.get(packet.protocol)),
        "pkttype": ("multicast", 2)
        if packet.incoming and is_multicast(packet.destination)
        else None,
    }
    facts["iif"], facts["oif"] = facts["iifname"], facts["oifname"]
    return facts.get(str(value.get("key")))


def _field(protocol: Value, name: Value, packet: Packet) -> tuple[Value, ...] | None:
    octets = len(packet.destination)
    names = {number: word for word, number in _NUMBERS.items()}
    if protocol in ("ip", "ip6"):
        if (protocol == "ip") is not (octets == 4):
            return ()
        if name == "daddr":
            return (text(packet.destination),)
        if name == "saddr":
            return None if packet.source is None else (text(packet.source),)
        if name == "nexthdr" and packet.protocol == ICMPV6 and packet.message_type:
            return 0, "hopopt"  # MLD has its Router Alert there (RFC 9777 §5)
        if name in ("protocol", "nexthdr"):
            return packet.protocol, names.get(packet.protocol)
        if name == "version":
            return (4 if octets == 4 else 6,)
    if protocol in ("udp", "th") and name == "dport" and packet.protocol == _NUMBERS["udp"]:
        return None if packet.port is None else (packet.port,)
    if name == "type" and packet.message_type and _NUMBERS.get(protocol) == packet.protocol:
        return packet.message_type
    if protocol in _NUMBERS and _NUMBERS[protocol] != packet.protocol:
        return ()
    return None


def within(kind: str, value: Value, known: tuple[Value, ...]) -> bool | None:
    """Return whether a known value lies in a prefix or a range; None: that is not understood."""
    try:
        if kind == "prefix":
            network = ipaddress.ip_network(f"{value['addr']}/{value['len']}", strict=False)
            return any(ipaddress.ip_address(each) in network for each in known)
        low, high = value
        if isinstance(low, int):
            return any(low <= each <= high for each in known if isinstance(each, int))
        begin, end = ipaddress.ip_address(low), ipaddress.ip_address(high)
        return any(begin <= ipaddress.ip_address(each) <= end for each in known)  # type: ignore[operator]
    except (ValueError, KeyError, TypeError, IndexError):
        return None
