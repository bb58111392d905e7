"""Scapy's own dissection with these layers, and back.

`bind` puts one guess in front of Scapy's for IP protocol 2 and one for ICMPv6 behind each header
that can carry it, so `Ether(octets)`, `rdpcap` and `sniff` give the layers of `mldkit.craft`.
ICMPv6 that is no MLD still goes to Scapy's layers. `unbind` takes exactly those guesses out.
"""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import IP

from mldkit.craft.layers_igmp import PROTOCOL, IGMPMessage
from mldkit.craft.layers_mld import CARRIERS, NEXT_HEADER, MLDMessage

_GUESSES: tuple[tuple[Any, dict[str, int], Any], ...] = (
    (IP, {"proto": PROTOCOL, "frag": 0}, IGMPMessage),
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
