"""The Internet checksum (RFC 1071), as one division.

The one's complement sum of 16-bit words is the number they form modulo 65,535, because
65,536 = 1 modulo 65,535. Python divides a long integer far faster than it can loop over words.
"""

from __future__ import annotations

from mldkit.model.protocol_numbers import ICMPV6


def ones_sum(data: bytes) -> int:
    """Return the sum of the 16-bit words of `data` modulo 65,535; odd octets are padded."""
    number = int.from_bytes(data, "big")
    return (number << 8 if len(data) & 1 else number) % 0xFFFF


def pseudo_header_sum(source: bytes, destination: bytes, length: int) -> int:
    """Return the sum of the ICMPv6 pseudo-header (RFC 8200 §8.1) modulo 65,535."""
    number = int.from_bytes(source, "big") + int.from_bytes(destination, "big")
    return (number + length + ICMPV6) % 0xFFFF


def complement(total: int) -> int:
    """Return the checksum field that makes words of sum `total` (modulo 65,535) valid.

    Of the two forms of zero it is 0x0000, as the kernel has it (csum_fold): the words of a message
    are never all zero, so their one's complement sum is never 0x0000 (RFC 1071 §2).
    """
    return -total % 0xFFFF


def internet_checksum(data: bytes) -> int:
    """Return the checksum field for `data`, in which the field itself is zero."""
    return complement(ones_sum(data))


def icmpv6_checksum(source: bytes, destination: bytes, message: bytes) -> int:
    """Return the ICMPv6 checksum field for `message`, in which the field itself is zero."""
    return complement(ones_sum(message) + pseudo_header_sum(source, destination, len(message)))
