"""Hash rules: which bit of a device's table an address falls on.

A device without room for every address keeps a bit table. It computes an index from the
destination address of a frame and lets the frame in when that bit is set; addresses with the
same index cannot be told apart. Addresses are a0 to a5 in the order of the wire.

Three kinds exist: plain bits of the last two octets (Intel), some bits of the Ethernet CRC-32,
and an XOR of groups of bits (Cadence). All are linear over XOR up to a constant:
index(x ^ d) ^ index(x) depends on d alone, which `collide` makes use of.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

_REVERSED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
_ONES = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class HashRule:
    """How one kind of table is indexed."""

    table_bits: int
    formula: str
    index: Callable[[bytes], int]
    """Returns the bit, below `table_bits`, of six octets."""

    def shown(self, bit: int) -> str:
        """Return a bit as people write it: hexadecimal, as wide as the largest."""
        return f"0x{bit:0{(self.table_bits.bit_length() + 2) // 4}x}"


def ether_crc_le(mac: bytes) -> int:
    """Return the CRC-32 of `mac`, least significant bit first, without the final inversion."""
    return zlib.crc32(mac) ^ _ONES


def ether_crc(mac: bytes) -> int:
    """Return the same CRC with its bits in reverse: the most significant one comes first."""
    return _reverse(ether_crc_le(mac))


def _reverse(word: int) -> int:
    return int.from_bytes(word.to_bytes(4, "little").translate(_REVERSED), "big")


def intel(mac: bytes, *, table_bits: int = 4096, filter_type: int = 0) -> int:
    """Return the index in a multicast table array of Intel's devices.

    The table has 4,096 or 1,024 bits. `filter_type` 0 to 3 takes higher or lower bits of the
    last two octets; the drivers never set it to anything but 0 (Linux 6.12:
    drivers/net/ethernet/intel/e1000e/mac.c:e1000_hash_mc_addr, whose comment gives 0x163 for
    type 2 of 01:aa:00:12:34:56 where its code gives 0x58d).
    """
    width = table_bits.bit_length() - 1
    shift = width - 8 + (0, 1, 2, 4)[filter_type]
    return (mac[4] >> 8 - shift | mac[5] << shift) & table_bits - 1


def _exclusive_or(mac: bytes) -> int:
    """Return bit j as the XOR of the address bits j, j + 6, ... j + 42 (a0 bit 0 is the first)."""
    folded = int.from_bytes(mac, "little")
    folded ^= folded >> 24
    folded ^= folded >> 12
    return (folded ^ folded >> 6) & 0x3F


INTEL_4096 = HashRule(4096, "a4 >> 4 | a5 << 4", intel)
INTEL_1024 = HashRule(1024, "a4 >> 6 | a5 << 2", lambda mac: intel(mac, table_bits=1024))
# One octet of the sum is enough where a rule takes six bits: the first of the reversed sum is the
# last of the other one, reversed. zlib's sum is the inverted one.
CRC_HIGH_6 = HashRule(
    64, "ether_crc >> 26", lambda mac: _REVERSED[~zlib.crc32(mac) & 0xFF] >> 2
)  # fmt: skip
CRC_HIGH_9 = HashRule(512, "ether_crc >> 23", lambda mac: ether_crc(mac) >> 23)
CRC_LOW_6 = HashRule(64, "ether_crc & 0x3f", lambda mac: _REVERSED[ether_crc_le(mac) >> 24] & 0x3F)
CRC_MIDDLE_6 = HashRule(
    64, "ether_crc >> 2 & 0x3f", lambda mac: _REVERSED[ether_crc_le(mac) >> 24] >> 2
)
CRC_LE_HIGH_6 = HashRule(64, "ether_crc_le >> 26", lambda mac: ether_crc_le(mac) >> 26)
CRC_LE_LOW_7 = HashRule(128, "ether_crc_le & 0x7f", lambda mac: ether_crc_le(mac) & 0x7F)
CRC_LE_LOW_9 = HashRule(512, "ether_crc_le & 0x1ff", lambda mac: ether_crc_le(mac) & 0x1FF)
CRC_INVERTED_6 = HashRule(
    64, "~ether_crc >> 26", lambda mac: _REVERSED[zlib.crc32(mac) & 0xFF] >> 2
)
EXCLUSIVE_OR_6 = HashRule(64, "XOR of the 6-bit groups", _exclusive_or)

ALL_RULES = (
    INTEL_4096, INTEL_1024, CRC_HIGH_6, CRC_HIGH_9, CRC_LOW_6, CRC_MIDDLE_6, CRC_LE_HIGH_6,
    CRC_LE_LOW_7, CRC_LE_LOW_9, CRC_INVERTED_6, EXCLUSIVE_OR_6,
)  # fmt: skip
