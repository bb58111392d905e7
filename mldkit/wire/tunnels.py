"""Packets inside packets, looked into only when asked.

The entry's link and IP headers are the inner ones; `tunnel` names what is around them, and the
circuit of its datagram tells one tunnel from another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mldkit.model.datagram import Broken, Decoded, Frame, Unread
from mldkit.wire.carrier import Carrier, carrier_of
from mldkit.wire.decode import read_packet
from mldkit.wire.envelope import Fragment
from mldkit.wire.ethernet import followed
from mldkit.wire.link_header import LinkHeader, Stop
from mldkit.wire.link_layer import read_inner
from mldkit.wire.tunnel_headers import open_tunnel

if TYPE_CHECKING:
    from mldkit.model.datagram import Circuit

MAX_TUNNELS = 4
"""Tunnels inside each other that are looked into."""


def look_inside(frame: Frame, carrier: Carrier) -> Decoded | Fragment | Broken | Unread | None:
    """Return what travels inside the tunnel of `frame`, or in a tunnel in that tunnel."""
    around: list[Circuit] = []
    data = frame.data
    for _ in range(MAX_TUNNELS):
        circuit, found = open_tunnel(data, carrier)
        around.append(circuit)
        link = read_inner(data, followed(data, found))
        if isinstance(link, Stop):
            return Broken(frame, link.id, link.reason, link.offset)
        if not isinstance(link, LinkHeader):
            return link
        link = _inside(link, carrier, circuit)
        packet = read_packet(frame, link)
        if isinstance(packet, Decoded | Fragment):
            packet.tunnel = " in ".join(one.kind for one in reversed(around))
        if packet is not None:
            return packet
        inner = carrier_of(data, link)
        if not isinstance(inner, Carrier):
            return inner
        carrier = inner
    return Unread(f"more than {MAX_TUNNELS} tunnels")


def _inside(link: LinkHeader, carrier: Carrier, circuit: Circuit) -> LinkHeader:
    """Return an inner link header with what is around it."""
    outer = carrier.link
    vlan = outer.vlan if circuit.kind == "ipip" else link.vlan
    return link._replace(
        end=min(link.end, carrier.end),
        vlan=vlan,
        circuit=(*outer.circuit, circuit, *link.circuit),
    )
