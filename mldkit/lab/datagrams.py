"""UDP datagrams to groups in the captures of a lab: who sent what, and where it came by.

::

    14 octets Ethernet | 20 octets IPv4, more with options | 8 octets UDP
                       | 40 octets IPv6                    |

Streams of lessons have no VLAN tag and no IPv6 extension headers, and are never in fragments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mldkit.model.addresses import is_multicast
from mldkit.model.protocol_numbers import UDP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mldkit.model.addresses import Address
    from mldkit.model.datagram import Frame

_ETHERNET_OCTETS, _IPV6_OCTETS, _UDP_OCTETS = 14, 40, 8


@dataclass(frozen=True, slots=True)
class LabDatagram:
    """One datagram to a group, as a link or a device had it."""

    frame: Frame
    source: Address
    group: Address
    port: int
    hops: int


@dataclass(slots=True)
class Flow:
    """The datagrams of one source to one group and port, so far."""

    first: LabDatagram
    last: LabDatagram
    count: int = 1


def datagrams(seen: Iterable[Frame]) -> Iterator[LabDatagram]:
    """Give the UDP datagrams to groups among frames."""
    for frame in seen:
        found = _read(frame)
        if found is not None:
            yield found


def flows(sent: Iterable[LabDatagram]) -> list[Flow]:
    """Return the flows in the order in which they began."""
    found: dict[tuple[Address, Address, int], Flow] = {}
    for datagram in sent:
        flow = found.setdefault(
            (datagram.source, datagram.group, datagram.port), Flow(datagram, datagram, 0)
        )
        flow.last = datagram
        flow.count += 1
    return list(found.values())


def _read(frame: Frame) -> LabDatagram | None:
    data = frame.data
    kind, at = data[12:14], _ETHERNET_OCTETS
    if kind == b"\x86\xdd" and data[at + 6 : at + 7] == bytes([UDP]):
        source, group, hops = data[at + 8 : at + 24], data[at + 24 : at + 40], data[at + 7]
        at += _IPV6_OCTETS
    elif kind == b"\x08\x00" and data[at + 9 : at + 10] == bytes([UDP]):
        source, group, hops = data[at + 12 : at + 16], data[at + 16 : at + 20], data[at + 8]
        at += (data[at] & 0x0F) * 4
    else:
        return None
    if len(data) < at + _UDP_OCTETS or not is_multicast(group):
        return None
    return LabDatagram(frame, source, group, int.from_bytes(data[at + 2 : at + 4]), hops)
