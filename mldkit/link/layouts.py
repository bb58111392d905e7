"""How to tell dull frames, hundreds at once, from a few octets of each: its head.

Joined, the heads are a table with one row a frame, and each column is turned by a lookup table
into bits that say which kind of dull frame the octet allows::

    ethertype          version  next header  protocol  ports
    08 -> ipv4         4x       any          not 2     any            bit 0: TCP, ICMP, ...
                       45                    17        no tunnel's    bit 1: UDP
    86 -> ipv6         6x       6            any       any            bit 2: TCP
                                17           any       no tunnel's    bit 3: UDP
    81 -> tagged       any      any          any       any            bits 4 to 7: as 0 to 3, four
                                                                      octets further on

A frame whose columns have no bit in common is not dull. The columns are cut, translated and
combined as whole strings and integers: on a capture of ordinary traffic this costs a tenth of a
microsecond a frame. Of a port only the lower octet is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mldkit.model.datagram import LinkType
from mldkit.model.protocol_numbers import (
    ANSWERING_TUNNELS,
    IGMP,
    IP_CARRIERS,
    TCP,
    TUNNEL_PORTS,
    UDP,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Column: TypeAlias = tuple[int, bytes]
"""Position in the head, and for every octet value the kinds of dull frame it allows."""


class Layout(NamedTuple):
    """How to tell dull frames of one link type by the columns of their heads."""

    offset: int
    """First octet of the head in the frame."""
    width: int
    shortest: int
    """Shorter frames may end inside a header; their head is replaced by `Layout.unknown`."""
    columns: tuple[Column, ...]
    groups: tuple[tuple[int, int, tuple[Column, ...]], ...] = ()
    """Columns that matter only where some frame has an octet at a position."""

    @property
    def unknown(self) -> bytes:
        """A head that is never dull."""
        return bytes(self.width)

    def interesting(self, heads: Sequence[bytes]) -> Iterator[int]:
        """Give the indexes of the frames that are not dull."""
        table = b"".join(heads)
        width = self.width
        columns = list(self.columns)
        for position, octet, others in self.groups:
            if octet in table[position::width]:
                columns += others
        allowed = -1
        for position, kinds in columns:
            allowed &= int.from_bytes(table[position::width].translate(kinds), "little")
        dull = allowed.to_bytes(len(heads), "little")
        index = dull.find(0)
        while index >= 0:
            yield index
            index = dull.find(0, index + 1)


def _column(position: int, otherwise: int, *listed: tuple[Iterable[int], int]) -> Column:
    """Return a column: the kinds for the listed octets, and those for all others."""
    kinds = bytearray([otherwise]) * 256
    for octets, allowed in listed:
        for octet in octets:
            kinds[octet] = allowed
    return position, bytes(kinds)


class _Kinds(NamedTuple):
    """Bits of the kinds of dull frame that have one IP header at one place."""

    ipv4: int
    ipv4_udp: int
    ipv6: int
    ipv6_udp: int


_FROM_LOW = {port & 0xFF for port in ANSWERING_TUNNELS}
_TO_LOW = {port & 0xFF for port in TUNNEL_PORTS}


def _version_column(at: int, kinds: _Kinds) -> Column:
    """Return the column of an IP version at `at`, which has no word on other kinds."""
    others = 0xFF ^ sum(kinds)
    ipv4, ipv6 = others | kinds.ipv4, others | kinds.ipv6 | kinds.ipv6_udp
    # Options move the ports.
    plain = ((0x45,), ipv4 | kinds.ipv4_udp)
    return _column(at, others, (range(0x40, 0x50), ipv4), plain, (range(0x60, 0x70), ipv6))


def _ipv4_columns(at: int, kinds: _Kinds, *, data: bool) -> tuple[Column, ...]:
    """Return the columns of protocol, ports and, for data, destination of an IPv4 header."""
    no_udp = 0xFF ^ kinds.ipv4_udp
    neither, no_other = no_udp ^ kinds.ipv4, 0xFF ^ kinds.ipv4
    to_group = _column(at + 16, 0xFF, (range(0xE0, 0xF0), neither))
    return (
        *((to_group,) if data else ()),
        _column(at + 9, no_udp, ((IGMP, *IP_CARRIERS), neither), ((UDP,), no_other)),
        _column(at + 21, 0xFF, (_FROM_LOW, no_udp)),
        _column(at + 23, 0xFF, (_TO_LOW, no_udp)),
    )


def _ipv6_columns(at: int, kinds: _Kinds, *, data: bool) -> tuple[Column, ...]:
    """Return the columns of next header, ports and, for data, destination of an IPv6 header."""
    no_udp = 0xFF ^ kinds.ipv6_udp
    neither, no_other = no_udp ^ kinds.ipv6, 0xFF ^ kinds.ipv6
    to_group = _column(at + 24, 0xFF, ((0xFF,), neither))
    return (
        *((to_group,) if data else ()),
        _column(at + 6, neither, ((TCP,), no_udp), ((UDP,), no_other)),
        _column(at + 41, 0xFF, (_FROM_LOW, no_udp)),
        _column(at + 43, 0xFF, (_TO_LOW, no_udp)),
    )


def _ip_columns(at: int, kinds: _Kinds, *, data: bool) -> tuple[Column, ...]:
    """Return all columns of an IP header at `at`."""
    ipv4, ipv6 = _ipv4_columns(at, kinds, data=data), _ipv6_columns(at, kinds, data=data)
    return _version_column(at, kinds), *ipv4, *ipv6


_IP_OCTETS = 44
"""From the first octet of an IP header to the lower one of the destination port behind IPv6."""
_PLAIN, _TAGGED = _Kinds(1, 2, 4, 8), _Kinds(16, 32, 64, 128)


def layouts(*, data: bool) -> dict[int, Layout]:
    """Return the layout of each link type that has one; `data` keeps packets to groups.

    Not the hardware address says where a packet goes: access points and bridges send packets to
    groups to single stations. So the first octet of the IP destination is looked at.
    """
    ethertype = _column(0, 0, ((0x08,), 3), ((0x86,), 12), ((0x81,), 0xF0))
    inner_ethertype = _column(4, 0x0F, ((0x08,), 0x3F), ((0x86,), 0xCF))
    version = _version_column(2, _PLAIN)
    groups = (
        (0, 0x08, _ipv4_columns(2, _PLAIN, data=data)),
        (0, 0x86, _ipv6_columns(2, _PLAIN, data=data)),
        (0, 0x81, (inner_ethertype, *_ip_columns(6, _TAGGED, data=data))),
    )
    untagged = _column(0, 0, ((0x08,), 3), ((0x86,), 12))
    cooked = (
        (0, 0x08, _ipv4_columns(20, _PLAIN, data=data)),
        (0, 0x86, _ipv6_columns(20, _PLAIN, data=data)),
    )
    bare = _column(0, 0x0F), *_ip_columns(0, _PLAIN, data=data)
    # Ports may lie behind the shortest frame: where they do, the frame has none.
    raw = Layout(0, _IP_OCTETS, 40, bare)
    return {
        LinkType.ETHERNET: Layout(12, 6 + _IP_OCTETS, 58, (ethertype, version), groups),
        LinkType.LINUX_SLL: Layout(14, 6 + _IP_OCTETS, 60, (ethertype, version), groups),
        LinkType.LINUX_SLL2: Layout(
            0, 20 + _IP_OCTETS, 60, (untagged, _version_column(20, _PLAIN)), cooked
        ),
        LinkType.RAW: raw,
        LinkType.IPV4: raw,
        LinkType.IPV6: raw,
    }
