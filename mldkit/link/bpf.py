"""The capture filter: a classic BPF program that passes whatever may be IGMP, MLD or MRD.

It runs in the kernel on every frame of the interface, so it rejects data traffic quickly and is
wide about the rest: the decoder decides. Passed are, over Ethernet II or 802.3 with SNAP, behind
up to eight VLAN tags:

- IPv4 with protocol 2, fragments included;
- IPv6 with a hop-by-hop header, whatever follows (nearly always MLD);
- IPv6 with another extension header that is followed by ICMPv6 or by an extension header;
- ICMPv6 directly behind the IPv6 header with a type of MLD or Multicast Router Discovery.

A tag that the kernel has stripped is no longer in the octets that the filter reads, the type
behind it stands in its place: such frames need no rule of their own. The expression `icmp6` of
libpcap would lose all correct MLD, because it looks at the first next-header octet only.

An instruction is eight octets (linux/filter.h)::

    | code 16 | jump if true 8 | jump if false 8 | k 32 |

Jumps count the instructions to leave out, so `assemble` turns names of labels into numbers.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from mldkit.model.messages import MLD_TYPES
from mldkit.model.protocol_numbers import (
    ETHERTYPE_IPV4,
    ETHERTYPE_IPV6,
    FRAGMENT,
    HOP_BY_HOP,
    ICMPV6,
    IGMP,
    IPV6_EXTENSIONS,
    MAX_VLAN_TAGS,
    SMALLEST_ETHERTYPE,
    VLAN_ETHERTYPES,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# x is the number of octets that tags and SNAP have put between the addresses and the IP header.
_LOAD_WORD = 0x40  # a = four octets at [x + k]
_LOAD_HALF = 0x48  # a = two octets at [x + k]
_LOAD_BYTE = 0x50  # a = one octet at [x + k]
_SET_X = 0x01  # x = k
_ADD = 0x04  # a += k
_A_TO_X = 0x07
_X_TO_A = 0x87
_JUMP = 0x05
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_AT_LEAST = 0x35
_RETURN = 0x06  # keep k octets of the frame, 0 drops it

WHOLE_FRAME = 0x40000

_EXTENSIONS = (IPV6_EXTENSIONS | {FRAGMENT}) - {HOP_BY_HOP}
_SNAP_START = 0xAAAA0300


class Instruction(NamedTuple):
    """One instruction; `then` and `otherwise` are labels, None is the next instruction."""

    code: int
    k: int = 0
    then: str | None = None
    otherwise: str | None = None


def assemble(lines: list[str | Instruction]) -> bytes:
    """Return the program: a string names the place of the next instruction.

    Jumps go forwards only, as the kernel demands of classic BPF.
    """
    places: dict[str | None, int] = {}
    steps: list[Instruction] = []
    for line in lines:
        if isinstance(line, str):
            places[line] = len(steps)
        else:
            steps.append(line)
    program = bytearray()
    for position, step in enumerate(steps):
        places[None] = position + 1
        if step.code == _JUMP:
            program += struct.pack("=HBBI", _JUMP, 0, 0, places[step.then] - position - 1)
        else:
            jumps = (places[label] - position - 1 for label in (step.then, step.otherwise))
            program += struct.pack("=HBBI", step.code, *jumps, step.k)
    return bytes(program)


def membership_filter() -> bytes:
    """Return the program described above."""
    lines: list[str | Instruction] = [Instruction(_SET_X, 0)]
    for depth in range(MAX_VLAN_TAGS + 1):
        lines += _ethernet_type(depth)
    lines += [
        "snap",
        Instruction(_LOAD_WORD, 14),
        Instruction(_JUMP_IF_EQUAL, _SNAP_START, None, "drop"),
        Instruction(_LOAD_HALF, 18),
        Instruction(_JUMP_IF_EQUAL, 0, None, "drop"),
        *_shift(8),
        Instruction(_LOAD_HALF, 12),
        Instruction(_JUMP_IF_EQUAL, ETHERTYPE_IPV4, "ipv4"),
        Instruction(_JUMP_IF_EQUAL, ETHERTYPE_IPV6, "ipv6", "drop"),
        "ipv4",
        Instruction(_LOAD_BYTE, 14 + 9),
        Instruction(_JUMP_IF_EQUAL, IGMP, "pass", "drop"),
        "ipv6",
        Instruction(_LOAD_BYTE, 14 + 6),
        Instruction(_JUMP_IF_EQUAL, HOP_BY_HOP, "pass"),
        Instruction(_JUMP_IF_EQUAL, ICMPV6, "icmpv6"),
        *_any_of(_EXTENSIONS, "extension"),
        Instruction(_JUMP, 0, "drop"),
        "extension",
        Instruction(_LOAD_BYTE, 14 + 40),
        *_any_of({ICMPV6, HOP_BY_HOP, *_EXTENSIONS}, "pass"),
        Instruction(_JUMP, 0, "drop"),
        "icmpv6",
        Instruction(_LOAD_BYTE, 14 + 40),
        *_any_of(MLD_TYPES, "pass"),
        "drop",
        Instruction(_RETURN, 0),
        "pass",
        Instruction(_RETURN, WHOLE_FRAME),
    ]
    return assemble(lines)


def _ethernet_type(depth: int) -> Iterator[str | Instruction]:
    """Yield the decision on one type field; behind a tag it goes on to the next one."""
    tagged = f"tag {depth}" if depth < MAX_VLAN_TAGS else "drop"
    yield Instruction(_LOAD_HALF, 12)
    yield Instruction(_JUMP_IF_EQUAL, ETHERTYPE_IPV4, "ipv4")
    yield Instruction(_JUMP_IF_EQUAL, ETHERTYPE_IPV6, "ipv6")
    yield from _any_of(VLAN_ETHERTYPES, tagged)
    # Below that the field is an 802.3 length.
    yield Instruction(_JUMP_IF_AT_LEAST, SMALLEST_ETHERTYPE, "drop", "snap")
    if depth < MAX_VLAN_TAGS:
        yield tagged
        yield from _shift(4)


def _shift(octets: int) -> tuple[Instruction, ...]:
    return Instruction(_X_TO_A), Instruction(_ADD, octets), Instruction(_A_TO_X)


def _any_of(values: Collection[int], label: str) -> Iterator[Instruction]:
    return (Instruction(_JUMP_IF_EQUAL, value, label) for value in sorted(values))
