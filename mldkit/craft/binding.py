"""Scapy's own dissection with these layers, and back.

`bind` puts guesses in front of Scapy's: one for IP protocol 2, one for the hop-by-hop header of
MLD, and one for ICMPv6 behind each header that can carry it. `Ether(octets)`, `rdpcap` and
`sniff` then give the layers of `mldkit.craft`. ICMPv6 that is no MLD still goes to Scapy's
layers. `unbind` takes exactly those guesses out.
"""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

from mldkit.craft.layers_igmp import PROTOCOL, IGMPMessage
from mldkit.craft.layers_mld import CARRIERS, HOP_BY_HOP, NEXT_HEADER, MLDHopByHop, MLDMessage

_GUESSES: tuple[tuple[Any, dict[str, int], Any], ...] = (
    (IP, {"proto": PROTOCOL, "frag": 0}, IGMPMessage),
    (IPv6, {"nh": HOP_BY_HOP}, MLDHopByHop),
    *((carrier, {"nh": NEXT_HEADER}, MLDMessage) for carrier in CARRIERS),
)


def bind() -> None:
    """Make Scapy read IGMP and MLD with the layers of this package; twice is once."""
    unbind()
    for lower, condition, upper in _GUESSES:
        # A new list: subclasses of Packet share the list of their parent until they are bound.
        lower.payload_guess = [(condition, upper), *lower.payload_guess]


def unbind() -> None:
    """Make Scapy read IGMP and MLD as it did before `bind`."""
    for lower, _, upper in _GUESSES:
        lower.payload_guess = [guess for guess in lower.payload_guess if guess[1] is not upper]
