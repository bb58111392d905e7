"""Marked frames: each carries its own number, so that every one is accounted for.

::

    | Ethernet: any address | IPv4 or IPv6: a group | UDP, port 20300 | "MLDK" | number 32 |

The Ethernet and the IP destination are chosen apart: a filter looks at the first, memberships at
the second. How deep a frame gets behind the filter is known beforehand too::

    device   a packet socket sees it
    ip       the IP layer takes it: this host is in the group
    socket   a socket that joined the group gets it
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from mldkit.macfilter.collide import same_bit, same_mac
from mldkit.macfilter.receive_filter import BROADCAST
from mldkit.model.addresses import Address, group_mac, mac_text, parse, scope, text
from mldkit.model.protocol_numbers import UDP
from mldkit.wire.checksum import complement, internet_checksum, ones_sum

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from random import Random

    from mldkit.macfilter.hashes import HashRule

PORT = 20300
MARK = b"MLDK"
ALL_HOSTS = (parse("224.0.0.1"), parse("ff02::1"))
HOST_ONLY = parse("ff01::1")
EXPERIMENTAL_TYPE = 0x88B5  # IEEE 802 local experiments
_TTL = 8
_NUMBER = struct.Struct("!4sI")


class Layer(StrEnum):
    """The deepest place where a frame was seen."""

    NONE = "none"
    DEVICE = "device"
    IP = "ip"
    SOCKET = "socket"


class Mode(StrEnum):
    """The flags of the interface."""

    DEFAULT = "default"
    ALLMULTICAST = "allmulticast"
    PROMISC = "promisc"


@dataclass(frozen=True, slots=True)
class Probe:
    """One frame that is going to be sent."""

    kind: str
    mac: bytes
    group: Address
    """IP destination; empty for a frame that is not IP."""

    @property
    def given(self) -> str:
        """What it tests, in one word: the group, or the MAC where that is not the group's."""
        is_plain = bool(self.group) and group_mac(self.group) == self.mac
        return text(self.group) if is_plain else mac_text(self.mac)


@dataclass(frozen=True, slots=True)
class ReceivingInterface:
    """The receiving interface as far as it decides how deep a frame gets."""

    mac: bytes
    joined: frozenset[Address] = frozenset()
    """Groups that our socket has joined."""
    by_kernel: frozenset[Address] = frozenset()
    """Groups that the kernel has joined by itself."""

    def layer(self, probe: Probe) -> Layer:
        """Return how deep a frame gets that the device lets in."""
        is_foreign = not probe.mac[0] & 1 and probe.mac != self.mac
        if is_foreign or not probe.group:
            return Layer.DEVICE
        # net/ipv6/ip6_input.c:ip6_rcv_core takes nothing of scope 0 and 1 from a link.
        if len(probe.group) == 16 and scope(probe.group) < 2:
            return Layer.DEVICE
        if probe.group in self.joined:
            return Layer.SOCKET
        return Layer.IP if probe.group in self.by_kernel else Layer.DEVICE


@dataclass(frozen=True, slots=True)
class Sender:
    """The addresses that frames come from."""

    mac: bytes
    ipv4: Address
    ipv6: Address

    def frame(self, probe: Probe, number: int) -> bytes:
        """Return the octets of a marked frame."""
        mark = _NUMBER.pack(MARK, number)
        if not probe.group:
            return probe.mac + self.mac + struct.pack("!H", EXPERIMENTAL_TYPE) + mark
        udp = struct.pack("!HHHH", PORT, PORT, 8 + len(mark), 0) + mark
        if len(probe.group) == 4:
            head = struct.pack(
                "!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, _TTL, UDP, 0, self.ipv4, probe.group
            )
            head = head[:10] + struct.pack("!H", internet_checksum(head)) + head[12:]
            return probe.mac + self.mac + b"\x08\x00" + head + udp
        total = ones_sum(self.ipv6) + ones_sum(probe.group) + len(udp) + UDP + ones_sum(udp)
        udp = udp[:6] + struct.pack("!H", complement(total)) + udp[8:]
        head = struct.pack("!IHBB16s16s", 6 << 28, len(udp), UDP, _TTL, self.ipv6, probe.group)
        return probe.mac + self.mac + b"\x86\xdd" + head + udp


def number_of(data: bytes) -> int | None:
    """Return the number of a marked frame or datagram, None where there is no mark."""
    position = data.rfind(MARK)
    if position < 0 or len(data) < position + _NUMBER.size:
        return None
    number: int = _NUMBER.unpack_from(data, position)[1]
    return number


def choose(
    station: ReceivingInterface,
    listed: Collection[bytes],
    rule: HashRule | None,
    chance: Random,
    *,
    foreign: int,
) -> tuple[Probe, ...]:
    """Return the frames for one state of an interface.

    `listed` are the MACs in the device's list; `foreign` random groups of each family that are
    not among them are asked for.
    """
    joined = sorted(station.joined)
    known = station.joined | station.by_kernel
    found = [Probe("joined", group_mac(group), group) for group in joined]
    found += [Probe("kernel's own", group_mac(g), g) for g in ALL_HOSTS if g in known]
    for group in joined:
        others = islice(same_mac(group), 3)
        found += [Probe("same mac", group_mac(other), other) for other in others]
        if rule is not None:
            found += _same_bit(rule, group, listed)
        found.append(Probe("own mac", station.mac, group))
        found.append(Probe("broadcast", BROADCAST, group))
        found.append(Probe("not IP", group_mac(group), b""))
        twin = group_mac(group)[2:]
        other_family = b"\x33\x33" if len(group) == 4 else b"\x01\x00"
        found.append(Probe("twin", other_family + twin, group))
        for _ in range(3):
            found.append(Probe("wrong mac", _foreign_mac(group, listed, chance), group))
            stranger = b"\x02\xfe" + chance.randbytes(4)
            found.append(Probe("foreign unicast", stranger, group))
    if any(len(group) == 16 for group in known):
        found.append(Probe("one host only", group_mac(HOST_ONLY), HOST_ONLY))
    families = {len(group): group for group in known}
    for _, group in sorted(families.items()):
        found += _foreign(group, listed, chance, foreign)
    return tuple(found)


def _same_bit(rule: HashRule, group: Address, listed: Collection[bytes]) -> Iterator[Probe]:
    others = islice(same_bit(rule, rule.index(group_mac(group)), group), 12)
    for other in islice((g for g in others if group_mac(g) not in listed), 4):
        yield Probe("same bit", group_mac(other), other)


def _foreign(
    like: Address, listed: Collection[bytes], chance: Random, number: int
) -> Iterator[Probe]:
    while number:
        if len(like) == 4:
            group = b"\xef" + chance.randbytes(3)
        else:
            group = b"\xff\x15" + bytes(10) + chance.randbytes(4)
        if group_mac(group) not in listed:
            number -= 1
            yield Probe("foreign", group_mac(group), group)


def _foreign_mac(like: Address, listed: Collection[bytes], chance: Random) -> bytes:
    (probe,) = _foreign(like, listed, chance, 1)
    return probe.mac
