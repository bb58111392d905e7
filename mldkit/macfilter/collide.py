"""Which groups a receive filter cannot tell apart: the same MAC, or the same bit of its table.

Nothing is searched. An index of a hash rule changes by XOR in a way that depends only on which
address bits change, so the changes that leave it as it is form a linear space over GF(2). Its
basis, found by elimination over the 23 or 32 bits that a group decides, gives them in order.
"""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING

from mldkit.model.addresses import group_mac, is_multicast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mldkit.macfilter.hashes import HashRule
    from mldkit.model.addresses import Address

IPV4_PREFIX = b"\x01\x00\x5e"
IPV6_PREFIX = b"\x33\x33"
BROADCAST = b"\xff" * 6

IPV4_GROUPS_OF_A_MAC = 1 << 28 - 23
IPV6_GROUPS_OF_A_MAC = 1 << 120 - 32
_SOLICITED_NODE_MAC = b"\x33\x33\xff"
_SOLICITED_NODE = bytes.fromhex("ff0200000000000000000001ff")
_HEADS = tuple(bytes((0xFF, flags << 4 | scope)) for flags in (0, 1) for scope in (2, 5, 8, 14))
"""Permanent and transient groups of the scopes in use: link, site, organisation, global."""
_LOCAL_USE = (b"\xef", b"\xff\x15")
"""Groups for local use are named where any would do: 239/8 and transient ones of the site."""


def groups_of(mac: bytes) -> tuple[Address, ...]:
    """Return groups whose frames go to `mac`: all 32 of IPv4, the likely ones of IPv6.

    2^88 IPv6 groups share each MAC. Named are the solicited-node group and the groups whose
    other bits are zero, permanent and transient. A MAC of neither family has none.
    """
    if mac.startswith(IPV4_PREFIX) and mac[3] < 0x80:
        low = mac[3:]
        return tuple(
            bytes((first, high | low[0])) + low[1:]
            for first in range(224, 240)
            for high in (0, 128)
        )
    if mac.startswith(IPV6_PREFIX):
        solicited = (_SOLICITED_NODE + mac[3:],) if mac.startswith(_SOLICITED_NODE_MAC) else ()
        return solicited + tuple(head + bytes(10) + mac[2:] for head in _HEADS)
    return ()


def number_of_groups(mac: bytes) -> int:
    """Return how many groups share `mac`."""
    if mac.startswith(IPV4_PREFIX) and mac[3] < 0x80:
        return IPV4_GROUPS_OF_A_MAC
    return IPV6_GROUPS_OF_A_MAC if mac.startswith(IPV6_PREFIX) else 0


def same_mac(group: Address) -> Iterator[Address]:
    """Yield the other groups with the MAC of `group`: 31 of IPv4, without end for IPv6."""
    if len(group) == 4:
        yield from (other for other in groups_of(group_mac(group)) if other != group)
        return
    for number in count():
        other = group[:2] + number.to_bytes(10, "big") + group[12:]
        if other != group:
            yield other


def same_bit(rule: HashRule, bit: int, near: Address) -> Iterator[Address]:
    """Yield groups of different MACs that fall on `bit`, `near` first if it does so itself.

    They differ from the group `near` in the bits that reach the MAC and in no others.
    """
    width = 23 if len(near) == 4 else 32
    start = group_mac(near)
    change, basis = _solve(rule, start, bit, width)
    if change is None:
        return
    fixed = int.from_bytes(near, "big") ^ change
    for number in range(1 << len(basis)):
        delta = 0
        for position, vector in enumerate(basis):
            if number >> position & 1:
                delta ^= vector
        yield (fixed ^ delta).to_bytes(len(near), "big")


def colliding(rule: HashRule | None, mac: bytes, group: Address | None, wanted: int) -> list[bytes]:
    """Return up to `wanted` groups that a device cannot tell from `mac`.

    With a rule these are groups of other MACs on the same bit, without one groups of the same
    MAC. `group` is the group that was asked for, if one was.
    """
    if group is None:
        group = next((known for known in groups_of(mac) if known.startswith(_LOCAL_USE)), None)
    if rule is None:
        return list(islice(same_mac(group), wanted)) if group else []
    near = group or _LOCAL_USE[0] + bytes(3)
    others = (other for other in same_bit(rule, rule.index(mac), near) if group_mac(other) != mac)
    return list(islice((other for other in others if is_multicast(other)), wanted))


def _solve(rule: HashRule, start: bytes, bit: int, width: int) -> tuple[int | None, list[int]]:
    """Return one change of the low `width` bits that gives `bit`, and a basis of the free ones."""
    base = rule.index(start)
    number = int.from_bytes(start, "big")
    pivots: dict[int, tuple[int, int]] = {}
    free: list[int] = []
    # From the top, so that the free vectors change high bits: neighbours rarely look alike.
    for position in reversed(range(width)):
        change = 1 << position
        image = rule.index((number ^ change).to_bytes(6, "big")) ^ base
        change, image = _reduced(change, image, pivots)
        if image:
            pivots[image.bit_length()] = (change, image)
        else:
            free.append(change)
    change, rest = _reduced(0, bit ^ base, pivots)
    return (None if rest else change), free


def _reduced(change: int, image: int, pivots: dict[int, tuple[int, int]]) -> tuple[int, int]:
    while image and image.bit_length() in pivots:
        other_change, other_image = pivots[image.bit_length()]
        change, image = change ^ other_change, image ^ other_image
    return change, image
